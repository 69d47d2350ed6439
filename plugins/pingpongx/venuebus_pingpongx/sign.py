"""``python -m venuebus_pingpongx.sign FILE --secret SECRET``: print the headers that a delivery of FILE needs.

For trying a webhook by hand: ``curl -H @headers --data-binary @FILE …`` with what this prints in ``headers``.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from .protocol import msg_id
from .signing import standard_webhooks


def main(arguments: list[str] | None = None) -> int:
    """Print one header a line; ``FILE`` may be ``-`` for standard input."""
    parser = argparse.ArgumentParser(prog="python -m venuebus_pingpongx.sign", description=__doc__)
    parser.add_argument("file", help="the body, exactly as it will be sent")
    parser.add_argument("--secret", required=True, help="one of verify.secrets")
    parser.add_argument("--id", help="default: the body's msg_id")
    parser.add_argument("--at", type=int, help="seconds since the epoch; default: now")
    chosen = parser.parse_args(arguments)
    body = sys.stdin.buffer.read() if chosen.file == "-" else Path(chosen.file).read_bytes()
    name = chosen.id or msg_id(body)
    if name is None:
        parser.error("the body has no msg_id: name one with --id")
    headers = standard_webhooks(chosen.secret, name, body, chosen.at or int(time.time()))
    sys.stdout.writelines(f"{header}: {value}\n" for header, value in headers.items())
    sys.stdout.write("Content-Type: application/json\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
