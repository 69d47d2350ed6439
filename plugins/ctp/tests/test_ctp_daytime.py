"""Shanghai's exchange times to UTC, by trading day and not by the date fields that lie.

The same table is in the README of the plugin; `test_the_readmes_table_is_this_one` keeps the two equal.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from venuebus_ctp import daytime
from venuebus_ctp.market import exchange_of
from venuebus_ctp.simulator.rows import stamp


def utc(text: str) -> int:
    whole = datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    return int(whole.timestamp()) * 10**9 + int(text[20:23] or 0) * 10**6


# symbol, exchange, ActionDay, TradingDay, UpdateTime, ms → UTC, trading day. 2024-11-08 is a Friday.
TICKS = [
    ("au2412", "SHFE", "20241108", "20241111", "21:00:00", 500, "2024-11-08T13:00:00.500", "2024-11-11"),
    ("au2412", "SHFE", "20241109", "20241111", "02:29:59", 500, "2024-11-08T18:29:59.500", "2024-11-11"),
    ("au2412", "SHFE", "20241112", "20241112", "00:00:00", 0, "2024-11-11T16:00:00.000", "2024-11-12"),
    ("sc2412", "INE", "20241108", "20241111", "23:59:59", 500, "2024-11-08T15:59:59.500", "2024-11-11"),
    ("sc2412", "INE", "20241109", "20241111", "00:00:00", 0, "2024-11-08T16:00:00.000", "2024-11-11"),
    ("m2505", "DCE", "20241111", "20241111", "22:59:59", 123, "2024-11-08T14:59:59.123", "2024-11-11"),
    ("m2505", "DCE", "20241112", "20241112", "21:00:00", 50, "2024-11-11T13:00:00.050", "2024-11-12"),
    ("TA505", "CZCE", "20241108", "20241108", "22:59:59", 0, "2024-11-08T14:59:59.000", "2024-11-11"),
    ("TA505", "CZCE", "20241111", "20241111", "22:59:59", 0, "2024-11-11T14:59:59.000", "2024-11-12"),
    ("TA505", "CZCE", "20241111", "20241111", "09:00:00", 0, "2024-11-11T01:00:00.000", "2024-11-11"),
    ("IF2412", "CFFEX", "20241111", "20241111", "09:30:00", 500, "2024-11-11T01:30:00.500", "2024-11-11"),
    ("si2506", "GFEX", "20241111", "20241111", "14:59:59", 500, "2024-11-11T06:59:59.500", "2024-11-11"),
    ("au2412", "SHFE", "", "20241111", "21:00:00", 0, "2024-11-08T13:00:00.000", "2024-11-11"),
    ("m2505", "DCE", "20241111", "20241111", "09:00:00", 0, "2024-11-11T01:00:00.000", "2024-11-11"),
]


@pytest.mark.parametrize(("symbol", "exchange", "action", "trading", "clock", "ms", "expected", "day"), TICKS)
def test_a_tick_gets_the_right_time_and_trading_day(
    symbol: str, exchange: str, action: str, trading: str, clock: str, ms: int, expected: str, day: str
) -> None:
    assert exchange_of(symbol) == exchange
    assert daytime.time_of_tick(exchange, action, trading, clock, ms) == utc(expected)
    assert daytime.trading_day_of_tick(exchange, action, trading, clock) == day


def test_the_readmes_table_is_this_one() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    for symbol, exchange, action, trading, clock, ms, expected, day in TICKS:
        cells = [symbol, exchange, action or "(empty)", trading, f"{clock}.{ms:03d}", f"{expected}Z", day]
        assert "| " + " | ".join(cells) + " |" in readme


# TradingDay and the clock of an order or a trade → UTC.
REPORTS = [
    ("20241111", "21:00:00", "2024-11-08T13:00:00.000"),  # a Monday's night session began on Friday
    ("20241111", "02:30:00", "2024-11-08T18:30:00.000"),  # and went on into Saturday
    ("20241111", "09:00:00", "2024-11-11T01:00:00.000"),
    ("20241112", "23:00:00", "2024-11-11T15:00:00.000"),
    ("20241112", "00:00:01", "2024-11-11T16:00:01.000"),
    ("20241112", "15:00:00", "2024-11-12T07:00:00.000"),
    ("20241008", "09:00:00", "2024-10-08T01:00:00.000"),  # first day after a holiday: no night session before it
]


@pytest.mark.parametrize(("trading", "clock", "expected"), REPORTS)
def test_orders_and_trades_go_by_trading_day_and_clock(trading: str, clock: str, expected: str) -> None:
    assert daytime.time_of(trading, clock) == utc(expected)


@pytest.mark.parametrize(
    ("trading", "clock"),
    [
        ("", "09:00:00"),
        ("20241111", ""),
        ("20241341", "09:00:00"),
        ("20241111", "25:00:00"),
        ("20241111", "9:00:00"),
        ("2024111x", "09:00:00"),
    ],
)
def test_a_time_that_cannot_be_told_is_absent(trading: str, clock: str) -> None:
    assert daytime.time_of(trading, clock) is None
    assert daytime.time_of_tick("SHFE", "", trading, clock, 0) is None


def test_a_czce_night_before_a_holiday_takes_the_counters_trading_day() -> None:
    # Friday night; Monday to Wednesday are holidays, so the counter says Thursday.
    assert daytime.trading_day_of_tick("CZCE", "20241108", "20241108", "21:00:00", "20241114") == "2024-11-14"
    assert daytime.trading_day_of_tick("CZCE", "20241108", "20241108", "21:00:00", "20241108") == "2024-11-11"
    assert daytime.trading_day_of_tick("CZCE", "20241109", "20241109", "00:30:00", "") == "2024-11-11"


def test_milliseconds_are_milliseconds() -> None:
    first = daytime.time_of_tick("SHFE", "20241111", "20241111", "09:00:00", 50)
    second = daytime.time_of_tick("SHFE", "20241111", "20241111", "09:00:00", 500)
    assert first is not None
    assert second is not None
    assert second - first == 450_000_000


def test_weekdays_step_over_the_weekend() -> None:
    assert daytime.weekday_before(date(2024, 11, 11)) == date(2024, 11, 8)
    assert daytime.weekday_before(date(2024, 11, 12)) == date(2024, 11, 11)
    assert daytime.weekday_after(date(2024, 11, 8)) == date(2024, 11, 11)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("2024-11-08T13:00:00.000", "20241111"),
        ("2024-11-08T06:00:00.000", "20241108"),
        ("2024-11-08T18:00:00.000", "20241111"),
    ],
)
def test_the_trading_day_of_a_moment(sent: str, expected: str) -> None:
    assert daytime.trading_day_at(utc(sent)) == expected


@pytest.mark.parametrize("exchange", ["SHFE", "INE", "DCE", "CZCE", "CFFEX", "GFEX"])
@pytest.mark.parametrize(
    "moment",
    ["2024-11-08T13:30:00.500", "2024-11-08T17:30:00.500", "2024-11-11T02:30:00.500", "2024-11-12T15:00:00.500"],
)
def test_the_simulator_writes_the_date_fields_as_wrong_as_the_exchanges_do(exchange: str, moment: str) -> None:
    now = utc(moment)
    at = stamp(now)
    action, trading = at.tick_days(exchange)
    assert daytime.time_of_tick(exchange, action, trading, at.clock, at.millisecond) == now
    assert daytime.time_of(at.trading_day, at.clock) == now // 10**9 * 10**9
