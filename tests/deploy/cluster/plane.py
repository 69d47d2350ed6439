"""etcd, API server, controllers and scheduler as processes on loopback, and a small client for their API."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

TOKEN = "token-of-this-test-only"
START = 90.0


def free_port() -> int:
    """Return a port of loopback that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Refused(Exception):
    """The API server's answer to a request that it does not take."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status


class Api:
    """The API server, spoken to as an administrator."""

    def __init__(self, url: str, authority: Path) -> None:
        self.url = url
        self._tls = ssl.create_default_context(cafile=str(authority))

    def __call__(self, method: str, path: str, body: object = None, kind: str = "application/json") -> Any:
        """Return the answer's object.

        Raises:
            Refused: with the answer's status and text. OSError: nobody answers.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": kind}
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10, context=self._tls) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise Refused(error.code, error.read().decode("utf-8", "replace")) from None
        return json.loads(text) if text[:1] == b"{" else text.decode()

    def merge(self, path: str, body: object) -> Any:
        """Merge ``body`` into an object, or into its status."""
        return self("PATCH", path, body, "application/merge-patch+json")


class ControlPlane:
    """Runs between `start` and `stop`. ``kubeconfig`` is for helm and kubectl."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.folder = folder
        self.kubeconfig = folder / "kubeconfig"
        self.api: Api
        self._programs = programs
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Return when the API server and the controllers work."""
        etcd, peer, secure = free_port(), free_port(), free_port()
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
        (self.folder / "accounts.key").write_bytes(pem)
        (self.folder / "tokens.csv").write_text(f'{TOKEN},admin,1,"system:masters"\n', encoding="utf-8")
        self._run(
            "etcd", "--data-dir", str(self.folder / "etcd"), "--listen-client-urls", f"http://127.0.0.1:{etcd}",
            "--advertise-client-urls", f"http://127.0.0.1:{etcd}", "--listen-peer-urls", f"http://127.0.0.1:{peer}",
            "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
            "--initial-cluster", f"default=http://127.0.0.1:{peer}", "--unsafe-no-fsync",
        )  # fmt: skip
        accounts = str(self.folder / "accounts.key")
        self._run(
            "kube-apiserver", f"--etcd-servers=http://127.0.0.1:{etcd}", f"--cert-dir={self.folder / 'certs'}",
            "--bind-address=127.0.0.1", f"--secure-port={secure}", "--service-account-issuer=https://test.invalid",
            f"--service-account-signing-key-file={accounts}", f"--service-account-key-file={accounts}",
            f"--token-auth-file={self.folder / 'tokens.csv'}", "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.96.0.0/16",
        )  # fmt: skip
        url, authority = f"https://127.0.0.1:{secure}", self.folder / "certs" / "apiserver.crt"
        self._wait("the API server", authority.is_file)
        self.api = Api(url, authority)
        self._wait("the API server", lambda: self.api("GET", "/readyz") == "ok")
        self.kubeconfig.write_text(self._kubeconfig(url, authority), encoding="utf-8")
        self.kubeconfig.chmod(0o600)
        common = (f"--kubeconfig={self.kubeconfig}", "--leader-elect=false", "--port=0", "--secure-port=0")
        # Nodes are looked after by the test, so nobody declares them dead.
        self._run(
            "kube-controller-manager", *common, f"--service-account-private-key-file={accounts}",
            "--controllers=*,-nodelifecycle,-nodeipam,-route,-service",
        )  # fmt: skip
        self._run("kube-scheduler", *common)
        self._wait("the controllers", lambda: self.api("GET", "/api/v1/namespaces/default/serviceaccounts/default"))

    def stop(self) -> None:
        """End every program, the last one started first."""
        for process in reversed(self._processes):
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _run(self, name: str, *arguments: str) -> None:
        program = self._programs / name
        command = [str(program) if program.is_file() else name, *arguments]
        if shutil.which("setpriv"):  # so that a killed test run leaves nothing behind
            command = ["setpriv", "--pdeathsig", "KILL", "--", *command]
        with (self.folder / f"{name}.log").open("wb") as log:
            self._processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def _wait(self, what: str, holds: Any) -> None:
        end = time.monotonic() + START
        while True:
            try:
                if holds():
                    return
            except (OSError, Refused) as error:
                last: object = error
            else:
                last = "not yet"
            dead = [process.args for process in self._processes if process.poll() is not None]
            if dead or time.monotonic() > end:
                raise RuntimeError(f"{what}: {last}; ended: {dead}; logs: {self.folder}")
            time.sleep(0.1)

    @staticmethod
    def _kubeconfig(url: str, authority: Path) -> str:
        return yaml.safe_dump({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": url, "certificate-authority": str(authority)}}],
            "users": [{"name": "admin", "user": {"token": TOKEN}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "admin"}}],
        })  # fmt: skip
