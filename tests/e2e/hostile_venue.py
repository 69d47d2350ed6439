"""A plugin that does to its process what a file in the venue's folder says; installed by tests as a distribution."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

from venuebus import Capabilities, LookupPolicy, Secret, VenueContext, VenueSpec, hookimpl
from venuebus_schemas import OrderType, Quote, TimeInForce, Verb

from .toy_venue import ToyConfig, ToySession, ToyVenue


class HostileConfig(ToyConfig, kw_only=True, frozen=True):
    """``key`` is there to be looked for where it must not be."""

    key: Secret | None = None


class HostileSession(ToySession):
    """A toy that looks every moment whether it shall misbehave."""

    def __init__(self, context: VenueContext[HostileConfig]) -> None:
        super().__init__(context, ToyVenue(Path(context.config.folder)))  # type: ignore[arg-type]

    async def run(self) -> None:
        act = self.venue.folder / "act"
        while not self.done.is_set():
            if act.exists():
                what = act.read_text()
                act.unlink()
                misbehave(what)
            self.context.publish(Quote(symbol="X", bid="1", ask="2", ts_recv=self.context.now_ns()))
            await asyncio.sleep(0.01)


def misbehave(what: str) -> None:
    if what == "exit":
        asyncio.get_running_loop().call_soon(sys.exit, 3)  # where nobody stands around it
    if what == "os_exit":
        os._exit(4)
    if what == "block":
        time.sleep(60)
    if what == "grow":
        hoard = []
        while True:
            hoard.append(b"x" * 2**22)
            time.sleep(0.005)
    if what == "print":
        print("plain words on stdout")  # noqa: T201 - that is the offense
        os.write(1, b"raw bytes on fd 1 \xff\n")


def create(context: VenueContext[HostileConfig]) -> HostileSession:
    if (Path(context.config.folder) / "act.create").exists():
        os._exit(5)
    return HostileSession(context)


@hookimpl
def venuebus_register_venues() -> list[VenueSpec[HostileConfig]]:
    capabilities = Capabilities(
        market_data=frozenset({"quote"}),
        verbs=frozenset({Verb.SUBMIT, Verb.AMEND, Verb.CANCEL, Verb.CANCEL_ALL}),
        order_types=frozenset({OrderType.LIMIT}),
        time_in_force=frozenset({TimeInForce.GTC}),
        request_timeout=5.0,
        lookup=LookupPolicy(min_age=0.3, answers=2, interval=0.1),
    )
    return [VenueSpec(name="hostile", config_type=HostileConfig, create=create, capabilities=capabilities)]
