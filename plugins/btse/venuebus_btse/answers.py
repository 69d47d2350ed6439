"""What an HTTP answer proves. The venue says no in at least five shapes, one of them inside an HTTP 200."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec
from venuebus import CommandRejected, OutcomeUnknown
from venuebus_schemas import Reason

from .codes import proves_nothing, reason_of, says_not_found
from .messages import OrderRow, loads, rows_of
from .numbers import Malformed

CLEAR = frozenset({400, 401, 403, 404, 405, 429, 451})
"""HTTP codes that say that nothing was done, if a body in one of the venue's shapes says so too."""
SHOWN = 300


class Answer(msgspec.Struct):
    """One HTTP answer, whole."""

    http: int
    body: bytes
    retry_after: str | None = None


class Refusal(msgspec.Struct):
    """A refusal in any of the venue's shapes. ``clear`` if it certainly means that nothing was done."""

    http: int
    code: str
    text: str
    clear: bool

    @property
    def reason(self) -> Reason:
        """The contract's reason."""
        return reason_of(self.http, self.code, self.text)

    @property
    def not_found(self) -> bool:
        """Tell whether the venue says that it does not know the order."""
        return self.http != 429 and says_not_found(self.code, self.text)

    @property
    def shown(self) -> str:
        """The refusal for people."""
        return f"HTTP {self.http}, code {self.code or 'none'}: {self.text or 'no text'}"


def refusal(answer: Answer) -> Refusal | None:
    """Return the refusal that an answer is, or None for one that may be a success (an HTTP 200 without an envelope).

    An envelope is an object with a code and a text; order rows are arrays.
    """
    if answer.http == 200 and answer.body[:1] == b"[":
        return None
    try:
        payload = loads(answer.body) if answer.body.strip() else None
    except Malformed:
        payload = None
    envelope = payload if isinstance(payload, dict) and _is_envelope(payload) else None
    if envelope is None:
        if answer.http == 200:
            return None
        text = answer.body[:SHOWN].decode("utf-8", "replace").strip()
        # 429 is the one status that is a clear no whatever a proxy writes below it.
        return Refusal(answer.http, "", text, answer.http == 429)
    code = envelope.get("errorCode", envelope.get("code"))
    text = str(envelope.get("message") or envelope.get("msg") or envelope.get("error") or "")
    extra = envelope.get("extraData")
    if extra:
        text += f" {extra}"
    http = answer.http
    if http == 200 and isinstance(envelope.get("status"), int):
        http = envelope["status"]
    shown = "" if code is None else str(code)
    said_no = http in CLEAR or (answer.http == 200 and envelope.get("success") is False)
    if answer.http == 200 and http == 429:
        http = 200  # a rate limit is told by the HTTP status alone: "429" in a body was an order not found
    return Refusal(http, shown, text[:SHOWN], answer.http == 429 or (said_no and not proves_nothing(shown, text)))


def _is_envelope(payload: dict[str, Any]) -> bool:
    if "orderID" in payload or "symbol" in payload:
        return False
    if payload.get("success") is True:
        return False
    return any(name in payload for name in ("errorCode", "code", "error", "msg")) or payload.get("success") is False


def raise_for_command(answer: Answer) -> None:
    """Return for an answer that may be a success.

    Raises:
        CommandRejected: the venue certainly did nothing.
        OutcomeUnknown: the answer proves nothing (408, 5xx, HTML, "System error").
    """
    if answer.http == 408 or answer.http >= 500:
        raise OutcomeUnknown(f"HTTP {answer.http}: {_start(answer)}")
    said = refusal(answer)
    if said is None:
        return
    if said.clear:
        raise CommandRejected(said.reason, said.shown, venue_status=said.code or str(said.http))
    raise OutcomeUnknown(said.shown)


def order_rows(answer: Answer) -> list[OrderRow]:
    """Return the order rows of an HTTP 200.

    Raises:
        OutcomeUnknown: they cannot be read, though the venue said 200.
    """
    try:
        return rows_of(OrderRow, answer.body)
    except Malformed as error:
        raise OutcomeUnknown(f"HTTP 200 with a body that cannot be read: {error}: {_start(answer)}") from error


def message_text(message: str | None) -> str | None:
    """Return the words of a row's ``message``, which may be a JSON object in a string."""
    if not message:
        return None
    if message.startswith("{"):
        try:
            inner = loads(message)
        except Malformed:
            return message[:SHOWN]
        key, text = inner.get("msgKey"), inner.get("default_msg")
        params = [str(item) for item in inner.get("params") or []]
        words = str(text or key or message)
        return (f"{words} ({', '.join(params)})" if params else words)[:SHOWN]
    return message[:SHOWN]


def seconds_of(retry_after: str | None, now: float) -> float | None:
    """Return how long to wait by a ``Retry-After``, or None where it says nothing.

    The documents disagree: a small number is seconds, one from 1e9 an epoch in seconds, one from 1e12 in milliseconds.
    """
    if retry_after is None:
        return None
    try:
        value = Decimal(retry_after.strip())
    except InvalidOperation:
        return None
    if not value.is_finite() or value < 0:
        return None
    number = float(value)
    if number >= 1e12:
        number = number / 1000 - now
    elif number >= 1e9:
        number -= now
    return min(max(number, 0.1), 3600.0)


def _start(answer: Answer) -> str:
    return answer.body[:SHOWN].decode("utf-8", "replace") or "no body"
