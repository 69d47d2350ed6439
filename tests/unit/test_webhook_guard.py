"""A plugin's webhook that misbehaves lets nobody in, and is a mistake of its venue."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from venuebus import Capabilities, ConfigError, VenueSpec, WebhookConfig
from venuebus.observability.metrics import Metrics
from venuebus.webhooks.ingress import Ingress, Refusal


class Webhook:
    """Its ``verify`` does what it was made with."""

    def __init__(self, verify: Any) -> None:
        self._verify = verify

    def verify(self, headers: Mapping[str, str], raw: bytes, now_ns: int) -> bool:
        return self._verify() if callable(self._verify) else self._verify  # type: ignore[no-any-return]

    def decrypt(self, raw: bytes) -> bytes:
        return raw

    def msg_id(self, body: bytes) -> str | None:
        return None


async def later() -> bool:
    return False


def end() -> None:
    raise SystemExit("bye")


def door(webhook: Any) -> Any:
    spec = VenueSpec(
        name="caller", config_type=WebhookConfig, create=lambda _: None, capabilities=Capabilities(), webhook=webhook  # type: ignore[arg-type, return-value]
    )  # fmt: skip
    config = WebhookConfig(plugin="caller", insecure_unverified=True)
    return Ingress(Metrics()).door("v", spec, config)


@pytest.mark.parametrize("verify", [later, end, None, 1, "yes", asyncio.sleep])
def test_only_a_plain_yes_lets_a_delivery_in(verify: Any) -> None:
    with pytest.raises(Refusal) as refusal:
        Ingress._is_authentic(door(lambda _: Webhook(verify)), {}, b"{}", 1)
    assert refusal.value.status == 500


@pytest.mark.parametrize("said", [True, False])
def test_a_bool_is_believed(said: bool) -> None:
    assert Ingress._is_authentic(door(lambda _: Webhook(said)), {}, b"{}", 1) is said


@pytest.mark.parametrize(
    ("webhook", "mistake"),
    [
        (
            lambda _: None,
            "plugin caller: webhook() must return an object with verify, decrypt and msg_id, got None",
        ),
        (lambda _: {}["key"], "plugin caller: webhook() raised KeyError: 'key'"),
        (lambda _: end(), "plugin caller: webhook() tried to end the program (SystemExit: bye)"),
    ],
)
def test_a_webhook_that_cannot_be_made_is_a_mistake_of_its_venue(webhook: Any, mistake: str) -> None:
    with pytest.raises(ConfigError) as error:
        door(webhook)
    assert mistake in str(error.value)
    assert str(error.value).startswith("venues.v.verify: ")
