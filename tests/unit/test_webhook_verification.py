"""Deliveries are proved over their raw bytes; whatever does not prove itself is refused without a word."""

from __future__ import annotations

import base64
import hashlib
import hmac
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from venuebus import ConfiguredWebhook, Secret, WebhookConfig
from venuebus.webhooks import verification
from venuebus.webhooks.settings import Custom, HmacSha256, RsaSha256, SharedSecret, StandardWebhooks
from venuebus.webhooks.verification import verifier

NOW = 1_711_454_778_000_000_000
STAMP = "1711454778"
BODY = b'{"msg_id": "P1"}'


def standard(secret: str, body: bytes = BODY, name: str = "P1", stamp: str = STAMP) -> dict[str, str]:
    key = base64.b64decode(secret[6:]) if secret.startswith("whsec_") else secret.encode()
    mac = hmac.new(key, f"{name}.{stamp}.".encode() + body, hashlib.sha256).digest()
    signature = "v1," + base64.b64encode(mac).decode()
    return {"webhook-id": name, "webhook-timestamp": stamp, "webhook-signature": signature}


def test_the_example_of_the_standard_webhooks_specification_verifies() -> None:
    check = verifier(StandardWebhooks(secrets=(Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),)))
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    assert check(headers, b'{"test": 2432232314}', 1_614_265_330_000_000_000)
    assert not check(headers, b'{"test": 2432232315}', 1_614_265_330_000_000_000)


def test_every_one_of_several_keys_is_valid_at_once_and_several_signatures_may_be_given() -> None:
    check = verifier(StandardWebhooks(secrets=(Secret("new key"), Secret("whsec_b2xkIGtleQ=="))))
    assert check(standard("new key"), BODY, NOW)
    assert check(standard("whsec_b2xkIGtleQ=="), BODY, NOW)
    assert not check(standard("another key"), BODY, NOW)
    both = standard("another key")
    both["webhook-signature"] += " v1a,xyz " + standard("new key")["webhook-signature"]
    assert check(both, BODY, NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "P2"},
        {"webhook-timestamp": "1711454779"},
        {"webhook-timestamp": ""},
        {"webhook-timestamp": "1711454778.5"},
        {"webhook-timestamp": "-1711454778"},
        {"webhook-timestamp": "9" * 400},
        {"webhook-timestamp": "١٧١١٤٥٤٧٧٨"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-signature": "v1,\udcff"},
        {"webhook-signature": "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
    ],
)
def test_a_delivery_with_any_part_changed_is_refused(change: dict[str, str]) -> None:
    check = verifier(StandardWebhooks(secrets=(Secret("the key"),)))
    assert check(standard("the key"), BODY, NOW)
    assert not check({**standard("the key"), **change}, BODY, NOW)
    without = {name: value for name, value in standard("the key").items() if name not in change}
    assert not check(without, BODY, NOW)


def test_stale_and_future_timestamps_are_refused_although_they_are_signed() -> None:
    check = verifier(StandardWebhooks(secrets=(Secret("the key"),), tolerance=300))
    for seconds, good in ((0, True), (-300, True), (300, True), (-301, False), (301, False), (86_400, False)):
        assert check(standard("the key", stamp=str(int(STAMP) + seconds)), BODY, NOW) is good


def test_hmac_over_the_raw_body_in_hex_and_base64_with_and_without_timestamp() -> None:
    digest = hmac.new(b"key", BODY, hashlib.sha256)
    plain = verifier(HmacSha256(secrets=(Secret("key"),), header="X-Hub-Signature-256", prefix="sha256="))
    assert plain({"x-hub-signature-256": "sha256=" + digest.hexdigest()}, BODY, NOW)
    assert plain({"x-hub-signature-256": "sha256=" + digest.hexdigest().upper()}, BODY, NOW)
    assert not plain({"x-hub-signature-256": digest.hexdigest()}, BODY, NOW)
    assert not plain({"x-hub-signature-256": "sha256=" + digest.hexdigest()}, BODY + b" ", NOW)
    assert not plain({}, BODY, NOW)
    base = verifier(HmacSha256(secrets=(Secret("key"),), encoding="base64"))
    assert base({"x-signature": base64.b64encode(digest.digest()).decode()}, BODY, NOW)
    stamped = verifier(HmacSha256(secrets=(Secret("key"),), timestamp_header="X-Time"))
    signature = hmac.new(b"key", STAMP.encode() + b"." + BODY, hashlib.sha256).hexdigest()
    assert stamped({"x-time": STAMP, "x-signature": signature}, BODY, NOW)
    assert not stamped({"x-time": STAMP, "x-signature": signature}, BODY, NOW + 301 * 10**9)
    assert not stamped({"x-signature": digest.hexdigest()}, BODY, NOW)


def test_a_shared_secret_is_compared_as_a_whole() -> None:
    check = verifier(SharedSecret(secrets=(Secret("opened sesame"), Secret("öffne dich")), header="X-Key"))
    assert check({"x-key": "opened sesame"}, BODY, NOW)
    assert check({"x-key": "öffne dich"}, BODY, NOW)
    for wrong in ("", "opened", "opened sesame ", "opened sesame, opened sesame", "\udcff"):
        assert not check({"x-key": wrong}, BODY, NOW)
    assert not check({}, BODY, NOW)


def test_every_key_is_compared_whichever_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []
    real = hmac.compare_digest

    def compare(given: bytes, wanted: bytes) -> bool:
        compared.append(wanted)
        return real(given, wanted)

    monkeypatch.setattr("venuebus.webhooks.verification.hmac.compare_digest", compare)
    check = verifier(SharedSecret(secrets=(Secret("first"), Secret("second"), Secret("third"))))
    assert check({"x-webhook-secret": "first"}, BODY, NOW)
    assert compared == [b"first", b"second", b"third"]


def test_a_secret_from_a_file_is_read_again_so_that_a_rotated_one_takes_effect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("venuebus.webhooks.verification.time.monotonic", lambda: now)
    file = tmp_path / "key"
    file.write_text("the first one\n")
    check = verifier(SharedSecret(secrets=(Secret(file=file),)))
    assert check({"x-webhook-secret": "the first one"}, BODY, NOW)
    file.write_text("the second one\n")
    assert check({"x-webhook-secret": "the first one"}, BODY, NOW)
    now += verification.KEY_TTL
    assert check({"x-webhook-secret": "the second one"}, BODY, NOW)
    assert not check({"x-webhook-secret": "the first one"}, BODY, NOW)
    file.unlink()
    now += verification.KEY_TTL
    assert check({"x-webhook-secret": "the second one"}, BODY, NOW), "a file being replaced must not lock the door"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, Path]:
    folder = tmp_path_factory.mktemp("keys")
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for name, key in (("venue.pem", private), ("old.pem", other)):
        pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        (folder / name).write_bytes(pem)
    return folder / "venue.pem", private, folder / "old.pem"


@pytest.mark.parametrize("scheme", ["pkcs1v15", "pss"])
@pytest.mark.parametrize("encoding", ["base64", "hex"])
def test_rsa_signatures_verify_with_any_of_the_public_keys(keys: Any, scheme: Any, encoding: Any) -> None:
    public, private, old = keys
    check = verifier(RsaSha256(public_keys=(old, public), padding=scheme, encoding=encoding, timestamp_header="x-time"))
    pad = padding.PKCS1v15() if scheme == "pkcs1v15" else padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    signature = private.sign(STAMP.encode() + b"." + BODY, pad, hashes.SHA256())
    text = signature.hex() if encoding == "hex" else base64.b64encode(signature).decode()
    assert check({"x-time": STAMP, "x-signature": text}, BODY, NOW)
    assert not check({"x-time": STAMP, "x-signature": text}, BODY[:-1], NOW)
    assert not check({"x-time": STAMP, "x-signature": "no signature!"}, BODY, NOW)
    assert not check({"x-time": STAMP}, BODY, NOW)
    assert not check({"x-time": STAMP, "x-signature": text}, BODY, NOW + 301 * 10**9)
    only_old = verifier(RsaSha256(public_keys=(old,), padding=scheme, encoding=encoding, timestamp_header="x-time"))
    assert not only_old({"x-time": STAMP, "x-signature": text}, BODY, NOW)


def test_keys_that_prove_nothing_are_refused_when_the_configuration_is_checked(tmp_path: Path) -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()
    curve = ec.generate_private_key(ec.SECP256R1()).public_key()
    for name, key in (("weak.pem", weak), ("curve.pem", curve)):
        pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        (tmp_path / name).write_bytes(pem)
    (tmp_path / "text.pem").write_text("hello")
    for name, why in (
        ("weak.pem", "1024 bits"), ("curve.pem", "not an RSA key"), ("text.pem", "not a public key"),
        ("none.pem", "cannot be read"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=why):
            RsaSha256(public_keys=(tmp_path / name,)).validate()


def test_a_function_of_ones_own_decides_and_only_true_is_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("my_verification")
    answers: list[Any] = [True, 1, "yes", None, False]
    module.check = lambda headers, raw, now_ns: answers.pop(0)  # type: ignore[attr-defined]
    module.unwrap = lambda raw: raw[::-1]  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "my_verification", module)
    settings = Custom(call="my_verification:check")
    settings.validate()
    check = verifier(settings)
    assert [check({}, BODY, NOW) for _ in range(5)] == [True, False, False, False, False]
    config = WebhookConfig(plugin="x", verify=settings, decrypt="my_verification:unwrap")
    assert ConfiguredWebhook(config, lambda body: None).decrypt(b"abc") == b"cba"


@pytest.mark.parametrize("reference", ["", "json", "json:", ":loads", "no_such_module_1:f", "json:nothing", "sys:path"])
def test_a_function_that_is_not_there_is_a_mistake_in_the_configuration(reference: str) -> None:
    with pytest.raises(ValueError, match="call:"):
        Custom(call=reference).validate()
