"""The chart on a real control plane: installed, upgraded, rolled back, pods deleted, evicted and forced away.

API server, controllers and scheduler are the real ones (`make k8s` builds them); the pods are real bridges, a real
nats-server and real simulators as processes. Shown: never do two pods own a venue, and no order is placed twice.
Skipped, and says so, where the control plane was not built.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nats
import pytest
import yaml
from nats.js.errors import NotFoundError

from .cluster.nodes import Nodes, Pod, fetch
from .cluster.plane import Api, ControlPlane, Refused
from .tools import CHART, CUSTOM, EXAMPLES, Missing, objects, render, tool

HERE = Path(__file__).parent / "cluster"
NAMESPACE = "trading"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
SETS = f"/apis/apps/v1/namespaces/{NAMESPACE}/statefulsets"
VENUES = ("alone", "pair")
PATIENCE = 60.0
HELD = re.compile(r"^venuebus_lease_held\{.*\} 1(?:\.0)?$", re.M)


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    looked = subprocess.run([HERE / "build.sh", "--only-look"], capture_output=True, text=True, check=False)
    if looked.returncode != 0:
        pytest.skip(looked.stderr.strip() or "no control plane")
    if shutil.which("etcd") is None:
        pytest.skip("etcd is not installed (apt-get install etcd-server)")
    try:
        tool("helm")
    except Missing as why:
        pytest.skip(f"no helm: {why}")
    made = ControlPlane(Path(looked.stdout.strip()), tmp_path_factory.mktemp("plane"))
    try:
        made.start()
        yield made
    finally:
        made.stop()


class Owners:
    """Looks at every bridge, many times a second, and keeps the most owners and processes seen at a time."""

    def __init__(self, nodes: Nodes) -> None:
        self.most: Counter[str] = Counter()
        self.most_processes: Counter[str] = Counter()
        self.looks = 0
        self._nodes = nodes
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="owners", daemon=True)
        self._thread.start()

    def now(self, venue: str) -> list[Pod]:
        """Return the pods that own the venue at this moment, by their own word."""
        found = [pod for pod in self._nodes.of("bridge") if pod.labels["venuebus/venue"] == venue]
        return [pod for pod in found if HELD.search(fetch(f"http://{pod.address}:8321/metrics") or "")]

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stop.wait(0.05):
            for venue in VENUES:
                processes = [pod for pod in self._nodes.of("bridge") if pod.labels["venuebus/venue"] == venue]
                self.most_processes[venue] = max(self.most_processes[venue], len(processes))
                self.most[venue] = max(self.most[venue], len(self.now(venue)))
            self.looks += 1


class Strategy:
    """Sends an order to each venue every 0.2 s and does not care who is active."""

    def __init__(self, url: str) -> None:
        self.sent: list[tuple[str, str]] = []
        self._url = url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._work()), name="strategy", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    async def _work(self) -> None:
        client = await nats.connect(self._url, max_reconnect_attempts=-1)
        js = client.jetstream()
        while not self._stop.is_set():
            for venue in VENUES:
                command = f"k8s-{len(self.sent)}"
                order = {
                    "type": "submit", "command_id": command, "symbol": "BTC-USD", "side": "buy", "order_type": "limit",
                    "quantity": "0.01", "price": "59000", "expires_at": time.time_ns() + 30_000_000_000,
                }  # fmt: skip
                self.sent.append((venue, command))
                await js.publish(f"vb.v1.cmd.{venue}.main.submit.{command}", json.dumps(order).encode(), timeout=10)
            await asyncio.sleep(0.2)
        await client.close()


class Release:
    """The installed chart, and the words of the test."""

    def __init__(self, plane: ControlPlane, nodes: Nodes) -> None:
        self.api: Api = plane.api
        self.nodes = nodes
        self._plane = plane

    def helm(self, *arguments: str) -> str:
        home = str(self._plane.folder / "helm")
        env = {"PATH": os.environ["PATH"], "HOME": home, "KUBECONFIG": str(self._plane.kubeconfig)}
        command = [tool("helm"), *arguments, "--namespace", NAMESPACE]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=env, timeout=180)
        assert done.returncode == 0, f"helm {' '.join(arguments)}: {done.stdout}{done.stderr}{self.state()}"
        return done.stdout

    def apply(self, verb: str, *settings: str) -> None:
        self.helm(verb, "demo", str(CHART), "--values", str(HERE / "values.yaml"), *settings)

    def pod(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.api("GET", f"{PODS}/{name}")
        return found

    def uid(self, name: str) -> str:
        return str(self.pod(name)["metadata"]["uid"])

    def checksum(self, name: str) -> str:
        return str(self.pod(name)["metadata"]["annotations"]["checksum/config"])

    def is_ready(self, name: str) -> bool:
        try:
            conditions = self.pod(name).get("status", {}).get("conditions", [])
        except Refused:
            return False
        return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)

    def has_new(self, name: str, old: str) -> bool:
        """Whether another pod than the one with the uid ``old`` is there, and ready."""
        try:
            return self.uid(name) != old and self.is_ready(name)
        except Refused:
            return False

    def until(self, what: str, holds: Callable[[], object], patience: float = PATIENCE) -> float:
        started = time.monotonic()
        while not holds():
            assert time.monotonic() - started < patience, f"{what}: not within {patience:g} s{self.state()}"
            time.sleep(0.05)
        return time.monotonic() - started

    def all_ready(self) -> bool:
        names = ("demo-nats-0", "demo-alone-0", "demo-pair-0", "demo-pair-1")
        return all(self.is_ready(name) for name in names)

    def state(self) -> str:
        pods = self.api("GET", PODS)["items"]
        lines = [f"{pod['metadata']['name']} {pod['status'].get('conditions')}" for pod in pods]
        logs = [f"{pod.name}: {(pod.folder / 'log').read_text()[-1500:]}" for pod in self.nodes.pods.values()]
        return "\n" + "\n".join([*lines, *logs, *self.nodes.errors[-5:]])


@pytest.fixture(scope="module")
def release(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    plane.api("POST", "/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
    nodes = Nodes(plane.api, tmp_path_factory.mktemp("nodes"), NAMESPACE)
    try:
        nodes.start()
        yield Release(plane, nodes)
    finally:
        nodes.stop()


@pytest.fixture(scope="module")
def report() -> Iterator[dict[str, str]]:
    told: dict[str, str] = {}
    yield told
    sys.stdout.write("\n" + "\n".join(f"| {what} | {seen} |" for what, seen in told.items()) + "\n")


def forced(release: Release, name: str) -> None:
    release.api("DELETE", f"{PODS}/{name}", {"gracePeriodSeconds": 0})


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES)
def test_the_api_server_takes_every_object(plane: ControlPlane, example: str) -> None:
    """It knows what no schema says: selectors that do not match, names that are too long, values out of range."""
    rendered = [found for found in objects(render(example, kube="1.22.0")) if found["kind"] not in CUSTOM]

    def dry_run(found: list[dict[str, Any]]) -> subprocess.CompletedProcess[str]:
        older = yaml.safe_dump_all(found).replace("policy/v1\n", "policy/v1beta1\n")  # which 1.20 calls it
        command = [tool("kubectl"), "--kubeconfig", plane.kubeconfig, "apply", "--dry-run=server", "-f", "-"]
        return subprocess.run(command, input=older, capture_output=True, text=True, check=False, timeout=60)

    done = dry_run(rendered)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("(server dry run)") == len(rendered)
    broken: Any = next(found for found in rendered if found["kind"] == "StatefulSet")
    broken["spec"]["selector"]["matchLabels"]["app.kubernetes.io/component"] = "other"
    assert "does not match template" in dry_run([broken]).stderr


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_release_lives_through_everything_with_one_owner_per_venue(release: Release, report: dict[str, str]) -> None:
    started = time.monotonic()
    release.apply("install")
    release.until("everything is ready", release.all_ready)
    report["`helm install` until all pods are ready"] = f"{time.monotonic() - started:.1f} s"
    owners = Owners(release.nodes)
    strategy = Strategy(f"nats://{release.nodes.address('demo-nats')}:4222")
    try:
        _helm_test(release, report)
        _upgrade(release, report)
        _delete(release, owners, report)
        _evict(release, report)
        _unplug(release, owners, report)
        _roll_back(release, report)
    finally:
        strategy.stop()
        owners.stop()
    release.until("everything is ready", release.all_ready)
    told = f"{max(owners.most.values())}, in {owners.looks} looks at every bridge"
    report["owners of a venue at a time, at most"] = (
        f"{told}, with up to {max(owners.most_processes.values())} processes"
    )
    assert owners.looks > 50
    assert owners.most == {"alone": 1, "pair": 1}
    assert owners.most_processes == {"alone": 2, "pair": 2}, "there was never anything to own twice"
    asyncio.run(_every_order_once(release, strategy, report))
    assert release.nodes.errors == []


def _helm_test(release: Release, report: dict[str, str]) -> None:
    told = release.helm("test", "demo")
    assert re.search(r"Phase:\s+Succeeded", told), told
    report["`helm test`: an order to the venue with `live: false`"] = "succeeded"


def _upgrade(release: Release, report: dict[str, str]) -> None:
    alone, pair, old = release.uid("demo-alone-0"), release.uid("demo-pair-0"), release.checksum("demo-alone-0")
    started = time.monotonic()
    release.apply("upgrade", "--set", "log.level=debug")
    release.until("the pair is replaced", lambda: release.has_new("demo-pair-0", pair))
    report["`helm upgrade`, both pods of the pair replaced and ready"] = f"{time.monotonic() - started:.1f} s"
    assert release.uid("demo-alone-0") == alone, "a live venue must not be touched"
    release.api("DELETE", f"{PODS}/demo-alone-0")
    release.until(
        "the live venue is replaced by hand",
        lambda: release.has_new("demo-alone-0", alone),
    )
    assert release.checksum("demo-alone-0") != old
    report["the live venue's pod"] = "untouched by the upgrade, replaced when it was deleted"


def _delete(release: Release, owners: Owners, report: dict[str, str]) -> None:
    release.until("the pair has an owner", lambda: owners.now("pair"))
    (owner,) = owners.now("pair")
    release.api("DELETE", f"{PODS}/{owner.name}")
    took = release.until("the standby owns", lambda: [pod for pod in owners.now("pair") if pod.uid != owner.uid])
    report["active pod of the pair deleted: the standby owns the venue after"] = f"{took:.1f} s"
    release.until("everything is ready", release.all_ready)


def _evict(release: Release, report: dict[str, str]) -> None:
    def evict(name: str) -> None:
        body = {"apiVersion": "policy/v1beta1", "kind": "Eviction", "metadata": {"name": name, "namespace": NAMESPACE}}
        release.api("POST", f"{PODS}/{name}/eviction", body)

    budget = f"/apis/policy/v1beta1/namespaces/{NAMESPACE}/poddisruptionbudgets/demo-bridges"
    release.until("the budget knows", lambda: release.api("GET", budget)["status"]["disruptionsAllowed"] == 1)
    evict("demo-pair-0")
    with pytest.raises(Refused) as second:
        evict("demo-alone-0")
    assert second.value.status == 429
    report["eviction of a second bridge while one is away"] = "429"
    release.until("everything is ready", release.all_ready)


def _unplug(release: Release, owners: Owners, report: dict[str, str]) -> None:
    """The node of a pod goes silent: Kubernetes must not replace it, and if a person forces it, the lease must hold."""
    release.until("alone has an owner", lambda: owners.now("alone"))
    (owner,) = owners.now("alone")
    release.nodes.hang()
    release.api("DELETE", f"{PODS}/demo-alone-0")
    _have_the_controller_look(release, "demo-alone")
    assert release.uid("demo-alone-0") == owner.uid, "a replacement beside a pod that may still run"
    report["pod deleted while its node is silent"] = "no replacement"
    forced(release, "demo-alone-0")
    # The node is back for the new pod, but the old process, of which Kubernetes knows nothing any more, goes on.
    release.nodes.forget(owner)
    release.until("a replacement", lambda: release.has_new("demo-alone-0", owner.uid))
    assert owner.is_running
    report["the same, deleted by force: a second process beside the first"] = "waits on standby"
    held = fetch(f"http://{owner.address}:8321/metrics") or ""
    assert HELD.search(held), "the first process still owns the venue"
    assert owner.process is not None
    owner.process.terminate()
    assert owner.process.wait(30) == 0
    took = release.until("the replacement owns", lambda: owners.now("alone"))
    report["the first process ended: the second owns the venue after"] = f"{took:.1f} s"


def _have_the_controller_look(release: Release, name: str) -> None:
    """Return when the controller has certainly gone over the StatefulSet once more."""
    changed = {"spec": {"template": {"metadata": {"annotations": {"test/looked": str(time.monotonic())}}}}}
    wanted = release.api.merge(f"{SETS}/{name}", changed)["metadata"]["generation"]
    release.until("a look", lambda: release.api("GET", f"{SETS}/{name}")["status"]["observedGeneration"] >= wanted)


def _roll_back(release: Release, report: dict[str, str]) -> None:
    before, pair = release.checksum("demo-pair-0"), release.uid("demo-pair-0")
    started = time.monotonic()
    release.helm("rollback", "demo", "1")
    release.until("the pair is rolled back", lambda: release.has_new("demo-pair-0", pair))
    assert release.checksum("demo-pair-0") != before
    report["`helm rollback`"] = f"{time.monotonic() - started:.1f} s"


async def _every_order_once(release: Release, strategy: Strategy, report: dict[str, str]) -> None:
    """Every command has one claim and an end that is true, and no two orders of a venue come from one command."""
    client = await nats.connect(f"nats://{release.nodes.address('demo-nats')}:4222")
    js = client.jetstream()
    ends: Counter[str] = Counter()
    at_venue: dict[str, set[str]] = {}
    deadline = time.monotonic() + PATIENCE
    for venue, command in strategy.sent:
        while True:
            try:
                message = await js.get_last_msg("VB_ACCT", f"vb.v1.acct.{venue}.main.result.{command}")
                result = json.loads(message.data or b"{}")
            except NotFoundError:
                result = {"status": "none"}
            if result["status"] not in ("none", "unknown") or time.monotonic() > deadline:
                break
            await asyncio.sleep(0.2)
        ends[f"{result['status']} {result.get('reason') or ''}".strip()] += 1
    read = await js.subscribe("vb.v1.acct.*.main.order.>", stream="VB_ACCT", ordered_consumer=True)
    pending = (await read.consumer_info()).num_pending
    for _ in range(pending):
        event = json.loads((await read.next_msg(timeout=5)).data)
        if event.get("venue_order_id") and event.get("command_id"):
            at_venue.setdefault(event["command_id"], set()).add(event["venue_order_id"])
    await client.close()
    twice = {command: ids for command, ids in at_venue.items() if len(ids) > 1}
    report["orders sent meanwhile"] = f"{len(strategy.sent)}: {dict(ends)}, {len(twice)} twice"
    assert twice == {}
    assert set(ends) <= {"accepted", "rejected expired"}, ends
    assert ends["accepted"] > len(strategy.sent) * 0.5
