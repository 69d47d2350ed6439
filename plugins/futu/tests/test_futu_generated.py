"""The compiled messages are what the ``.proto`` files say, and nothing of theirs touches the process's own pool."""

from __future__ import annotations

import runpy
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from google.protobuf import descriptor_pool
from venuebus_futu.pb import trade_pb2

ROOT = Path(__file__).parent.parent
TOOL = runpy.run_path(str(ROOT / "tools" / "generate_pb.py"))


def installed() -> str | None:
    try:
        return version("grpcio-tools")
    except PackageNotFoundError:
        return None


@pytest.mark.skipif(installed() != TOOL["PINNED"], reason=f"grpcio-tools {TOOL['PINNED']} is not installed")
def test_compiling_again_gives_the_same_bytes(tmp_path: Path) -> None:
    TOOL["generate"](tmp_path)
    made = sorted((tmp_path / "venuebus_futu" / "pb").iterdir())
    assert len(made) == 9
    for path in made:
        assert path.read_bytes() == (ROOT / "venuebus_futu" / "pb" / path.name).read_bytes(), path.name


def test_the_default_pool_is_left_alone() -> None:
    assert trade_pb2.Order.DESCRIPTOR.full_name == "venuebus.futu.Order"
    assert trade_pb2.Order.DESCRIPTOR.file.name == "venuebus_futu/pb/trade.proto"
    with pytest.raises(KeyError):
        descriptor_pool.Default().FindMessageTypeByName("venuebus.futu.Order")
