"""``venuebus schema``."""

from __future__ import annotations

import json

import click
from venuebus_schemas.documents import asyncapi, json_schema


@click.command(short_help="Print the messages as JSON Schema, or the bus as AsyncAPI 3.")
@click.option("--asyncapi", "as_asyncapi", is_flag=True, help="AsyncAPI 3: subjects, headers, who sends what.")
@click.option("--prefix", default="vb", show_default=True, help="Subject prefix, for --asyncapi.")
def command(as_asyncapi: bool, prefix: str) -> None:
    """Print the messages as JSON Schema, or with --asyncapi the whole bus as AsyncAPI 3.

    Made from the same structs that the bridge writes and reads.

    \b
    Example:
      venuebus schema > venuebus.schema.json
      venuebus schema --asyncapi > asyncapi.json
    """
    document = asyncapi(prefix) if as_asyncapi else json_schema()
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))
