"""One attempt: whatever the plugin does, it ends in one of the typed outcomes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from venuebus import Accepted, CommandRejected, NotSent, OutcomeUnknown
from venuebus.orders.attempt import Attempt
from venuebus_schemas import Cancel

Script = Callable[[Attempt], Awaitable[Accepted]]


class Plugin:
    def __init__(self, script: Script) -> None:
        self.execute: Any = script


class Run:
    """One run of an attempt with short times."""

    def __init__(self, script: Script, *, left: float = 5.0, timeout: float = 0.1, waiting: bool = False) -> None:
        self.refusal: str | None = None
        self.attempt = Attempt(
            "main", Cancel(command_id="c", client_order_id="o"), order=None, may_send=lambda: self.refusal
        )
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.outcome = asyncio.ensure_future(
            self.attempt.run(
                Plugin(script),
                self.lost,
                time_left=lambda: left,
                request_timeout=timeout,
                waiting=lambda: waiting,
            )
        )


async def forever(attempt: Attempt) -> Accepted:
    await asyncio.Event().wait()
    raise AssertionError


async def send_and_hang(attempt: Attempt) -> Accepted:
    attempt.sending()
    return await forever(attempt)


async def test_an_answer_is_the_outcome() -> None:
    async def script(attempt: Attempt) -> Accepted:
        attempt.sending()
        return Accepted(text="yes")

    run = Run(script)
    assert (await run.outcome).text == "yes"
    assert run.attempt.ts_sent is not None


@pytest.mark.parametrize(
    "error",
    [NotSent("closed"), CommandRejected("price", "no"), OutcomeUnknown("lost")],  # type: ignore[arg-type]
)
async def test_what_the_plugin_knows_is_passed_on(error: Exception) -> None:
    async def script(attempt: Attempt) -> Accepted:
        raise error

    with pytest.raises(type(error)) as raised:
        await Run(script).outcome
    assert raised.value is error


@pytest.mark.parametrize("error", [KeyError("x"), TimeoutError(), ConnectionResetError(), RecursionError()])
async def test_what_the_plugin_did_not_plan_is_unknown(error: Exception) -> None:
    async def script(attempt: Attempt) -> Accepted:
        raise error

    with pytest.raises(OutcomeUnknown) as raised:
        await Run(script).outcome
    assert raised.value.reason == "internal"
    assert raised.value.__cause__ is error


async def test_a_plugin_that_cancels_itself_is_unknown() -> None:
    async def script(attempt: Attempt) -> Accepted:
        attempt.sending()
        raise asyncio.CancelledError

    with pytest.raises(OutcomeUnknown):
        await Run(script).outcome


async def test_silence_after_sending_is_unknown_and_before_it_a_refusal() -> None:
    with pytest.raises(OutcomeUnknown, match=r"no answer within 0\.1 s"):
        await Run(send_and_hang).outcome
    with pytest.raises(CommandRejected) as refused:
        await Run(forever, left=0.05).outcome
    assert refused.value.reason == "expired"
    with pytest.raises(CommandRejected) as limited:
        await Run(forever, left=0.05, waiting=True).outcome
    assert limited.value.reason == "rate_limited"


async def test_a_lost_link_is_not_sent_before_the_write_and_unknown_after_it() -> None:
    run = Run(forever)
    run.lost.set_result(None)
    with pytest.raises(NotSent):
        await run.outcome
    run = Run(send_and_hang, timeout=5.0)
    run.lost.set_result(None)
    with pytest.raises(OutcomeUnknown, match="link was lost"):
        await run.outcome


async def test_an_attempt_that_must_not_start_raises_in_the_plugin() -> None:
    async def script(attempt: Attempt) -> Accepted:
        attempt.sending()
        raise AssertionError("written")

    run = Run(script)
    run.refusal = "the lease is gone"
    with pytest.raises(NotSent, match="the lease is gone"):
        await run.outcome
    assert run.attempt.ts_sent is None


async def test_a_plugin_that_ignores_its_end_may_not_send_any_more() -> None:
    refused: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def stubborn(attempt: Attempt) -> Accepted:
        try:
            return await forever(attempt)
        except asyncio.CancelledError:
            try:
                attempt.sending()
            except NotSent as error:
                refused.set_result(str(error))
            raise

    with pytest.raises(CommandRejected):
        await Run(stubborn, left=0.02).outcome
    assert await refused == "the attempt was given up"
