"""Configuration: the spec itself, unknown keys, secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import structlog

from ...errors import ConfigError, PluginError
from ...plugins import check_spec
from ...secret import Secret
from ..clauses import clause, demand, not_applicable, untested
from ..loops import patiently
from .parts import Suite

SECRETIVE = re.compile(r"password|passphrase|secret|token|(api|private|rsa)_key")
UNKNOWN_KEY = "no_key_of_this_plugin"
SHOWN = 4  # letters of a secret that are enough to tell that it was shown


class Settings(Suite):
    """The spec and the configuration."""

    @clause("configuration", "C1")
    async def test_the_spec_is_well_formed_and_its_simulator_can_be_configured(self) -> None:
        try:
            check_spec(self.spec)
        except PluginError as error:
            raise AssertionError(f"the spec is refused: {error}") from error
        async with self.stage() as stage:
            table = self.config(stage.simulator)
            demand(table.get("plugin") == self.spec.name, f"config() names the plugin {table.get('plugin')!r}")
            stage.create()
            demand(not stage.network.accepted, "create() connects; it must do no I/O")
            strange = set(stage.config.market_data) - self.can.market_data if "market_data" in table else set()
            demand(not strange, f"config() asks for market data that is not declared: {strange}")

    @clause("configuration", "C2")
    async def test_unknown_keys_are_refused_by_name(self) -> None:
        async with self.stage() as stage:
            for table in ({**stage.table, UNKNOWN_KEY: 1}, {**stage.table, "symbols": [""]}):
                name = UNKNOWN_KEY if UNKNOWN_KEY in table else "symbols"
                try:
                    stage.build(table)
                except ConfigError as error:
                    demand(name in str(error), f"the mistake does not name the key {name}: {error}")
                else:
                    raise AssertionError(f"a wrong {name} was taken; give config_type forbid_unknown_fields=True")

    @clause("configuration", "C3")
    async def test_secrets_are_secret(self) -> None:
        fields = msgspec.structs.fields(self.spec.config_type)
        open_ = [field.name for field in fields if SECRETIVE.search(field.name) and _is_text(field.type)]
        demand(not open_, f"typed as text instead of venuebus.Secret: {', '.join(open_)}")
        async with self.stage() as stage:
            held = {value.reveal() for value in _secrets(stage.config)}
            if not held:
                not_applicable("the simulator's configuration holds no Secret")
            hidden = {value for value in held if len(value) > SHOWN}
            if not hidden:
                untested(
                    f"C3: every Secret in the simulator's config() has {SHOWN} letters or fewer; give it a longer one"
                )
            with structlog.testing.capture_logs() as lines:
                await stage.start()
                await patiently(lambda: False, 0.2)
                stage.network.cut()
                assert stage.running is not None
                await stage.ends(stage.running, 2.0)
                ended = stage.running if stage.running.done() and not stage.running.cancelled() else None
                await stage.end()
            texts = {"repr() of the configuration": repr(stage.config), "the log": repr(lines)}
            texts["the error of run()"] = repr(ended.exception()) if ended is not None else ""
            shown = [where for where, text in texts.items() if any(value in text for value in hidden)]
            demand(not shown, f"a secret can be read in {', '.join(shown)}")


def _is_text(kind: Any) -> bool:
    return kind is str or kind == (str | None)


def _secrets(value: Any) -> Iterator[Secret]:
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _secrets(getattr(value, name))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _secrets(item)
    elif isinstance(value, dict):
        yield from _secrets(list(value.values()))
