"""Nodes for a control plane: what a kubelet does with a pod's life, with processes instead of containers.

A pod that is scheduled is started: its ConfigMaps are written to files, its volumes are folders, and the names of
Services become loopback addresses, one for each pod. Its readiness probe is asked, its end is SIGTERM, the grace
period, SIGKILL, and only then is its deletion confirmed: what the controllers build on. `hang` makes the nodes silent.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sysconfig
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from venuebus.bus.binary import find_server

from .plane import Api, Refused

BIN = Path(sysconfig.get_path("scripts"))
LOOK = 0.1  # seconds between two looks at the pods


class Pod:
    """One pod on a node: its process, its folder and its address."""

    def __init__(self, spec: dict[str, Any], folder: Path, address: str) -> None:
        self.name = str(spec["metadata"]["name"])
        self.uid = str(spec["metadata"]["uid"])
        self.labels: dict[str, str] = spec["metadata"]["labels"]
        self.spec = spec
        self.folder = folder
        self.address = address
        self.process: subprocess.Popen[bytes] | None = None
        self.asked_to_end: float | None = None
        self.restarts = 0
        self.told: object = None

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self.process is not None and self.process.poll() is None


class Nodes:
    """Two nodes, and the thread that looks after their pods in one namespace."""

    def __init__(self, api: Api, folder: Path, namespace: str) -> None:
        self.api = api
        self.pods: dict[str, Pod] = {}
        self.errors: list[str] = []
        self._forgotten: list[Pod] = []
        self._hung = False
        self._lock = threading.Lock()
        self._folder = folder
        self._path = f"/api/v1/namespaces/{namespace}"
        self._addresses: dict[str, str] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="nodes", daemon=True)

    # --- life -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Register the nodes and volumes, and look after pods until `stop`."""
        room = {"cpu": "16", "memory": "64Gi", "pods": "100"}
        for name in ("node-a", "node-b"):
            labels = {"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": f"zone-{name}"}
            self.api("POST", "/api/v1/nodes", {"metadata": {"name": name, "labels": labels}, "spec": {}})
            self.api.merge(f"/api/v1/nodes/{name}", {"spec": {"taints": None}})
            ready = {"type": "Ready", "status": "True", "reason": "Test", "lastHeartbeatTime": _now()}
            status = {"capacity": room, "allocatable": room, "conditions": [ready]}
            self.api.merge(f"/api/v1/nodes/{name}/status", {"status": status})
        for index in range(8):
            path = self._folder / "volumes" / f"volume-{index}"
            path.mkdir(parents=True)
            spec = {
                "capacity": {"storage": "100Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": str(path)},
                "persistentVolumeReclaimPolicy": "Retain",
            }  # fmt: skip
            self.api("POST", "/api/v1/persistentvolumes", {"metadata": {"name": path.name}, "spec": spec})
        self._thread.start()

    def stop(self) -> None:
        """End the thread, then every process that is left."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        for pod in [*self.pods.values(), *self._forgotten]:
            if pod.is_running and pod.process is not None:
                os.killpg(pod.process.pid, signal.SIGKILL)
                pod.process.wait()

    def of(self, component: str) -> list[Pod]:
        """Return the pods of a component whose process lives, forgotten ones too."""
        with self._lock:
            known = [*self.pods.values(), *self._forgotten]
        found = [pod for pod in known if pod.labels["app.kubernetes.io/component"] == component]
        return [pod for pod in found if pod.is_running]

    def address(self, name: str) -> str:
        """Return the loopback address that goes with a name, and with no other."""
        return self._addresses.setdefault(name, f"127.0.77.{len(self._addresses) + 1}")

    def hang(self) -> None:
        """Fall silent: processes go on, and nobody hears of them or tells them anything."""
        with self._lock:
            self._hung = True

    def forget(self, pod: Pod) -> None:
        """Be back, and know nothing of a pod whose process goes on."""
        with self._lock:
            self._forgotten.append(self.pods.pop(pod.uid))
            self._hung = False

    # --- the loop -------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while not self._stop.wait(LOOK):
            try:
                with self._lock:
                    if not self._hung:
                        self._look()
            except Refused as error:
                if error.status not in (404, 409):  # gone or changed meanwhile: the next look sees it
                    self.errors.append(str(error))
            except OSError as error:
                self.errors.append(str(error))

    def _look(self) -> None:
        listed = self.api("GET", f"{self._path}/pods")["items"]
        known = {spec["metadata"]["uid"] for spec in listed}
        for spec in listed:
            if spec["spec"].get("nodeName"):
                self._tend(spec)
        for uid, pod in list(self.pods.items()):
            if uid not in known and self._ended(pod, 0):  # deleted by force: a kubelet ends such a process, too
                del self.pods[uid]

    def _tend(self, spec: dict[str, Any]) -> None:
        uid = spec["metadata"]["uid"]
        pod = self.pods.get(uid)
        deleted = "deletionTimestamp" in spec["metadata"]
        if pod is None:
            if deleted or spec["status"].get("phase") in ("Succeeded", "Failed"):
                self._confirm(spec)
                return
            pod = self.pods[uid] = Pod(spec, self._folder / "pods" / uid, self.address(_host(spec)))
            self._launch(pod)
        elif deleted:
            if self._ended(pod, spec["metadata"].get("deletionGracePeriodSeconds") or 0):
                self._confirm(spec)
                del self.pods[uid]
            return
        elif not pod.is_running and spec["spec"]["restartPolicy"] == "Always":
            pod.restarts += 1
            self._launch(pod)
        self._tell(pod)

    def _confirm(self, spec: dict[str, Any]) -> None:
        if "deletionTimestamp" in spec["metadata"]:
            options = {"gracePeriodSeconds": 0, "preconditions": {"uid": spec["metadata"]["uid"]}}
            self.api("DELETE", f"{self._path}/pods/{spec['metadata']['name']}", options)

    def _ended(self, pod: Pod, grace: float) -> bool:
        if not pod.is_running or pod.process is None:
            return True
        if pod.asked_to_end is None:
            pod.asked_to_end = time.monotonic()
            pod.process.terminate()
        elif time.monotonic() - pod.asked_to_end > grace:
            os.killpg(pod.process.pid, signal.SIGKILL)
        return False

    # --- a pod's start and state ----------------------------------------------------------------------------

    def _launch(self, pod: Pod) -> None:
        container = pod.spec["spec"]["containers"][0]
        places = self._volumes(pod, container)
        command = [*container.get("command", [str(BIN / "venuebus")]), *container.get("args", [])]
        command = [self._local(part, pod, places) for part in command]
        if command[0].endswith("nats-server"):
            command[0] = str(find_server())
        env = {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(pod.folder), "POD_NAME": pod.name}
        for variable in container.get("env", ()):
            if "value" in variable:
                env[variable["name"]] = self._local(variable["value"], pod, places)
        with (pod.folder / "log").open("ab") as log:
            pod.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, cwd=pod.folder,
                start_new_session=True,
            )  # fmt: skip

    def _volumes(self, pod: Pod, container: dict[str, Any]) -> dict[str, Path]:
        mounts = {mount["name"]: mount["mountPath"] for mount in container.get("volumeMounts", ())}
        places: dict[str, Path] = {}
        for volume in pod.spec["spec"].get("volumes", ()):
            place = pod.folder / volume["name"]
            if "persistentVolumeClaim" in volume:
                claim = f"{self._path}/persistentvolumeclaims/{volume['persistentVolumeClaim']['claimName']}"
                place = self._folder / "volumes" / self.api("GET", claim)["spec"]["volumeName"]
            place.mkdir(parents=True, exist_ok=True)
            if volume["name"] in mounts:
                places[mounts[volume["name"]]] = place
        for volume in pod.spec["spec"].get("volumes", ()):
            if "configMap" in volume:
                found = self.api("GET", f"{self._path}/configmaps/{volume['configMap']['name']}")
                for file, text in found["data"].items():
                    path = pod.folder / volume["name"] / file
                    path.write_text(self._local(text, pod, places), encoding="utf-8")
        return places

    def _local(self, text: str, pod: Pod, places: dict[str, Path]) -> str:
        """Return ``text`` with folders, addresses and names of Services as they are on this machine."""
        mounts = "|".join(map(re.escape, sorted(places, key=len, reverse=True)))
        if mounts:
            text = re.sub(rf"(?<![\w/])({mounts})(?![\w-])", lambda m: str(places[m[1]]), text)
        text = text.replace("0.0.0.0", pod.address)
        text = re.sub(r"^(port|http_port): (\d+)$", lambda m: _listen(m[1], pod.address, m[2]), text, flags=re.M)
        return re.sub(r"//([a-z0-9-]+):(\d+)", lambda m: f"//{self._service(m[1])}:{m[2]}", text)

    def _service(self, name: str) -> str:
        return self.address(name)

    def _tell(self, pod: Pod) -> None:
        running, ready = pod.is_running, False
        code = None if running or pod.process is None else pod.process.returncode
        probe = pod.spec["spec"]["containers"][0].get("readinessProbe", {})
        if running:
            ready = _answers(pod, probe)
        state = {"running": {"startedAt": _now()}} if running else {"terminated": {"exitCode": code}}
        phase = "Running" if code is None else "Succeeded" if code == 0 else "Failed"
        if (running, ready, code, pod.restarts) == pod.told:
            return
        container = pod.spec["spec"]["containers"][0]
        status = {
            "phase": phase, "podIP": f"10.244.0.{pod.address.rpartition('.')[2]}", "startTime": _now(),
            "conditions": [{"type": kind, "status": str(ready), "lastTransitionTime": _now()}
                           for kind in ("Ready", "ContainersReady")]
                          + [{"type": kind, "status": "True"} for kind in ("Initialized", "PodScheduled")],
            "containerStatuses": [{"name": container["name"], "image": container["image"], "imageID": "test",
                                   "ready": ready, "restartCount": pod.restarts, "state": state}],
        }  # fmt: skip
        self.api.merge(f"{self._path}/pods/{pod.name}/status", {"metadata": {"uid": pod.uid}, "status": status})
        pod.told = (running, ready, code, pod.restarts)


def _host(spec: dict[str, Any]) -> str:
    """The name under which a pod is reached: its Service's where others connect to it, else one of its own."""
    labels = spec["metadata"]["labels"]
    release = labels["app.kubernetes.io/instance"]
    match labels["app.kubernetes.io/component"]:
        case "nats":
            return f"{release}-nats"
        case "simulator":
            return f"{release}-sim-{labels['venuebus/simulator']}"
    return str(spec["metadata"]["uid"])


def _listen(key: str, address: str, port: str) -> str:
    return f'{"listen" if key == "port" else "http"}: "{address}:{port}"'


def _answers(pod: Pod, probe: dict[str, Any]) -> bool:
    if "httpGet" not in probe:
        return True
    names = {port["name"]: port["containerPort"] for port in pod.spec["spec"]["containers"][0]["ports"]}
    port = names[probe["httpGet"]["port"]]
    return fetch(f"http://{pod.address}:{port}{probe['httpGet']['path']}") is not None


def fetch(url: str) -> str | None:
    """Return what stands at ``url``, or nothing if it is not a 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, OSError):
        return None


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
