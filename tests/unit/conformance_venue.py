"""A small sound plugin (JSON lines over TCP), and the ways in which each line of it can be wrong.

``make_spec()`` is the sound one; ``make_spec("leaks_task")`` has that defect.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec
from venuebus import (
    Accepted,
    Capabilities,
    CommandRejected,
    FatalError,
    Found,
    Instruction,
    NotSent,
    OrderKey,
    OutcomeUnknown,
    RetryableError,
    Secret,
    Snapshot,
    VenueConfig,
    VenueContext,
    VenueSpec,
)
from venuebus.simulation import FaultScript, Market, MatchingEngine, OrderRefused, SimFill, SimOrder, SimTrade
from venuebus_schemas import (
    Amend,
    Cancel,
    Order,
    OrderStatus,
    OrderType,
    Query,
    Quote,
    Reason,
    Side,
    Submit,
    Verb,
    plain,
)

KEY = "the-right-key"
STATES = {"new": "new", "partially_filled": "partially_filled", "filled": "filled", "canceled": "canceled"}


class LineConfig(VenueConfig, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Where the venue is."""

    port: int
    api_key: Secret


class LooseConfig(VenueConfig, kw_only=True, frozen=True):
    """The same with a key in the open, and room for anything."""

    port: int
    api_key: str


class LineSession:
    """The sound session; each ``in self._bad`` is a place where another one goes wrong."""

    def __init__(self, ctx: VenueContext[Any], bad: frozenset[str]) -> None:
        self._ctx, self._bad = ctx, bad
        self._writer: asyncio.StreamWriter | None = None
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._ids = itertools.count(1)
        self._tasks: list[asyncio.Task[None]] = []
        self._heard = 0.0

    async def connect(self) -> None:
        try:
            async with asyncio.timeout(5.0):
                reader, self._writer = await asyncio.open_connection("127.0.0.1", self._ctx.config.port)
        except (TimeoutError, OSError) as error:
            raise (FatalError if "refused_is_fatal" in self._bad else RetryableError)(
                f"cannot connect: {error}"
            ) from error
        self._heard = asyncio.get_running_loop().time()
        self._tasks = [asyncio.create_task(self._read(reader), name="read")]
        if "ignores_silence" not in self._bad:
            self._tasks.append(asyncio.create_task(self._watch(), name="watch"))
        if "leaks_task" in self._bad:
            self._leak = asyncio.create_task(asyncio.Event().wait(), name="leaked")
        if "leaks_thread" in self._bad:
            threading.Thread(target=time.sleep, args=(5.0,), daemon=True, name="leaked").start()
        if "blocks" in self._bad:
            time.sleep(0.3)  # noqa: ASYNC251 - this is what it does wrong
        if "computes" in self._bad:
            sum(number * number for number in range(3_000_000))
        key = self._ctx.config.api_key
        key = key if isinstance(key, str) else key.reveal()
        if "logs_secret" in self._bad:
            self._ctx.log.info("logging in", key=key)
        answer = await self._timely(self._ask("login", lambda: None, key=key))
        if not answer["ok"]:
            raise (RetryableError if "login_is_retryable" in self._bad else FatalError)("the key is wrong")
        await self._timely(self._ask("subscribe", lambda: None, symbols=list(self._ctx.config.symbols)))

    async def run(self) -> None:
        if "run_returns" in self._bad:
            return
        try:
            done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if "resists" in self._bad:
                await asyncio.sleep(5.0)
            raise
        for task in done:
            if not task.cancelled():
                error = task.exception()
                raise (error if isinstance(error, RetryableError) else RetryableError(str(error)))
        raise RetryableError("closed")

    async def close(self) -> None:
        if "closes_once" in self._bad:
            assert self._writer is not None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._writer is not None and "leaks_socket" not in self._bad:
            self._writer.transport.abort()
        if "closes_once" in self._bad:
            self._writer = None
        self._lose()

    def prepare(self, instruction: Instruction) -> Mapping[str, str]:
        command = instruction.command
        if isinstance(command, Submit):
            self._check(command)
        return {"symbol": getattr(command, "symbol", None) or ""}

    async def execute(self, instruction: Instruction) -> Accepted:
        command, sending = instruction.command, instruction.sending
        if self._writer is None or self._writer.is_closing():
            raise (RetryableError if "unsent_is_unknown" in self._bad else NotSent)("not connected")
        if "sends_first" in self._bad:
            await self._ask("ping", lambda: None)
        known = self._ctx.find_order(instruction.account, client_order_id=getattr(command, "client_order_id", None))
        if isinstance(command, Submit):
            if known is not None and known.venue_order_id is not None and "repeats" not in self._bad:
                raise CommandRejected(Reason.DUPLICATE, "the venue has it")
            self._check(command)
            size = command.quantity or "0"
            more = {"cid": command.client_order_id, "symbol": command.symbol, "side": str(command.side),
                    "qty": size, "px": command.price}  # fmt: skip
            answer = await self._command("place", sending, **more)
        elif isinstance(command, Cancel | Amend):
            px = None if "amends_nothing" in self._bad else getattr(command, "price", None)
            answer = await self._command(
                str(command.__struct_config__.tag), sending, cid=command.client_order_id, px=px
            )
        else:
            raise CommandRejected(Reason.UNSUPPORTED, "no such command")
        return Accepted(order=self._order(answer["order"], instruction.account))

    async def lookup(self, account: str, key: OrderKey) -> Found | None:
        try:
            answer = await self._timely(
                self._ask("order", lambda: None, cid=key.client_order_id, oid=key.venue_order_id)
            )
        except RetryableError:
            if "silence_is_absence" in self._bad:
                return None
            raise
        return Found(order=self._order(answer["order"], account)) if answer["ok"] else None

    async def snapshot(self, account: str, since_ns: int) -> Snapshot:
        answer = await self._timely(self._ask("orders", lambda: None))
        rows = [] if "hides_orders" in self._bad else answer["orders"]
        return Snapshot(orders=[self._order(row, account) for row in rows], fills=[])

    async def subscribe(self, symbols: list[str], market_data: list[str]) -> None:
        answer = await self._timely(self._ask("subscribe", lambda: None, symbols=symbols))
        if not answer["ok"] and "takes_any_symbol" not in self._bad:
            raise CommandRejected(Reason.UNKNOWN_SYMBOL, f"no {', '.join(symbols)}")

    async def unsubscribe(self, symbols: list[str], market_data: list[str]) -> None:
        if "hears_on" not in self._bad:
            await self._timely(self._ask("unsubscribe", lambda: None))

    async def query(self, account: str, what: str, request: Query) -> list[Any]:
        if what != "instruments" and "answers_anything" not in self._bad:
            raise CommandRejected(Reason.UNSUPPORTED, f"no query {what}")
        return [{"symbol": "AB"}]

    # --- inside ---------------------------------------------------------------------------------------------

    def _check(self, command: Submit) -> None:
        if command.params and "ignores_params" not in self._bad:
            raise CommandRejected(Reason.INVALID, "params: there are none")
        for name, text in (("quantity", command.quantity), ("price", command.price)):
            if text is not None and "rounds" not in self._bad and Decimal(text).as_tuple().exponent < -2:  # type: ignore[operator]
                raise CommandRejected(Reason.QUANTITY, f"{name}: two decimals at most")

    async def _command(self, op: str, sending: Callable[[], None], **fields: Any) -> dict[str, Any]:
        if fields.get("qty"):
            fields["qty"] = str(round(Decimal(fields["qty"]), 2))
            fields["px"] = str(round(Decimal(fields["px"]), 2))
        if "says_sending_early" in self._bad:
            sending()
            sending = lambda: None  # noqa: E731
            await asyncio.sleep(0.5)
        try:
            answer = await self._ask(op, sending, **fields)
        except RetryableError as error:
            if "loss_is_rejection" in self._bad:
                raise CommandRejected(Reason.TIMEOUT, "no answer") from error
            raise OutcomeUnknown(str(error)) from error
        if not answer["ok"]:
            if answer["code"] == "internal":
                raise (NotSent if "doubt_is_unsent" in self._bad else OutcomeUnknown)("the venue failed")
            code = Reason.UNKNOWN_ORDER if answer["code"] == "no_order" else Reason.VENUE_REJECTED
            if "refusal_is_unknown" in self._bad:
                raise OutcomeUnknown("refused")
            raise CommandRejected(code, answer["code"])
        return answer

    async def _timely(self, work: Any) -> Any:
        try:
            async with asyncio.timeout(5.0):
                return await work
        except TimeoutError as error:
            raise RetryableError("no answer") from error

    async def _ask(self, op: str, sending: Callable[[], None], **fields: Any) -> dict[str, Any]:
        number = next(self._ids)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        line = json.dumps({"id": number, "op": op, **fields}).encode() + b"\n"
        writer = self._writer
        if writer is None:
            raise RetryableError("not connected")
        try:
            sending()
        except NotSent:
            if "sends_anyway" in self._bad:
                writer.write(line)
            raise
        self._answers[number] = answer
        writer.write(line)
        if "sends_twice" in self._bad and op == "place":
            writer.write(line.replace(b'"cid": "', b'"cid": "x'))
        if "assumes_success" in self._bad and op == "place":
            return {"ok": True, "order": {**fields, "oid": "?", "state": "new", "filled": "0"}}
        return await answer

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while line := await (reader.read(4096) if "reads_chunks" in self._bad else reader.readline()):
                self._heard = asyncio.get_running_loop().time()
                try:
                    self._take(json.loads(line))
                except (ValueError, KeyError, TypeError) as error:
                    if "garbage_kills" in self._bad:
                        raise RetryableError("garbage") from error
                    if "garbage_vanishes" not in self._bad:
                        self._ctx.dead_letter(line, str(error))
        except OSError as error:
            raise RetryableError(f"lost: {error}") from error
        finally:
            self._lose()
        raise RetryableError("the venue closed the connection")

    async def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        while (left := self._heard + 10.0 - loop.time()) > 0:  # noqa: ASYNC110 - each line moves the end
            await asyncio.sleep(left)
        raise RetryableError("silence")

    def _lose(self) -> None:
        for answer in self._answers.values():
            if not answer.done() and "loss_is_not_told" not in self._bad:
                answer.set_exception(RetryableError("the link was lost"))
                answer.exception()

    def _take(self, row: dict[str, Any]) -> None:
        if "id" in row:
            answer = self._answers.pop(row["id"], None)
            if answer is not None and not answer.done():
                answer.set_result(row)
        elif "bid" in row:
            self._quote(row)
        else:
            self._ctx.publish(self._order(row, self._ctx.accounts[0]))

    def _quote(self, row: dict[str, Any]) -> None:
        now = self._ctx.now_ns()
        bid: Any = float(row["bid"]) if "floats" in self._bad else row["bid"]
        quote = Quote(symbol=row["symbol"], bid=bid, ask=row["ask"], ts_recv=now)
        if "seconds" in self._bad:
            quote.ts_recv = now // 1_000_000_000
        if "wrong_symbol" in self._bad:
            quote.symbol = "ELSE"
        if "goes_back" in self._bad:
            quote.ts_recv -= next(self._ids) * 1_000_000_000
        if "wastes" in self._bad:
            for number in range(2000):
                abs(number)
        self._ctx.publish(quote)

    def _order(self, row: dict[str, Any], account: str) -> Order:
        side = Side.SELL if "turns_side" in self._bad else Side(row["side"])
        return Order(
            account=account, symbol=row["symbol"], side=side, order_type=OrderType.LIMIT,
            status=OrderStatus(STATES[row["state"]]), quantity=row["qty"], filled_quantity=row["filled"],
            price=row["px"], client_order_id=row["cid"], venue_order_id=row["oid"], ts_recv=self._ctx.now_ns(),
        )  # fmt: skip


class LineSimulator:
    """The venue; it stages the standard occasions."""

    def __init__(self) -> None:
        self.faults = FaultScript()
        self.engine = MatchingEngine([Market("AB", Decimal("0.01"), Decimal("0.01"), Decimal(100))], self,
                                     now_ns=time.time_ns)  # fmt: skip
        self._numbers = itertools.count(1)
        self._peers: set[asyncio.StreamWriter] = set()
        self._wants: set[asyncio.StreamWriter] = set()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self._server = await asyncio.start_server(self._serve, host, port)
        self.port = self._server.sockets[0].getsockname()[1]
        self._moving = asyncio.create_task(self._move())

    async def stop(self) -> None:
        self._moving.cancel()
        self._server.close()
        for peer in self._peers:
            peer.transport.abort()
        await self._server.wait_closed()

    def config(self) -> dict[str, Any]:
        return {"plugin": "line", "port": self.port, "api_key": KEY, "symbols": ["AB"], "market_data": ["quote"]}

    def describe(self) -> str:
        return "lines"

    async def _move(self) -> None:
        while True:
            await asyncio.sleep(0.05)
            self.engine.step("AB", trade=False)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._peers.add(writer)
        try:
            while line := await reader.readline():
                self._answer(json.loads(line), writer)
        except OSError:
            pass
        finally:
            self._peers.discard(writer)
            self._wants.discard(writer)
            writer.close()

    def _answer(self, asked: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        op = {"place": "submit"}.get(asked["op"], asked["op"])
        if self.faults.take(f"{op}.request") is not None:
            answer: dict[str, Any] = {"ok": False, "code": "no_money"}
        else:
            try:
                answer = {"ok": True, **self._act(asked, writer)}
            except OrderRefused as error:
                answer = {"ok": False, "code": "no_order" if error.code in ("unknown", "final") else error.code}
        fault = self.faults.take(f"{op}.answer")
        if fault is not None:
            answer = {"ok": False, "code": "no_order" if fault.action == "forget" else "internal"}
        writer.write(json.dumps({"id": asked["id"], **answer}).encode() + b"\n")

    def _act(self, asked: dict[str, Any], writer: asyncio.StreamWriter) -> dict[str, Any]:
        match asked["op"]:
            case "login":
                if asked["key"] != KEY:
                    raise OrderRefused("key", "wrong key")
            case "subscribe":
                if asked["symbols"] != ["AB"]:
                    raise OrderRefused("symbol", "no such symbol")
                self._wants.add(writer)
            case "unsubscribe":
                self._wants.discard(writer)
            case "place":
                number = f"V{next(self._numbers)}"
                order = SimOrder(number, "me", asked["symbol"], asked["side"], Decimal(asked["qty"]),
                                 price=Decimal(asked["px"]), client_id=asked["cid"])  # fmt: skip
                return {"order": _row(self.engine.submit(order))}
            case "cancel":
                return {"order": _row(self.engine.cancel(self._find(asked).order_id))}
            case "amend":
                price = Decimal(asked["px"]) if asked["px"] else None
                return {"order": _row(self.engine.amend(self._find(asked).order_id, price=price))}
            case "order":
                return {"order": _row(self._find(asked))}
            case "orders":
                return {"orders": [_row(order) for order in self.engine.open_orders()]}
        return {}

    def _find(self, asked: dict[str, Any]) -> SimOrder:
        for order in self.engine.orders.values():
            if order.client_id == asked.get("cid") or order.order_id == asked.get("oid"):
                return order
        raise OrderRefused("unknown", "no such order")

    def _push(self, row: dict[str, Any]) -> None:
        fault = self.faults.take("push")
        for peer in self._wants:
            peer.write(b"\x00 no line of ours\n" if fault is not None else json.dumps(row).encode() + b"\n")

    def on_order(self, order: SimOrder) -> None:
        self._push(_row(order))

    def on_fill(self, fill: SimFill) -> None: ...

    def on_trade(self, trade: SimTrade) -> None: ...

    def on_book(self, symbol: str) -> None:
        bids, asks = self.engine.book(symbol, 1)
        if bids and asks:
            self._push({"symbol": symbol, "bid": plain(bids[0][0]), "ask": plain(asks[0][0])})


def _row(order: SimOrder) -> dict[str, Any]:
    return {"oid": order.order_id, "cid": order.client_id, "symbol": order.symbol, "side": order.side,
            "qty": plain(order.quantity), "px": plain(order.price or Decimal(0)), "state": order.state,
            "filled": plain(order.filled)}  # fmt: skip


def make_spec(*bad: str) -> VenueSpec[Any]:
    """Return the plugin with the named defects."""
    capabilities = Capabilities(
        market_data=frozenset({"quote", "trade"} if "promises_trades" in bad else {"quote"}),
        verbs=frozenset({Verb.SUBMIT, Verb.CANCEL, Verb.AMEND}),
        order_types=frozenset({OrderType.LIMIT}),
        queries=frozenset({"instruments"}),
    )
    defects = frozenset(bad)
    return VenueSpec(
        name="line",
        config_type=LooseConfig if "loose" in bad else LineConfig,
        create=lambda context: LineSession(context, defects),
        capabilities=capabilities,
        simulator=LineSimulator,
    )


SPEC = make_spec()
assert msgspec.structs.fields(LineConfig)
