"""The accounts of an OpenD: found by id, checked against the configuration, unlocked, registered for pushes."""

from __future__ import annotations

from hashlib import md5
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from venuebus import FatalError, RetryableError, VenueContext
from venuebus_schemas import Reason

from . import messages, names, refusals
from .config import FutuAccount, FutuConfig
from .convert_orders import Book, zone_of
from .link import Link
from .pb import trade_pb2

_SECURITIES, _FUTURES, _CRYPTO = 1, 2, 3


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One account: what the configuration calls it and what OpenD says of it."""

    alias: str
    acc_id: int
    real: bool
    markets: frozenset[int]
    first_market: int
    firm: int
    book: Book
    currency: int | None = None
    jp_acc_type: int | None = None

    def header(self, market: int | None = None) -> Any:
        """Return the ``TrdHeader`` of a request; any market of the account will do for queries."""
        header = trade_pb2.TrdHeader(
            trdEnv=names.REAL if self.real else names.SIMULATE,
            accID=self.acc_id,
            trdMarket=self.first_market if market is None else market,
        )
        if self.jp_acc_type is not None:
            header.jpAccType = self.jp_acc_type
        return header


async def log_in(ctx: VenueContext[FutuConfig], link: Link, timeout: float) -> dict[str, Account]:
    """Return the configured accounts by alias, ready for orders: checked, unlocked, with their pushes on.

    Raises:
        FatalError: an account is not there or not what the configuration says, or the password is refused.
        RetryableError: no answer.
    """
    config = ctx.config
    listed = await _listed(config, link, timeout)
    accounts = {alias: _account(alias, wanted, listed, config) for alias, wanted in config.accounts.items()}
    if len({account.acc_id for account in accounts.values()}) < len(accounts):
        raise FatalError("accounts: two aliases name the same acc_id", reason=Reason.INVALID)
    await _unlock(ctx, link, {account.firm for account in accounts.values() if account.real}, timeout)
    if accounts:
        # The list replaces the connection's earlier one, so all accounts go in one request. Without it OpenD pushes
        # nothing and says nothing, which is why the answer counts.
        ids = [account.acc_id for account in accounts.values()]
        await link.ask(messages.ACCOUNT_PUSH, trade_pb2.SubAccPush.C2S(accIDList=ids), timeout)
    for account in accounts.values():
        if not account.real:
            ctx.derive_fills(account.alias)
    return accounts


async def _listed(config: FutuConfig, link: Link, timeout: float) -> dict[int, Any]:
    """Return OpenD's accounts by id.

    What a list without a category contains is not documented, so the categories are asked for one by one where a
    configured account is not in it.
    """
    wanted = {int(account.acc_id) for account in config.accounts.values() if account.acc_id.isdigit()}
    listed: dict[int, Any] = {}
    for category in (None, _SECURITIES, _FUTURES, _CRYPTO):
        c2s = trade_pb2.GetAccList.C2S(userID=0, needGeneralSecAccount=True)
        if category is not None:
            c2s.trdCategory = category
        response = await link.call(messages.ACCOUNT_LIST, c2s, timeout)
        if response.retType == messages.SUCCEED:
            listed.update((acc.accID, acc) for acc in response.s2c.accList)
        elif category is None:
            raise RetryableError(f"OpenD lists no accounts: {response.retMsg} ({response.retType})")
        if wanted <= listed.keys():
            break
    return listed


def _account(alias: str, wanted: FutuAccount, listed: dict[int, Any], config: FutuConfig) -> Account:
    found = listed.get(int(wanted.acc_id)) if wanted.acc_id.isdigit() else None
    if found is None:
        known = ", ".join(f"{acc_id} ({names.ENVIRONMENTS.get(a.trdEnv, a.trdEnv)})" for acc_id, a in listed.items())
        raise FatalError(
            f"accounts.{alias}: OpenD has no account {wanted.acc_id}; it has {known or 'none'}",
            reason=Reason.UNKNOWN_ACCOUNT,
        )
    environment = names.ENVIRONMENTS.get(found.trdEnv)
    if environment is None or (wanted.environment is not None and wanted.environment != environment):
        raise FatalError(
            f"accounts.{alias}: the configuration says environment {wanted.environment}, OpenD says "
            f"{environment or found.trdEnv}",
            reason=Reason.INVALID,
        )
    if not found.trdMarketAuthList:
        raise FatalError(f"accounts.{alias}: OpenD lets the account trade no market", reason=Reason.UNAUTHORIZED)
    markets = frozenset(found.trdMarketAuthList)
    currency = wanted.currency or names.MARKET_CURRENCIES.get(found.trdMarketAuthList[0])
    if currency is not None and currency not in names.CURRENCY:
        known = " ".join(names.CURRENCY)
        raise FatalError(f"accounts.{alias}.currency: {currency} is none of {known}", reason=Reason.INVALID)
    return Account(
        alias=alias,
        acc_id=found.accID,
        real=found.trdEnv == names.REAL,
        markets=markets,
        first_market=found.trdMarketAuthList[0],
        firm=found.securityFirm,
        book=Book(alias, zone_of(markets, ZoneInfo(config.future_time_zone))),
        currency=names.CURRENCY[currency] if currency is not None else None,
        jp_acc_type=wanted.jp_acc_type,
    )


async def _unlock(ctx: VenueContext[FutuConfig], link: Link, firms: set[int], timeout: float) -> None:
    password = ctx.config.trade_password
    if not firms:
        return
    if password is None:
        ctx.log.info("no trade_password: orders of real accounts work only while another client has unlocked OpenD")
        return
    digest = md5(password.reveal().encode(), usedforsecurity=False).hexdigest()  # OpenD's form of the password
    for firm in sorted(firms):
        await ctx.limits.acquire("unlock")
        c2s = trade_pb2.UnlockTrade.C2S(unlock=True, pwdMD5=digest)
        if firm:
            c2s.securityFirm = firm
        response = await link.call(messages.UNLOCK, c2s, timeout)
        if response.retType == messages.SUCCEED:
            continue
        text = f"trading cannot be unlocked: {response.retMsg}"
        if refusals.is_proved(response.retType, response.retMsg):
            # A wrong password tried again and again locks the account.
            raise FatalError(text, reason=Reason.UNAUTHORIZED)
        raise RetryableError(text)
