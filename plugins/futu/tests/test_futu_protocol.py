"""Frames, encryption and the matching of answers: bytes in, messages out."""

from __future__ import annotations

import struct
from hashlib import sha1

import pytest
from hypothesis import given
from hypothesis import strategies as st
from venuebus_futu import cipher, frame
from venuebus_futu.protocol import Connection, Damaged, Garbage, Message

KEY, IV = "0123456789abcdef", "fedcba9876543210"


def test_a_frame_is_44_packed_little_endian_bytes_and_the_body() -> None:
    data = frame.pack(2208, 7, b"body")
    assert data[:2] == b"FT"
    assert struct.unpack_from("<IBBII", data, 2) == (2208, 0, 0, 7, 4)
    assert data[16:36] == sha1(b"body").digest()
    assert data[36:44] == bytes(8)
    assert data[44:] == b"body"


@given(st.lists(st.binary(max_size=300), max_size=8), st.lists(st.integers(1, 400), min_size=1, max_size=30))
def test_any_cut_of_the_stream_gives_the_same_messages(bodies: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(frame.pack(2208, n, body) for n, body in enumerate(bodies))
    connection, got, at = Connection(), [], 0
    while at < len(stream):
        step = cuts[at % len(cuts)]
        got += connection.receive(stream[at : at + step])
        at += step
    assert [(m.proto, m.serial, m.body) for m in got if isinstance(m, Message)] == [
        (2208, n, body) for n, body in enumerate(bodies)
    ]
    assert not connection.incomplete


def test_a_body_of_no_bytes_is_delivered_without_waiting_for_more() -> None:
    assert [m.body for m in Connection().receive(frame.pack(1004, 1, b"")) if isinstance(m, Message)] == [b""]


def test_a_wrong_hash_damages_one_frame_and_not_the_next() -> None:
    bad = bytearray(frame.pack(2208, 1, b"first"))
    bad[-1] ^= 1
    damaged, good = Connection().receive(bytes(bad) + frame.pack(2208, 2, b"second"))
    assert isinstance(damaged, Damaged)
    assert damaged.raw == bytes(bad)
    assert "SHA-1" in damaged.text
    assert isinstance(good, Message)
    assert good.body == b"second"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"HTTP/1.1 400 Bad Request" + bytes(60), "magic"),
        (frame.HEADER.pack(b"FT", 2208, 0, 0, 1, 2**31, bytes(20), bytes(8)), "2147483648"),
    ],
)
def test_what_is_no_frame_ends_the_stream_and_is_kept(data: bytes, text: str) -> None:
    connection = Connection()
    first, garbage = connection.receive(frame.pack(1004, 1, b"x") + data)
    assert isinstance(first, Message)
    assert isinstance(garbage, Garbage)
    assert text in garbage.text
    assert garbage.raw == data
    assert connection.receive(frame.pack(1004, 2, b"y")) == []


def test_answers_are_matched_on_protocol_and_serial_because_pushes_share_the_numbers() -> None:
    connection = Connection()
    serial = connection.next_serial()
    connection.send(2201, serial, b"list please", token="the request")
    push, other, answer, again = connection.receive(
        frame.pack(2208, serial, b"push") + frame.pack(2211, serial, b"another's")
        + frame.pack(2201, serial, b"list") + frame.pack(2201, serial, b"list")
    )  # fmt: skip
    assert [m.token for m in (push, other, answer, again) if isinstance(m, Message)] == [
        None,
        None,
        "the request",
        None,
    ]


def test_a_push_is_never_an_answer_even_where_one_waits_under_its_number() -> None:
    connection = Connection()
    connection.send(2208, 1, b"", token="no request has this number")
    (push,) = connection.receive(frame.pack(2208, 1, b""))
    assert isinstance(push, Message)
    assert push.token is None


def test_serials_increase_and_wrap_within_32_bits() -> None:
    connection = Connection(first_serial=2**32 - 1)
    assert [connection.next_serial(), connection.next_serial(), connection.next_serial()] == [2**32 - 1, 0, 1]


@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 31, 32, 100])
def test_ftaes_ecb_ends_with_a_plain_block_that_tells_the_length(length: int) -> None:
    body = bytes(range(1, length + 1))
    aes = cipher.FtAesEcb(KEY.encode())
    wire = aes.encrypt(body)
    assert len(wire) == (length + 15) // 16 * 16 + 16
    assert wire[-16:] == bytes(15) + bytes([length % 16])
    assert aes.decrypt(wire) == body


@pytest.mark.parametrize("length", [0, 1, 15, 16, 17, 100])
def test_aes_cbc_starts_every_frame_with_the_same_iv(length: int) -> None:
    aes = cipher.session_cipher(cipher.AES_CBC, KEY, IV)
    body = bytes(length)
    assert aes.encrypt(body) == aes.encrypt(body)
    assert aes.decrypt(aes.encrypt(body)) == body


@pytest.mark.parametrize("wire", [b"", bytes(15), bytes(16)[:-1] + b"\x05", bytes(31) + b"\x10", bytes(17)])
def test_what_no_cipher_made_is_undecryptable(wire: bytes) -> None:
    with pytest.raises(cipher.Undecryptable):
        cipher.FtAesEcb(KEY.encode()).decrypt(wire)
    with pytest.raises(cipher.Undecryptable):
        cipher.session_cipher(cipher.AES_CBC, KEY, IV).decrypt(wire)


def test_rsa_cuts_into_pieces_of_100_bytes_with_a_1024_bit_key(rsa_pem: str) -> None:
    rsa = cipher.Rsa(rsa_pem)
    for length, blocks in ((1, 1), (100, 1), (101, 2), (250, 3)):
        wire = rsa.encrypt(bytes(length))
        assert len(wire) == blocks * 128
        assert rsa.decrypt(wire) == bytes(length)


def test_a_key_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r".+"):
        cipher.Rsa("-----BEGIN RSA PRIVATE KEY-----\nnope\n-----END RSA PRIVATE KEY-----\n")


@pytest.mark.parametrize("algorithm", [cipher.FTAES_ECB, cipher.AES_CBC])
def test_two_ends_talk_encrypted_and_the_hash_is_of_the_plain_body(rsa_pem: str, algorithm: int) -> None:
    ours, theirs = Connection(rsa=cipher.Rsa(rsa_pem)), Connection(rsa=cipher.Rsa(rsa_pem))
    (hello,) = theirs.receive(ours.send(1001, 1, b"h" * 150))
    assert isinstance(hello, Message)
    assert hello.body == b"h" * 150
    ours.cipher, theirs.cipher = (cipher.session_cipher(algorithm, KEY, IV) for _ in range(2))
    data = ours.send(2202, 2, b"order")
    assert data[16:36] == sha1(b"order").digest()
    assert b"order" not in data
    (order,) = theirs.receive(data)
    assert isinstance(order, Message)
    assert order.body == b"order"


def test_another_key_damages_the_frame_and_never_gives_a_wrong_body() -> None:
    ours, theirs = Connection(), Connection()
    ours.cipher = cipher.session_cipher(cipher.FTAES_ECB, KEY, IV)
    theirs.cipher = cipher.session_cipher(cipher.FTAES_ECB, IV, KEY)
    (damaged,) = theirs.receive(ours.send(2202, 1, b"order"))
    assert isinstance(damaged, Damaged)
