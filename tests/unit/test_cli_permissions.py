"""What `venuebus permissions` prints is what nats-server takes, and what it refuses to print."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from venuebus.bus.binary import find_server
from venuebus.bus.grants import ROLES, covers, explain
from venuebus.cli.permissions import command

KEY = "UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4"  # a public key; nobody has its seed


def printed(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments))


@pytest.mark.parametrize("role", ROLES)
def test_nats_server_takes_the_block_of_every_role(role: str, tmp_path: Path) -> None:
    block = printed("--role", role, "--venue", "toy", "--account", "main", "--nkey", KEY)
    assert block.exit_code == 0, block.output
    (tmp_path / "role.conf").write_text(block.output)
    config = tmp_path / "nats.conf"
    config.write_text(f"jetstream {{ store_dir: '{tmp_path}' }}\ninclude role.conf\n")
    checked = subprocess.run(
        [find_server(), "-t", "-c", config], capture_output=True, text=True, timeout=20, check=False
    )
    assert checked.returncode == 0, checked.stderr


def test_a_placeholder_for_the_key_is_nothing_that_nats_server_takes(tmp_path: Path) -> None:
    config = tmp_path / "nats.conf"
    config.write_text(printed("--role", "observer").output)
    checked = subprocess.run(
        [find_server(), "-t", "-c", config], capture_output=True, text=True, timeout=20, check=False
    )
    assert checked.returncode != 0
    assert "nkey" in checked.stderr


def test_two_roles_are_one_user_with_the_rights_of_both() -> None:
    both = json.loads(
        printed("--role", "strategy", "--role", "operator", "--account", "toy/main", "--format", "jwt").output
    )
    allowed = both["nats"]["pub"]["allow"]
    assert {"vb.v1.cmd.toy.main.*.*", "vb.v1.ctl.toy.*"} <= set(allowed)
    assert "resp" not in both["nats"]


def test_accounts_are_of_every_venue_or_of_the_one_that_they_name() -> None:
    for arguments, expected in (
        (("--venue", "a", "--venue", "b", "--account", "x"), {"a.x", "b.x"}),
        (("--account", "a/x", "--account", "b/y"), {"a.x", "b.y"}),
        (("--venue", "a"), {"a.*"}),
        ((), {"*.*"}),
    ):
        claims = json.loads(printed("--role", "strategy", "--format", "jwt", *arguments).output)
        commands = {s for s in claims["nats"]["pub"]["allow"] if s.startswith("vb.v1.cmd.")}
        assert commands == {f"vb.v1.cmd.{pair}.*.*" for pair in expected}, arguments


def test_an_entry_fits_into_a_list_of_users(tmp_path: Path) -> None:
    entry = printed("--role", "strategy", "--entry", "--nkey", KEY, "--prefix", "desk.one", "--reader", "s1").output
    config = tmp_path / "nats.conf"
    config.write_text(f"accounts {{ A {{ users: [\n{entry}\n] }} }}")
    checked = subprocess.run(
        [find_server(), "-t", "-c", config], capture_output=True, text=True, timeout=20, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert "DESK_ONE_ACCT.s1.desk.one.v1.acct.*.*.order.*" in entry
    assert "DESK_ONE_ACCT.*" not in entry


@pytest.mark.parametrize(
    "arguments",
    [("--nkey", "SU" + KEY[2:]), ("--name", "a.b"), ("--reader", "*"), ("--account", "a/b/c d"), ("--venue", ">")],
)
def test_what_would_print_other_rights_than_meant_is_refused(arguments: tuple[str, str]) -> None:
    refused = printed("--role", "strategy", *arguments)
    assert refused.exit_code == 2, refused.output
    assert "accounts {" not in refused.output


@pytest.mark.parametrize(
    ("action", "subject", "expected"),
    [
        ("publish", "vb.v1.cmd.btse.main.submit.x", "role strategy"),
        ("publish", "vb.v1.ctl.btse.halt", "role operator"),
        ("publish", "vb.v1.acct.btse.main.order.x", "role bridge"),
        (
            "publish",
            "$js.api.consumer.create.vb_acct.r.vb.v1.acct.btse.main.fill.*",
            "role strategy or observer or operator",
        ),
        ("subscription", "vb.v1.dead.btse.venue", "role observer or operator"),
        ("subscription", "_inbox.abc.*", "inbox"),
        ("publish", "$js.api.stream.delete.vb_cmd", "no role of venuebus"),
    ],
)
def test_a_denied_subject_names_the_role_that_grants_it(action: str, subject: str, expected: str) -> None:
    assert expected in explain(action, subject)
    assert subject in explain(action, subject)


@pytest.mark.parametrize(
    ("pattern", "subject", "expected"),
    [("a.>", "a.b.c", True), ("a.>", "a", False), ("a.*", "a.>", False), ("a.*", "a.b", True), ("a.*", "a.b.c", False),
     (">", "a.>", True), ("a.b", "a.*", False)],
)  # fmt: skip
def test_a_pattern_covers_only_what_it_matches(pattern: str, subject: str, expected: bool) -> None:
    assert covers(pattern, subject) is expected
