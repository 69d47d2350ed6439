"""What only a whole program shows: a plugin that ends, blocks or kills its process, beside a venue that trades on."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import time
from contextlib import suppress
from pathlib import Path
from textwrap import dedent
from typing import Any

import nats
from nats.aio.client import Client
from nats.js.errors import NotFoundError

from .outside import PROGRAM

CONFIG = """
    [bus]
    servers = ["{url}"]
    prefix = "{prefix}"
    spool_dir = "spool"
    command_max_bytes = 1048576
    account_max_bytes = 8388608
    system_max_bytes = 1048576
    dead_max_bytes = 1048576

    [http]
    listen = ""

    [venues.good]
    plugin = "hostile"
    deed = "good:all"

    [venues.stray]
    plugin = "hostile"
    deed = "stray:exit"

    [venues.blocks]
    plugin = "hostile"
    deed = "execute:block"
    seconds = 10.0
    isolation = "process"
    max_blocked = 2.0

    [venues.dies]
    plugin = "hostile"
    deed = "run:die"
    isolation = "process"
"""


def install(site: Path) -> None:
    """Put the hostile plugin into ``site``, as pip would."""
    info = site / "vbtest_hostile-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vbtest-hostile\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[venuebus]\nhostile = hostile_plugin:PLUGIN\n")
    (site / "hostile_plugin.py").write_text(Path(__file__).with_name("hostile.py").read_text())


class Strategy:
    """Sends orders and reads what became of them."""

    def __init__(self, client: Client, prefix: str) -> None:
        self._js = client.jetstream()
        self._prefix = prefix

    async def submit(self, venue: str, name: str) -> None:
        order = {"type": "submit", "command_id": name, "symbol": "X", "side": "buy", "order_type": "limit"}
        body = json.dumps({**order, "quantity": "1", "price": "2.50"}).encode()
        while True:
            with suppress(nats.errors.Error):  # until the bridge has made the stream
                await self._js.publish(f"{self._prefix}.v1.cmd.{venue}.main.submit.{name}", body)
                return
            await asyncio.sleep(0.05)

    async def result(self, venue: str, name: str) -> dict[str, Any]:
        subject = f"{self._prefix}.v1.acct.{venue}.main.result.{name}"
        while True:
            with suppress(NotFoundError):
                message = await self._js.get_last_msg(f"{self._prefix.upper()}_ACCT", subject)
                return dict(json.loads(message.data or b""))
            await asyncio.sleep(0.005)

    async def said(self, venue: str, words: str) -> None:
        """Wait until a venue's state has said ``words``."""
        sequence = 0
        while True:
            subject = f"{self._prefix}.v1.sys.{venue}.session"
            try:
                message = await self._js.get_msg(
                    f"{self._prefix.upper()}_SYS", sequence + 1, next=True, subject=subject
                )
            except NotFoundError:
                await asyncio.sleep(0.02)
                continue
            sequence = message.seq or 0
            if words in json.loads(message.data or b"").get("text", ""):
                return


async def trade_until(strategy: Strategy, event: asyncio.Future[Any]) -> list[float]:
    """Trade at the good venue until ``event``; return the seconds that each order took."""
    seconds: list[float] = []
    while not event.done():
        name, started = f"good-{len(seconds)}", time.monotonic()
        await strategy.submit("good", name)
        assert (await strategy.result("good", name))["status"] == "accepted"
        seconds.append(time.monotonic() - started)
    return seconds


async def play(strategy: Strategy) -> list[float]:
    """Return how long the good venue's orders took while the others misbehaved."""
    await strategy.submit("good", "first")
    assert (await strategy.result("good", "first"))["status"] == "accepted"
    await strategy.submit("blocks", "blocked")
    words = "its event loop was blocked for over 2 s (max_blocked)"
    seconds = await trade_until(strategy, asyncio.ensure_future(strategy.said("blocks", words)))
    await strategy.said("dies", "its process ended with status 3")
    return seconds


async def test_a_plugin_that_ends_blocks_or_kills_its_process_stops_no_other_venue(
    nats_url: str, subject_prefix: str, tmp_path: Path, record_property: Any
) -> None:
    install(tmp_path / "site")
    config = tmp_path / "venuebus.toml"
    config.write_text(dedent(CONFIG).format(url=nats_url, prefix=subject_prefix))
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "VENUEBUS_PLUGINS": "hostile"}
    client = await nats.connect(nats_url)
    with (tmp_path / "log").open("wb") as log:
        bridge = await asyncio.create_subprocess_exec(
            *PROGRAM, "run", str(config), cwd=tmp_path, env=environment, stdout=log, stderr=log
        )
    try:
        async with asyncio.timeout(40):
            strategy = Strategy(client, subject_prefix)
            run = asyncio.create_task(play(strategy))
            await asyncio.wait({run, ended := asyncio.create_task(bridge.wait())}, return_when="FIRST_COMPLETED")
            assert not ended.done()
            seconds = await run
            assert len(seconds) >= 20
            told = (
                f"good venue while another one blocked for 10 s in its own process: {len(seconds)} orders, median "
                f"{statistics.median(seconds) * 1000:.1f} ms, longest {max(seconds) * 1000:.1f} ms"
            )
            record_property("healthy_venue", told)
            bridge.terminate()
            assert await bridge.wait() == 0
    except (TimeoutError, AssertionError) as error:
        raise AssertionError(f"{error!r}\n{(tmp_path / 'log').read_text()}") from error
    finally:
        if bridge.returncode is None:
            bridge.kill()
            await bridge.wait()
        await client.close()
    text = (tmp_path / "log").read_text()
    assert text.count("a plugin tried to end the program from a task of its own; it goes on") >= 2
    assert "SystemExit: a callback" in text
    assert "SystemExit: bye" in text
