"""A door without a lock is not opened by accident."""

from __future__ import annotations

from typing import Any

import pytest
from venuebus import Capabilities, ConfiguredWebhook, VenueSpec, WebhookConfig
from venuebus.configuration.config import build_config
from venuebus.errors import ConfigError
from venuebus.observability.metrics import Metrics
from venuebus.webhooks.ingress import Ingress
from venuebus.webhooks.settings import HmacSha256, StandardWebhooks

SPEC: VenueSpec[WebhookConfig] = VenueSpec(
    name="calls", config_type=WebhookConfig, create=lambda context: None,  # type: ignore[arg-type, return-value]
    capabilities=Capabilities(inbound_only=True), webhook=lambda config: ConfiguredWebhook(config, lambda body: None),
)  # fmt: skip


def build(listen: str = "127.0.0.1:0", **table: Any) -> WebhookConfig:
    data = {"http": {"listen": listen}, "venues": {"calls": {"plugin": "calls", **table}}}
    config = build_config(data, {"calls": SPEC}).venues["calls"]
    assert isinstance(config, WebhookConfig)
    return config


def test_without_a_verification_it_refuses_to_start() -> None:
    with pytest.raises(ConfigError, match=r"venues\.calls\.verify: missing; without it anybody could send"):
        build()
    assert build(insecure_unverified=True).verify is None
    with pytest.raises(ConfigError, match=r"insecure_unverified: contradicts verify"):
        build(insecure_unverified=True, verify={"method": "hmac_sha256", "secrets": ["x" * 8]})


def test_a_method_is_chosen_by_its_name() -> None:
    config = build(verify={"method": "standard_webhooks", "secrets": ["whsec_abcd"], "tolerance": 60})
    assert isinstance(config.verify, StandardWebhooks)
    assert config.verify.tolerance == 60
    config = build(verify={"method": "hmac_sha256", "secrets": ["one of two", "two of two"], "encoding": "base64"})
    assert isinstance(config.verify, HmacSha256)


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({"verify": {"method": "none"}}, "verify.method: expected one of"),
        ({"verify": {}}, "verify.method: expected one of"),
        ({"verify": {"method": "hmac_sha256", "secrets": []}}, "verify.secrets: expected at least one"),
        ({"verify": {"method": "hmac_sha256", "secrets": [""]}}, "verify.secrets: one of them is empty"),
        ({"verify": {"method": "hmac_sha256"}}, "verify.secrets: missing"),
        ({"verify": {"method": "shared_secret", "secrets": ["abcd"], "header": "a b"}}, "verify.header: not the name"),
        ({"verify": {"method": "standard_webhooks", "secrets": ["abcd"], "tolerance": 0}}, "verify.tolerance"),
        ({"verify": {"method": "standard_webhooks", "secrets": ["abcd"], "secret": "x"}}, "verify.secret: unknown key"),
        ({"verify": {"method": "rsa_sha256", "public_keys": []}}, "verify.public_keys: expected at least one"),
        ({"insecure_unverified": True, "allow_from": ["10.0.0.1/8"]}, "allow_from: 10.0.0.1/8 has host bits set"),
        ({"insecure_unverified": True, "max_body": 2_000_000}, "max_body"),
        ({"insecure_unverified": True, "max_rate": 0}, "max_rate"),
        ({"insecure_unverified": True, "decrypt": "nothing"}, "decrypt: expected"),
    ],
)
def test_what_cannot_be_meant_is_named(table: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(**table) if "listen" not in table else build(
            "127.0.0.1:0", **{"listens": "", "insecure_unverified": True}
        )
    assert why in str(caught.value)


def test_a_venue_that_calls_us_needs_an_address_to_call() -> None:
    with pytest.raises(ConfigError, match="this venue calls us"):
        build("", insecure_unverified=True)


def test_secrets_never_show_in_what_is_printed_of_the_configuration() -> None:
    config = build(verify={"method": "hmac_sha256", "secrets": ["a very secret secret"]})
    assert "very secret" not in repr(config)


def test_a_plugin_whose_configuration_has_no_lock_gets_no_door() -> None:
    from venuebus import VenueConfig

    spec: Any = VenueSpec(
        name="odd", config_type=VenueConfig, create=lambda context: None,  # type: ignore[arg-type, return-value]
        capabilities=Capabilities(), webhook=lambda config: None,  # type: ignore[arg-type, return-value]
    )  # fmt: skip
    with pytest.raises(ConfigError, match="its config_type is no WebhookConfig"):
        Ingress(Metrics()).door("odd", spec, VenueConfig(plugin="odd"))


def test_an_unverified_door_is_shouted_about(capsys: pytest.CaptureFixture[str]) -> None:
    ingress = Ingress(Metrics())
    ingress.open(ingress.door("calls", SPEC, build(insecure_unverified=True)))
    assert "NOT VERIFIED" in "".join(capsys.readouterr())
    assert "NOT verified" in ingress.warnings("calls")[0]
    locked = Ingress(Metrics())
    locked.open(locked.door("calls", SPEC, build(verify={"method": "hmac_sha256", "secrets": ["abcdefgh"]})))
    assert locked.warnings("calls") == []
