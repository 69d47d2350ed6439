"""Logs on stderr, text or JSON, through one chain that no secret passes.

Values are redacted before rendering, because JSON escapes may split a secret, and the rendered line again, because a
secret may stand in something that only shows itself as text. Lines of the standard library's loggers (aiohttp, nats,
asyncio) take the same way, from WARNING up.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, ClassVar, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from ..quiet import be_quiet_about_tls
from ..secret import redact

LOGGER = "venuebus"
Format = Literal["text", "json"]
MAX_VALUE = 20_000  # characters of one value on a line; a plugin's error may have millions
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")


def setup_logging(level: str = "info", format: Format = "text", stream: TextIO | None = None) -> None:
    """Send every log line of this process to ``stream`` (stderr), from ``level`` up. May be called again.

    Text is coloured on a terminal and plain in a pipe. Uncaught exceptions become lines, too.
    """
    out = stream if stream is not None else sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        _add_trace,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        _redact_values,
        _bounded,
    ]
    render: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if format == "json":
        render.append(structlog.processors.JSONRenderer(ensure_ascii=False, default=repr))
    else:
        colors = getattr(out, "isatty", lambda: False)()
        render += [
            _one_line,
            structlog.dev.ConsoleRenderer(
                colors=colors, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
            ),
        ]
    handler = _Handler(out)
    handler.setFormatter(_Redacting(foreign_pre_chain=shared, processors=render))
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger(LOGGER).setLevel(level.upper())
    logging.captureWarnings(True)
    be_quiet_about_tls()
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=_logger,
        cache_logger_on_first_use=False,
    )
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_thread


def set_level(level: str) -> None:
    """Log from ``level`` up from now on."""
    logging.getLogger(LOGGER).setLevel(level.upper())


def venue_logger(venue: str) -> structlog.stdlib.BoundLogger:
    """Return a logger that puts ``venue`` on each of its lines."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger().bind(venue=venue)
    return logger


def bind_venue(venue: str) -> None:
    """Put ``venue`` on every line that the current task and the tasks it starts log, whoever's logger it is."""
    structlog.contextvars.bind_contextvars(venue=venue)


def trace_lines(current: Callable[[], Mapping[str, str]] | None) -> None:
    """Put what ``current`` returns (``trace_id``, ``span_id``) on every line from now on; ``None`` stops it."""
    _Lines.current_trace = current


def _add_trace(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    current = _Lines.current_trace
    if current is not None:
        event.update(current())
    return event


class _Lines:
    current_trace: ClassVar[Callable[[], Mapping[str, str]] | None] = None


def _logger(*names: str) -> logging.Logger:
    """Put every structlog logger below ours, so that one level rules them; a venue's lines carry its name anyway."""
    name = names[0] if names else LOGGER
    return logging.getLogger(name if name.split(".")[0] == LOGGER else f"{LOGGER}.{name}")


class _Handler(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say that a line was lost without showing it: the default prints its arguments unredacted."""
        kind, value = sys.exc_info()[:2]
        if isinstance(value, BrokenPipeError | ValueError):
            return  # the reader is gone, or the stream is closed at exit
        try:
            self.stream.write(f"a log line of {record.name} was lost: {kind.__name__ if kind else 'unknown'}\n")
        except (OSError, ValueError):
            pass


class _Redacting(structlog.stdlib.ProcessorFormatter):
    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def _redact_values(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {key: _redacted(value) for key, value in event.items()}


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {_redacted(key): _redacted(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted(item) for item in value]
    if isinstance(value, logging.LogRecord):
        return value  # structlog's own, taken out before rendering
    return redact(str(value) if isinstance(value, BaseException) else repr(value))


def _bounded(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Cut the middle out of what no log should hold; after the redaction, so that no half of a secret is left."""
    for key, value in event.items():
        if isinstance(value, str) and len(value) > MAX_VALUE:
            half = MAX_VALUE // 2
            event[key] = f"{value[:half]} … {len(value) - MAX_VALUE} characters left out … {value[-half:]}"
    return event


def _one_line(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Escape control characters, so that a venue's text can forge neither a line nor a colour."""
    return {
        key: _CONTROL.sub(lambda match: repr(match[0])[1:-1], value)
        if isinstance(value, str) and key not in ("exception", "stack")
        else value
        for key, value in event.items()
    }


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    logging.getLogger(LOGGER).critical("uncaught exception", exc_info=(kind, error, trace))


def _log_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        _log_uncaught(args.exc_type, args.exc_value, args.exc_traceback)
