"""What the tests of this plugin share: a simulated OpenD, sessions on it, messages as OpenD sends them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from venuebus import RetryableError, Secret
from venuebus.testing import FakeInstruction, RecordingContext
from venuebus_futu import SPEC
from venuebus_futu.config import FutuConfig
from venuebus_futu.pb import trade_pb2
from venuebus_futu.session import FutuSession
from venuebus_futu.simulator import OpendSimulator
from venuebus_schemas import Amend, Cancel, CancelAll, Submit

HK_ACCOUNT = 281756455988249902


@dataclass
class Desk:
    """A session with all that surrounds it."""

    opend: OpendSimulator
    ctx: RecordingContext
    session: FutuSession
    run: asyncio.Task[None]

    async def do(self, verb: str, account: str = "real", order: Any = None, **fields: Any) -> Any:
        """Execute one command as the bridge would: prepare, then execute."""
        instruction = self.instruction(verb, account, order, **fields)
        instruction.keys = self.session.prepare(instruction)
        return await self.session.execute(instruction)

    def instruction(self, verb: str, account: str = "real", order: Any = None, **fields: Any) -> FakeInstruction:
        """Return a command as the bridge hands it over."""
        kinds: dict[str, Any] = {"submit": Submit, "amend": Amend, "cancel": Cancel, "cancel_all": CancelAll}
        command = msgspec.convert({"type": verb, "command_id": "cmd-1", **fields}, kinds[verb])
        return FakeInstruction(command, account=account, order=order)

    async def lost(self) -> str:
        """Wait for the session's end and return what it said."""
        with pytest.raises(RetryableError) as caught:
            await asyncio.wait_for(self.run, 10)
        return str(caught.value)


def config_for(opend: OpendSimulator, **changes: Any) -> FutuConfig:
    table = {**opend.config(), **changes}
    for key in ("trade_password", "rsa_key"):
        if isinstance(table.get(key), str):
            table[key] = Secret(table[key])
    return msgspec.convert({key: value for key, value in table.items() if value is not None}, FutuConfig)


@pytest.fixture(scope="session")
def rsa_pem() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()


@pytest.fixture
def make_config() -> Callable[..., FutuConfig]:
    return config_for


@pytest.fixture
async def opend() -> AsyncIterator[OpendSimulator]:
    simulator = OpendSimulator(tick=None)
    await simulator.start()
    yield simulator
    await simulator.stop()


@pytest.fixture
async def connect() -> AsyncIterator[Callable[..., Awaitable[Desk]]]:
    """Connect a session: ``await connect(opend, limits=…, **config changes)``."""
    async with AsyncExitStack() as stack:

        async def make(opend: OpendSimulator, *, ctx: RecordingContext | None = None, **changes: Any) -> Desk:
            config = config_for(opend, **changes)
            limits = SPEC.limits(config) if SPEC.limits is not None else ()
            context = ctx or RecordingContext(config, venue="futu", limits=limits)
            session = FutuSession(context)
            stack.push_async_callback(session.close)
            await session.connect()
            run = asyncio.create_task(session.run())

            async def end() -> None:
                run.cancel()
                await asyncio.gather(run, return_exceptions=True)

            stack.push_async_callback(end)
            return Desk(opend, context, session, run)

        yield make


@pytest.fixture
async def desk(opend: OpendSimulator, connect: Callable[..., Awaitable[Desk]]) -> Desk:
    return await connect(opend, symbols=[], market_data=[])


@pytest.fixture
def order_push() -> Callable[..., Any]:
    """Return the ``Response`` of an order push; keywords change fields of the order."""

    def make(**changes: Any) -> Any:
        response = trade_pb2.UpdateOrder.Response(retType=0, retMsg="", errCode=0)
        header = response.s2c.header
        header.trdEnv, header.accID, header.trdMarket = 1, changes.pop("acc_id", 281756455988249903), 1
        fields: dict[str, Any] = {
            "trdSide": 1, "orderType": 1, "orderStatus": 5, "orderID": 4883217202603317248, "orderIDEx": "EX|1",
            "code": "00700", "name": "Tencent", "qty": 100.0, "price": 480.0, "createTime": "2021-09-13 16:45:00.313",
            "updateTime": "2021-09-13 16:45:00.568", "fillQty": 0.0, "fillAvgPrice": 0.0, "secMarket": 1,
            "createTimestamp": 1631522700.312849, "updateTimestamp": 1631522700.567732, "remark": "mine-1",
            "timeInForce": 0,
        }  # fmt: skip
        for name, value in {**fields, **changes}.items():
            if value is not None:
                setattr(response.s2c.order, name, value)
        return response

    return make
