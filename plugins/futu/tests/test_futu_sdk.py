"""Side by side with the official SDK, where it is installed: set VENUEBUS_FUTU_SDK_PYTHON to a Python that has it.

It always runs in a process of its own, with a home of its own: importing it installs a SIGINT handler that ends the
process, and creates files in the home directory.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.unknown_fields import UnknownFieldSet
from venuebus_futu import messages
from venuebus_futu.simulator import OpendSimulator

SDK = os.environ.get("VENUEBUS_FUTU_SDK_PYTHON") or (sys.executable if importlib.util.find_spec("futu") else None)
HERE = Path(__file__).parent
pytestmark = pytest.mark.skipif(
    SDK is None, reason="futu-api is not installed, and VENUEBUS_FUTU_SDK_PYTHON names no Python that has it"
)

MODULES = {
    1001: "InitConnect", 1002: "GetGlobalState", 1003: "Notify", 1004: "KeepAlive", 2001: "Trd_GetAccList",
    2005: "Trd_UnlockTrade", 2008: "Trd_SubAccPush", 2101: "Trd_GetFunds", 2102: "Trd_GetPositionList",
    2111: "Trd_GetMaxTrdQtys", 2201: "Trd_GetOrderList", 2202: "Trd_PlaceOrder", 2205: "Trd_ModifyOrder",
    2208: "Trd_UpdateOrder", 2211: "Trd_GetOrderFillList", 2218: "Trd_UpdateOrderFill",
    2221: "Trd_GetHistoryOrderList", 2222: "Trd_GetHistoryOrderFillList", 2225: "Trd_GetOrderFee", 3001: "Qot_Sub",
    3003: "Qot_GetSubInfo", 3004: "Qot_GetBasicQot", 3005: "Qot_UpdateBasicQot", 3007: "Qot_UpdateKL",
    3011: "Qot_UpdateTicker", 3012: "Qot_GetOrderBook", 3013: "Qot_UpdateOrderBook", 3202: "Qot_GetStaticInfo",
}  # fmt: skip
NOT_OURS = {"Notify.Response", "Qot_GetSubInfo.Response", "Qot_GetOrderBook.Request", "Qot_GetSubInfo.Request"}
"""Messages of which the SDK has fields that we do not read; ours must keep them."""


def environment(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path), "PATH": os.environ.get("PATH", ""), "PYTHONDONTWRITEBYTECODE": "1"}


def fill(message: Any, chance: random.Random, depth: int = 0) -> Any:
    """Fill a message with any values: required fields always, the others as it comes."""
    for field in message.DESCRIPTOR.fields:
        if not field.is_required and chance.random() < 0.25:
            continue
        values = range(chance.randint(1, 3)) if field.is_repeated else range(1)
        for _ in values:
            if field.message_type is not None:
                if depth < 6:
                    target = getattr(message, field.name)
                    fill(target.add() if field.is_repeated else target, chance, depth + 1)
                continue
            value = any_value(field, chance)
            if field.is_repeated:
                getattr(message, field.name).append(value)
            else:
                setattr(message, field.name, value)
    return message


def any_value(field: Any, chance: random.Random) -> Any:
    if field.cpp_type == field.CPPTYPE_STRING:
        return chance.choice(["", "00700", "腾讯控股", "20210913_5915950_OD|pM+9NqXZ"])
    if field.cpp_type == field.CPPTYPE_BOOL:
        return chance.random() < 0.5
    if field.cpp_type == field.CPPTYPE_ENUM:
        return chance.choice(field.enum_type.values).number
    if field.cpp_type == field.CPPTYPE_DOUBLE:
        return chance.choice([0.0, -37.63, 480.2, 1e-9, 1631522700.567732])
    if field.cpp_type in (field.CPPTYPE_UINT64, field.CPPTYPE_UINT32):
        return chance.choice([0, 1, 2**32 - 1, 2**64 - 1 if field.cpp_type == field.CPPTYPE_UINT64 else 7])
    return chance.choice([0, 1, -1, -400, 2**31 - 1])


def unknown_fields(message: Any) -> int:
    count = len(UnknownFieldSet(message))
    for field, value in message.ListFields():
        if field.message_type is not None:
            count += sum(unknown_fields(item) for item in (value if field.is_repeated else [value]))
    return count


def test_every_message_is_the_same_on_the_wire_both_ways(tmp_path: Path) -> None:
    chance = random.Random(7)
    kinds = {
        f"{module}.{kind}": getattr(messages.PROTOCOLS[proto], kind)
        for proto, module in MODULES.items()
        for kind in ("Request", "Response")
        if hasattr(messages.PROTOCOLS[proto], kind)
    }
    assert MODULES.keys() == messages.PROTOCOLS.keys()
    ours = {name: fill(kind(), chance).SerializeToString() for name, kind in kinds.items()}
    done = subprocess.run(
        [str(SDK), str(HERE / "sdk_wire.py")],
        input=json.dumps({name: data.hex() for name, data in ours.items()}),
        capture_output=True, text=True, timeout=60, env=environment(tmp_path), check=False,
    )  # fmt: skip
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("ANSWER")] or [done.stderr]
    answers = json.loads(line.removeprefix("ANSWER"))
    for name, kind in kinds.items():
        assert bytes.fromhex(answers[name]["again"]) == ours[name], name
        assert not answers[name]["unknown"], f"the SDK does not know a field of our {name}"
        theirs = bytes.fromhex(answers[name]["theirs"])
        message = kind.FromString(theirs)
        assert message.IsInitialized(), name
        # What we do not read comes back in another place of the message, but every byte of it.
        assert sorted(message.SerializeToString()) == sorted(theirs), name
        if name not in NOT_OURS:
            assert unknown_fields(message) == 0, f"the SDK has a field that our {name} lacks"


@pytest.mark.parametrize("encrypted", [False, True], ids=["plain", "encrypted"])
async def test_the_official_sdk_trades_on_the_simulator(tmp_path: Path, rsa_pem: str, encrypted: bool) -> None:
    key = tmp_path / "key.pem"
    key.write_text(rsa_pem)
    opend = OpendSimulator(tick=None, rsa_pem=rsa_pem if encrypted else None)
    await opend.start()
    try:
        process = await asyncio.create_subprocess_exec(
            str(SDK), str(HERE / "sdk_trade.py"), str(opend.port), str(key) if encrypted else "-",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=environment(tmp_path),
        )  # fmt: skip
        try:
            async with asyncio.timeout(60):
                out, err = await process.communicate()
        except TimeoutError:
            process.kill()
            raise
    finally:
        await opend.stop()
    lines = [json.loads(line.removeprefix("ANSWER")) for line in out.decode().splitlines() if line.startswith("ANSWER")]
    steps = {line["step"]: line for line in lines}
    assert "end" in steps, err.decode()[-2000:] + out.decode()[-2000:]
    assert all(line.get("ok", True) for line in lines), lines
    assert {row["acc_id"] for row in steps["accounts"]["rows"]} >= {281756455988249902, 281756455988249903}
    assert (steps["place"]["rows"][0]["remark"], steps["working"]["row"]["price"]) == ("sdk-1", 470.0)
    assert (steps["modify"]["row"]["qty"], steps["modify"]["row"]["price"]) == (200.0, 471.0)
    assert steps["cancel"]["row"]["order_status"] == "CANCELLED_ALL"
    assert (steps["fill"]["row"]["dealt_qty"], steps["fill"]["row"]["dealt_avg_price"]) == (100.0, 480.2)
    assert [row["order_status"] for row in steps["orders"]["rows"]] == ["CANCELLED_ALL", "FILLED_ALL"]
    assert steps["deals"]["rows"][0]["price"] == 480.2
    assert steps["positions"]["rows"][0]["qty"] == 100.0
    assert steps["book"]["bid"] == 479.8
    assert steps["quote"]["rows"][0]["last_price"] == 480.2
    assert opend.unknown_requests == []


def test_our_messages_and_the_sdks_live_in_one_process_in_either_order(tmp_path: Path) -> None:
    plugin = HERE.parent
    for order in (
        "import futu; from venuebus_futu.pb import trade_pb2",
        "from venuebus_futu.pb import trade_pb2; import futu",
    ):
        program = (
            f"import importlib.util, sys, types, os; package = types.ModuleType('venuebus_futu'); "
            f"package.__path__ = [{str(plugin / 'venuebus_futu')!r}]; sys.modules['venuebus_futu'] = package; {order}; "
            "print('BOTH', trade_pb2.PlaceOrder.DESCRIPTOR.full_name); sys.stdout.flush(); os._exit(0)"
        )
        done = subprocess.run(
            [str(SDK), "-c", program],
            capture_output=True,
            text=True,
            timeout=60,
            env=environment(tmp_path),
            check=False,
        )
        assert "BOTH venuebus.futu.PlaceOrder" in done.stdout, done.stderr
