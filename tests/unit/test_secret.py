import json

import pytest
from venuebus.secret import Secret, redact, remember


def test_a_secret_that_begins_with_another_one_keeps_no_tail():
    remember("prefix-of")
    remember("prefix-of-a-longer-one")
    assert redact("x prefix-of-a-longer-one y prefix-of z") == "x *** y *** z"


def test_a_secret_is_hidden_in_the_shapes_that_text_gives_it():
    value = "qu\"ote\\slash'é/?&"
    remember(value)
    for shape in (
        repr({"k": value}),
        json.dumps({"k": value}),
        f"https://h/?key={'qu%22ote%5Cslash%27%C3%A9%2F%3F%26'}",
    ):
        assert "slash" not in redact(shape)


def test_every_long_line_of_a_key_file_is_hidden(tmp_path):
    (tmp_path / "key").write_text("-----BEGIN KEY-----\nMIIEowIBAAKCAQEA0123\nshort\n-----END KEY-----\n")
    Secret(file=tmp_path / "key")
    assert redact("at MIIEowIBAAKCAQEA0123 -----BEGIN KEY-----") == "at *** -----BEGIN KEY-----"


def test_short_values_are_left_alone():
    remember("abc")
    assert redact("abcdef") == "abcdef"


@pytest.mark.parametrize("show", [repr, str, "{}".format, lambda secret: f"{[secret]}"])
def test_a_secret_shows_where_it_is_from_and_never_itself(show, monkeypatch):
    monkeypatch.setenv("SOME_KEY", "never-shown")
    assert "never-shown" not in show(Secret(env="SOME_KEY"))
    assert "env SOME_KEY" in show(Secret(env="SOME_KEY"))


def test_a_secret_differs_that_now_stands_in_a_file_or_in_another_one(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_text("the-same")
    other.write_text("the-same")
    running = Secret(file=one)
    assert running != Secret("the-same"), "the file is read at every connect, the text never again"
    assert running != Secret(file=other)
    assert Secret("the-same") != Secret("another")
    one.write_text("rotated")
    assert running == Secret(file=one)
