"""What a running bridge exports is what the documentation says, and it moves when something happens."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from venuebus.app import Bridge
from venuebus.configuration.config import build_config
from venuebus.plugins import load_plugins
from venuebus_schemas import Fill, Quote, Side, Trade

from .bench import Bench, NatsServer
from .toy_venue import ToyPlugin

ROOT = Path(__file__).parents[2]
BOUNDED = {
    "venue",
    "account",
    "kind",
    "verb",
    "status",
    "reason",
    "hop",
    "state",
    "origin",
    "event",
    "limit",
    "outcome",
}
Values = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class Scraper:
    """A bridge's ``/metrics`` as a scraper sees them."""

    def __init__(self, bridge: Bridge) -> None:
        self._url = f"{bridge.http_url}/metrics"

    async def families(self) -> list[Metric]:
        async with aiohttp.ClientSession() as session, session.get(self._url) as answer:
            assert answer.status == 200
            return list(text_string_to_metric_families(await answer.text()))

    async def values(self) -> Values:
        return {
            (sample.name.removeprefix("venuebus_"), tuple(sorted(sample.labels.items()))): sample.value
            for family in await self.families()
            for sample in family.samples
        }

    async def value(self, name: str, **labels: str) -> float | None:
        return (await self.values()).get((name, tuple(sorted({"venue": "toy", **labels}.items()))))


@pytest_asyncio.fixture
async def bench_with_webhook(bench: Bench) -> AsyncIterator[tuple[Bench, Bridge]]:
    """A bridge with a venue of every shape: one that trades, and one that calls us."""
    plugins = load_plugins([ToyPlugin(bench.venue)])
    data = bench.config()
    data["bus"]["hook_max_bytes"] = 1024 * 1024
    data["venues"]["pp"] = {"plugin": "pingpongx", "insecure_unverified": True}
    bridge = Bridge(build_config(data, plugins.specs), plugins)
    bench.bridges.append(bridge)
    await bridge.start()
    await bench.until(lambda: str(bridge.venues["toy"].state.state) == "ready")
    yield bench, bridge


def documented() -> dict[str, tuple[str, list[str]]]:
    text = (ROOT / "docs" / "observability.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(venuebus_\w+)` \| (\w+) \| ([\w ]*) \| [^|]+ \|$", text, re.M)
    return {name: (kind, sorted(labels.split())) for name, kind, labels in rows}


async def test_the_table_of_metrics_is_what_a_running_bridge_exports(bench_with_webhook: tuple[Bench, Bridge]) -> None:
    bench, bridge = bench_with_webhook
    await bench.submit("m1")
    await bench.result("m1", ("accepted", None, None))
    table = documented()
    exported = {}
    for family in await Scraper(bridge).families():
        if not family.name.startswith("venuebus_"):
            continue
        name = f"{family.name}_total" if family.type == "counter" else family.name
        exported[name] = family.type
        for sample in family.samples:
            labels = sorted(set(sample.labels) - {"le"})
            assert labels == table.get(name, ("", labels))[1], f"{name} has other labels in the documentation"
            assert family.name.endswith("_info") or set(labels) <= BOUNDED | {"plugin"}, f"{name}: {labels}"
    assert exported == {name: kind for name, (kind, _) in table.items()}
    assert all(name.endswith("_total") == (kind == "counter") for name, kind in exported.items())


async def test_commands_and_events_are_counted_by_what_became_of_them(bench: Bench) -> None:
    bench.venue.script("submit", "accept", "reject", "take_and_unknown", "accept")
    bench.venue.script("lookup", "fail")
    bridge = await bench.bridge()
    scraper = Scraper(bridge)
    await bench.submit("m1")
    await bench.result("m1", ("accepted", None, None))
    await bench.submit("m2")
    await bench.result("m2", ("rejected", "insufficient_funds", None))
    await bench.submit("m3")
    await bench.result("m3", ("unknown", "timeout", None))
    assert await scraper.value("commands_received_total", verb="submit") == 3
    for status, reason in (("accepted", ""), ("rejected", "insufficient_funds"), ("unknown", "timeout")):
        assert await scraper.value("command_results_total", verb="submit", status=status, reason=reason) == 1
    assert await scraper.value("unknown_orders") == 1
    oldest = await scraper.value("unknown_oldest_seconds")
    assert oldest is not None
    assert 0 < oldest < 60
    for hop in ("read", "claim", "first_byte", "answer"):
        assert await scraper.value("command_hop_seconds_count", hop=hop) == 3, hop
    assert await scraper.value("open_claims", account="main") == 1
    bench.venue.script("lookup", "accept")
    await bench.until(lambda: len(bench.results("m3")) == 2)
    assert await scraper.value("unknown_orders") == 0
    assert await scraper.value("unknown_oldest_seconds") == 0


async def test_messages_are_counted_by_kind_on_both_sides_without_counting_each(bench: Bench) -> None:
    bridge = await bench.bridge()
    scraper = Scraper(bridge)
    context = bench.venue.context
    for number in range(5):
        context.publish(Quote(symbol="X", bid="1", ts_recv=context.now_ns(), ts_venue=context.now_ns()))
        context.publish(Trade(symbol=f"Y{number % 2}", price="1", size="1", ts_recv=context.now_ns()))
    context.publish(Fill(symbol="X", fill_id="f1", side=Side.BUY, price="1", quantity="1"))
    context.publish(Fill(symbol="X", fill_id="f1", side=Side.BUY, price="1", quantity="1"))
    context.dead_letter(b"?", "no idea")
    await bench.until(lambda: bench.of("fill") and any(subject.startswith("dead.") for subject, _ in bench.messages))
    await bench.until(lambda: sum(subject.startswith("md.") for subject, _ in bench.messages) == 10)
    for kind, count in (("quote", 5), ("trade", 5), ("fill", 2)):
        assert await scraper.value("messages_received_total", kind=kind) == count
    for kind, count in (("quote", 5), ("trade", 5), ("fill", 1), ("dead_letter", 1)):
        assert await scraper.value("messages_published_total", kind=kind) == count
    assert await scraper.value("dead_letters_total", origin="venue") == 1
    assert await scraper.value("dead_letters_total", origin="command") == 0
    measured = await scraper.value("market_data_hop_seconds_count", hop="bridge")
    assert measured is not None
    assert 1 <= measured < 10  # the first of each batch
    await bench.request("ctl.toy.reconnect")
    await bench.until(lambda: bench.sessions().count("ready") == 2)
    bench.venue.context.publish(Quote(symbol="X", bid="2", ts_recv=context.now_ns()))
    await bench.until(lambda: sum(subject.startswith("md.") for subject, _ in bench.messages) == 11)
    assert await scraper.value("messages_received_total", kind="quote") == 6  # the new epoch counts on
    assert await scraper.value("venue_reconnects_total") == 1
    assert await scraper.value("gaps_total") >= 1  # type: ignore[operator]


async def test_a_hole_in_a_book_is_open_until_it_is_healed(bench: Bench) -> None:
    bridge = await bench.bridge()
    scraper = Scraper(bridge)
    context = bench.venue.context
    context.gap(["md.book.X", "md.book.Y"], "a number is missing", healed=False)
    assert await scraper.value("gaps_open") == 2
    context.gap(["md.book.X"], "whole again", healed=True)
    assert await scraper.value("gaps_open") == 1
    context.gap(["md.>", "acct.>"], "the link was down", healed=False)
    assert await scraper.value("gaps_open") == 1  # what is lost for good does not stay open
    assert await scraper.value("gaps_total") == 2


async def test_what_waits_on_disk_while_nats_is_away_is_told(own_server: NatsServer, tmp_path: Path) -> None:
    async with Bench(own_server.url, "t", tmp_path) as bench:
        bridge = await bench.bridge()
        scraper = Scraper(bridge)
        assert await scraper.value("ledger_healthy", account="main") == 1
        own_server.kill()
        await bench.until(lambda: bridge.connection is not None and not bridge.connection.is_up)
        for number in range(3):
            bench.venue.context.publish(
                Fill(symbol="X", fill_id=f"f{number}", side=Side.BUY, price="1", quantity="1")
            )  # fmt: skip
        account = bridge.venues["toy"].accounts["main"]
        await bench.until(lambda: account.ledger.spool.pending == 3)
        assert await scraper.value("spool_messages", account="main") == 3
        assert (await scraper.value("spool_bytes", account="main") or 0) > 100
        assert await scraper.value("ledger_healthy", account="main") == 0
        assert (await scraper.values())["nats_connected", ()] == 0
        await own_server.start()
        await bench.until(lambda: account.ledger.spool.pending == 0 and account.ledger.healthy, timeout=20)
        assert await scraper.value("spool_bytes", account="main") == 0
        assert await scraper.value("messages_published_total", kind="fill") == 3
        assert ((await scraper.values())["nats_reconnects_total", ()]) >= 1


async def test_metrics_are_there_while_nats_is_not(tmp_path: Path, bench: Bench) -> None:
    import asyncio

    data = bench.config()
    data["bus"]["servers"] = ["nats://127.0.0.1:9"]
    plugins = load_plugins([ToyPlugin(bench.venue)], installed=False)
    bridge = Bridge(build_config(data, plugins.specs), plugins)
    starting = asyncio.create_task(bridge.start())
    try:
        await bench.until(lambda: bridge.http_url)
        assert (await Scraper(bridge).values())["nats_connected", ()] == 0
    finally:
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        await bridge.stop()


@pytest.mark.parametrize("accept", ["application/openmetrics-text;version=1.0.0", "text/plain;version=0.0.4"])
async def test_text_scrapers_get_classic_histograms(bench: Bench, accept: str) -> None:
    bridge = await bench.bridge()
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{bridge.http_url}/metrics", headers={"Accept": accept}) as answer:
            assert answer.headers["Content-Type"].startswith(accept.split(";")[0])
            assert 'venuebus_command_hop_seconds_bucket{hop="claim",le="0.001",venue="toy"} 0' in await answer.text()
        proto = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
        async with session.get(f"{bridge.http_url}/metrics", headers={"Accept": proto}) as answer:
            assert answer.headers["Content-Type"].startswith("application/vnd.google.protobuf")
            assert b"venuebus_command_hop_seconds" in await answer.read()
