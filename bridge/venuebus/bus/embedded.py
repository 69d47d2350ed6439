"""The embedded nats-server: started, watched, restarted on the same port, and gone when the bridge is gone.

Two servers on one store folder would both run and ruin it without a word. So the folder is locked, and the server
inherits the lock: whoever holds it, an orphan of a killed bridge included, keeps others out.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec
import structlog

from ..errors import BusError
from .binary import check_version, find_server
from .server_files import ServerOptions as ServerOptions
from .server_files import default_store_dir as default_store_dir
from .server_files import read_port, server_config

START_TIMEOUT = (
    60.0  # a store of a million messages is read in under half a second; large ones on slow disks take longer
)
STOP_TIMEOUT = 5.0
LOCK_WAIT = 3.0  # a killed bridge's server is gone within milliseconds, but not at once
BACKOFF = (0.05, 5.0)
STEADY = 30.0  # seconds of life after which a death counts as the first again
POLL = 0.005
ServerState = Literal["up", "down"]
log = structlog.stdlib.get_logger()

# Where setpriv is missing, this little parent ends the server as soon as the bridge's end of its stdin closes.
_KEEPER = """
import os, signal, subprocess, sys, threading
child = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, pass_fds=[int(sys.argv[1])])
signal.signal(signal.SIGTERM, lambda *_: child.terminate())
threading.Thread(target=lambda: (os.read(0, 1), child.terminate()), daemon=True).start()
sys.exit(child.wait() & 255)
"""


class EmbeddedServer:
    """One supervised nats-server with JetStream on loopback.

    ``on_state`` is told ``up`` and ``down`` with a text for people, in the event loop. Start it from a loop that runs
    as long as the program (the main thread's): the server is tied to the thread that spawned it.
    """

    def __init__(
        self,
        options: ServerOptions,
        *,
        binary: Path | None = None,
        on_state: Callable[[ServerState, str], None] | None = None,
    ) -> None:
        self._options = options
        self._setting = binary
        self._on_state = on_state or (lambda _state, _text: None)
        self._run_dir = options.store_dir / "run"
        self._lock: int | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._binary = Path()
        self._pdeathsig = False
        self.version = ""
        self.restarts = 0

    @property
    def url(self) -> str:
        """Address to connect to, without credentials; the same after a restart."""
        return f"nats://127.0.0.1:{self._options.port}"

    @property
    def pid(self) -> int | None:
        """Process id of what was spawned, while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def start(self) -> None:
        """Return when the server takes connections and has read its store.

        Raises:
            BusError: no program, too old, the store is in use, or the server's own words why it does not start.
        """
        if self._watcher is not None:
            raise BusError("the embedded server is started already")
        self._binary = find_server(self._setting)
        self.version = await asyncio.to_thread(check_version, self._binary)
        self._pdeathsig = await asyncio.to_thread(_can_setpriv)
        _make_private(self._options.store_dir)
        self._lock = await _lock(self._options.store_dir / "bridge.lock")
        try:
            await self._launch()
        except BaseException:
            await self._end()
            self._release()
            raise
        self._watcher = asyncio.create_task(self._watch(), name="embedded nats-server")
        self._on_state("up", f"nats-server {self.version} at {self.url}")

    async def stop(self) -> None:
        """End the server and give the store free. Safe twice; call it after every session is drained."""
        if self._watcher is not None:
            self._watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watcher
            self._watcher = None
        await self._end()
        self._release()

    async def _watch(self) -> None:
        """Restart the server whenever it ends, on the port its clients know."""
        delay = BACKOFF[0]
        while True:
            assert self._process is not None
            since = time.monotonic()
            status = await self._process.wait()
            if time.monotonic() - since > STEADY:
                delay = BACKOFF[0]
            text = f"nats-server ended with status {status}"
            while True:
                log.error("embedded nats-server is down", reason=text, retry_in=delay)
                self._on_state("down", text)
                await asyncio.sleep(delay)
                delay = min(delay * 2, BACKOFF[1])
                try:
                    await self._launch()
                except BusError as error:
                    await self._end()
                    text = str(error)
                else:
                    break
            self.restarts += 1
            log.info("embedded nats-server is back", url=self.url, restarts=self.restarts)
            self._on_state("up", f"nats-server is back at {self.url}")

    async def _launch(self) -> None:
        try:
            self._process = await self._spawn()
        except OSError as error:
            raise BusError(f"nats-server cannot be started: {error}") from error
        port = await self._port(self._process)
        self._options = msgspec.structs.replace(self._options, port=port)

    async def _spawn(self) -> asyncio.subprocess.Process:
        assert self._lock is not None
        shutil.rmtree(self._run_dir, ignore_errors=True)  # what a killed server left: the lock says that none runs
        self._run_dir.mkdir(mode=0o700)
        config = self._run_dir / "nats.conf"
        with os.fdopen(os.open(config, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as file:
            file.write(server_config(self._options, self._run_dir))
        command = [str(self._binary), "-c", str(config)]
        if self._pdeathsig:
            command = ["setpriv", "--pdeathsig", "TERM", "--", *command]
        else:
            command = [sys.executable, "-I", "-S", "-c", _KEEPER, str(self._lock), *command]
        output = os.open(self._run_dir / "stderr", os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            return await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL if self._pdeathsig else asyncio.subprocess.PIPE,
                stdout=output,
                stderr=output,
                pass_fds=(self._lock,),
                start_new_session=True,  # Ctrl-C must not take the bus away before the sessions have drained
            )
        finally:
            os.close(output)

    async def _port(self, process: asyncio.subprocess.Process) -> int:
        """Wait for the file in which the server tells its port, written once it takes clients."""
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if process.returncode is not None:
                raise BusError(f"nats-server does not start: {self._last_words()}")
            port = read_port(self._run_dir)
            if port is not None:
                return port
            await asyncio.sleep(POLL)  # a foreign process's file: nothing to wait on
        raise BusError(f"nats-server was not ready within {START_TIMEOUT:g} s: {self._last_words()}")

    def _last_words(self) -> str:
        for path in (self._run_dir / "stderr", self._options.store_dir / "nats-server.log"):
            with contextlib.suppress(OSError):
                lines = path.read_text(encoding="utf-8", errors="replace")[-4096:].splitlines()
                serious = [
                    line for line in lines if "[FTL]" in line or "[ERR]" in line or line.startswith("nats-server:")
                ]
                if serious:
                    return serious[-1].strip()
        return "it says nothing; see " + str(self._options.store_dir / "nats-server.log")

    async def _end(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_TIMEOUT):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def _release(self) -> None:
        shutil.rmtree(self._run_dir, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


async def _lock(path: Path) -> int:
    """Return an open, locked file descriptor.

    Raises:
        BusError: another bridge, or the server of one that was killed, holds it.
    """
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + LOCK_WAIT
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > deadline:
                holder = os.pread(lock, 32, 0).decode("ascii", "replace").strip() or "unknown"
                os.close(lock)
                raise BusError(
                    f"{path.parent} is in use by another bridge or by the nats-server it left behind"
                    f" (bridge process {holder}); end it, or set another bus.store_dir"
                ) from None
            await asyncio.sleep(0.05)
        else:
            os.ftruncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode(), 0)
            return lock


def _make_private(folder: Path) -> None:
    try:
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BusError(f"bus.store_dir: {folder} cannot be made: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BusError(f"bus.store_dir: {folder} cannot be written to")


def _can_setpriv() -> bool:
    """Tell whether setpriv can tie a child's life to ours (busybox's cannot)."""
    if sys.platform != "linux" or shutil.which("setpriv") is None:
        return False
    test = ["setpriv", "--pdeathsig", "TERM", "--", "true"]
    return subprocess.run(test, capture_output=True, timeout=10, check=False).returncode == 0
