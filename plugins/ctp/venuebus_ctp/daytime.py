"""Exchange times to UTC: all times are Asia/Shanghai (UTC+8, no summer time), and the dates beside them often lie.

A night session belongs to the next trading day. With that as the only given, the calendar day follows without a
holiday calendar, because there is no night session on the eve of a holiday:

* from 20:00: the weekday before the trading day (Friday for a Monday);
* before 04:00: the day after that weekday (Saturday for a Monday);
* otherwise the trading day itself.

What the exchanges put into the two date fields of a tick:

=========== ========================= ======================
exchange    ActionDay                 TradingDay
=========== ========================= ======================
SHFE, INE   calendar day              trading day
DCE         trading day (wrong)       trading day
CZCE        calendar day              calendar day (wrong)
CFFEX, GFEX both the same, as there is no night session
=========== ========================= ======================
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from functools import lru_cache

SHANGHAI = timezone(timedelta(hours=8))
SECOND = 1_000_000_000
NIGHT_FROM = 20 * 3600
NIGHT_UNTIL = 4 * 3600
_EPOCH = date(1970, 1, 1)
_OFFSET = 8 * 3600


@lru_cache(maxsize=1024)
def day(text: str) -> date | None:
    """Read ``20241111``; ``None`` for an empty or impossible date."""
    if len(text) != 8 or not text.isascii() or not text.isdigit():
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


@lru_cache(maxsize=1024)
def iso(text: str) -> str | None:
    """Return ``20241111`` as ``2024-11-11``."""
    found = day(text)
    return found.isoformat() if found else None


@lru_cache(maxsize=100_000)
def seconds(text: str) -> int | None:
    """Read ``HH:MM:SS`` as seconds of the day."""
    if len(text) != 8 or text[2] != ":" or text[5] != ":":
        return None
    digits = text[:2] + text[3:5] + text[6:]
    if not digits.isascii() or not digits.isdigit():
        return None
    hour, minute, second = int(text[:2]), int(text[3:5]), int(text[6:])
    return hour * 3600 + minute * 60 + second if hour < 24 and minute < 60 and second < 60 else None


def weekday_before(trading_day: date) -> date:
    """Return the evening on which the night session of ``trading_day`` began."""
    back = {0: 3, 6: 2}.get(trading_day.weekday(), 1)
    return trading_day - timedelta(days=back)


def weekday_after(calendar_day: date) -> date:
    """Return the next day that is no Saturday or Sunday; holidays are not known here."""
    ahead = {4: 3, 5: 2}.get(calendar_day.weekday(), 1)
    return calendar_day + timedelta(days=ahead)


def utc_ns(calendar_day: date, second_of_day: int) -> int:
    """Return Shanghai's wall clock as nanoseconds since the epoch, UTC."""
    return ((calendar_day - _EPOCH).days * 86_400 + second_of_day - _OFFSET) * SECOND


@lru_cache(maxsize=4096)
def _by_rule(trading_day: str, night: int) -> date | None:
    found = day(trading_day)
    if found is None or night == 0:
        return found
    evening = weekday_before(found)
    return evening if night == 1 else evening + timedelta(days=1)


def _session(second_of_day: int) -> int:
    return 1 if second_of_day >= NIGHT_FROM else 2 if second_of_day < NIGHT_UNTIL else 0


def time_of(trading_day: str, clock: str) -> int | None:
    """Return when an order or trade of ``trading_day`` happened; its own date fields are not to be trusted."""
    second = seconds(clock)
    if second is None:
        return None
    found = _by_rule(trading_day, _session(second))
    return utc_ns(found, second) if found else None


@lru_cache(maxsize=8192)
def _tick_day_ns(exchange: str, action_day: str, trading_day: str, session: int) -> int | None:
    found = day(action_day) if exchange != "DCE" else None
    if found is None:
        found = _by_rule(trading_day, session)
    return utc_ns(found, 0) if found else None


def time_of_tick(exchange: str, action_day: str, trading_day: str, clock: str, millisecond: int) -> int | None:
    """Return when a tick happened, by the rule of its exchange; ``None`` where it cannot be told."""
    second = seconds(clock)
    if second is None:
        return None
    midnight = _tick_day_ns(exchange, action_day, trading_day, _session(second))
    if midnight is None:
        return None
    return midnight + second * SECOND + (millisecond * 1_000_000 if 0 <= millisecond < 1000 else 0)


@lru_cache(maxsize=8192)
def _czce_day(action_day: str, night: bool, known: str) -> str | None:
    found = day(action_day)
    if found is None:
        return None
    if not night and found.weekday() < 5:
        return found.isoformat()
    guess = weekday_after(found)
    told = day(known)
    # A holiday may lie between: then the counter's own trading day is later than the next weekday.
    if told is not None and guess < told <= guess + timedelta(days=11):
        return told.isoformat()
    return guess.isoformat()


def trading_day_of_tick(exchange: str, action_day: str, trading_day: str, clock: str, known: str = "") -> str | None:
    """Return a tick's trading day as ``YYYY-MM-DD``; ``known`` is the one that the counter named at login."""
    if exchange != "CZCE":
        return iso(trading_day)
    second = seconds(clock)
    return _czce_day(action_day or trading_day, second is not None and second >= NIGHT_FROM, known)


def trading_day_at(ts_ns: int) -> str:
    """Return the trading day to which an order sent at ``ts_ns`` belongs, as ``YYYYMMDD``; holidays not known."""
    local = datetime.fromtimestamp(ts_ns // SECOND, SHANGHAI)
    at = local.date()
    if local.hour >= 18 or at.weekday() >= 5:
        at = weekday_after(at)
    return at.strftime("%Y%m%d")
