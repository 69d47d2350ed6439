"""Calls into a plugin: what comes back is a value of the right kind, or an error that names plugin and method.

Whatever a plugin does with a call (raise `SystemExit`, return a coroutine, ignore its cancellation, answer with
nonsense), it ends here. The typed errors of the contract pass, with their own fields made sane; so does `OSError` (and
with it `TimeoutError`), which speaks of the world and not of the plugin.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import os
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from venuebus_schemas import AccountEvent, Balance, Fill, Order, Position, Reason

from .errors import PluginError, RetryableError, VenuebusError
from .venue import Accepted, Found, Snapshot

log = structlog.get_logger("venuebus.plugin")

GRACE = 1.0  # seconds in which a canceled call must have ended; then it is left alone, and told
MAX_TEXT = 2000  # characters of a plugin's text that go on the bus
MAX_KEYS = 64 * 1024  # bytes of what `prepare` puts into a claim
MAX_WAIT = 86_400.0  # seconds of ``retry_after`` that are believed
_SAYS_NO = ("translate", "validate", "decrypt", "webhook")  # by `ValueError`
MAX_STUCK = 3  # calls that never end, after which the venue is not tried again


def said(error: BaseException, limit: int = 500) -> str:
    """Return one line about ``error``: its type, its text, and where it was raised; never raises itself."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({os.path.basename(frames[-1].filename)}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {_words(error, limit)}{where}"


def _words(error: BaseException, limit: int) -> str:
    try:
        return shortened(" ".join(str(error).split()), limit)
    except Exception:  # noqa: BLE001 - an exception's own __str__ is foreign code, too
        return "it cannot even say what"


def shortened(text: str, limit: int = MAX_TEXT) -> str:
    """Return ``text`` with its end left out where it is too long."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


class GuardedSession:
    """A plugin's session behind a guard: the methods that it has, and no others.

    Args:
        plugin: its name, for texts.
        stuck: where calls are kept that ignore their cancellation.
    """

    def __init__(self, plugin: str, venue: str, session: Any, stuck: set[asyncio.Task[Any]]) -> None:
        self.inner = session
        self._plugin = plugin
        self._venue = venue
        self._stuck = stuck
        for method in ("connect", "run", "close"):
            if not callable(getattr(session, method, None)):
                raise PluginError(
                    f"plugin {plugin}: create() must return an object with async connect(), run() and close(), "
                    f"got {type(session).__name__}"
                )
        # As attributes of the instance, because having them or not is what says what a session can do.
        for method, check in _CHECKS.items():
            if callable(getattr(session, method, None)):
                setattr(self, method, self._guarded(method, check))

    async def connect(self) -> None:
        """See `VenueSession.connect`."""
        await self._apart("connect", _anything)

    async def run(self) -> None:
        """See `VenueSession.run`. Runs in the caller's task, which must bound how long it waits for its end."""
        await self._await("run")

    async def close(self) -> None:
        """See `VenueSession.close`."""
        await self._apart("close", _anything)

    def _guarded(self, method: str, check: Callable[[Any], str | None]) -> Callable[..., Any]:
        async def in_the_caller_s_task(*args: Any) -> Any:
            return self._checked(method, await self._await(method, *args), check)

        async def in_a_task_of_its_own(*args: Any) -> Any:
            return await self._apart(method, check, *args)

        def at_once(*args: Any) -> Any:
            return self._checked(
                method, call(f"plugin {self._plugin}", method, getattr(self.inner, method), *args), check
            )

        if method in ("prepare", "translate"):
            return at_once
        return in_the_caller_s_task if method == "execute" else in_a_task_of_its_own

    async def _apart(self, method: str, check: Callable[[Any], str | None], *args: Any) -> Any:
        """Await a method in a task of its own, so that the caller's cancellation ends the caller in any case."""
        task = asyncio.create_task(self._await(method, *args), name=f"{self._venue}-{method}")
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait({task}, timeout=GRACE)
            if not task.done():
                self.abandon(task, method)
            raise
        if task.cancelled() and method not in ("connect", "close"):
            raise RetryableError(f"plugin {self._plugin}: {method}() was canceled by the session itself")
        return self._checked(method, task.result(), check)

    def abandon(self, task: asyncio.Task[Any], method: str) -> None:
        """Give up a call that goes on although it was canceled."""
        self._stuck.add(task)
        task.add_done_callback(self._ended)
        log.error(
            "plugin ignores that its call was canceled; the call is left alone", plugin=self._plugin,
            venue=self._venue, method=f"{method}()", stuck=len(self._stuck),
        )  # fmt: skip

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._stuck.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that nobody warns that nobody did

    async def _await(self, method: str, *args: Any) -> Any:
        who = f"plugin {self._plugin}"
        try:
            made = getattr(self.inner, method)(*args)
            if not inspect.isawaitable(made):
                raise PluginError(f"{who}: {method}() must be async, it returned {type(made).__name__}")
            return await made
        except (asyncio.CancelledError, GeneratorExit):
            raise
        except BaseException as error:
            if (known := fault(who, method, error)) is error:
                raise
            raise known from error

    def _checked(self, method: str, value: Any, check: Callable[[Any], str | None]) -> Any:
        wrong = check(value)
        if wrong is not None:
            raise PluginError(f"plugin {self._plugin}: {method}() {wrong}")
        return value


def call(who: str, method: str, function: Callable[..., Any], *args: Any) -> Any:
    """Return what a plugin's plain function returns.

    Raises:
        PluginError: it raised something that the contract does not know, or it is async. The contract's errors pass.
    """
    try:
        value = function(*args)
    except GeneratorExit:
        raise
    except BaseException as error:
        if (known := fault(who, method, error)) is error:
            raise
        raise known from error
    if inspect.iscoroutine(value):
        value.close()
        raise PluginError(f"{who}: {method}() must not be async")
    return value


def fault(who: str, method: str, error: BaseException) -> BaseException:
    """Return what to raise instead of ``error``; `SystemExit` and `KeyboardInterrupt` would end the whole program."""
    if isinstance(error, VenuebusError):
        return _sane(error)
    if isinstance(error, OSError) or (method in _SAYS_NO and isinstance(error, ValueError)):
        return error
    if isinstance(error, SystemExit | KeyboardInterrupt):
        text = f"{who}: {method}() tried to end the program ({type(error).__name__}: {_words(error, 100)})"
        return PluginError(text)
    return PluginError(f"{who}: {method}() raised {said(error)}")


def _sane(error: Any) -> BaseException:
    """Have the fields of a typed error be what the contract says they are, whatever the plugin put there."""
    error.args = (_words(error, MAX_TEXT),)
    reason = getattr(error, "reason", Reason.INTERNAL)
    if not isinstance(reason, Reason):
        error.reason = Reason(reason) if isinstance(reason, str) else Reason.INTERNAL
    wait = getattr(error, "retry_after", None)
    if wait is not None:
        good = isinstance(wait, int | float) and math.isfinite(wait) and wait >= 0
        error.retry_after = min(float(wait), MAX_WAIT) if good else None
    return error  # type: ignore[no-any-return]


# --- what the methods must return ---------------------------------------------------------------------------------


def _anything(value: Any) -> str | None:
    return None


def _expected(value: Any, what: str) -> str:
    return f"returned {type(value).__name__}, {what} expected"


def _list_of(value: Any, kind: type, name: str) -> str | None:
    if not isinstance(value, list | tuple):
        return f"{name} is {type(value).__name__}, a list expected"
    wrong = next((item for item in value if not isinstance(item, kind)), None)
    return None if wrong is None else f"{name} holds {type(wrong).__name__}, {kind.__name__} expected"


def _accepted(value: Any) -> str | None:
    if not isinstance(value, Accepted):
        return _expected(value, "an Accepted")
    for name, kind in (("order", Order), ("venue_order_id", str), ("text", str)):
        part = getattr(value, name)
        if part is not None and not isinstance(part, kind):
            return f"returned an Accepted whose {name} is {type(part).__name__}, {kind.__name__} expected"
    if (wrong := _list_of(value.fills, Fill, "fills")) is not None:
        return f"returned an Accepted whose {wrong}"
    value.text = None if value.text is None else shortened(value.text)
    return None


def _found(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, Found):
        return _expected(value, "a Found or None")
    order: Any = value.order
    if not isinstance(order, Order):
        return f"returned a Found whose order is {type(order).__name__}, Order expected"
    wrong = _list_of(value.fills, Fill, "fills")
    return None if wrong is None else f"returned a Found whose {wrong}"


def _snapshot(value: Any) -> str | None:
    if not isinstance(value, Snapshot):
        return _expected(value, "a Snapshot")
    for name, kind in (("orders", Order), ("fills", Fill), ("positions", Position), ("balances", Balance)):
        part = getattr(value, name)
        if part is not None and (wrong := _list_of(part, kind, name)) is not None:
            return f"returned a Snapshot whose {wrong}"
    return None


def _items(value: Any) -> str | None:
    return None if isinstance(value, list) else _expected(value, "a list")


def _events(value: Any) -> str | None:
    if not isinstance(value, list):
        return _expected(value, "a list of events")
    wrong = _list_of(value, AccountEvent, "list")
    return None if wrong is None else f"returned a list that holds {wrong.removeprefix('list holds ')}"


def _keys(value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return _expected(value, "a mapping of text to text")
    if not all(isinstance(key, str) and isinstance(text, str) for key, text in value.items()):
        return "returned a mapping that holds something else than text"
    size = sum(len(key) + len(text) for key, text in value.items())
    return None if size <= MAX_KEYS else f"returned {size} characters, {MAX_KEYS} at most fit into a claim"


_CHECKS: Mapping[str, Callable[[Any], str | None]] = {
    "execute": _accepted,
    "prepare": _keys,
    "lookup": _found,
    "snapshot": _snapshot,
    "subscribe": _anything,
    "unsubscribe": _anything,
    "query": _items,
    "translate": _events,
}
"""What a session may have beyond its life, and what must come back."""
