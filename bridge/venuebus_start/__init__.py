"""Where the command ``venuebus`` begins: SIGTERM ends it from its first moment on, in a container too.

A container's program is process 1 of its namespace, for which the kernel drops every signal that has no handler. The
bridge installs its own once its loop runs, which is seconds after the start on a busy node; until then nothing would
end it but the kill at the end of the grace time. So this package imports nothing that takes time.
"""

import os
import signal
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line and exit with its status.

    SIGTERM ends ``run`` with 0 as long as nothing was started that it would have to end, and any other command as
    process 1 with 143, as it does elsewhere.
    """
    if sys.argv[1:2] == ["run"]:
        _end_at_sigterm(0)
    elif os.getpid() == 1:
        _end_at_sigterm(128 + signal.SIGTERM)
    from venuebus.cli import main as command_line

    command_line()


def _end_at_sigterm(status: int) -> None:
    # Not by an exception: a plugin that is being imported could swallow it, and is guarded from ending the program.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(status))
