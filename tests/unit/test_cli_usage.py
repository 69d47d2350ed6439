"""Help, exit statuses, lazy loading and error texts of the command line, without a bus."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from venuebus.cli import COMMANDS, main
from venuebus.cli.plugins import details
from venuebus.cli.send import new_id, read_fields
from venuebus.cli.simulate import toml_table
from venuebus.cli.watch import _disjoint
from venuebus.plugins import load_plugins
from venuebus_schemas.commands import CLIENT_ORDER_ID

PROGRAM = [sys.executable, "-c", "from venuebus.cli import main; main()"]


def run(*arguments: str, timeout: float = 20) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, timeout=timeout, check=False)


def test_the_list_of_commands_is_true_and_every_one_has_an_example() -> None:
    for name, summary in COMMANDS.items():
        command = importlib.import_module(f"venuebus.cli.{name}").command
        assert isinstance(command, click.Command)
        assert command.short_help == summary
        assert f"venuebus {name}" in (command.help or "").split("Example")[1], f"{name} has no example"


def test_help_imports_no_command_and_no_client() -> None:
    code = "import sys\nfrom venuebus.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    code += "print(sorted({m.split('.')[0] for m in sys.modules} & {'nats', 'aiohttp', 'prometheus_client'}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True)
    assert "Commands:" in done.stdout
    assert done.stdout.strip().endswith("[]")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["bogus"], "No such command"),
        (["send", "explode", "--venue", "x"], "explode"),
        (["send", "submit"], "--venue"),
        (["send", "submit", "--venue", "x", "nonsense"], "key=value expected"),
        (["send", "submit", "--venue", "x", "colour=red"], "no field 'colour'"),
        (["send", "submit", "--venue", "x", "symbol=X"], "side"),
        (["send", "cancel", "--venue", "x"], "client_order_id or venue_order_id"),
        (["send", "cancel_after", "--venue", "x", "timeout_ms=soon"], "timeout_ms"),
        (["send", "cancel", "--venue", "x", "--json", "[]"], "JSON object"),
        (["send", "submit", "--venue", "x", "--json", '{"symbol":5}'], "symbol"),
        (["send", "cancel_all", "--venue", "a.b", "--server", "nats://127.0.0.1:1"], "--venue"),
        (["watch", "--no-follow"], "--since"),
        (["watch", "--since", "yesterday"], "duration"),
        (["watch", "md.>.x"], "no NATS pattern"),
        (["watch", "md..x"], "no NATS pattern"),
        (["resolve", "c-1", "--venue", "x"], "--status"),
        (["simulate", "no-such-venue"], "no plugin 'no-such-venue'"),
        (["simulate", "btse", "--listen", "nowhere"], "--listen"),
        (["check", "no-such-file.toml"], "no-such-file.toml"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_bad_usage_ends_with_2_and_says_what_is_wrong(
    arguments: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["watch"], ["orders", "--venue", "x"], ["send", "cancel_all", "--venue", "x"],
     ["resolve", "c", "--venue", "x", "--status", "rejected", "--why", "y"]],
    ids=lambda arguments: arguments[0],
)  # fmt: skip
def test_without_nats_every_command_ends_with_1_within_3_seconds_and_names_the_address(arguments: list[str]) -> None:
    done = run(*arguments, "--server", "nats://somebody:secret-word@127.0.0.1:1", timeout=6)
    assert done.returncode == 1
    assert "127.0.0.1:1" in done.stderr
    assert "--server" in done.stderr
    assert "secret-word" not in done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_a_wrong_configuration_ends_with_2_and_names_file_and_key(tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text('[bus]\nserver = "nats://127.0.0.1"\n[venues.a]\nplugin = "nope"\n', encoding="utf-8")
    for name in ("check", "run"):
        done = run(name, str(file))
        assert done.returncode == 2
        assert "wrong.toml: bus.server" in done.stderr
        assert "venues.a.plugin" in done.stderr
        assert done.stdout == ""


def test_run_and_check_take_a_part_of_the_venues(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("venuebus_btse")
    file = tmp_path / "part.toml"
    file.write_text('[venues.a]\nplugin = "btse"\n[venues.b]\nplugin = "nope"\n', encoding="utf-8")
    for name in ("check", "run"):
        with pytest.raises(SystemExit) as end:
            main([name, str(file), "--venue", "a", "--venue", "c"])
        assert end.value.code == 2
        assert "part.toml: venues.c: there is no such table" in capsys.readouterr().err
    with pytest.raises(SystemExit) as end:
        main(["check", str(file), "--venue", "a"])
    assert end.value.code == 0
    assert "is valid" in capsys.readouterr().out


def test_schemas_are_printed_as_json() -> None:
    assert json.loads(run("schema").stdout)["$defs"]["quote"]["title"] == "quote"
    document = json.loads(run("schema", "--asyncapi", "--prefix", "desk1").stdout)
    assert document["asyncapi"] == "3.0.0"
    assert document["channels"]["md_quote"]["address"] == "desk1.v1.md.{venue}.quote.{symbol}"


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    shell = f"{sys.executable} -c 'from venuebus.cli import main; main()' schema | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout.split() == ["{", "0"]
    assert done.stderr == ""


def test_fields_are_given_as_texts_or_as_an_object() -> None:
    assert read_fields(("price=1=2", "params.deviation=-1.5", "params.note=a b"), None) == {
        "price": "1=2",
        "params": {"deviation": -1.5, "note": "a b"},
    }
    assert read_fields(("symbol=Y",), '{"type":"submit","command_id":"z","symbol":"X","quantity":"1"}') == {
        "symbol": "Y",
        "quantity": "1",
    }


def test_command_ids_are_new_and_fit_as_client_order_ids() -> None:
    ids = {new_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(CLIENT_ORDER_ID.match(one) for one in ids)


def test_patterns_that_another_covers_are_left_out() -> None:
    assert _disjoint(["vb.v1.>", "vb.v1.md.>", "vb.v1.>"]) == ["vb.v1.>"]
    assert _disjoint(["vb.v1.md.>", "vb.v1.acct.>"]) == ["vb.v1.md.>", "vb.v1.acct.>"]


def test_a_table_of_a_simulator_is_toml() -> None:
    import tomllib

    table = {
        "plugin": "toy", "symbols": ["A.B", 'quote"d'], "port": 5, "on": True, "secret": {"env": "X"},
        "accounts": {"sim": {"acc_id": "1"}}, "absent": None,
    }  # fmt: skip
    read = tomllib.loads(toml_table("venues.toy", table))
    assert read == {"venues": {"toy": {key: value for key, value in table.items() if value is not None}}}


def test_plugins_tell_what_was_refused_and_why() -> None:
    class Broken:
        pass

    told = details(load_plugins([Broken()], installed=False))
    assert told[0]["status"] == "refused"
    assert "hook" in told[0]["reason"]
