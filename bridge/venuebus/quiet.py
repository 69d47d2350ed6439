"""What is kept from the log because nobody can mend it."""

from __future__ import annotations

import logging


def be_quiet_about_tls() -> None:
    """Keep asyncio's remark about every TLS connection that ends from the log of this process."""
    logging.getLogger("asyncio").addFilter(_is_no_eof_remark)


def _is_no_eof_remark(record: logging.LogRecord) -> bool:
    return "eof_received" not in str(record.msg)
