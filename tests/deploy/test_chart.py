"""The Helm chart: clean for two helms, valid for many versions of Kubernetes, and what it renders really works."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from click.testing import CliRunner
from venuebus.bus.binary import find_server
from venuebus.cli.check import command as check

from .derived import DERIVED, KUSTOMIZE
from .tools import CHART, CUSTOM, EXAMPLES, FOLDER, Missing, helm, objects, render, tool

VERSIONS = ("1.29", "1.31", "1.33", "1.35", "1.37")
ALL_VERSIONS = tuple(f"1.{minor}" for minor in range(29, 38))
EVERYTHING = ("--set", "prometheusRule.enabled=true,dashboard.enabled=true,serviceAccount.create=true")


@pytest.fixture(scope="session", autouse=True)
def programs() -> None:
    """Both helms, fetched once."""
    try:
        tool("helm", 3), tool("helm", 4)
    except Missing as why:
        pytest.skip(f"no helm: {why}")


def pods(rendered: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every pod spec with its object's name."""
    for found in rendered:
        name = f"{found['kind']} {found['metadata']['name']}"
        if found["kind"] == "Pod":
            yield name, found["spec"]
        elif found["kind"] in ("StatefulSet", "Deployment"):
            yield name, found["spec"]["template"]["spec"]


def overlay() -> str:
    command = [tool("kubectl"), "kustomize", KUSTOMIZE / "live"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def of(rendered: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {found["metadata"]["name"]: found for found in rendered if found["kind"] == kind}


# --- clean, and the same for both helms ---------------------------------------------------------------------------


@pytest.mark.parametrize("major", [3, 4])
@pytest.mark.parametrize("example", [None, *EXAMPLES])
def test_the_chart_passes_lint_strictly(example: str | None, major: int) -> None:
    values = ("--values", str(CHART / "examples" / f"{example}.yaml")) if example else ()
    done = helm("lint", "--strict", str(CHART), *values, major=major)
    assert "0 chart(s) failed" in done.stdout


@pytest.mark.parametrize("path", DERIVED, ids=lambda path: path.name)
def test_derived_files_are_as_their_sources(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == DERIVED[path](), "run `make deploy-render` and look at the difference"


@pytest.mark.parametrize("example", EXAMPLES)
def test_helm_3_renders_the_same_objects(example: str) -> None:
    assert objects(render(example, major=3)) == objects(render(example, major=4))


def test_the_overlay_of_the_kustomize_base_builds() -> None:
    done = subprocess.run(
        [tool("kubectl"), "kustomize", KUSTOMIZE / "live"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    built: Any = objects(done.stdout)
    bridge = of(built, "StatefulSet")["venuebus-btse"]["spec"]
    assert bridge["updateStrategy"] == {"type": "OnDelete"}
    assert {"name": "secrets", "secret": {"secretName": "btse", "defaultMode": 0o440}} in bridge["template"]["spec"][
        "volumes"
    ]
    assert "venuebus-sim-btse" not in of(built, "Deployment")


# --- valid --------------------------------------------------------------------------------------------------------


def refused(version: str) -> list[str]:
    texts = [render(example, *EVERYTHING, kube=f"{version}.0") for example in EXAMPLES]
    texts.append(overlay())
    mistakes = []
    for found in (found for text in texts for found in objects(text) if found["kind"] not in CUSTOM):
        try:
            kubernetes_validate.validate(found, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            mistakes.append(f"{found['kind']} {found['metadata']}: {error}")
    return mistakes


@pytest.mark.parametrize("version", VERSIONS)
def test_what_is_rendered_is_valid_for(version: str) -> None:
    assert refused(version) == []


@pytest.mark.slow
@pytest.mark.parametrize("version", sorted(set(ALL_VERSIONS) - set(VERSIONS)))
def test_what_is_rendered_is_valid_for_every_version_between(version: str) -> None:
    assert refused(version) == []


def test_the_validation_can_fail() -> None:
    found: Any = next(found for found in objects(render("live")) if found["kind"] == "StatefulSet")
    found["spec"]["template"]["spec"]["containers"][0]["prots"] = []
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(found, "1.37", strict=True)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("venus.btse.config.plugin=btse", "venus"),
        ("venues.btse.config.symbols={BTC-USD}", "plugin"),
        ("venues.btse.stanby=true,venues.btse.config.plugin=btse", "stanby"),
        ("venues.b.tse.config.plugin=btse", "tse"),
        ("nats.embedded.replicas=2", "replicas"),
        ("nats.embedded.sync=never", "sync"),
        ("terminationGracePeriodSeconds=5", "terminationGracePeriodSeconds"),
        ("bus.servers={nats://x:4222}", "exclude each other"),
        ("bus.servers={http://x:4222}", "servers"),
        ("nats.embedded.enabled=false", "no bus"),
        ("bus.config.servers=x", "bus.config.servers: the chart sets this"),
        ("bus.login.nkey=a,bus.login.token=b,bus.login.secretName=x", "one way to log in"),
        ("bus.login.nkey=a", "bus.login.secretName: missing"),
        ("nats.embedded.maxStore=10GiB", "10GiB is not below nats.embedded.storage.size, 10Gi"),
        ("nats.embedded.maxStore=1T", "1T is not below"),
        ("nats.embedded.storage.size=7900M", "8GiB is not below nats.embedded.storage.size, 7900M"),
        ("venues.a.config.plugin=x,venues.a.config.key.file=/etc/venuebus/secrets/key", "venues.a.secretName: missing"),
        ("venues.nats.config.plugin=btse", "is already the name of the embedded NATS"),
        ("venues.a_b.config.plugin=x,venues.a-b.config.plugin=x", "is already the name of venue"),
        ("tests.venue=btse,venues.btse.config.plugin=btse", "not a venue with live: false"),
        ("simulators.btse.port=1", "plugin"),
        ("tests.price=100", "price"),
    ],
)
def test_mistakes_in_values_are_refused_by_name(setting: str, told: str) -> None:
    done = helm("template", "demo", str(CHART), "--set", setting, check=False)
    assert done.returncode != 0
    assert told in done.stderr


def test_every_value_is_described_and_every_default_is_in_the_schema() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    documents = (CHART.parents[2] / "docs" / "kubernetes.md").read_text(encoding="utf-8")

    def walk(part: dict[str, Any], path: str) -> Iterator[str]:
        for key, value in part.get("properties", {}).items():
            if "description" not in value and "anyOf" not in value and value.get("type") != "array":
                yield f"{path}{key}"
            yield from walk(value, f"{path}{key}.")

    def unknown(values: dict[str, Any], part: dict[str, Any], path: str) -> Iterator[str]:
        for key, value in values.items():
            if key not in part.get("properties", {key: {}}):
                yield f"{path}{key}"
            if isinstance(value, dict):
                yield from unknown(value, part.get("properties", {}).get(key, {}), f"{path}{key}.")

    assert list(walk(schema, "")) == []
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    assert list(unknown(values, schema, "")) == []
    assert [key for key in values if f"`{key}" not in documents] == [], "docs/kubernetes.md lacks them"


def test_the_chart_has_the_version_of_the_project() -> None:
    project = tomllib.loads((CHART.parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    assert (chart["version"], chart["appVersion"]) == (project, project)


def test_only_a_venue_that_calls_us_has_an_address() -> None:
    services = of(objects(render("live")), "Service")
    addresses = {name for name, found in services.items() if found["spec"].get("clusterIP") != "None"}
    assert addresses == {"demo-pingpongx", "demo-nats"}
    assert services["demo-pingpongx"]["spec"]["publishNotReadyAddresses"] is True


# --- what it means ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_pod_is_without_rights(example: str) -> None:
    found = list(pods(objects(render(example))))
    assert found
    for name, pod in found:
        assert pod["automountServiceAccountToken"] is False, name
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["runAsUser"] == 10001, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert container["resources"]["limits"]["memory"], name
            assert all(port["protocol"] == "TCP" for port in container.get("ports", ())), name
            assert "/tmp" in {mount["mountPath"] for mount in container["volumeMounts"]} or "nats" in name


@pytest.mark.parametrize("example", EXAMPLES)
def test_secrets_are_files_and_never_the_environment(example: str) -> None:
    text = render(example)
    assert "secretKeyRef" not in text
    assert "secretRef" not in text
    for name, pod in pods(objects(text)):
        for volume in pod["volumes"]:
            assert "secret" not in volume or volume["secret"]["defaultMode"] == 0o440, name


def test_liveness_is_never_about_nats_or_a_venue() -> None:
    for name, spec in of(objects(render("live")), "StatefulSet").items():
        (container,) = spec["spec"]["template"]["spec"]["containers"]
        paths = {probe: container[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "liveness", "readiness")}
        if name == "demo-nats":
            assert paths == {
                "startup": "/healthz", "liveness": "/healthz?js-enabled-only=true",
                "readiness": "/healthz?js-server-only=true",
            }  # fmt: skip
        else:
            assert paths == {"startup": "/livez", "liveness": "/livez", "readiness": "/readyz"}
            assert spec["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 60


def test_live_venues_are_replaced_by_hand_and_a_standby_is_elsewhere() -> None:
    live = of(objects(render("live")), "StatefulSet")
    assert live["demo-btse"]["spec"]["updateStrategy"] == {"type": "OnDelete"}
    assert (live["demo-btse"]["spec"]["replicas"], live["demo-futu"]["spec"]["replicas"]) == (2, 1)
    assert live["demo-nats"]["spec"]["replicas"] == 3
    for name, spread in (("demo-btse", True), ("demo-nats", True), ("demo-futu", False)):
        assert ("topologySpreadConstraints" in live[name]["spec"]["template"]["spec"]) is spread
    simulated = of(objects(render("simulated")), "StatefulSet")
    assert simulated["demo-btse"]["spec"]["updateStrategy"] == {"type": "RollingUpdate"}


def test_a_change_of_configuration_shows_on_its_own_venue_only() -> None:
    def sums(*arguments: str) -> dict[str, str]:
        found = of(objects(render("live", *arguments)), "StatefulSet")
        return {
            name: each["spec"]["template"]["metadata"]["annotations"]["checksum/config"] for name, each in found.items()
        }

    before, after = sums(), sums("--set", "venues.futu.config.port=11112")
    assert {name for name in before if before[name] != after[name]} == {"demo-futu"}
    assert sums("--set", "venues.futu.secretName=other") == before


def test_the_budget_is_in_the_words_of_the_cluster() -> None:
    def budgets(kube: str, *served: str) -> list[dict[str, Any]]:
        versions = [part for version in served for part in ("--api-versions", version)]
        values = str(CHART / "examples" / "live.yaml")
        done = helm("template", "demo", str(CHART), "-f", values, "--kube-version", kube, *versions)
        return list(of(objects(done.stdout), "PodDisruptionBudget").values())

    new, old = budgets("1.33.0", "policy/v1"), budgets("1.22.0", "policy/v1")
    assert [budget["spec"].get("unhealthyPodEvictionPolicy") for budget in new] == ["AlwaysAllow"] * 2
    assert [budget["spec"].get("unhealthyPodEvictionPolicy") for budget in old] == [None] * 2
    assert {budget["spec"]["maxUnavailable"] for budget in new} == {1}


def test_the_network_is_closed_but_for_what_is_named() -> None:
    policies = of(objects(render("live")), "NetworkPolicy")
    assert "egress" not in policies["demo-deny"]["spec"]
    assert "ingress" not in policies["demo-deny"]["spec"]
    (venue,) = policies["demo-btse"]["spec"]["egress"]
    assert venue["to"] == [{"ipBlock": {"cidr": "203.0.113.0/24"}}]
    assert "ingress" not in policies["demo-btse"]["spec"], "btse does not call us"
    assert policies["demo-pingpongx"]["spec"]["ingress"][0]["ports"] == [{"port": 8321, "protocol": "TCP"}]
    quiet = of(objects(render("external")), "NetworkPolicy")
    assert "ingress" not in quiet["demo-bridges"]["spec"], "nobody was named for the metrics"
    assert {"ipBlock": {"cidr": "10.1.0.0/16"}} in [
        to for rule in quiet["demo-bridges"]["spec"]["egress"] for to in rule["to"]
    ]


def test_helm_test_orders_from_a_simulated_venue_and_never_from_a_live_one() -> None:
    (order,) = of(objects(render("simulated")), "Pod").values()
    env = {variable["name"]: variable["value"] for variable in order["spec"]["containers"][0]["env"]}
    assert (env["VENUE"], env["VENUEBUS_SERVER"]) == ("btse", "nats://demo-nats:4222")
    assert order["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert of(objects(render("live")), "Pod") == {}


def test_notes_tell_the_next_steps(tmp_path: Path) -> None:
    # Only an installation shows the notes, so a copy of the chart has them as an object.
    chart = tmp_path / "venuebus"
    shutil.copytree(CHART, chart)
    (chart / "templates" / "NOTES.txt").rename(chart / "notes.txt")
    shown = 'kind: Notes\ntext: |\n{{ tpl (.Files.Get "notes.txt") . | indent 2 }}\n'
    (chart / "templates" / "notes.yaml").write_text(shown, encoding="utf-8")

    def notes(example: str) -> str:
        values = str(CHART / "examples" / f"{example}.yaml")
        arguments = ("--namespace", "trading", "--values", values, "--show-only", "templates/notes.yaml")
        return helm("template", "demo", str(chart), *arguments).stdout

    assert "helm test demo --namespace trading" in notes("simulated")
    assert "asks nobody for credentials" in notes("simulated")
    live = notes("live")
    assert "delete pod demo-btse-1 &&" in live
    assert "/hooks/pingpongx to the service demo-pingpongx" in live
    assert "WARNING" not in live


# --- what is rendered, put to use ---------------------------------------------------------------------------------


def checked(rendered: list[dict[str, Any]], folder: Path) -> int:
    """Give every configuration among the objects to `venuebus check`, with stand-ins for the secrets; count them."""
    configs = {name: found["data"].get("venuebus.toml") for name, found in of(rendered, "ConfigMap").items()}
    for name, text in ((name, text) for name, text in configs.items() if text is not None):
        for path in sorted(set(re.findall(r'"(/etc/venuebus/[^"]+)"', text))):
            file = folder / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("SU" + "A" * 56, encoding="utf-8")
        config = folder / f"{name}.toml"
        config.write_text(text.replace('"/etc/venuebus/', f'"{folder}/etc/venuebus/'), encoding="utf-8")
        done = CliRunner().invoke(check, [str(config)], standalone_mode=False)
        assert done.exception is None, f"{name}: {done.exception}\n{text}"
        assert done.return_value in (0, None), done.output
    return sum(text is not None for text in configs.values())


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_configurations_pass_venuebus_check(example: str, tmp_path: Path) -> None:
    values = yaml.safe_load((CHART / "examples" / f"{example}.yaml").read_text(encoding="utf-8"))
    assert checked(objects(render(example)), tmp_path) == len(values["venues"])


def test_the_overlay_s_configuration_passes_it_too(tmp_path: Path) -> None:
    assert checked(objects(overlay()), tmp_path) == 1


def test_a_wrong_configuration_does_not_pass_it(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="symbls"):
        checked(objects(render("live", "--set", "venues.btse.config.symbls=BTC-USD")), tmp_path)


@pytest.mark.parametrize("example", ["simulated", "live"])
def test_nats_server_takes_its_configuration(example: str, tmp_path: Path) -> None:
    text = of(objects(render(example)), "ConfigMap")["demo-nats"]["data"]["nats.conf"]
    (tmp_path / "auth").mkdir()
    (tmp_path / "auth" / "auth.conf").write_text("authorization { user: a, password: b }\n", encoding="utf-8")
    if "tls {" in text:
        text = text.replace("/etc/nats/tls", str(tmp_path))
        openssl = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-subj",
            "/CN=x",
        ]
        done = subprocess.run(
            [*openssl, "-keyout", "tls.key", "-out", "tls.crt"], cwd=tmp_path, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr
        (tmp_path / "ca.crt").write_bytes((tmp_path / "tls.crt").read_bytes())
    (tmp_path / "config").mkdir()
    config, wrong = (tmp_path / "config" / name for name in ("nats.conf", "wrong.conf"))
    config.write_text(text, encoding="utf-8")
    env = {**os.environ, "POD_NAME": "demo-nats-0"}
    done = subprocess.run([find_server(), "-t", "-c", config], capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
    wrong.write_text(text.replace("max_file: 8GiB", "max_file: lots"), encoding="utf-8")
    assert subprocess.run([find_server(), "-t", "-c", wrong], capture_output=True, check=False, env=env).returncode != 0


# --- policy checks ------------------------------------------------------------------------------------------------

SKIPPED = {
    "CKV_K8S_11": "no limit of CPU: a throttled bridge is late, and its share is guaranteed by the request",
    "CKV_K8S_15": "pullPolicy IfNotPresent: a release's tag is a version and never moves",
    "CKV_K8S_21": "the namespace is the installer's choice (helm --namespace)",
    "CKV_K8S_43": "a digest belongs to a registry's copy: image.digest",
}
NO_PROBES = {"CKV_K8S_8", "CKV_K8S_9"}  # of the pod of `helm test`, which runs once and ends


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES)
def test_checkov_finds_nothing_but_what_has_its_reason(example: str, tmp_path: Path) -> None:
    checkov = FOLDER / "checkov" / "bin" / "checkov"
    if not checkov.is_file():
        pytest.skip("checkov is not installed: make deploy-check installs it (half a minute)")
    file = tmp_path / "rendered.yaml"
    file.write_text("\n---\n".join(yaml.safe_dump(found) for found in objects(render(example))), encoding="utf-8")
    options = ("--framework", "kubernetes", "--skip-download", "--compact", "--quiet", "--output", "json")
    done = subprocess.run([checkov, "--file", file, *options], capture_output=True, text=True, check=False)
    report = json.loads(done.stdout)
    assert report["summary"]["passed"] > 50
    failed = {(each["check_id"], each["resource"].split(".")[0]) for each in report["results"]["failed_checks"]}
    assert {
        each for each in failed if each[0] not in SKIPPED and not (each[0] in NO_PROBES and each[1] == "Pod")
    } == set()
    assert set(SKIPPED) <= {check for check, _ in failed}, "a skip that nothing needs any more"
