"""A plugin that gives a command back unsent is asked anew what finds it: the first answer may be used up."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from venuebus import Accepted, Instruction, NotSent

from .bench import Bench
from .toy_venue import ToySession


async def test_a_command_that_was_not_sent_is_prepared_again_and_claimed_with_the_new_keys(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared: list[str] = []
    execute = ToySession.execute

    def prepare(self: ToySession, instruction: Instruction) -> Mapping[str, str]:
        prepared.append(instruction.command.command_id)
        return {"number": str(len(prepared))}

    async def passed_by(self: ToySession, instruction: Instruction) -> Accepted:
        if instruction.keys["number"] == "1":
            raise NotSent("a higher number went out before this one")
        return await execute(self, instruction)

    monkeypatch.setattr(ToySession, "prepare", prepare)
    monkeypatch.setattr(ToySession, "execute", passed_by)
    await bench.bridge()
    await bench.submit("a1")
    await bench.result("a1", ("accepted", None, None))
    assert prepared == ["a1", "a1"]
    claims = await bench.stored("acct.toy.main.claim.a1")
    assert [(claim["keys"]["number"], claim.get("attempt", 1)) for claim in claims] == [("1", 1), ("2", 2)]
    assert bench.venue.count("a1") == 1
