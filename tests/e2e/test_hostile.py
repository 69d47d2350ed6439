"""A hostile plugin goes through every misdeed beside a healthy venue whose orders and market data go on all the while.

All venues run in one bridge, in one event loop, at once: a healthy one that trades without a pause, and one of the
hostile plugin for each deed. The run is made once; what it left on the bus and in the log is looked at deed by deed.
How long the healthy venue's orders took is recorded and told, and not asserted.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from venuebus import VenueSpec, guard, hookimpl, sessions
from venuebus.app import Bridge
from venuebus.configuration.config import build_config
from venuebus.orders import reconcile
from venuebus.plugins import load_plugins
from venuebus_schemas import Quote

from . import hostile
from .bench import MIB, Bench
from .toy_venue import ToyConfig, ToyPlugin, ToySession, ToyVenue

BOOM = r"plugin hostile: {}() raised KeyError: 'boom' (hostile.py, line "
ENDS = "plugin hostile: {}() tried to end the program ({}"

# Deed → what the venue's state says while it is down because of it.
LIFE = {
    "create:raise": BOOM.format("create"),
    "create:exit": ENDS.format("create", "SystemExit: bye"),
    "create:none": "create() must return an object with async connect(), run() and close(), got NoneType",
    "create:number": "create() must return an object with async connect(), run() and close(), got int",
    "connect:raise": BOOM.format("connect"),
    "connect:exit": ENDS.format("connect", "SystemExit: bye"),
    "connect:interrupt": ENDS.format("connect", "KeyboardInterrupt"),
    "connect:evil": "plugin hostile: connect() raised Evil: not an Exception",
    "connect:unshowable": "plugin hostile: connect() raised Unshowable: it cannot even say what",
    "connect:huge": "… (5000000 characters)",
    "connect:cancel": "the session was closed",
    "connect:odd": "… (100000 characters)",
    "connect:sync": "plugin hostile: connect() must be async, it returned NoneType",
    "connect:generator": "plugin hostile: connect() must be async, it returned generator",
    "connect:hang": "not connected within",
    "connect:deaf": "3 calls into plugin hostile never ended although they were canceled",
    "run:raise": BOOM.format("run"),
    "run:exit": ENDS.format("run", "SystemExit: bye"),
    "run:interrupt": ENDS.format("run", "KeyboardInterrupt"),
    "run:evil": "plugin hostile: run() raised Evil",
    "run:cancel": "the session was closed",
    "run:sync": "plugin hostile: run() must be async, it returned NoneType",
    "run:generator": "plugin hostile: run() must be async, it returned generator",
    "snapshot:raise": BOOM.format("snapshot"),
    "snapshot:exit": ENDS.format("snapshot", "SystemExit: bye"),
    "snapshot:none": "plugin hostile: snapshot() returned NoneType, a Snapshot expected",
    "snapshot:wrong": "plugin hostile: snapshot() returned str, a Snapshot expected",
    "snapshot:orders": "snapshot() returned a Snapshot whose orders holds str, Order expected",
    "snapshot:hang": "cannot be reconciled: no snapshot within",
}
# Deed → what the log says; the venue goes on with the next session.
CLOSE = {
    "close:raise": "KeyError: 'boom'",
    "close:exit": "close() tried to end the program",
    "close:evil": "Evil: not an Exception",
    "close:hang": "plugin did not close in time",
    "close:deaf": "plugin ignores that its call was canceled",
    "close:sync": "close() must be async",
    "run:deaf": "plugin ignores that its call was canceled",
}
# Deed → the first result of an order: status, reason, words of its text; and how it ends.
ORDERS = {
    "execute:raise": ("unknown", "internal", BOOM.format("execute"), "accepted"),
    "execute:exit": ("unknown", "internal", ENDS.format("execute", "SystemExit: bye"), "accepted"),
    "execute:interrupt": ("unknown", "internal", ENDS.format("execute", "KeyboardInterrupt"), "accepted"),
    "execute:evil": ("unknown", "internal", "execute() raised Evil", "accepted"),
    "execute:unshowable": ("unknown", "internal", "execute() raised Unshowable", "accepted"),
    "execute:none": ("unknown", "internal", "execute() returned NoneType, an Accepted expected", "accepted"),
    "execute:wrong": ("unknown", "internal", "execute() returned str, an Accepted expected", "accepted"),
    "execute:order": ("unknown", "internal", "an Accepted whose order is str, Order expected", "accepted"),
    "execute:fills": ("unknown", "internal", "an Accepted whose fills is NoneType, a list expected", "accepted"),
    "execute:hang": ("unknown", "timeout", "no answer within 0.6 s", "accepted"),
    "execute:deaf": ("unknown", "timeout", "no answer within 0.6 s", "accepted"),
    "execute:cancel": ("unknown", "internal", "gave up in the middle of the request", "accepted"),
    "execute:reject": ("rejected", "unknown", "… (100000 characters)", None),
    "execute:sync": ("unknown", "internal", "execute() must be async, it returned NoneType", "accepted"),
    "execute:generator": ("unknown", "internal", "execute() must be async, it returned generator", "accepted"),
    "execute:nested": ("unknown", "internal", "execute() returned function, an Accepted expected", "accepted"),
    "execute:lazy": ("accepted", None, "", None),
    "execute:print": ("accepted", None, "", None),
    "prepare:raise": ("rejected", "internal", BOOM.format("prepare"), None),
    "prepare:exit": ("rejected", "internal", ENDS.format("prepare", "SystemExit: bye"), None),
    "prepare:wrong": ("rejected", "internal", "prepare() returned str, a mapping of text to text expected", None),
    "prepare:texts": ("rejected", "internal", "prepare() returned a mapping that holds something else", None),
    "prepare:keys": ("rejected", "internal", "65536 at most fit into a claim", None),
    "prepare:nested": ("rejected", "internal", "prepare() must not be async", None),
    "lookup:raise": ("unknown", "timeout", "the answer was lost", "accepted"),
    "lookup:exit": ("unknown", "timeout", "the answer was lost", "accepted"),
    "lookup:evil": ("unknown", "timeout", "the answer was lost", "accepted"),
    "lookup:wrong": ("unknown", "timeout", "the answer was lost", "accepted"),
    "lookup:found": ("unknown", "timeout", "the answer was lost", "accepted"),
    "lookup:cancel": ("unknown", "timeout", "the answer was lost", "accepted"),
    "intercept:raise": (
        "rejected",
        "internal",
        "interceptor raise failed: interceptor raise: check() raised KeyEr",
        None,
    ),
    "intercept:exit": ("rejected", "internal", "check() tried to end the program", None),
    "intercept:evil": ("rejected", "internal", "check() raised Evil", None),
    "intercept:said": ("rejected", "internal", "check() returned bool; it must return nothing, or raise", None),
    "intercept:async": ("rejected", "internal", "check() must not be async", None),
}
# Deed → what the reply to a request says.
REPLIES = {
    "query:raise": BOOM.format("query"),
    "query:exit": ENDS.format("query", "SystemExit: bye"),
    "query:none": "query() returned NoneType, a list expected",
    "query:wrong": "query() returned str, a list expected",
    "query:items": "the plugin's answer cannot be encoded",
    "query:sync": "query() must be async",
    "subscribe:raise": BOOM.format("subscribe"),
    "subscribe:exit": ENDS.format("subscribe", "SystemExit: bye"),
    "subscribe:cancel": "subscribe() was canceled by the session itself",
}
# What is published and is no event → what its dead letter says, in the order of `hostile.bad_events`.
LETTERS = (
    "a plugin cannot publish NoneType",
    "a plugin cannot publish str",
    "a plugin cannot publish object",
    "symbol must be text, not None",
    "unhashable type",
    "an empty text cannot be a subject token",
    "symbol has 5000 characters, 256 at most",
    "bid must be decimal text in plain notation, not 1.5",
    "bid must be decimal text in plain notation, not 'NaN'",
    "ts_recv must be a whole number of 64 bits, not 'yesterday'",
    "ts_recv must be a whole number of 64 bits, not 1000000",
    "bids must be pairs of decimal text, not ('1',)",
    "surrogates not allowed",
    "a plugin cannot publish Session",
    "Result is not an event of an account",
    "status must be a OrderStatus, not 'banana'",
    "account 'nobody' is none of this venue's: main",
    "price must be decimal text in plain notation, not '9999",
    "quantity must be decimal text in plain notation, not 5",
    "text has 10000000 characters, 16384 at most",
    "extra must hold nothing but text, not <object",
    "client_order_id has 5000 characters, 256 at most",
    "an order event needs a client_order_id or a venue_order_id",
    "text must be text, not [[...]]",
    "text must be text, not a Unshowable that cannot be shown",
)
OTHERS = ("publish:all", "leak:all", "context:all", "connect:print")
DEEDS = (*LIFE, *CLOSE, *ORDERS, *REPLIES, *OTHERS)


def venue_of(deed: str) -> str:
    return deed.replace(":", "-")


DEED_OF = {venue_of(deed): deed for deed in DEEDS}


class HealthySession(ToySession):
    """A venue as it should be, with quotes."""

    async def run(self) -> None:
        number = 0
        while not self.done.is_set():
            number += 1
            self.context.publish(Quote(symbol="X", bid=str(number), ask=str(number + 1), ts_recv=self.context.now_ns()))
            await asyncio.sleep(0.01)


class Healthy(ToyPlugin):
    """The plugin of the healthy venue."""

    def __init__(self, venue: ToyVenue) -> None:
        super().__init__(venue, request_timeout=5.0)

    @hookimpl
    def venuebus_register_venues(self) -> list[VenueSpec[ToyConfig]]:
        create = lambda context: HealthySession(context, self._venue)  # noqa: E731
        return [VenueSpec(name="toy", config_type=ToyConfig, create=create, capabilities=self._capabilities)]


class Flow:
    """The healthy venue's orders, one after the other for as long as the run lasts, and how long each took."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.ids: list[str] = []
        self.seconds: list[float] = []

    async def run(self) -> None:
        while True:
            name = f"healthy-{len(self.ids)}"
            self.ids.append(name)
            started = time.monotonic()
            await self.bench.submit(name)
            await self.bench.until(lambda name=name: self.bench.results(name), timeout=20)
            self.seconds.append(time.monotonic() - started)
            await asyncio.sleep(0.02)

    def told(self) -> str:
        ordered = sorted(self.seconds)
        p99 = ordered[int(len(ordered) * 0.99)]
        return (
            f"healthy venue beside {len(DEEDS)} hostile ones: {len(ordered)} orders, median "
            f"{statistics.median(ordered) * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms, longest {ordered[-1] * 1000:.1f} ms"
        )


class Evidence:
    """What the run left behind."""

    def __init__(self) -> None:
        self.states: dict[str, list[str]] = {deed: [] for deed in DEEDS}
        self.results: dict[str, list[dict[str, Any]]] = {deed: [] for deed in DEEDS}
        self.quotes: dict[str, list[dict[str, Any]]] = {deed: [] for deed in DEEDS}
        self.lines: list[Any] = []
        self.replies: dict[str, dict[str, Any]] = {}
        self.letters: list[str] = []
        self.counts: dict[str, dict[str, int]] = {}
        self.made: dict[str, int] = {}
        self.flow: Flow
        self.healthy: dict[str, Any] = {}
        self.at_venue: list[tuple[str, str]] = []
        self.stopped_in = 0.0
        self.healthy_quotes = 0
        self._messages = self._lines = 0
        self._said: dict[str, list[str]] = {}

    def logged(self, deed: str) -> str:
        """What the log says of a deed's venue."""
        self._read_log()
        return "\n".join(self._said.get(venue_of(deed), ()))

    def read(self, messages: list[tuple[str, dict[str, Any]]]) -> None:
        """Sort what is new on the bus by what it tells; each message once, for the run must not stand still here."""
        for subject, event in messages[self._messages :]:
            plane, venue, *rest = subject.split(".")
            deed = DEED_OF.get(venue)
            self.healthy_quotes += plane == "md" and venue == "toy"
            if deed is None:
                continue
            if plane == "sys" and rest == ["session"]:
                self.states[deed].append(f"{event['state']}: {event.get('text', '')}")
            elif subject == f"acct.{venue}.main.result.{venue}-1":
                self.results[deed].append(event)
            elif plane == "md":
                self.quotes[deed].append(event)
            elif plane == "dead" and deed == "publish:all":
                self.letters.append(event["text"])
        self._messages = len(messages)

    def _read_log(self) -> None:
        for line in self.lines[self._lines :]:
            self._said.setdefault(line.get("venue", ""), []).append(str(line))
        self._lines = len(self.lines)


class Play:
    """One run of everything."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.found = Evidence()

    def config(self) -> dict[str, Any]:
        table = self.bench.config()
        table["venues"] |= {
            venue_of(deed): {"plugin": "hostile", "deed": deed, "market_data": ["quote"]} for deed in DEEDS
        }
        return table

    @asynccontextmanager
    async def bridge(self) -> AsyncIterator[Bridge]:
        plugins = load_plugins([Healthy(self.bench.venue), hostile.HostilePlugin()], installed=False)
        assert plugins.refused == ()
        bridge = Bridge(build_config(self.config(), plugins.specs), plugins)
        await bridge.start()
        try:
            yield bridge
        finally:
            started = time.monotonic()
            await bridge.stop()
            self.found.stopped_in = time.monotonic() - started

    async def run(self) -> Evidence:
        found, bench = self.found, self.bench
        async with self.bridge() as bridge:
            await bench.until(lambda: "ready" in bench.sessions(), timeout=30)
            flow = found.flow = Flow(bench)
            flowing = asyncio.create_task(flow.run())
            orders = {deed: f"{venue_of(deed)}-1" for deed in ORDERS}
            await self._until(lambda: all(self._was_ready(deed) for deed in (*ORDERS, *REPLIES, "run:deaf")), 30)
            for deed, name in orders.items():
                await self._submit(venue_of(deed), name)
            await bench.request(f"ctl.{venue_of('run:deaf')}.reconnect")
            found.replies = {deed: await self._ask(deed) for deed in REPLIES}
            await self._until(lambda: not self._missing(), 45)
            enough = max(len(flow.seconds) + 20, 100)
            await self._until(lambda: len(flow.seconds) >= enough and found.healthy_quotes >= 300, 30)
            found.healthy = bridge.venues["toy"].status()
            flowing.cancel()
            await asyncio.gather(flowing, return_exceptions=True)
            found.counts = {name: dict(runner.sessions.counts) for name, runner in bridge.venues.items()}
            found.made = dict(hostile.Session.made)
            found.read(bench.messages)
            found.at_venue = bench.venue.log()
        return found

    async def _until(self, condition: Callable[[], object], timeout: float) -> None:
        deadline = time.monotonic() + timeout
        # Looked at now and then: with every message it would cost more than the bridge does. What is missing in the
        # end, each deed's own test says.
        while not self._holds(condition) and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    def _holds(self, condition: Callable[[], object]) -> bool:
        self.found.read(self.bench.messages)
        return bool(condition())

    def _was_ready(self, deed: str) -> bool:
        return "ready: " in self.found.states[deed]

    def _missing(self) -> list[str]:
        found = self.found
        missing = [deed for deed, text in LIFE.items() if not any(text in said for said in found.states[deed])]
        missing += [deed for deed, text in CLOSE.items() if text not in found.logged(deed) or self._few(deed)]
        missing += [
            deed for deed, (_, _, _, end) in ORDERS.items() if len(found.results[deed]) < (1 if end is None else 2)
        ]
        if len(found.letters) < len(LETTERS):
            missing.append("publish:all")
        return missing

    def _few(self, deed: str) -> bool:
        return hostile.Session.made.get(venue_of(deed), 0) < 2

    async def _submit(self, venue: str, name: str) -> None:
        order = {"type": "submit", "command_id": name, "symbol": "X", "side": "buy", "order_type": "limit"}
        body = json.dumps({**order, "quantity": "1", "price": "2.50"}).encode()
        subject = f"{self.bench.prefix}.v1.cmd.{venue}.main.submit.{name}"
        await self.bench.client.jetstream().publish(subject, body)

    async def _ask(self, deed: str) -> dict[str, Any]:
        if deed.startswith("query"):
            return await self.bench.request(f"qry.{venue_of(deed)}.main.weather")
        return await self.bench.request(f"ctl.{venue_of(deed)}.subscribe", symbols=["X"])


@pytest.fixture(scope="module")
def evidence(nats_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evidence]:
    with pytest.MonkeyPatch.context() as patch:
        for module, name, value in (
            (sessions, "CONNECT_TIMEOUT", 0.5), (sessions, "CLOSE_TIMEOUT", 0.5), (sessions, "INTERNAL_PAUSE", 0.5),
            (reconcile, "SNAPSHOT_TIMEOUT", 0.5), (guard, "GRACE", 0.2),
        ):  # fmt: skip
            patch.setattr(module, name, value)
        hostile.Deaf.free = False
        hostile.Session.made.clear()
        yield asyncio.run(play(nats_url, tmp_path_factory.mktemp("hostile")))


async def play(url: str, folder: Path) -> Evidence:
    with structlog.testing.capture_logs() as lines:
        async with Bench(url, f"h{time.time_ns():x}", folder) as bench:
            bench.bus["account_max_bytes"] = 64 * MIB  # a stream that forgets its lease would stop the healthy venue
            made = Play(bench)
            made.found.lines = lines
            try:
                return await made.run()
            finally:
                hostile.Deaf.free = True
                for leaked in hostile.Session.leaked:
                    if hasattr(leaked, "close"):
                        leaked.close()
                hostile.Session.leaked.clear()
                await asyncio.sleep(0.1)  # what ignored its end has one now


@pytest.mark.parametrize("deed", LIFE)
def test_a_session_that_breaks_its_life_is_down_with_plugin_method_and_reason(evidence: Evidence, deed: str) -> None:
    assert any(LIFE[deed] in said for said in evidence.states[deed]), evidence.states[deed]
    assert all(len(said) < 2200 for said in evidence.states[deed])


@pytest.mark.parametrize("deed", CLOSE)
def test_a_session_that_does_not_close_is_told_and_followed_by_the_next(evidence: Evidence, deed: str) -> None:
    assert CLOSE[deed] in evidence.logged(deed), evidence.logged(deed)[-2000:]
    assert evidence.made[venue_of(deed)] >= 2


@pytest.mark.parametrize("deed", ORDERS)
def test_an_order_that_the_plugin_spoils_has_a_true_end(evidence: Evidence, deed: str) -> None:
    status, reason, text, end = ORDERS[deed]
    results = evidence.results[deed]
    assert results, evidence.logged(deed)[-2000:]
    assert (results[0]["status"], results[0].get("reason")) == (status, reason), results
    assert text in results[0].get("text", ""), results
    assert [result["status"] for result in results[1:]] == ([] if end is None else [end]), results


@pytest.mark.parametrize("deed", REPLIES)
def test_a_request_that_the_plugin_spoils_is_answered(evidence: Evidence, deed: str) -> None:
    reply = evidence.replies[deed]
    assert reply["ok"] is False
    assert REPLIES[deed] in reply["text"], reply


def test_what_is_no_event_becomes_a_dead_letter_and_the_session_lives_on(evidence: Evidence) -> None:
    said = [text for text in evidence.letters if text.startswith("the plugin published a bad event: ")]
    assert len(said) == len(LETTERS), said
    for text, expected in zip(said, LETTERS, strict=True):
        assert expected in text
    assert evidence.counts["publish-all"]["event_refused"] == len(LETTERS)
    assert [quote["symbol"] for quote in evidence.quotes["publish:all"]] == ["good"]
    assert evidence.states["publish:all"][-1].startswith("ready")


def test_what_a_closed_session_still_publishes_goes_nowhere_and_is_counted(evidence: Evidence) -> None:
    assert evidence.counts["leak-all"]["event_after_close"] > 0
    epochs = [quote["epoch"] for quote in evidence.quotes["leak:all"]]
    assert epochs == sorted(epochs)
    assert evidence.made["leak-all"] >= 2


def test_a_flood_of_names_and_texts_is_bounded(evidence: Evidence) -> None:
    counts = evidence.counts["context-all"]
    assert len(counts) <= 201
    assert counts["other"] > 9000
    assert evidence.states["context:all"][-1].startswith("ready")


def test_a_plugin_that_prints_only_prints(evidence: Evidence) -> None:
    assert evidence.states["connect:print"][-1].startswith("ready")


def test_hooks_that_fail_are_told_and_keep_nothing_from_running(evidence: Evidence) -> None:
    text = "\n".join(map(str, evidence.lines))
    assert "plugin failed in venuebus_venue_state_changed" in text
    off = {line["observer"] for line in evidence.lines if "observer keeps failing" in line["event"]}
    assert off == {"raise", "exit", "evil", "async"}


def test_the_healthy_venue_trades_on_all_the_while(evidence: Evidence, record_property: Any) -> None:
    flow, bench = evidence.flow, evidence.flow.bench
    done = flow.ids[: len(flow.seconds)]
    record_property("healthy_venue", flow.told())
    print(flow.told())  # noqa: T201 - shown with `pytest -rA`, and in the report
    assert len(done) >= 100
    for name in done:
        assert bench.results(name) == [("accepted", None, None)], bench.of("result", name)
        assert evidence.at_venue.count(("submit", name)) == 1
    said = [event["state"] for subject, event in bench.messages if subject == "sys.toy.session"]
    assert said == ["connecting", "ready", "closed"]
    quotes = [event for subject, event in bench.messages if subject == "md.toy.quote.X"]
    assert [quote["seq"] for quote in quotes] == list(range(1, len(quotes) + 1))
    assert len(quotes) >= 300
    assert evidence.healthy["reconnects"] == 0
    assert evidence.healthy["unknown"] == []


def test_the_bridge_ends_in_time_whatever_still_hangs_in_it(evidence: Evidence) -> None:
    assert evidence.stopped_in < 10
