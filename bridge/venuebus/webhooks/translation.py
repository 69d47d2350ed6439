"""From stored deliveries to events: by the bridge that owns the venue, acknowledged once the events are safe."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from venuebus_schemas import AccountEvent, ForwardChange, Subjects

from ..bus.connection import Connection
from ..bus.failure import BusUnavailable
from ..bus.hooks import StoredDelivery, is_on_stream
from ..bus.notices import Notices
from ..bus.streams import StreamNames
from ..errors import PluginError
from ..guard import call, said
from ..orders.account import Account, forward_key
from ..sessions import Sessions
from ..venue import SupportsWebhooks, Webhook

log = structlog.get_logger("venuebus.hooks")

SETTLE = 4.0  # seconds between two signs of life while events wait for NATS; below the consumer's ack_wait


class Translator:
    """Takes one venue's stored deliveries to its accounts.

    A delivery is acknowledged after its events are on the account stream. What comes a second time (a crash in
    between, a consumer made anew) is compared with the stream itself, so a change is published once for ever.
    """

    def __init__(
        self,
        venue: str,
        webhook: Webhook,
        accounts: Mapping[str, Account],
        sessions: Sessions,
        notices: Notices,
        connection: Connection,
        names: StreamNames,
        subjects: Subjects,
    ) -> None:
        self._venue = venue
        self._webhook = webhook
        self._accounts = accounts
        self._sessions = sessions
        self._notices = notices
        self._connection = connection
        self._names = names
        self._subjects = subjects

    async def handle(self, batch: list[StoredDelivery]) -> None:
        """Publish what ``batch`` means and acknowledge it."""
        try:
            await self._handle(batch)
        except asyncio.CancelledError:
            for stored in batch:
                await stored.give_back()
            raise

    async def _handle(self, batch: list[StoredDelivery]) -> None:
        session = await self._session(batch)
        letters = self._notices.dead_letters
        for stored in batch:
            for event in self._translate(session, stored):
                await self._publish(event, stored)
        while not await self._settled(SETTLE):
            for stored in batch:
                await stored.hold()
        if self._notices.dead_letters != letters:
            await self._notices.settle(SETTLE)
        for stored in batch:
            await stored.ack()

    async def _session(self, batch: list[StoredDelivery]) -> Any:
        while (current := self._sessions.session()) is None:
            try:
                async with asyncio.timeout(SETTLE):
                    await self._sessions.changed()
            except TimeoutError:
                for stored in batch:
                    await stored.hold()
        return current[0]

    def _translate(self, session: Any, stored: StoredDelivery) -> list[AccountEvent]:
        delivery = stored.delivery
        if stored.is_conflict:
            self._dead(stored, f"another body under msg_id {delivery.msg_id!r}; the first one counts", "conflict")
            return []
        if not isinstance(session, SupportsWebhooks):
            self._dead(stored, "the plugin's session does not translate deliveries", "not_understood")
            return []
        try:
            body = call(f"webhook of {self._venue}", "decrypt", self._webhook.decrypt, delivery.raw)
            events = session.translate(msgspec.structs.replace(delivery, body=body))
        except ValueError as error:
            self._dead(stored, str(error), "not_understood")
            return []
        except Exception as error:
            log.exception("plugin failed to translate a delivery", venue=self._venue)
            self._dead(stored, str(error) if isinstance(error, PluginError) else said(error), "not_understood")
            return []
        self._count("translated")
        return events

    def _dead(self, stored: StoredDelivery, text: str, outcome: str) -> None:
        self._count(outcome)
        self._notices.dead_letter(
            stored.delivery.raw, text, content_type=stored.delivery.content_type, subject=stored.subject
        )

    def _count(self, outcome: str) -> None:
        name = f"webhook_{outcome}"
        self._sessions.counts[name] = self._sessions.counts.get(name, 0) + 1

    async def _publish(self, event: AccountEvent, stored: StoredDelivery) -> None:
        account = self._accounts.get(event.account) if event.account else next(iter(self._accounts.values()))
        if account is None:
            self._dead(stored, f"no account {event.account!r}", "not_understood")
            return
        if isinstance(event, ForwardChange) and stored.doubtful and await self._is_published(account, event):
            self._count("published_before")
            return
        event.ts_recv = event.ts_recv or stored.delivery.ts_recv
        try:
            account.publish(event)
        except ValueError as error:
            self._dead(stored, f"the plugin published a bad event: {error}", "not_understood")
        except Exception as error:
            log.exception("plugin published what is no event", venue=self._venue)
            self._dead(stored, f"the plugin published a bad event: {type(error).__name__}", "not_understood")

    async def _is_published(self, account: Account, event: ForwardChange) -> bool:
        subject = self._subjects.account(self._venue, account.name, "forward_change", forward_key(event))
        while True:
            try:
                return await is_on_stream(self._connection, self._names.account, subject, event.msg_id)
            except BusUnavailable:
                await asyncio.sleep(0.5)

    async def _settled(self, timeout: float) -> bool:
        return all([await account.ledger.settle(timeout) for account in self._accounts.values()])
