"""The bench's own OpenDs end a measurement that cannot go on, instead of waiting for ever."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from venuebus_futu import messages
from venuebus_futu.protocol import Connection, Message

BENCH = Path(__file__).parents[1] / "bench"


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH))


@pytest.mark.usefixtures("bench")
async def test_an_opend_that_nobody_subscribes_at_says_so() -> None:
    from children import Opend

    opend = Opend()
    await opend.start({})
    try:
        with pytest.raises(RuntimeError, match="0 of 1 clients want book"):
            await opend.clients({"what": "book", "count": 1, "patience": 0.05})
    finally:
        await opend.simulators[0].stop()


@pytest.mark.usefixtures("bench")
async def test_a_flood_ends_when_its_client_has_gone() -> None:
    from children import Opend

    opend = Opend()
    table = await opend.start({})
    _, writer = await asyncio.open_connection("127.0.0.1", table["port"])
    try:
        # The simulator tells nobody of a client, so this looks.
        while not opend.simulators[0].clients:  # noqa: ASYNC110
            await asyncio.sleep(0)
        writer.transport.abort()
        (client,) = opend.simulators[0].clients
        client.close()
        with pytest.raises(RuntimeError, match="a client has gone"):
            await opend.flood({"what": "book", "count": 10})
    finally:
        await opend.simulators[0].stop()


@pytest.mark.usefixtures("bench")
def test_every_push_of_the_bench_is_one_that_the_plugin_reads() -> None:
    from opend_frames import PUSHES

    for push in PUSHES.values():
        (item,) = Connection().receive(push(7))
        assert isinstance(item, Message)
        assert messages.response(item).HasField("s2c")
