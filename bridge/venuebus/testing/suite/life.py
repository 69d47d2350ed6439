"""Life: connect, run, close, loss, cancellation."""

from __future__ import annotations

import asyncio
from typing import Any

from ...errors import FatalError, RetryableError
from ...secret import Secret
from ..clauses import clause, demand, not_applicable, untested
from ..loops import as_session, patiently
from ..stage import Stage
from .parts import Suite

CONNECT_LIMIT = 60.0  # seconds of the loop's clock until connect() must have given up
CANCEL_LIMIT = 1.0


class Life(Suite):
    """A session lives once: connect, run, close."""

    @clause("life", "L1", "L2")
    async def test_it_connects_runs_and_leaves_nothing_behind(self) -> None:
        async with self.stage() as stage:
            await stage.start()
            assert stage.running is not None
            await patiently(lambda: stage.running is None or stage.running.done(), 0.2)
            demand(not stage.running.done(), f"run() ended while the venue was there: {_end(stage.running)}")
            await stage.end()
            await self._nothing_left(stage, "close()")

    @clause("life", "L2")
    async def test_close_is_safe_twice_and_before_connect(self) -> None:
        async with self.stage() as stage:
            unused = stage.create()
            await stage.act(unused.close())
            await stage.start()
            await stage.act(stage.session.close())
            await stage.act(stage.session.close())
            assert stage.running is not None
            demand(await patiently(stage.running.done, 5.0), "run() goes on after close()")
            await stage.end()
            await self._nothing_left(stage, "close() twice")

    @clause("life", "L2", "L3")
    async def test_a_refused_connection_is_retryable_and_leaves_nothing(self) -> None:
        self.needs_connection()
        async with self.stage(refuse=True) as stage:
            self._needs_address(stage)
            await self._fails_to_connect(stage, "the connection was refused")

    @clause("life", "L2", "L3")
    async def test_a_connection_that_nobody_answers_is_retryable_and_leaves_nothing(self) -> None:
        self.needs_connection()
        async with self.stage() as stage:
            self._needs_address(stage)
            stage.network.mute = True
            await self._fails_to_connect(stage, "nobody answered")

    @clause("life", "L2", "L3")
    async def test_a_connection_that_is_cut_while_it_is_made_is_retryable(self) -> None:
        self.needs_connection()
        for sent in (1, 200, 500):
            async with self.stage() as stage:
                self._needs_address(stage)
                stage.network.cut_after = sent
                task = as_session(stage.create().connect(), "connect")
                await stage.ends(task, CONNECT_LIMIT)
                if stage.network.mute or not task.done():
                    self._is_retryable(task, f"every connection was cut after {sent} bytes and none was answered again")
                await stage.end()
                await self._nothing_left(stage, "close() after that")

    @clause("life", "L4")
    async def test_wrong_credentials_are_fatal(self) -> None:
        self.needs_connection()
        async with self.stage() as stage:
            names = self.credentials if self.credentials is not None else secrets(stage.config)
            if not names:
                not_applicable("the simulator's configuration holds no Secret")
        for name in names:
            async with self.stage(changes={name: "not-the-right-one-0000"}) as stage:
                task = as_session(stage.create().connect(), "connect")
                await stage.ends(task, CONNECT_LIMIT)
                demand(task.done(), f"connect() with a wrong {name} did not end")
                error = task.exception()
                demand(isinstance(error, FatalError), f"connect() with a wrong {name} ended with {error!r}")
                await stage.end()
                await self._nothing_left(stage, f"close() after a wrong {name}")

    @clause("life", "L2", "L5")
    async def test_run_ends_when_the_venue_cuts_the_connection(self) -> None:
        self.needs_connection()
        async with self.stage() as stage:
            await stage.start()
            self._needs_address(stage)
            stage.network.mute = True  # nothing that is made anew helps
            stage.network.cut()
            await self._is_lost(stage, "the venue cut every connection", 30.0)

    @clause("life", "L2", "L5")
    async def test_run_ends_when_the_venue_falls_silent(self) -> None:
        self.needs_connection()
        async with self.stage() as stage:
            await stage.start()
            self._needs_address(stage)
            stage.network.mute = True
            await self._is_lost(stage, f"the venue was silent for {self.silence_limit:g} s", self.silence_limit)

    @clause("life", "L2", "L7")
    async def test_a_canceled_run_ends_at_once(self) -> None:
        async with self.stage() as stage:
            await stage.start()
            assert stage.running is not None
            stage.running.cancel()
            demand(await patiently(stage.running.done, CANCEL_LIMIT), f"run() goes on {CANCEL_LIMIT:g} s after cancel")
            await stage.end()
            await self._nothing_left(stage, "close()")

    @clause("life", "L2", "L7")
    async def test_a_canceled_connect_ends_at_once(self) -> None:
        self.needs_connection()
        async with self.stage() as stage:
            self._needs_address(stage)
            stage.network.mute = True
            task = as_session(stage.create().connect(), "connect")
            await patiently(lambda: stage.network.accepted or task.done(), 5.0)
            task.cancel()
            demand(await patiently(task.done, CANCEL_LIMIT), f"connect() goes on {CANCEL_LIMIT:g} s after cancel")
            demand(task.cancelled() or task.exception() is not None, "connect() returned although it was canceled")
            await stage.end()
            await self._nothing_left(stage, "close() after a canceled connect")

    @clause("life", "L6")
    async def test_after_a_loss_a_new_session_goes_on(self) -> None:
        self.needs_connection()
        async with self.stage() as stage:
            await stage.start()
            self._needs_address(stage)
            stage.network.cut()
            assert stage.running is not None
            demand(await stage.ends(stage.running, 30.0), "run() did not end when every connection was cut")
            await stage.end()
            stage.context.events.clear()
            await stage.start()
            if self.can.market_data and stage.config.symbols:
                came = await patiently(lambda: stage.context.events, 10.0)
                demand(came, "no event came within 10 s of the second connect")
            await stage.end()
            await self._nothing_left(stage, "two sessions")

    # --- the parts ------------------------------------------------------------------------------------------

    def _needs_address(self, stage: Stage) -> None:
        if stage.table == {**self.config(stage.simulator), **stage._changes}:
            untested("config() holds no local address (127.0.0.1:PORT, or a key named port): nothing to interrupt")

    async def _fails_to_connect(self, stage: Stage, what: str) -> None:
        task = as_session(stage.create().connect(), "connect")
        await stage.ends(task, CONNECT_LIMIT)
        self._is_retryable(task, what)
        await stage.end()
        await self._nothing_left(stage, "close() after a failed connect")

    def _is_retryable(self, task: asyncio.Task[Any], what: str) -> None:
        if not task.done():
            task.cancel()
        demand(task.done(), f"{what}, and connect() did not end within {CONNECT_LIMIT:g} s")
        demand(not task.cancelled() and isinstance(task.exception(), RetryableError), f"{what}: {_end(task)}")

    async def _is_lost(self, stage: Stage, what: str, seconds: float) -> None:
        assert stage.running is not None
        demand(await stage.ends(stage.running, seconds), f"{what}, and run() goes on")
        error = None if stage.running.cancelled() else stage.running.exception()
        demand(error is None or isinstance(error, RetryableError), f"{what}: {_end(stage.running)}")
        await stage.end()
        await self._nothing_left(stage, "close() after the loss")

    async def _nothing_left(self, stage: Stage, what: str) -> None:
        left = await stage.leftovers()
        demand(not left, f"{what} left behind: {', '.join(left)}")


def secrets(config: Any) -> tuple[str, ...]:
    """Return the names of the fields that hold a `Secret`."""
    return tuple(name for name in config.__struct_fields__ if isinstance(getattr(config, name), Secret))


def _end(task: asyncio.Task[Any]) -> str:
    if not task.done():
        return "it goes on"
    if task.cancelled():
        return "it was canceled"
    error = task.exception()
    return "it returned" if error is None else f"{type(error).__name__}: {error}"
