"""A distribution from outside the repository: built, installed elsewhere, found by its entry point, trading."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from contextlib import suppress
from pathlib import Path
from textwrap import dedent
from typing import Any

import nats
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from .outside import PROGRAM, install

PYPROJECT = """
    [build-system]
    requires = ["hatchling"]
    build-backend = "hatchling.build"

    [project]
    name = "acme-venue"
    version = "4.2"
    dependencies = ["venuebus"]

    [project.entry-points.venuebus]
    acme = "acme_venue"
"""
PLUGIN = '''
    """A venue that takes orders up to a hundred and fills them at once."""

    import asyncio

    from venuebus import Accepted, Capabilities, CommandRejected, Secret, VenueConfig, VenueSpec, hookimpl
    from venuebus_schemas import Fill, Order, OrderStatus, OrderType, Quote, Reason, Verb


    class AcmeConfig(VenueConfig, kw_only=True, frozen=True, forbid_unknown_fields=True):
        token: Secret


    class AcmeSession:
        def __init__(self, context):
            self._context = context

        async def connect(self):
            assert self._context.config.token.reveal() == "let-me-in"

        async def run(self):
            while True:
                self._context.publish(Quote(symbol="ACME", bid="9.50", ask="9.60", ts_recv=self._context.now_ns()))
                await asyncio.sleep(0.02)

        async def close(self):
            pass

        async def execute(self, instruction):
            order = instruction.command
            instruction.sending()
            if len(order.quantity) > 2:
                raise CommandRejected(Reason.INSUFFICIENT_FUNDS, "two digits at most")
            ids = {"client_order_id": order.client_order_id, "venue_order_id": "A-1"}
            about = {"account": instruction.account, "symbol": order.symbol, "side": order.side, **ids}
            filled = Order(
                order_type=order.order_type, status=OrderStatus.FILLED, quantity=order.quantity,
                filled_quantity=order.quantity, price=order.price, **about,
            )
            return Accepted(
                order=filled, fills=[Fill(fill_id="F-1", price=order.price, quantity=order.quantity, **about)]
            )


    @hookimpl
    def venuebus_register_venues():
        can = Capabilities(
            market_data=frozenset({"quote"}), verbs=frozenset({Verb.SUBMIT}), order_types=frozenset({OrderType.LIMIT})
        )
        return [VenueSpec(name="acme", config_type=AcmeConfig, create=AcmeSession, capabilities=can, summary="fills")]
'''
CONFIG = """
    [bus]
    servers = ["{url}"]
    prefix = "{prefix}"
    spool_dir = "spool"
    command_max_bytes = 1048576
    account_max_bytes = 1048576
    system_max_bytes = 1048576
    dead_max_bytes = 1048576

    [http]
    listen = ""

    [venues.acme-live]
    plugin = "acme"
    symbols = ["ACME"]
    market_data = ["quote"]
    token = {{ env = "ACME_TOKEN" }}
"""


def install_acme(folder: Path) -> Path:
    """Build the distribution and install it into a folder of its own, from nothing but what is on this machine."""
    source, site = folder / "source", folder / "site"
    source.mkdir()
    (source / "pyproject.toml").write_text(dedent(PYPROJECT))
    (source / "acme_venue.py").write_text(dedent(PLUGIN))
    install(source, site)
    return site


async def submit(client: Client, prefix: str, command_id: str, quantity: str) -> None:
    order = {"type": "submit", "command_id": command_id, "symbol": "ACME", "side": "buy", "order_type": "limit"}
    body = json.dumps({**order, "quantity": quantity, "price": "9.55"}).encode()
    await client.jetstream().publish(f"{prefix}.v1.cmd.acme-live.main.submit.{command_id}", body)


async def stored(js: JetStreamContext, prefix: str, key: str) -> dict[str, Any]:
    """Wait for the last message on the account stream about ``key``."""
    while True:
        with suppress(NotFoundError):
            message = await js.get_last_msg(f"{prefix.upper()}_ACCT", f"{prefix}.v1.acct.acme-live.main.{key}")
            return dict(json.loads(message.data or b""))
        await asyncio.sleep(0.02)


async def test_a_third_distribution_works_without_touching_the_core(
    nats_url: str, subject_prefix: str, tmp_path: Path
) -> None:
    site = await asyncio.to_thread(install_acme, tmp_path)
    config = tmp_path / "venuebus.toml"
    config.write_text(dedent(CONFIG).format(url=nats_url, prefix=subject_prefix))
    environment = {**os.environ, "PYTHONPATH": str(site), "VENUEBUS_PLUGINS": "acme", "ACME_TOKEN": "let-me-in"}

    listed = await asyncio.to_thread(
        subprocess.run, [*PROGRAM, "plugins"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=20
    )
    assert listed.returncode == 0, listed.stdout + listed.stderr
    assert "acme-venue 4.2" in listed.stdout

    client = await nats.connect(nats_url)
    quotes = await client.subscribe(f"{subject_prefix}.v1.md.acme-live.quote.ACME")
    await client.request("$JS.API.INFO", b"")  # a barrier: a flush would overtake the subscriptions
    with (tmp_path / "log").open("wb") as log:
        bridge = await asyncio.create_subprocess_exec(
            *PROGRAM, "run", str(config), cwd=tmp_path, env=environment, stdout=log, stderr=log
        )
    try:
        async with asyncio.timeout(15):
            quote = json.loads((await quotes.next_msg(timeout=15)).data)
            assert (quote["venue"], quote["bid"], quote["ask"]) == ("acme-live", "9.50", "9.60")
            await submit(client, subject_prefix, "good", "12")
            await submit(client, subject_prefix, "much", "120")
            js = client.jetstream()
            result = await stored(js, subject_prefix, "result.good")
            assert (result["status"], result["venue_order_id"], result["attempts"]) == ("accepted", "A-1", 1)
            assert (await stored(js, subject_prefix, "order.good"))["status"] == "filled"
            assert (await stored(js, subject_prefix, "fill.ACME"))["quantity"] == "12"
            refused = await stored(js, subject_prefix, "result.much")
            assert (refused["status"], refused["reason"]) == ("rejected", "insufficient_funds")
            bridge.terminate()
            assert await bridge.wait() == 0
    except (TimeoutError, nats.errors.TimeoutError) as error:
        raise AssertionError((tmp_path / "log").read_text()) from error
    finally:
        if bridge.returncode is None:
            bridge.kill()
            await bridge.wait()
        await client.close()
    text = (tmp_path / "log").read_text()
    assert "let-me-in" not in text
