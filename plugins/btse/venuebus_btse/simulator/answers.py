"""REST answers: how the venue says no, in each of the shapes seen, and JSON with its doubles."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

HTML = "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"


class Refusal(Exception):
    """The request is answered with ``status`` and ``payload`` and has no effect."""

    def __init__(self, status: int, payload: Any, headers: dict[str, str] | None = None) -> None:
        super().__init__(str(payload))
        self.status = status
        self.payload = payload
        self.headers = headers or {}


def envelope(code: int, message: str, status: int = 400, extra: list[str] | None = None) -> Refusal:
    """The usual shape."""
    return Refusal(status, {"status": status, "errorCode": code, "message": message, "extraData": extra})


def bad_request(message: str) -> Refusal:
    """The shape of requests that do not fit together."""
    payload = {"errorCode": 400, "message": f"BADREQUEST: {message}", "status": 400}
    return Refusal(400, payload)


def platform(code: int, message: str, now_ms: int, status: int = 400) -> Refusal:
    """The shape of the platform behind the exchange."""
    return Refusal(status, {"code": code, "msg": message, "time": now_ms, "data": None, "success": False})


def spring(code: int, message: str) -> Refusal:
    """The shape of wrong sizes and prices."""
    return Refusal(400, {"status": 400, "error": "Bad Request", "code": code, "message": message})


def dumps(payload: Any) -> bytes:
    """Encode as the venue does: every decimal a double, shortest text, exponents included."""
    return json.dumps(payload, separators=(",", ":"), default=_double, ensure_ascii=False).encode()


def named_body(text: str, status: int, now_ms: int) -> tuple[bytes, str]:
    """Body and content type of a scripted error: a shape by its name, or the text itself."""
    message = "System error" if status >= 500 else "Request refused"
    if text == "html":
        return HTML.encode(), "text/html"
    if text == "empty":
        return b"", "application/json"
    shapes = {
        "shape1": {"status": status, "errorCode": -1, "message": message, "extraData": None},
        "shape2": {"errorCode": status, "message": f"BADREQUEST: {message}", "status": status},
        "shape3": {"code": -11, "msg": message, "time": now_ms, "data": [], "success": False},
        "shape4": {"status": status, "error": message, "code": 301, "message": message},
    }
    if text in shapes:
        return dumps(shapes[text]), "application/json"
    return text.encode(), "application/json"


def _double(value: Any) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"{type(value).__name__} is no JSON")
