"""Signatures against the examples that the venue printed."""

from __future__ import annotations

import json

import pytest
from venuebus_btse.protocol import login_frame
from venuebus_btse.signing import Nonces, VenueClock, auth_headers, sign

SECRET = "848db84ac252b6726e5f6e7a711d9c96d9fd77d020151b45839a5b59c37203bx"
KEY = "4e9536c79f0fdd72bf04f2430982d3f61d9d76c996f0175bbba470d69d59816x"
NONCE = "1624985375123"
BODY = (
    b'{"postOnly":false,"price":8500.0,"side":"BUY","size":0.002,"stopPrice":0.0,"symbol":"BTC-USD",'
    b'"time_in_force":"GTC","trailValue":0.0,"triggerPrice":0.0,"txType":"LIMIT","type":"LIMIT"}'
)
PRINTED = "e9cd0babdf497b536d1e48bc9cf1fadad3426b36406b5747d77ae4e3cdc9ab556863f2d0cf78e0228c39a064ad43afb7"
CORRECT = "8523d528bc9a6d3509849c6bfaec7c54535387d438362de790f49b809b0267dd3738258ea11bc6c36028c4632813fe03"
WS = "c410d38c681579adb335885800cff24c66171b7cc8376cfe43da1408c581748156b89bcc5a115bb496413bda481139fb"


@pytest.mark.parametrize(("path", "expected"), [("/api/v3.3/order", CORRECT), ("/api/v3.2/order", PRINTED)])
def test_rest_example_signs_its_own_path_and_the_printed_value_belongs_to_version_3_2(path: str, expected: str) -> None:
    assert sign(SECRET, path, NONCE, BODY) == expected


def test_websocket_example_reproduces() -> None:
    assert sign(SECRET, "/ws/spot", NONCE) == WS
    assert json.loads(login_frame(KEY, SECRET, "/ws/spot", NONCE)) == {"op": "authKeyExpires", "args": [KEY, NONCE, WS]}


def test_wallet_example_without_a_body_reproduces() -> None:
    assert sign(SECRET, "/api/v3.2/user/wallet", "1624984297330").startswith("14b98670")


def test_header_and_signature_carry_the_same_nonce_text() -> None:
    headers = auth_headers(KEY, SECRET, "/api/v3.3/order", NONCE, BODY)
    assert headers == {"request-api": KEY, "request-nonce": NONCE, "request-sign": CORRECT}


def test_other_bytes_of_the_same_json_need_another_signature() -> None:
    spaced = BODY.replace(b":", b": ")
    assert json.loads(spaced) == json.loads(BODY)
    assert sign(SECRET, "/api/v3.3/order", NONCE, spaced) != CORRECT


def test_the_venues_time_goes_on_though_the_machines_clock_is_set() -> None:
    machine, steady = [1_000_000], [50]
    clock = VenueClock(lambda: machine[0], lambda: steady[0])
    machine[0], steady[0] = 9_000_000, 60
    assert clock.now_ns() == 1_000_010
    clock.correct(-500)
    steady[0] = 70
    assert clock.now_ns() == 999_520


def test_nonces_rise_though_the_clock_stands_still_and_steps_back() -> None:
    nonces = Nonces()
    clock = [5_000_000_000, 5_000_000_000, 4_000_000_000, 5_001_000_000, 9_000_000_000]
    assert [nonces.next(now) for now in clock] == ["5000", "5001", "5002", "5003", "9000"]
