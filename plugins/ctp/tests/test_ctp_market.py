"""Ticks to quote, ticker and book; contracts to instruments."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from venuebus_ctp.cleaning import DBL_MAX_TEXT, shrink
from venuebus_ctp.market import TickConverter, exchange_of, to_contract, to_instrument
from venuebus_ctp.messages import Depth, InstrumentRow
from venuebus_ctp.protocol import MdProtocol
from venuebus_ctp.simulator.rows import DBL_MAX, DENORMAL
from venuebus_schemas import Book, InstrumentKind, Quote, Right, Ticker

NOW = 1_731_073_200_000_000_000 + 500_000_000  # 2024-11-08 21:40:00.5 +08:00
ALL = frozenset({"quote", "ticker", "book"})
TICK: dict[str, Any] = {
    "InstrumentID": "au2412",
    "ExchangeID": "",
    "TradingDay": "20241111",
    "ActionDay": "20241108",
    "UpdateTime": "21:40:00",
    "UpdateMillisec": 500,
    "LastPrice": 615.02,
    "OpenPrice": 614.0,
    "HighestPrice": 616.0,
    "LowestPrice": 613.98,
    "PreClosePrice": 612.0,
    "PreSettlementPrice": 611.5,
    "SettlementPrice": 0.0,
    "UpperLimitPrice": 660.42,
    "LowerLimitPrice": 562.58,
    "Volume": 100,
    "Turnover": 61502000.0,
    "OpenInterest": 5000.0,
    "BidPrice1": 615.0,
    "BidVolume1": 3,
    "AskPrice1": 615.04,
    "AskVolume1": 5,
    "BidPrice2": 0.0,
    "BidVolume2": 0,
    "AskPrice2": 0,
    "AskVolume2": 0,
}


def converter(*symbols: str, known: str = "") -> TickConverter:
    made = TickConverter(exchange_of)
    made.trading_day = known
    for symbol in symbols or ("au2412",):
        made.wanted[symbol] = ALL
    return made


def depth(**changes: Any) -> Depth:
    return msgspec.convert({**TICK, **changes}, Depth)


def ticker(made: TickConverter, now: int = NOW, **changes: Any) -> Ticker:
    found = [event for event in made.convert(depth(**changes), now) if isinstance(event, Ticker)]
    assert len(found) == 1
    return found[0]


def test_a_tick_becomes_quote_book_and_ticker() -> None:
    quote, book, tick = converter().convert(depth(), NOW)
    assert isinstance(quote, Quote)
    assert (quote.bid, quote.bid_size, quote.ask, quote.ask_size) == ("615", "3", "615.04", "5")
    assert isinstance(book, Book)
    assert (book.bids, book.asks, book.depth) == ([("615", "3")], [("615.04", "5")], 5)
    assert isinstance(tick, Ticker)
    assert (tick.last, tick.open, tick.high, tick.low) == ("615.02", "614", "616", "613.98")
    assert (tick.volume, tick.turnover, tick.open_interest) == ("100", "61502000", "5000")
    assert (tick.settlement, tick.limit_up, tick.trading_day) == (None, "660.42", "2024-11-11")
    assert tick.extra == {"pre_settlement": "611.5"}
    assert quote.ts_venue == book.ts_venue == tick.ts_venue == NOW


@pytest.mark.parametrize("none", [0, 0.0, DBL_MAX, DENORMAL])
def test_a_side_without_orders_is_absent_whatever_stands_in_its_price(none: float) -> None:
    quote, book, _ = converter().convert(depth(AskPrice1=none, AskVolume1=0), NOW)
    assert isinstance(quote, Quote)
    assert (quote.ask, quote.ask_size, quote.bid) == (None, None, "615")
    assert isinstance(book, Book)
    assert book.asks == []


def test_zero_is_a_price_for_spreads_only() -> None:
    spread = "SP a2501&a2505"
    quote, book, _ = converter(spread).convert(depth(InstrumentID=spread, BidPrice1=0.0, BidVolume1=4), NOW)
    assert isinstance(quote, Quote)
    assert (quote.bid, quote.bid_size) == ("0", "4")
    assert isinstance(book, Book)
    assert book.bids == [("0", "4")]
    negative, *_ = converter(spread).convert(depth(InstrumentID=spread, BidPrice1=-12.0, BidVolume1=4), NOW)
    assert isinstance(negative, Quote)
    assert negative.bid == "-12"


def test_five_levels_best_first() -> None:
    sizes = {f"{side}Volume{n}": n for side in ("Bid", "Ask") for n in range(1, 6)}
    prices = {f"BidPrice{n}": 100.0 - n for n in range(1, 6)} | {f"AskPrice{n}": 100.0 + n for n in range(1, 6)}
    _, book, _ = converter().convert(depth(**sizes, **prices), NOW)
    assert isinstance(book, Book)
    assert book.bids == [(str(100 - n), str(n)) for n in range(1, 6)]
    assert book.asks == [(str(100 + n), str(n)) for n in range(1, 6)]


def test_only_what_is_wanted_is_made() -> None:
    made = converter()
    made.wanted["au2412"] = frozenset({"quote"})
    assert [type(event) for event in made.convert(depth(), NOW)] == [Quote]
    assert made.convert(depth(InstrumentID="ag2412"), NOW) == []


def test_a_garbage_name_takes_the_one_in_reserve1_and_none_is_counted() -> None:
    made = converter()
    quote, *_ = made.convert(depth(InstrumentID="X\x02\x0cz\x7f", reserve1="au2412"), NOW)
    assert isinstance(quote, Quote)
    assert quote.symbol == "au2412"
    assert made.convert(depth(InstrumentID="\x01"), NOW) == []
    assert made.unusable == 1


def test_volume_deltas_are_marked_as_such_and_start_anew_with_the_trading_day() -> None:
    made = converter()
    assert "volume_delta" not in (ticker(made).extra or {})
    second = ticker(made, Volume=104, Turnover=63962000.0)
    assert second.extra is not None
    assert (second.extra["volume_delta"], second.extra["turnover_delta"]) == ("4", "2460000")
    assert "volume_delta" not in (ticker(made, Volume=104).extra or {})
    night = ticker(made, NOW + 86_400 * 10**9 * 3, Volume=200, TradingDay="20241112", ActionDay="20241111")
    assert "volume_delta" not in (night.extra or {})


def test_last_nights_tick_with_todays_date_is_not_published_from_the_future() -> None:
    morning = 1_731_285_000_000_000_000  # Monday 2024-11-11 08:30 +08:00
    stale = ticker(converter(), morning, ActionDay="20241111", UpdateTime="22:59:59")
    assert stale.ts_venue == 1_731_077_999_500_000_000  # Friday 22:59:59.5
    assert stale.extra is not None
    assert stale.extra["stale"] == "ahead"
    impossible = ticker(converter(), morning, ActionDay="20241118", TradingDay="20241118", UpdateTime="09:00:00")
    assert impossible.ts_venue is None


def test_a_replayed_old_day_is_marked() -> None:
    assert ticker(converter(), NOW + 3600 * 10**9).extra == {"pre_settlement": "611.5", "stale": "behind"}


def test_the_exchange_of_a_tick_comes_from_the_map_as_the_front_leaves_it_out() -> None:
    made = converter("m2505")
    quote, *_ = made.convert(
        depth(InstrumentID="m2505", ActionDay="20241111"), NOW
    )  # DCE's ActionDay is wrong at night
    assert quote.ts_venue == NOW


@pytest.mark.parametrize(
    ("symbol", "exchange"),
    [
        ("au2412", "SHFE"),
        ("sc2412", "INE"),
        ("m2505", "DCE"),
        ("si2506", "GFEX"),
        ("IF2412", "CFFEX"),
        ("TA505", "CZCE"),
        ("au2412C600", "SHFE"),
        ("m2505-C-3000", "DCE"),
        ("IO2412-C-3800", "CFFEX"),
        ("SR505C5300", "CZCE"),
        ("SP a2109&a2201", "DCE"),
        ("SPD TA109&TA206", "CZCE"),
        ("lc2507", "GFEX"),
        ("ec2504", "INE"),
        ("eb2504", "DCE"),
        ("AU2412", None),
        ("if2412", None),
        ("xyz", None),
        ("", None),
    ],
)
def test_the_exchange_of_a_contract_by_its_name(symbol: str, exchange: str | None) -> None:
    assert exchange_of(symbol) == exchange


def test_a_contract_becomes_an_instrument() -> None:
    row = InstrumentRow(
        InstrumentID="m2505-C-3000",
        InstrumentName="豆粕购",
        ExchangeID="DCE",
        ProductClass="2",
        ExpireDate="20250408",
        VolumeMultiple=10,
        PriceTick=0.5,
        MinLimitOrderVolume=1,
        MaxLimitOrderVolume=1000,
        UnderlyingInstrID="m2505",
        StrikePrice=3000.0,
        OptionsType="1",
        IsTrading=1,
    )
    made = to_instrument(row, 1)
    assert made is not None
    assert (made.kind, made.right, made.strike, made.expiry) == (
        InstrumentKind.OPTION,
        Right.CALL,
        "3000",
        "2025-04-08",
    )
    assert (made.tick_size, made.multiplier, made.underlying, made.tradable) == ("0.5", "10", "m2505", True)
    contract = to_contract(row)
    assert contract is not None
    assert (contract.exchange, contract.tick, contract.multiplier) == ("DCE", 0.5, 10)


def test_rubbish_in_a_contracts_numbers_is_absent() -> None:
    row = InstrumentRow(
        InstrumentID="au2412",
        ExchangeID="SHFE",
        ProductClass="1",
        IsTrading=-1330597712,
        StrikePrice=DBL_MAX,
        PriceTick=DENORMAL,
    )
    made = to_instrument(row, 1)
    assert made is not None
    assert (made.tradable, made.strike, made.tick_size, made.kind) == (None, None, None, InstrumentKind.FUTURE)


def test_thirteen_dbl_max_in_a_tick_are_gone_before_it_is_decoded_and_absent_afterwards() -> None:
    """Decoding one takes 11 µs; how long a tick takes is for `make bench` to say, what it costs for `make guard`."""
    ugly = {**TICK, "BandingUpperPrice": DENORMAL, "BandingLowerPrice": DENORMAL}
    for side, sign in (("Bid", -1), ("Ask", 1)):
        for n in range(1, 6):
            ugly[f"{side}Price{n}"], ugly[f"{side}Volume{n}"] = 615.0 + sign * n * 0.02, n
    names = [f"{side}Price{n}" for side in ("Bid", "Ask") for n in range(2, 6)]
    for name in [*names, "ClosePrice", "SettlementPrice", "CurrDelta", "PreDelta", "AveragePrice"]:
        ugly[name] = DBL_MAX
    frame = json.dumps({"MsgType": "RtnDepthMarketData", "DepthMarketData": ugly}).encode()
    assert frame.count(DBL_MAX_TEXT) == 13
    assert shrink(frame).count(DBL_MAX_TEXT) == 0
    tick = MdProtocol().receive(frame)
    assert isinstance(tick, Depth)
    assert (tick.BidPrice2, tick.SettlementPrice) == (None, None)
    (book,) = [event for event in converter().convert(tick, NOW) if isinstance(event, Book)]
    assert (book.bids, book.asks) == ([("614.98", "1")], [("615.02", "1")])
