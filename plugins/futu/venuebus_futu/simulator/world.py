"""What the simulated OpenD knows: securities and accounts."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from venuebus.simulation import Market

from .. import names
from ..symbols import FUTURES_MARKETS, QUOTE_MARKET, SECTION, split


@dataclass(slots=True)
class Stock:
    """One security; ``kind`` is OpenD's SecurityType (3 stock, 4 ETF, 8 option, 10 future)."""

    symbol: str
    name: str
    price: str
    tick: str
    lot: int = 1
    kind: int = 3
    exchange: int = 0
    currency: str = "HKD"
    multiplier: int = 1
    underlying: str | None = None
    expiry: str = ""
    strike: str = "0"
    right: int = 0

    @property
    def quote_market(self) -> int:
        """QotMarket of the security."""
        return QUOTE_MARKET[split(self.symbol)[0]]

    @property
    def section(self) -> int:
        """TrdSecMarket of the security."""
        return SECTION[split(self.symbol)[0]]

    @property
    def code(self) -> str:
        """Code without prefix."""
        return split(self.symbol)[1]

    def market(self) -> Market:
        """Return the market that the engine runs for it."""
        return Market(
            symbol=self.symbol,
            tick=Decimal(self.tick),
            lot=Decimal(self.lot),
            mid=Decimal(self.price),
            level_size=Decimal(self.lot * 10),
            max_quantity=Decimal(500_000),
        )


@dataclass(slots=True)
class Holding:
    """What an account has of one security; negative is short."""

    quantity: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)


@dataclass(slots=True)
class SimAccount:
    """One account. ``markets`` are TrdMarket numbers, ``firm`` a SecurityFirm."""

    alias: str
    acc_id: int
    real: bool
    markets: tuple[int, ...]
    cash: dict[str, Decimal]
    firm: int = 1
    kind: int = 2
    sim_kind: int = 1
    card: str = ""
    holdings: dict[str, Holding] = field(default_factory=dict)

    @property
    def futures(self) -> bool:
        """Tell whether the account trades futures alone."""
        return set(self.markets) <= FUTURES_MARKETS

    @property
    def env(self) -> int:
        """TrdEnv."""
        return names.REAL if self.real else names.SIMULATE


def default_stocks() -> list[Stock]:
    """Return a few securities of every market that the plugin knows."""
    return [
        Stock("HK.00700", "腾讯控股", "480", "0.2", lot=100, exchange=1),
        Stock("HK.09988", "阿里巴巴-W", "120.5", "0.1", lot=100, exchange=1),
        Stock("HK.HSImain", "恒指期货主连", "23500", "1", kind=10, exchange=3, multiplier=50, expiry="2027-01-28"),
        Stock("US.AAPL", "Apple", "226.5", "0.01", exchange=5, currency="USD"),
        Stock("US.BRK.B", "Berkshire Hathaway-B", "470.1", "0.01", exchange=4, currency="USD"),
        Stock(
            "US.AAPL270115C235000", "AAPL 270115 235.00C", "12.35", "0.01", kind=8, exchange=8, currency="USD",
            multiplier=100, underlying="US.AAPL", expiry="2027-01-15", strike="235", right=1,
        ),
        Stock("US.ESmain", "E-mini S&P 500", "6012.25", "0.25", kind=10, exchange=12, currency="USD", multiplier=50,
              expiry="2027-03-19"),
        Stock("SH.600519", "贵州茅台", "1420", "0.01", lot=100, exchange=14, currency="CNH"),
        Stock("SZ.000001", "平安银行", "11.2", "0.01", lot=100, exchange=15, currency="CNH"),
        Stock("SG.D05", "DBS", "44.5", "0.01", lot=100, exchange=17, currency="SGD"),
        Stock("JP.7203", "Toyota", "2710", "1", lot=100, exchange=21, currency="JPY"),
    ]  # fmt: skip


def default_accounts() -> list[SimAccount]:
    """Return a simulated account, a unified real one and a simulated futures one."""
    million = Decimal(10_000_000)
    return [
        SimAccount(
            "sim", 281756455988249902, False, (1, 2, 3), {"HKD": million, "USD": million, "CNH": million}, firm=0
        ),
        SimAccount(
            "real", 281756455988249903, True, (1, 2, 4, 6, 15),
            {"HKD": million, "USD": million, "CNH": million, "SGD": million, "JPY": million * 100}, card="1001256",
        ),
        SimAccount(
            "futures", 281756455988249904, False, (10, 11, 12, 13), {"HKD": million, "USD": million}, firm=0, sim_kind=3
        ),
    ]  # fmt: skip
