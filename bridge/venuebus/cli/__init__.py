"""The command line: one file per command, loaded when it is called, so that ``venuebus --help`` answers at once.

Exit status of every command: 0 done, 1 failed, 2 bad usage or configuration, 130 interrupted.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import NoReturn

import click

from ..errors import ConfigError, VenuebusError
from ..secret import redact

COMMANDS: dict[str, str] = {
    "demo": "Everything at once with simulated venues: bus, bridge and a live view.",
    "run": "Run the bridge that FILE configures.",
    "check": "Validate FILE; connects to nothing.",
    "plugins": "List the installed venue plugins, and why one was refused.",
    "watch": "Follow what is on the bus, readably.",
    "send": "Publish one command and wait for its result.",
    "orders": "List the orders of an account, the unknown ones first.",
    "resolve": "Say what became of a command whose outcome is unknown.",
    "new": "Write a new venue plugin: tested, installable, with a toy protocol to replace.",
    "doctor": "Look for what is wrong with FILE's bus, venues, secrets and disks; changes nothing.",
    "permissions": "Print the NATS permissions of a role.",
    "simulate": "Run one venue's simulator alone, speaking its real protocol.",
    "schema": "Print the messages as JSON Schema, or the bus as AsyncAPI 3.",
}
"""Name → one-line help, in the order of a first visit."""


class LazyGroup(click.Group):
    """A group whose commands live in modules of the same name and are imported when one is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module and return its ``command``."""
        if cmd_name not in COMMANDS:
            return None
        found = importlib.import_module(f".{cmd_name}", __name__).command
        if not isinstance(found, click.Command):
            raise TypeError(f"venuebus.cli.{cmd_name}.command is no click command")
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list from `COMMANDS`, importing nothing."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="New here? `venuebus demo` shows all of it, with simulated venues.",
)
@click.version_option(package_name="venuebus", message="%(prog)s %(version)s")
def cli() -> None:
    """Every trading venue on one message bus: NATS events out, orders in, at most once."""


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit with its status."""
    sys.exit(_status(arguments))


def _status(arguments: list[str] | None) -> int:
    try:
        result = cli.main(args=arguments, prog_name="venuebus", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    except ConfigError as error:
        _complain(error)
        return 2
    except VenuebusError as error:
        _complain(error)
        return 1
    except BrokenPipeError:
        # The reader (`| head`) has seen enough; what Python still holds for it must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return result if isinstance(result, int) else 0


def _complain(error: Exception) -> None:
    for line in redact(str(error)).splitlines():
        click.secho("Error: ", fg="red", bold=True, nl=False, err=True)
        click.echo(line, err=True)
