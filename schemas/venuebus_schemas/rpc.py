"""Requests and replies: ``qry.<venue>.<account>.<what>`` and ``ctl.<venue>.<verb>``."""

from __future__ import annotations

from typing import Any

import msgspec

from .enums import Reason, ResultStatus


class Reply(msgspec.Struct, tag_field="type", tag="reply", kw_only=True, omit_defaults=True):
    """Answer to a request: ``items`` where ``ok``, otherwise ``reason`` and ``text``."""

    ok: bool
    items: list[Any] | None = None
    reason: Reason | None = None
    text: str | None = None


class Query(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Request on ``qry``; ``order`` needs one of the two ids."""

    symbol: str | None = None
    client_order_id: str | None = None
    venue_order_id: str | None = None
    params: dict[str, Any] | None = None


class SubscribeRequest(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Request on ``ctl.<venue>.subscribe`` and ``unsubscribe``."""

    symbols: list[str]
    market_data: list[str] | None = None


class HaltRequest(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Request on ``ctl.<venue>.halt`` and ``resume``."""

    account: str | None = None
    cancel_all: bool = False
    by: str | None = None
    why: str | None = None


class ResolveRequest(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Request on ``ctl.<venue>.resolve``: an operator's word about a command whose outcome is unknown."""

    account: str
    command_id: str
    status: ResultStatus
    by: str
    why: str
