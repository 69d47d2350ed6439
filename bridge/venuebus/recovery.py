"""What an owner must know before it acts, read back from the ledger, and checkpoints that keep the reading short."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

import msgspec
import structlog
from venuebus_schemas import Subjects

from .bus.failure import BusUnavailable
from .bus.journal import Checkpoint
from .limits import RateLimits
from .orders.account import Account
from .orders.reconcile import OVERLAP_NS

log = structlog.get_logger("venuebus.venue")

CHECKPOINT_EVERY = 3.0


async def read_ledger(account: Account, subjects: Subjects, limits: RateLimits, *, forwards: bool) -> bool:
    """Give ``account`` back what it knew; return whether there was anything, so that events may be missing.

    Raises:
        BusError: NATS went away in between, or the account is another's.
    """
    started = time.monotonic()
    await account.ledger.replay()
    checkpoint = await account.journal.load()
    count = await _read_back(account, subjects, checkpoint)
    if forwards:
        async for _, data, stored in account.journal.newest("forward"):
            account.restore("forward", data, stored)
    if checkpoint is not None:
        for operation, until in checkpoint.bans.items():
            if until > time.time_ns():
                limits.ban((until - time.time_ns()) / 1e9, operation)
    account.restart(time.time_ns() // 1_000_000)
    if account.tracker.open or account.open_claims:
        log.info(
            "ledger read back", venue=account.venue, account=account.name, messages=count,
            open_orders=len(account.tracker.open), open_claims=len(account.open_claims),
            seconds=round(time.monotonic() - started, 3),
        )  # fmt: skip
    return checkpoint is not None or count > 0


async def _read_back(account: Account, subjects: Subjects, checkpoint: Checkpoint | None) -> int:
    count = 0
    if checkpoint is not None:
        await _resume(account, checkpoint)
    async for subject, data, stored in account.journal.since(checkpoint.sequence + 1 if checkpoint else 0):
        kind = subjects.parse(subject).kind
        if kind == "lease":
            continue
        try:
            account.restore(kind, data, stored)
        except (msgspec.DecodeError, ValueError) as error:
            log.error("ledger holds a message that cannot be read", subject=subject, error=str(error))
            continue
        count += 1
    return count


async def _resume(account: Account, checkpoint: Checkpoint) -> None:
    account.resume(checkpoint)
    # The venue is asked for fills from before the newest one on: what it repeats must be known again.
    async for _, fill, stored in account.journal.fills_since(checkpoint.last_fill_ns - 2 * OVERLAP_NS):
        account.restore("fill", fill, stored)
    for command_id in checkpoint.open_claims:
        claim = await account.ledger.read_claim(command_id)
        if claim is not None and claim.sent:
            account.open_claims[command_id] = claim
    account.told_unknown.update(checkpoint.told_unknown)
    for key in checkpoint.open_orders:
        data = await account.ledger.read_last("order", key)
        if data is not None:
            account.restore("order", data, 0)
            await account.restore_trace(key)


class Checkpoints:
    """Saves where a reader of the ledger may begin: every few seconds while `run` runs, and when asked."""

    def __init__(self, accounts: Mapping[str, Account], limits: RateLimits) -> None:
        self._accounts = accounts
        self._limits = limits
        self._now = asyncio.Event()

    async def run(self) -> None:
        """Save for ever."""
        while True:
            try:
                async with asyncio.timeout(CHECKPOINT_EVERY):
                    await self._now.wait()
            except TimeoutError:
                pass
            self._now.clear()
            for account in self._accounts.values():
                await self.save(account)

    def save_soon(self) -> None:
        """Have `run` save at once."""
        self._now.set()

    async def save(self, account: Account) -> None:
        """Save what ``account`` knows, unless the ledger is behind or NATS away."""
        try:
            # The sequence is read before the state is taken: what is written in between is read twice, never missed.
            sequence = await account.journal.last_sequence()
        except BusUnavailable:
            return
        if account.ledger.is_behind:
            return
        bans = {name: time.time_ns() + int(left * 1e9) for name, left in self._limits.state().items()}
        await account.journal.save(account.checkpoint(sequence, bans))
