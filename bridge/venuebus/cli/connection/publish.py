"""Storing one command on the bus, once."""

from __future__ import annotations

import nats.errors
import nats.js.errors
from nats.aio.client import Client
from venuebus_schemas import SCHEMA_VERSION, AnyCommand, encode

from ...errors import BusError
from . import Bus

WRONG_SEQUENCE = 10071


async def publish(client: Client, bus: Bus, subject: str, built: AnyCommand, verb: str) -> None:
    """Store the command on the bus, once.

    Raises:
        BusError: it was not stored, or nobody can tell; the text says which.
    """
    headers = {
        "Nats-Msg-Id": built.command_id,
        "Nats-Expected-Last-Subject-Sequence": "0",  # unlike the id's, this refusal means one thing only
        "Content-Type": "application/json",
        "Vb-Type": verb,
        "Vb-Schema": SCHEMA_VERSION,
    }
    try:
        ack = await client.jetstream().publish(subject, encode(built), timeout=5, headers=headers)
    except nats.js.errors.NoStreamResponseError as error:
        raise BusError(
            f"not sent: no stream on {bus.shown} takes {subject}. A bridge makes it when it starts: `venuebus run FILE`"
        ) from error
    except nats.js.errors.APIError as error:
        if error.err_code == WRONG_SEQUENCE:
            raise BusError(f"not sent: a command with the id {built.command_id} was published before") from error
        raise BusError(f"not sent: the stream refuses it: {error.description} ({error.err_code})") from error
    except nats.errors.OutboundBufferLimitError as error:
        raise BusError(f"not sent: the connection to {bus.shown} is lost") from error
    except (nats.errors.Error, TimeoutError) as error:
        raise BusError(
            f"no answer from the stream: {built.command_id} may be stored or not; "
            "see `venuebus watch 'cmd.>' --last 10`"
        ) from error
    if ack.duplicate:
        raise BusError(f"not sent: a command with the id {built.command_id} was published before")
