"""One trace per command: joined over NATS headers, through unknown outcomes and over restarts, and none when off."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
import structlog
from opentelemetry.sdk.trace import TracerProvider
from venuebus.app import Bridge
from venuebus.client import connect
from venuebus.configuration.config import BridgeConfig, TracingConfig, build_config
from venuebus.errors import ConfigError
from venuebus.observability.logs import setup_logging
from venuebus.observability.tracing import read_traceparent
from venuebus.plugins import load_plugins
from venuebus_schemas import Fill, Side

from .bench import Bench
from .collector import Collector, Seen, named

STRATEGY = "b7ad6b7169203331"  # the strategy's span in what it sends


@pytest_asyncio.fixture
async def collector(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Collector]:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")  # ms; five seconds would be long for a test
    async with Collector() as made:
        yield made


@pytest.fixture
def logs() -> Iterator[io.StringIO]:
    root, ours = logging.getLogger(), logging.getLogger("venuebus")
    before = (list(root.handlers), root.level, ours.level, sys.excepthook, threading.excepthook)
    stream = io.StringIO()
    setup_logging("info", "json", stream)
    yield stream
    root.handlers[:], level, our_level, sys.excepthook, threading.excepthook = before
    root.setLevel(level)
    ours.setLevel(our_level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


class Strategy:
    """Publishes commands with a trace context, and reads what the stream holds with its headers."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    async def submit(self, command_id: str, trace: str, *, sampled: bool = True) -> None:
        body = {
            "type": "submit", "command_id": command_id, "symbol": "X", "side": "buy", "order_type": "limit",
            "quantity": "1", "price": "2.50",
        }  # fmt: skip
        await self.send("submit", body, trace, sampled=sampled)

    async def send(self, verb: str, body: dict[str, str], trace: str, *, sampled: bool = True) -> None:
        await self.bench.client.jetstream().publish(
            f"{self.bench.prefix}.v1.cmd.toy.main.{verb}.{body['command_id']}",
            json.dumps(body).encode(),
            headers={"traceparent": f"00-{trace}-{STRATEGY}-{'01' if sampled else '00'}"},
        )

    async def headers(self, kind: str, key: str) -> list[tuple[dict[str, str], dict[str, object]]]:
        """Header and body of every stored message of one subject, oldest first."""
        js, stream = self.bench.client.jetstream(), f"{self.bench.prefix.upper()}_ACCT"
        found: list[tuple[dict[str, str], dict[str, object]]] = []
        for sequence in range(1, (await js.stream_info(stream)).state.last_seq + 1):
            message = await js.get_msg(stream, sequence)
            if str(message.subject).endswith(f".{kind}.{key}"):
                found.append((dict(message.headers or {}), json.loads(message.data or b"{}")))
        return found


def tracing_on(bench: Bench, collector: Collector) -> None:
    bench.extra = {"tracing": {"enabled": True, "endpoint": collector.url}}


def trace_id(number: int) -> str:
    return f"{0x0AF7651916CD43DD8448EB211C80319C + number:032x}"


def context_of(headers: dict[str, str], trace: str) -> str:
    """The span id in a message's header, which must be of this trace."""
    context = read_traceparent(headers["traceparent"])
    assert context is not None
    assert f"{context.trace_id:032x}" == trace
    return f"{context.span_id:016x}"


def tell_fill(bench: Bench, command_id: str, fill_id: str) -> None:
    bench.venue.context.publish(
        Fill(
            symbol="X",
            fill_id=fill_id,
            side=Side.BUY,
            price="2.5",
            quantity="1",
            client_order_id=command_id,
            venue_order_id=f"V{command_id}",
        )
    )


async def test_command_claim_venue_call_result_and_fill_are_one_trace(bench: Bench, collector: Collector) -> None:
    tracing_on(bench, collector)
    strategy, trace = Strategy(bench), trace_id(1)
    await bench.bridge()
    await strategy.submit("t1", trace)
    await bench.result("t1", ("accepted", None, None))
    tell_fill(bench, "t1", "f1")
    await bench.until(lambda: bench.of("fill"))
    await collector.until(lambda: any(span.name == "publish fill" for span in collector.spans))
    await collector.until(lambda: any(span.name == "command submit" for span in collector.spans))
    spans = collector.of(trace)
    command = named(spans, "command submit", status="accepted", venue="toy", account="main")
    assert command.parent == STRATEGY
    claim, call = named(spans, "claim"), named(spans, "venue submit")
    news = [named(spans, "publish order", status="new"), named(spans, "publish result"), named(spans, "publish fill")]
    assert {span.parent for span in (claim, call, *news)} == {command.id}
    assert command.start <= claim.start < claim.end <= call.start < call.end <= command.end
    assert [span.start for span in news] == sorted(span.start for span in news)
    assert call.end <= news[0].start
    [(what, when)] = call.events
    assert what == "first byte"
    assert call.start <= when <= call.end
    assert command.resource["service.name"] == "venuebus"
    await _check_headers(strategy, trace, claim, news)


async def _check_headers(strategy: Strategy, trace: str, claim: Seen, news: list[Seen]) -> None:
    [(on_claim, body)] = await strategy.headers("claim", "t1")
    assert context_of(on_claim, trace) == claim.id
    assert body["traceparent"] == f"00-{trace}-{STRATEGY}-01"
    (pending, new) = await strategy.headers("order", "t1")
    assert context_of(pending[0], trace) == claim.id
    assert context_of(new[0], trace) == news[0].id
    [(on_result, _)] = await strategy.headers("result", "t1")
    assert context_of(on_result, trace) == news[1].id
    [(on_fill, _)] = await strategy.headers("fill", "X")
    assert context_of(on_fill, trace) == news[2].id


async def test_an_outcome_that_is_unknown_and_found_later_stays_in_its_trace(
    bench: Bench, collector: Collector
) -> None:
    tracing_on(bench, collector)
    strategy, trace = Strategy(bench), trace_id(2)
    bench.venue.script("submit", "take_and_unknown", "accept")
    await bench.bridge()
    await strategy.submit("t2", trace)
    await bench.result("t2", ("unknown", "timeout", None), ("accepted", None, "query"))
    await collector.until(lambda: any(span.name == "resolve submit" for span in collector.spans))
    spans = collector.of(trace)
    command = named(spans, "command submit", status="unknown")
    assert command.failed
    assert named(spans, "venue submit").failed
    resolved = named(spans, "resolve submit", status="accepted", resolved_by="query")
    assert resolved.parent == command.id
    assert not resolved.failed
    first, second = named(spans, "publish result", status="unknown"), named(spans, "publish result", status="accepted")
    assert {first.parent, second.parent} == {command.id}
    assert first.start < second.start
    assert resolved.start <= second.start


async def test_a_command_left_open_by_a_killed_bridge_goes_on_in_its_trace(bench: Bench, collector: Collector) -> None:
    tracing_on(bench, collector)
    strategy, trace, other = Strategy(bench), trace_id(3), trace_id(4)
    process = bench.process()
    await bench.until(lambda: "ready" in bench.sessions())
    await strategy.submit("old", other)
    await bench.result("old", ("accepted", None, None))
    bench.venue.script("submit", "take_and_hang", "accept")
    bench.venue.script("lookup", "fail")
    await strategy.submit("t3", trace)
    await bench.until(lambda: bench.venue.get("t3"))
    await collector.until(lambda: any(span.name == "claim" for span in collector.of(trace)))
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)
    bench.venue.script("lookup", "accept")
    await bench.bridge()
    await bench.result("t3", ("unknown", "timeout", None), ("accepted", None, "query"), timeout=15)
    tell_fill(bench, "old", "f3")
    await bench.until(lambda: bench.of("fill"))
    await collector.until(lambda: any(span.name == "publish fill" for span in collector.of(other)))
    await collector.until(lambda: any(span.name == "resolve submit" for span in collector.of(trace)))
    spans = collector.of(trace)
    assert named(spans, "claim").parent != STRATEGY  # the killed bridge's; its command span died with it
    taken_up = named(spans, "recover submit")
    assert taken_up.parent == STRATEGY
    assert named(spans, "resolve submit", status="accepted").parent == taken_up.id
    assert named(spans, "publish result", status="accepted").parent == STRATEGY
    assert named(spans, "claim").resource["service.instance.id"] != taken_up.resource["service.instance.id"]
    # The other order was done with before the kill, and its fill comes to the next owner.
    assert named(collector.of(other), "publish fill").parent == STRATEGY
    [(on_fill, _)] = await strategy.headers("fill", "X")
    assert context_of(on_fill, other) == named(collector.of(other), "publish fill").id


async def test_a_refusal_a_cancel_and_a_command_without_a_context_have_traces_too(
    bench: Bench, collector: Collector
) -> None:
    tracing_on(bench, collector)
    strategy = Strategy(bench)
    await bench.bridge()
    await bench.submit("t5")
    await bench.result("t5", ("accepted", None, None))
    await strategy.send("cancel", {"type": "cancel", "command_id": "c5", "client_order_id": "t5"}, trace_id(5))
    await bench.result("c5", ("accepted", None, None))
    await strategy.send("cancel", {"type": "cancel", "command_id": "c6", "client_order_id": "none"}, trace_id(6))
    await bench.until(lambda: bench.results("c6"))
    await collector.until(
        lambda: {"c5", "c6", "t5"} <= {s.attributes.get("messaging.message.id") for s in collector.spans}
    )
    root = named([s for s in collector.spans if s.attributes.get("messaging.message.id") == "t5"], "command submit")
    assert root.parent == ""
    assert named(collector.of(root.trace), "venue submit").parent == root.id
    cancel = named(collector.of(trace_id(5)), "command cancel", status="accepted")
    assert named(collector.of(trace_id(5)), "venue cancel").parent == cancel.id
    refused = named(collector.of(trace_id(6)), "command cancel", status="rejected", reason="unknown_order")
    [(on_result, _)] = await strategy.headers("result", "c6")
    assert context_of(on_result, trace_id(6)) == refused.id


async def test_the_client_joins_the_trace_of_the_strategy_that_uses_it(bench: Bench, collector: Collector) -> None:
    tracing_on(bench, collector)
    await bench.bridge()
    tracer = TracerProvider().get_tracer("strategy")
    async with connect(bench.url, prefix=bench.prefix) as client:
        with tracer.start_as_current_span("decide") as span:
            placed = await client.submit("toy", symbol="X", side="buy", quantity="1", price="2.50")
        alone = await client.submit("toy", symbol="X", side="buy", quantity="1", price="2.50")
    context = span.get_span_context()
    trace = f"{context.trace_id:032x}"
    await collector.until(lambda: sum(span.name == "command submit" for span in collector.spans) == 2)
    joined = named(collector.of(trace), "command submit", status="accepted")
    assert joined.parent == f"{context.span_id:016x}"
    assert joined.attributes["messaging.message.id"] == placed.command_id
    [other] = [span for span in collector.spans if span.name == "command submit" and span.trace != trace]
    assert (other.parent, other.attributes["messaging.message.id"]) == ("", alone.command_id)


async def test_a_context_that_is_not_sampled_is_handed_on_and_makes_no_span(bench: Bench, collector: Collector) -> None:
    tracing_on(bench, collector)
    strategy = Strategy(bench)
    await bench.bridge()
    await strategy.submit("quiet", trace_id(7), sampled=False)
    await strategy.submit("loud", trace_id(8))
    for name in ("quiet", "loud"):
        await bench.result(name, ("accepted", None, None))
    await collector.until(lambda: any(span.name == "command submit" for span in collector.of(trace_id(8))))
    assert collector.of(trace_id(7)) == []
    [(on_result, _)] = await strategy.headers("result", "quiet")
    assert on_result["traceparent"].startswith(f"00-{trace_id(7)}-")
    assert on_result["traceparent"].endswith("-00")


async def test_without_tracing_nothing_is_added_to_messages(bench: Bench) -> None:
    strategy = Strategy(bench)
    await bench.bridge()
    await strategy.submit("t9", trace_id(9))
    await bench.result("t9", ("accepted", None, None))
    for kind in ("claim", "order", "result"):
        for headers, body in await strategy.headers(kind, "t9"):
            assert "traceparent" not in headers
            assert "traceparent" not in body


def test_without_tracing_opentelemetry_is_not_even_imported() -> None:
    program = "import sys, venuebus.app, venuebus.cli.run; print([m for m in sys.modules if 'opentelemetry' in m])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "[]"


async def test_a_collector_that_is_away_neither_delays_an_order_nor_the_stop(bench: Bench) -> None:
    bench.extra = {"tracing": {"enabled": True, "endpoint": "http://127.0.0.1:9"}}
    bridge = await bench.bridge()
    await Strategy(bench).submit("t10", trace_id(10))
    await bench.result("t10", ("accepted", None, None))
    async with asyncio.timeout(10):  # what `run` promises
        await bench.stop(bridge)


async def test_lines_about_a_command_carry_its_trace_and_others_none(
    bench: Bench, collector: Collector, logs: io.StringIO
) -> None:
    tracing_on(bench, collector)
    bench.venue.script("submit", "take_and_unknown")
    bridge = await bench.bridge()
    await Strategy(bench).submit("t11", trace_id(11))
    await bench.result("t11", ("unknown", "timeout", None), ("accepted", None, "query"))
    await bench.stop(bridge)
    lines = [json.loads(line) for line in logs.getvalue().splitlines()]
    [unknown] = [line for line in lines if line["event"] == "outcome unknown"]
    assert (unknown["trace_id"], len(unknown["span_id"])) == (trace_id(11), 16)
    [resolved] = [line for line in lines if line["event"] == "outcome resolved"]
    assert resolved["trace_id"] == trace_id(11)
    assert not [line for line in lines if line["event"].startswith(("venue ", "bridge ")) and "trace_id" in line]


async def test_a_broken_context_is_no_context(bench: Bench, collector: Collector) -> None:
    tracing_on(bench, collector)
    await bench.bridge()
    await bench.client.jetstream().publish(
        f"{bench.prefix}.v1.cmd.toy.main.cancel.bad", b'{"type":"cancel","command_id":"bad","client_order_id":"x"}',
        headers={"traceparent": "00-00000000000000000000000000000000-b7ad6b7169203331-01\t"},
    )  # fmt: skip
    await bench.until(lambda: bench.results("bad"))
    await collector.until(lambda: any(span.name == "command cancel" for span in collector.spans))
    assert collector.spans[0].parent == ""


def test_tracing_without_the_extra_says_which_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [
        name for name in sys.modules if name.startswith("opentelemetry") or name.endswith("observability.tracing")
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)  # type: ignore[arg-type]
    bridge = Bridge(BridgeConfig(tracing=TracingConfig(enabled=True)), load_plugins([], installed=False))
    with pytest.raises(ConfigError, match=r"venuebus\[otel\]"):
        asyncio.run(bridge.start())


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({"endpoint": "127.0.0.1:4318"}, "tracing.endpoint: expected an OTLP collector's address"),
        ({"sample": 1.5}, "tracing.sample"),
        ({"exporter": "x"}, "tracing.exporter: unknown key"),
    ],
)
def test_a_table_that_cannot_work_names_the_key(table: dict[str, object], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        build_config({"tracing": table, "venues": {}}, {})
