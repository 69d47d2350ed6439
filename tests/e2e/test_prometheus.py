"""A real Prometheus server scrapes a real bridge: native and classic histograms, and the rules that are shipped."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from .bench import Bench

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "alerts.yml"


class Prometheus:
    """One server and its query API."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def ask(self, expression: str) -> list[dict[str, Any]]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}/api/v1/query", params={"query": expression}) as answer,
        ):
            found: list[dict[str, Any]] = (await answer.json())["data"]["result"]
            return found

    async def get(self, path: str) -> Any:
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/api/v1/{path}") as answer:
            return (await answer.json())["data"]

    async def rules(self) -> list[dict[str, Any]]:
        return [rule for group in (await self.get("rules"))["groups"] for rule in group["rules"]]

    async def until(self, expression: str, timeout: float = 20.0) -> list[dict[str, Any]]:
        """Return the answer once there is one."""
        try:
            async with asyncio.timeout(timeout):
                while not (found := await self.ask(expression)):  # noqa: ASYNC110 - it is another program
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"nothing for {expression}: {await self.get('targets')}") from None
        return found


@asynccontextmanager
async def prometheus(folder: Path, target: str, *options: str) -> AsyncIterator[Prometheus]:
    binary = shutil.which("prometheus")
    if binary is None:
        pytest.skip("no prometheus (Debian: apt-get install prometheus): nothing was scraped by a real server")
    config = {
        "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms", "evaluation_interval": "200ms"},
        "rule_files": [str(RULES)],
        "scrape_configs": [{"job_name": "venuebus", "static_configs": [{"targets": [target]}]}],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
    command = [binary, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: ASYNC220 - it returns at once
            [*command, "--web.listen-address=127.0.0.1:0", *options], stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        yield Prometheus(await _address(folder / "prometheus.log"))
    finally:
        process.kill()
        process.wait(10)


async def _address(log: Path) -> str:
    async with asyncio.timeout(20):
        while True:
            found = re.search(r'msg="Listening on" address=(127\.0\.0\.1:[1-9]\d*)', log.read_text())  # noqa: ASYNC240
            if found:
                return f"http://{found[1]}"
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("native", [True, False], ids=["native", "classic"])
async def test_a_prometheus_server_takes_what_a_bridge_exports(bench: Bench, tmp_path: Path, native: bool) -> None:
    bridge = await bench.bridge()
    await bench.submit("p1")
    await bench.result("p1", ("accepted", None, None))
    options = ["--enable-feature=native-histograms"] if native else []
    async with prometheus(tmp_path, bridge.http_url.removeprefix("http://"), *options) as server:
        [results] = await server.until('venuebus_command_results_total{status="accepted"}')
        assert results["value"][1] == "1"
        metric = "venuebus_command_hop_seconds" if native else "venuebus_command_hop_seconds_bucket"
        by = "hop" if native else "hop, le"
        quantiles = await server.until(f"histogram_quantile(0.5, sum by ({by}) ({metric}))")
        found = {entry["metric"]["hop"]: float(entry["value"][1]) for entry in quantiles}
        assert set(found) == {"read", "claim", "first_byte", "answer"}
        assert all(0 < seconds < 10 for seconds in found.values()), found
        stored = await server.ask("venuebus_command_hop_seconds")
        assert bool(stored) is native  # without the setting a server has the classic series only
        if native:
            assert {entry["histogram"][1]["count"] for entry in stored} == {"1"}
        async with asyncio.timeout(20):
            while {rule["health"] for rule in await server.rules()} != {"ok"}:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.1)
        firing = [alert for alert in (await server.get("alerts"))["alerts"] if alert["state"] == "firing"]
        assert firing == []
