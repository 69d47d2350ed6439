"""A plugin of another time is refused in one sentence that says what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from venuebus import Capabilities, VenueConfig, VenueSpec, hookimpl
from venuebus.cli.plugins import details
from venuebus.plugins import load_plugins
from venuebus.versions import too_new


class Future:
    """Written for a venuebus that hands more over."""

    @hookimpl
    def venuebus_register_venues(self, bridge: Any) -> list[Any]:
        return [bridge]


class Speaks:
    """Written for some version of the contract."""

    def __init__(self, contract: Any) -> None:
        self._contract = contract

    @hookimpl
    def venuebus_register_venues(self) -> list[VenueSpec[Any]]:
        return [
            VenueSpec(name="x", config_type=VenueConfig, create=lambda context: context, capabilities=Capabilities(),
                      contract=self._contract)
        ]  # fmt: skip


def refusal(plugin: object) -> str:
    plugins = load_plugins([plugin], installed=False)
    (refused,) = plugins.refused
    return refused.reason


def test_a_hook_that_asks_for_more_than_this_venuebus_hands_over_is_refused_by_name() -> None:
    assert refusal(Future()).endswith("does not hand over venuebus_register_venues(bridge)")


@pytest.mark.parametrize(
    ("requires", "needs"),
    [
        ("venuebus>=0.3,<1", "needs venuebus >= 0.3: "),
        ("venuebus (>=7.0)", "needs venuebus >= 7.0: "),
        ("venuebus-toys>=9", "needs venuebus > 0.1.0: "),
        ("venuebus", "needs venuebus > 0.1.0: "),
    ],
)
def test_the_version_is_the_one_that_the_distribution_requires(
    requires: str, needs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "vbtest_future-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: vbtest-future\nVersion: 1.2\nRequires-Dist: {requires}\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert too_new(Future(), "vbtest-future", ValueError("x")).startswith(needs)


@pytest.mark.parametrize(
    ("contract", "reason"),
    [
        (2, "x is written for plugin contract 2, this venuebus speaks 1; update venuebus"),
        (0, "x is written for plugin contract 0, this venuebus speaks 1; update the plugin"),
        ("1", "x is written for plugin contract 1, this venuebus speaks 1; update the plugin"),
    ],
)
def test_a_contract_that_is_not_spoken_is_refused(contract: Any, reason: str) -> None:
    assert refusal(Speaks(contract)) == reason


def test_the_list_of_plugins_tells_contract_and_tier() -> None:
    ((venue,),) = ((plugin["venues"]) for plugin in details(load_plugins([Speaks(1)], installed=False)))
    assert (venue["contract"], venue["tier"], venue["conformance"]) == (1, "none", None)
    assert venue["tier_text"] == "it ships no conformance.json"
