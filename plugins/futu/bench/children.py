"""Processes of the bench: a simulated OpenD that floods, and the plain relay beside which the bridge is measured.

``python children.py opend`` answers requests on stdin; ``python children.py relay NATS_URL PORT SUBJECT`` relays.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from venuebus_futu import frame, messages, names  # noqa: E402
from venuebus_futu.pb import common_pb2, link_pb2, quote_pb2, trade_pb2  # noqa: E402
from venuebus_futu.protocol import Connection  # noqa: E402
from venuebus_futu.simulator import OpendSimulator  # noqa: E402

from tests.bench.child import serve  # noqa: E402

REAL = 281756455988249903
CHUNK = 256 * 1024


class Opend:
    """A simulator that sends prepared frames as fast as they are taken."""

    def __init__(self) -> None:
        self.simulator = OpendSimulator(tick=None)
        self._serial = 0
        self._order = 10**18

    async def start(self, request: dict[str, Any]) -> dict[str, Any]:
        """Listen; return the configuration."""
        await self.simulator.start()
        return self.simulator.config()

    async def clients(self, request: dict[str, Any]) -> int:
        """Wait until somebody is registered for what will be sent."""
        while True:
            ready = sum(
                bool(c.push_accounts if request["what"] == "orders" else c.pushing) for c in self.simulator.clients
            )
            if ready >= request["count"]:
                return ready
            await asyncio.sleep(0.01)

    async def flood(self, request: dict[str, Any]) -> dict[str, Any]:
        """Send ``count`` pushes to every client; return when it began."""
        make = self._order_push if request["what"] == "orders" else self._book_push
        frames = [make() for _ in range(request["count"])]
        # Whole frames in each piece, because the answer to a keep-alive may go out between two.
        some = CHUNK // max(map(len, frames))
        pieces = [b"".join(frames[at : at + some]) for at in range(0, len(frames), some)]
        started = time.time_ns()
        for client in list(self.simulator.clients):
            transport = client._transport
            assert transport is not None
            for piece in pieces:
                client.push_raw(piece)
                while transport.get_write_buffer_size() > 4 * CHUNK:  # noqa: ASYNC110
                    await asyncio.sleep(0.0005)
        return {"started_ns": started, "bytes": sum(map(len, pieces))}

    def _order_push(self) -> bytes:
        self._order += 1
        self._serial += 1
        response = trade_pb2.UpdateOrder.Response(retType=0, retMsg="", errCode=0)
        header = response.s2c.header
        header.trdEnv, header.accID, header.trdMarket = names.REAL, REAL, 1
        now = time.time()
        fields: dict[str, Any] = {
            "trdSide": 1, "orderType": 1, "orderStatus": 5, "orderID": self._order, "orderIDEx": f"EX{self._order}",
            "code": "00700", "name": "腾讯控股", "qty": 100.0, "price": 400.0 + self._order % 400 / 5, "fillQty": 0.0,
            "createTime": "2021-09-13 16:45:00.313", "updateTime": "2021-09-13 16:45:00.568", "fillAvgPrice": 0.0,
            "secMarket": 1, "createTimestamp": now, "updateTimestamp": now, "remark": f"bench-{self._order}",
            "timeInForce": 0, "currency": 1, "trdMarket": 1,
        }  # fmt: skip
        for name, value in fields.items():
            setattr(response.s2c.order, name, value)
        return frame.pack(messages.ORDER_PUSH, self._serial, response.SerializeToString())

    def _book_push(self) -> bytes:
        self._serial += 1
        response = quote_pb2.UpdateOrderBook.Response(retType=0, retMsg="", errCode=0)
        book = response.s2c
        book.security.market, book.security.code, book.name = 1, "00700", "腾讯控股"
        middle = 2400 + self._serial % 50
        for level in range(10):
            size = 100 * (self._serial % 37 + level + 1)
            book.orderBookBidList.add(price=(middle - level) / 5, volume=size, orederCount=3)
            book.orderBookAskList.add(price=(middle + 1 + level) / 5, volume=size, orederCount=2)
        book.svrRecvTimeBidTimestamp = book.svrRecvTimeAskTimestamp = time.time()
        return frame.pack(messages.BOOK_PUSH, self._serial, response.SerializeToString())


async def relay(url: str, port: int, subject: str) -> None:
    """Publish the body of every book push as it is, with the libraries that the bridge uses, until stdin is closed."""
    import nats

    bus = await nats.connect(url)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    connection = Connection()
    security = common_pb2.Security(market=1, code="00700")
    hello = link_pb2.InitConnect.Request(
        c2s=link_pb2.InitConnect.C2S(clientVer=300, clientID="relay", packetEncAlgo=-1)
    )
    wanted = quote_pb2.Sub.Request(
        c2s=quote_pb2.Sub.C2S(securityList=[security], subTypeList=[2], isSubOrUnSub=True, isRegOrUnRegPush=True)
    )
    for proto, request in ((messages.INIT_CONNECT, hello), (messages.SUBSCRIBE, wanted)):
        writer.write(connection.send(proto, connection.next_serial(), request.SerializeToString()))

    async def forward() -> None:
        while True:
            head = await reader.readexactly(frame.SIZE)
            body = await reader.readexactly(int.from_bytes(head[12:16], "little"))
            await bus.publish(subject, body)

    task = asyncio.create_task(forward())
    await asyncio.to_thread(sys.stdin.read)
    task.cancel()
    await bus.close()


async def main() -> None:
    """Be the process that the arguments name."""
    if sys.argv[1] == "relay":
        await relay(sys.argv[2], int(sys.argv[3]), sys.argv[4])
        return
    opend = Opend()
    await serve({"start": opend.start, "clients": opend.clients, "flood": opend.flood})
    await opend.simulator.stop()


if __name__ == "__main__":
    asyncio.run(main())
