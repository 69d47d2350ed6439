"""OpenD's refusals: free text in Chinese or English, and a result number that does not tell a refusal from a time-out.

OpenD answers retType -1 both when the server refused and when it got no answer from the server itself
("NN_ProtoRet_TimeOut"). Only a refusal proves that nothing happened, so texts that speak of time-outs and lost
connections count as "unknown".
"""

from __future__ import annotations

import re
from typing import Any

from venuebus import CommandRejected, OutcomeUnknown
from venuebus_schemas import Reason

from .messages import FAILED, SUCCEED

_UNPROVED = re.compile(
    r"time\s*-?_?out|timed out|超时|逾时|disconnect|断开|断线|network|网络|"
    r"connection (lost|closed|reset)|try again later",
    re.IGNORECASE,
)
_REASONS = tuple(
    (re.compile(pattern, re.IGNORECASE), reason)
    for pattern, reason in (
        (r"frequen|too (many|often)|频率|频繁|rate limit|限频", Reason.RATE_LIMITED),
        (
            r"unlock|解锁|trade password|交易密码|permission|权限|未开通|not authori[sz]ed|no authority",
            Reason.UNAUTHORIZED,
        ),
        (r"replay|重放|repeated packet|duplicate", Reason.DUPLICATE),
        (r"insufficient|buying power|购买力|资金不足|not enough|余额不足|持仓不足|可卖", Reason.INSUFFICIENT_FUNDS),
        (
            r"order.{0,40}(not (exist|found)|does not exist|filled|cancelled|canceled|finished|final)|"
            r"订单.{0,10}(不存在|已|找不到)|no such order|unknown order",
            Reason.UNKNOWN_ORDER,
        ),
        (r"account|账户|账号|acc_?id", Reason.UNKNOWN_ACCOUNT),
        (r"price|价格|价位|tick|spread", Reason.PRICE),
        (r"quantity|qty|数量|lot size|整手|每手", Reason.QUANTITY),
        (r"market.{0,20}clos|closed|休市|收市|收盘|非交易时段|not (in )?trading (hours|session)", Reason.MARKET_CLOSED),
        (
            r"unknown stock|(stock|security|code).{0,30}(unknown|not (exist|found))|未知股票|代码.{0,6}(错误|不存在)",
            Reason.UNKNOWN_SYMBOL,
        ),
        (r"not support|unsupported|不支持", Reason.UNSUPPORTED),
        (r"risk|风险|风控|limit exceeded|超过.{0,6}上限", Reason.RISK),
    )
)  # fmt: skip


def reason(message: str) -> Reason:
    """Return the best code for OpenD's text."""
    for pattern, code in _REASONS:
        if pattern.search(message):
            return code
    return Reason.VENUE_REJECTED


def is_proved(ret_type: int, message: str) -> bool:
    """Tell whether an answer other than success proves that nothing happened."""
    if ret_type != FAILED:
        return False
    # "Too frequent, try again later" is OpenD's own gate: such a request never reaches the server.
    return reason(message) is Reason.RATE_LIMITED or not _UNPROVED.search(message)


def check(response: Any, what: str) -> None:
    """Return if OpenD said yes.

    Raises:
        CommandRejected: it said no. OutcomeUnknown: it said that it does not know.
    """
    if response.retType == SUCCEED:
        return
    message = response.retMsg or f"retType {response.retType}"
    if is_proved(response.retType, message):
        code = f"{response.retType}/{response.errCode}" if response.errCode else str(response.retType)
        raise CommandRejected(reason(message), message, venue_status=code)
    raise OutcomeUnknown(f"{what}: {message} (retType {response.retType})")
