import asyncio
import io
import json
import logging
import sys
import threading

import pytest
import structlog
from venuebus.observability.logs import bind_venue, setup_logging, venue_logger
from venuebus.secret import Secret, remember

SECRET = 'hunter2-"quoted"-\\é'
MANY_LINES = "-----BEGIN KEY-----\nabcdefgh\n-----END KEY-----"


@pytest.fixture(autouse=True)
def restored():
    root, ours = logging.getLogger(), logging.getLogger("venuebus")
    before = (list(root.handlers), root.level, ours.level, sys.excepthook, threading.excepthook)
    yield
    root.handlers[:], level, our_level, sys.excepthook, threading.excepthook = before
    root.setLevel(level)
    ours.setLevel(our_level)
    logging.captureWarnings(False)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_is_one_object_a_line_with_time_level_and_venue():
    stream = io.StringIO()
    setup_logging("info", "json", stream)
    venue_logger("btse").info("venue is ready", attempt=2)
    [line] = lines(stream)
    assert line["event"] == "venue is ready"
    assert (line["venue"], line["attempt"], line["level"]) == ("btse", 2, "info")
    assert str(line["timestamp"]).endswith("Z")


def test_text_in_a_pipe_has_no_colour_and_is_one_line():
    stream = io.StringIO()
    setup_logging("info", "text", stream)
    venue_logger("btse").warning("evil\nINFO forged \x1b[31mred", note="a\r\nb")
    text = stream.getvalue()
    assert "\x1b" not in text
    assert text.count("\n") == 1
    assert "venue=btse" in text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_text_on_a_terminal_is_coloured():
    stream = Terminal()
    setup_logging("info", "text", stream)
    venue_logger("btse").warning("careful")
    assert "\x1b[" in stream.getvalue()


@pytest.mark.parametrize("format", ["text", "json"])
@pytest.mark.parametrize("value", [SECRET, MANY_LINES])
def test_a_secret_is_hidden_wherever_it_stands(format, value):
    remember(value)
    stream = io.StringIO()
    setup_logging("debug", format, stream)
    log = venue_logger("btse")

    class Odd:
        def __repr__(self) -> str:
            return f"<Odd {value}>"

    log.info(f"login with {value}")
    log.info("nested", headers={"X-Key": [value], value: 1}, odd=Odd(), error=ValueError(value))
    log.info("with %s", value)
    try:
        raise RuntimeError(f"bad signature for {value}")
    except RuntimeError:
        log.exception("it failed")
        logging.getLogger("aiohttp.client").exception("foreign failure with %s", value)
    text = stream.getvalue()
    assert "hunter2" not in text
    assert "abcdefgh" not in text
    assert text.count("***") >= 7


def test_a_secret_object_shows_its_origin_only():
    stream = io.StringIO()
    setup_logging("info", "json", stream)
    venue_logger("a").info("config", key=Secret("topsecretvalue"))
    assert "topsecretvalue" not in stream.getvalue()
    assert "secret from the configuration" in stream.getvalue()


def test_the_level_is_ours_and_foreign_loggers_speak_from_warning_up():
    stream = io.StringIO()
    setup_logging("debug", "json", stream)
    structlog.get_logger("venuebus.bus").debug("ours")
    logging.getLogger("nats").info("not shown")
    logging.getLogger("nats.aio").warning("shown")
    assert [(line["event"], line["logger"]) for line in lines(stream)] == [
        ("ours", "venuebus.bus"),
        ("shown", "nats.aio"),
    ]


def test_lines_below_the_level_are_not_written():
    stream = io.StringIO()
    setup_logging("warning", "json", stream)
    venue_logger("a").info("quiet")
    structlog.get_logger("venuebus_btse.session").info("quiet, too")
    assert stream.getvalue() == ""


async def test_a_venue_bound_to_a_task_is_on_foreign_lines_of_that_task_only():
    stream = io.StringIO()
    setup_logging("info", "json", stream)

    async def venue(name: str) -> None:
        bind_venue(name)
        logging.getLogger("aiohttp").warning("from %s", name)

    await asyncio.gather(asyncio.create_task(venue("a")), asyncio.create_task(venue("b")))
    logging.getLogger("aiohttp").warning("from nobody")
    assert [line.get("venue") for line in lines(stream)] == ["a", "b", None]


@pytest.mark.parametrize("format", ["text", "json"])
def test_an_exception_is_shown_whole_and_costs_no_warning_of_our_own(format):
    stream = io.StringIO()
    setup_logging("info", format, stream)
    try:
        raise RuntimeError("what went wrong")
    except RuntimeError:
        venue_logger("a").exception("it failed")
    assert "RuntimeError: what went wrong" in stream.getvalue()
    assert "test_logs.py" in stream.getvalue()
    assert "Warning" not in stream.getvalue()


def test_setting_up_twice_does_not_double_the_lines():
    first, second = io.StringIO(), io.StringIO()
    setup_logging("info", "json", first)
    setup_logging("info", "json", second)
    venue_logger("a").info("once")
    assert first.getvalue() == ""
    assert len(lines(second)) == 1


def test_an_uncaught_exception_of_a_thread_is_a_redacted_line():
    remember("thread-secret-1")
    stream = io.StringIO()
    setup_logging("info", "json", stream)

    def fail() -> None:
        raise RuntimeError("thread-secret-1")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    [line] = lines(stream)
    assert line["event"] == "uncaught exception"
    assert "***" in str(line["exception"])
    assert "thread-secret-1" not in stream.getvalue()


def test_a_line_that_cannot_be_made_is_named_without_its_arguments(capsys, monkeypatch):
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest's own handler would raise
    remember("argument-secret")
    stream = io.StringIO()
    setup_logging("info", "json", stream)
    logging.getLogger("foreign").warning("%d of them", "argument-secret")
    assert "argument-secret" not in stream.getvalue() + capsys.readouterr().err
    assert "foreign" in stream.getvalue()


@pytest.mark.parametrize("form", ["json", "text"])
def test_an_error_of_millions_of_characters_is_cut_in_the_middle(form):
    stream = io.StringIO()
    setup_logging("info", form, stream)
    try:
        raise ValueError("x" * 5_000_000)
    except ValueError:
        venue_logger("btse").exception("plugin failed", text="y" * 1_000_000)
    text = stream.getvalue()
    assert len(text) < 50_000
    assert "characters left out" in text
    assert "Traceback" in text
