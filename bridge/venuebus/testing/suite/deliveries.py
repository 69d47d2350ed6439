"""Webhooks: what a venue that calls us delivers is proved, told apart and understood."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web
from venuebus_schemas import AccountEvent, encode

from ...secret import Secret
from ...venue import Delivery, SupportsWebhooks
from ..clauses import clause, demand, not_applicable, untested
from ..stage import Stage
from .events import demand_sound
from .parts import Suite

WANTED = 3
DELIVERY_LIMIT = 60.0  # seconds of the loop's clock in which the simulator must have delivered something
RUBBISH = (b"", b"\x00 no message {", b"[1, 2", b'{"msg_id": 7}', b"\xff" * 100)
OTHER_SECRET = "another-secret-of-nobody-0000"


@dataclass
class Letter:
    """One delivery as it came."""

    headers: dict[str, str]
    raw: bytes

    def delivery(self, body: bytes, msg_id: str | None) -> Delivery:
        """Return it as the bridge would hand it over."""
        return Delivery(msg_id=msg_id, body=body, raw=self.raw, headers=self.headers,
                        content_type="application/json", ts_recv=time.time_ns())  # fmt: skip


class Deliveries(Suite):
    """The venue's own deliveries, caught where the bridge's door would be."""

    @clause("webhooks", "W1")
    async def test_genuine_deliveries_are_verified_and_forged_ones_are_not(self) -> None:
        self._needs_webhook()
        async with self.stage() as stage:
            letters, door = await self._letters(stage), self.spec.webhook
            assert door is not None
            table, secrets = _with_other_secrets(stage.table, _revealed(stage.config))
            if not secrets:
                untested("the simulator's configuration proves deliveries by no Secret")
            webhook, wrong = door(stage.config), door(stage.build(table))
            for letter in letters:
                now = time.time_ns()
                demand(webhook.verify(letter.headers, letter.raw, now), "a genuine delivery was not verified")
                demand(not webhook.verify({}, letter.raw, now), "a delivery without any header was verified")
                demand(not wrong.verify(letter.headers, letter.raw, now), "a delivery signed with another key passed")
            bound = not webhook.verify(letters[0].headers, letters[0].raw + b" ", time.time_ns())
            demand(bound or _is_shared(stage.config), "a delivery that was changed on its way was verified")
            for rubbish in RUBBISH:
                demand(not webhook.verify({}, rubbish, time.time_ns()), f"{rubbish!r} was verified")

    @clause("webhooks", "W2", "E1", "E2")
    async def test_a_repeated_delivery_means_the_same(self) -> None:
        self._needs_webhook()
        async with self.stage() as stage:
            letters = await self._letters(stage)
            translate, webhook = await self._translator(stage)
            for letter in letters:
                body = webhook.decrypt(letter.raw)
                ids = {webhook.msg_id(body), webhook.msg_id(body)}
                demand(len(ids) == 1, f"the same body has the ids {ids}")
                delivery = letter.delivery(body, ids.pop())
                first, again = translate(delivery), translate(delivery)
                demand([encode(event) for event in first] == [encode(event) for event in again],
                       "the same delivery, translated twice, means something else")  # fmt: skip
                demand(all(isinstance(event, AccountEvent) for event in first), f"no events of an account: {first!r}")
                demand_sound(first, time.time_ns())

    @clause("webhooks", "W3")
    async def test_a_delivery_without_meaning_is_a_value_error(self) -> None:
        self._needs_webhook()
        async with self.stage() as stage:
            letter = (await self._letters(stage))[0]
            translate, webhook = await self._translator(stage)
            for rubbish in RUBBISH:
                name = webhook.msg_id(rubbish)
                demand(name is None or isinstance(name, str), f"msg_id() of {rubbish!r} is {name!r}")
                try:
                    events = translate(letter.delivery(rubbish, None))
                except ValueError as error:
                    demand(str(error), "the ValueError does not say what was not understood")
                else:
                    raise AssertionError(f"{rubbish!r} was translated to {events!r}")
            body = webhook.decrypt(letter.raw)
            translate(letter.delivery(body, webhook.msg_id(body)))

    # --- the parts ------------------------------------------------------------------------------------------

    def _needs_webhook(self) -> None:
        if self.spec.webhook is None:
            not_applicable("the spec names no webhook")

    async def _translator(self, stage: Stage) -> tuple[Callable[[Delivery], list[AccountEvent]], Any]:
        await stage.start()
        assert self.spec.webhook is not None
        demand(isinstance(stage.session, SupportsWebhooks), "the spec has a webhook, and its session no translate()")
        return stage.session.translate, self.spec.webhook(stage.config)

    async def _letters(self, stage: Stage) -> list[Letter]:
        """Return what the simulator delivers first."""
        target = getattr(stage.simulator, "target", None)
        if target is None:
            untested("the simulator has no target(url): it delivers nothing")
        letters: list[Letter] = []

        async def take(request: web.Request) -> web.Response:
            headers = {name.lower(): value for name, value in request.headers.items()}
            letters.append(Letter(headers, await request.read()))
            return web.Response()

        app = web.Application()
        app.router.add_post("/hooks/kit", take)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            target(f"http://127.0.0.1:{runner.addresses[0][1]}/hooks/kit")
            await stage.clock.pass_until(lambda: len(letters) >= WANTED, DELIVERY_LIMIT)
        finally:
            await runner.cleanup()
        demand(letters, f"the simulator delivered nothing within {DELIVERY_LIMIT:g} s of target()")
        return letters


def _revealed(value: Any) -> set[str]:
    if isinstance(value, Secret):
        return {value.reveal()}
    if isinstance(value, msgspec.Struct):
        value = [getattr(value, name) for name in value.__struct_fields__]
    return set().union(*map(_revealed, value)) if isinstance(value, list | tuple) else set()


def _with_other_secrets(table: Any, secrets: set[str]) -> tuple[Any, int]:
    """Return ``table`` with every secret replaced, and how many there were."""
    if isinstance(table, str):
        return (OTHER_SECRET, 1) if table in secrets else (table, 0)
    if isinstance(table, dict):
        made = {key: _with_other_secrets(value, secrets) for key, value in table.items()}
        return {key: value for key, (value, _) in made.items()}, sum(count for _, count in made.values())
    if isinstance(table, list | tuple):
        items = [_with_other_secrets(value, secrets) for value in table]
        return [value for value, _ in items], sum(count for _, count in items)
    return table, 0


def _is_shared(config: Any) -> bool:
    return type(getattr(config, "verify", None)).__name__ == "SharedSecret"
