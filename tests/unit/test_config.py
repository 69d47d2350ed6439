from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest
from venuebus import Capabilities, ConfigError, Secret, VenueConfig, VenueSpec
from venuebus.configuration.config import build_config, load_config
from venuebus.plugins import RefusedPlugin
from venuebus.secret import redact


class ToyAccount(msgspec.Struct, kw_only=True, frozen=True):
    acc_id: str
    environment: Literal["real", "simulate"] = "real"

    def validate(self) -> None:
        if not self.acc_id.isdigit():
            raise ValueError("acc_id: expected digits")


class Hmac(msgspec.Struct, kw_only=True, frozen=True, tag_field="kind", tag="hmac"):
    key: Secret


class Allow(msgspec.Struct, kw_only=True, frozen=True, tag_field="kind", tag="allow"):
    networks: tuple[str, ...]


class ToyConfig(VenueConfig, kw_only=True, frozen=True):
    rest_url: str = "https://example.invalid"
    api_key: Secret
    more_keys: tuple[Secret, ...] = ()
    named_keys: dict[str, Secret] = msgspec.field(default_factory=dict)
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 1
    fee: Decimal | None = None
    accounts: dict[str, ToyAccount] = msgspec.field(default_factory=dict)
    verify: Hmac | Allow | None = None
    options: dict[str, Any] = msgspec.field(default_factory=dict)
    folder: Path | None = None

    def account_names(self) -> tuple[str, ...]:
        return tuple(self.accounts) or (self.account,)

    def validate(self) -> None:
        if self.rest_url == "both":
            raise ValueError("rest_url: expected an address", "port: not with both")


def spec(name: str = "toy", **capabilities: Any) -> VenueSpec[Any]:
    offered = Capabilities(market_data=frozenset({"quote", "trade"}), **capabilities)
    return VenueSpec(name=name, config_type=ToyConfig, create=lambda _context: None, capabilities=offered)


SPECS = {"toy": spec(), "hook": spec("hook", inbound_only=True)}


def build(venue: dict[str, Any] | None = None, folder: Path | None = None, **tables: Any):
    table = {"plugin": "toy", "api_key": "key-in-the-file", **(venue or {})}
    return build_config({"venues": {"toy": table}, **tables}, SPECS, folder=folder, source="b.toml")


def mistakes(venue: dict[str, Any] | None = None, folder: Path | None = None, **tables: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        build(venue, folder, **tables)
    return str(caught.value).splitlines()


def test_a_file_is_read_whole_with_references_from_its_own_folder(tmp_path, monkeypatch):
    (tmp_path / "key").write_text("from-a-file\n")
    monkeypatch.setenv("TOY_URL", "https://from.env")
    path = tmp_path / "bridge.toml"
    path.write_text(
        """
        [bus]
        servers = ["nats://a:4222", "tls://b:4222"]
        encoding = "msgpack"
        [http]
        listen = ""
        [log]
        format = "json"
        [venues.one]
        plugin = "toy"
        symbols = ["BTC-USD"]
        rest_url = { env = "TOY_URL" }
        api_key = { file = "key" }
        fee = "0.10"
        folder = "data"
        [venues.one.accounts.a]
        acc_id = "123"
        [venues.one.accounts.b]
        acc_id = "456"
        environment = "simulate"
        """
    )
    config = load_config(path, SPECS)
    venue = config.venues["one"]
    assert isinstance(venue, ToyConfig)
    assert (venue.rest_url, venue.api_key.reveal(), venue.symbols) == ("https://from.env", "from-a-file", ("BTC-USD",))
    assert venue.accounts["b"] == ToyAccount(acc_id="456", environment="simulate")
    assert venue.account_names() == ("a", "b")
    assert venue.fee == Decimal("0.10")
    assert venue.folder == tmp_path / "data"
    assert config.bus.servers == ("nats://a:4222", "tls://b:4222")
    assert (config.bus.encoding, config.bus.embedded) == ("msgpack", False)
    assert (config.http.listen, config.log.format, config.source) == ("", "json", str(path))


def test_a_secret_file_is_read_again_when_it_is_revealed(tmp_path):
    (tmp_path / "key").write_text("first-value")
    config = build({"api_key": {"file": "key"}}, tmp_path).venues["toy"]
    (tmp_path / "key").write_text("second-value\n")
    assert config.api_key.reveal() == "second-value"
    assert redact("first-value second-value") == "*** ***"


def test_values_by_reference_are_redacted_whatever_their_type(monkeypatch):
    monkeypatch.setenv("REF_A", "reference-a")
    monkeypatch.setenv("REF_B", "reference-b")
    monkeypatch.setenv("REF_C", "reference-c")
    build(
        {"rest_url": {"env": "REF_A"}, "options": {"deep": [{"env": "REF_B"}]}, "named_keys": {"x": {"env": "REF_C"}}}
    )
    assert redact("reference-a reference-b reference-c key-in-the-file") == "*** *** *** ***"


def test_references_are_resolved_in_lists_mappings_and_free_tables(monkeypatch):
    monkeypatch.setenv("REF_D", "reference-d")
    reference = {"env": "REF_D"}
    venue = build(
        {"symbols": ["A", reference], "more_keys": [reference, "plain-secret"], "options": {"a": {"b": reference}}}
    ).venues["toy"]
    assert venue.symbols == ("A", "reference-d")
    assert [key.reveal() for key in venue.more_keys] == ["reference-d", "plain-secret"]
    assert venue.options == {"a": {"b": "reference-d"}}


def test_a_password_in_a_server_address_is_redacted_even_in_the_error_about_it():
    assert "secret-in-url" not in "".join(mistakes(bus={"servers": "nats://u:secret-in-url@host"}))
    build(bus={"servers": ["nats://u:secret-in-list@host"]})
    assert redact("secret-in-list") == "***"


def test_every_mistake_is_told_at_once_a_line_each_with_file_and_key():
    found = mistakes(
        {"rest_urll": "x", "port": "80", "api_key": {"env": "NOT_SET_ANYWHERE"}, "retain": "las"},
        bus={"encoding": "jsn", "replicas": 0},
        log={"levl": "info"},
        htpp={},
    )
    assert found == [
        "b.toml: htpp: unknown key; did you mean 'http'?",
        "b.toml: bus.encoding: expected one of json, msgpack, got 'jsn'; did you mean 'json'?",
        "b.toml: bus.replicas: expected int >= 1",
        "b.toml: log.levl: unknown key; did you mean 'level'?",
        "b.toml: venues.toy.rest_urll: unknown key; did you mean 'rest_url'?",
        "b.toml: venues.toy.retain: expected one of none, last, got 'las'; did you mean 'last'?",
        "b.toml: venues.toy.api_key: environment variable NOT_SET_ANYWHERE is not set",
        "b.toml: venues.toy.port: expected int, got str",
    ]


@pytest.mark.parametrize(
    ("venue", "told"),
    [
        ({"accounts": {"a": {"acc_id": 5}}}, "venues.toy.accounts.a.acc_id: expected a string, {"),
        ({"accounts": {"a": {"acc_id": "x"}}}, "venues.toy.accounts.a.acc_id: expected digits"),
        ({"accounts": {"a": {}}}, "venues.toy.accounts.a.acc_id: missing; expected a string, {"),
        ({"accounts": {"a": 1}}, "venues.toy.accounts.a: expected a table, got an integer"),
        ({"accounts": {"a": {"acc_id": "1", "acid": "2"}}}, "venues.toy.accounts.a.acid: unknown key; did you mean"),
        ({"accounts": {"a.b": {"acc_id": "1"}}}, "venues.toy.account: the name 'a.b' must be"),
        ({"account": "*"}, "venues.toy.account: the name '*' must be"),
        ({"symbols": "BTC"}, "venues.toy.symbols: expected array, got str"),
        ({"symbols": ["A", 5]}, "venues.toy.symbols[1]: expected a string"),
        ({"symbols": [""]}, "venues.toy.symbols: a symbol must not be empty"),
        ({"market_data": ["quotes"]}, "venues.toy.market_data: toy has no 'quotes' (it has: quote, trade)"),
        ({"rest_url": 5}, "venues.toy.rest_url: expected a string, { env"),
        ({"rest_url": {"env": "A", "file": "b"}}, "venues.toy.rest_url: expected a string, { env"),
        ({"api_key": 5}, "venues.toy.api_key: expected a string, { env"),
        ({"api_key": {"file": "missing"}}, "venues.toy.api_key: cannot read"),
        ({"fee": "a lot"}, "venues.toy.fee: "),
        ({"port": 70000}, "venues.toy.port: expected int <= 65535"),
        ({"max_quantity": "-1"}, "venues.toy.max_quantity: expected a positive decimal"),
        ({"max_notional": "NaN"}, "venues.toy.max_notional: expected a positive decimal"),
        ({"request_timeout": 0}, "venues.toy.request_timeout: expected a number above 0"),
        ({"reconcile_interval": float("nan")}, "venues.toy.reconcile_interval: expected a number above 0"),
        ({"verify": {"kind": "hmc", "key": "x"}}, "venues.toy.verify.kind: expected one of hmac, allow"),
        ({"verify": {"kind": "hmac"}}, "venues.toy.verify.key: missing"),
        ({"plugin": "tou"}, "venues.toy.plugin: no plugin 'tou' (installed: hook, toy); did you mean 'toy'?"),
        ({"plugin": 7}, "venues.toy.plugin: expected the name of a plugin (installed: hook, toy)"),
    ],
)
def test_a_mistake_in_a_venue_names_its_key_and_what_was_expected(venue, told, tmp_path):
    assert any(line.startswith(f"b.toml: {told}") for line in mistakes(venue, tmp_path)), mistakes(venue, tmp_path)


@pytest.mark.parametrize(
    ("bus", "told"),
    [
        ({"servers": "embeded"}, "bus.servers: expected a list of addresses"),
        ({"servers": []}, "bus.servers: expected a list of addresses"),
        ({"servers": ["http://x"]}, "bus.servers: expected addresses such as"),
        ({"servers": ["nats://x:notaport"]}, "bus.servers: expected addresses such as"),
        ({"prefix": "a..b"}, "bus.prefix: expected subject tokens"),
        ({"prefix": "a.>"}, "bus.prefix: expected subject tokens"),
        ({"user": "u"}, "bus.user: goes together with password"),
        ({"user": "u", "password": "pppp", "token": "tttt"}, "bus.token: only one way to log in"),
        ({"credentials": "nope.creds"}, "bus.credentials: no such file"),
        ({"nkey": "not-a-seed"}, "bus.nkey: expected a user seed"),
        ({"tls": {"cert_file": "x"}}, "bus.tls.cert_file: goes together with key_file"),
        ({"tls": {"ca_file": "x"}}, "bus.tls.ca_file: no such file"),
        ({"servers": "embedded", "replicas": 3}, "bus.replicas: one embedded server"),
        ({"servers": "embedded", "max_store": 5}, "bus.max_store: the streams'"),
        ({"servers": "embedded", "tls": {}}, "bus.tls: not for the embedded server"),
        ({"duplicate_window": 1e9}, "bus.command_max_age: must not be less"),
        ({"port": -1}, "bus.port: expected int >= 0"),
    ],
)
def test_a_mistake_in_the_bus_names_its_key_and_what_was_expected(bus, told, tmp_path):
    found = mistakes(None, tmp_path, bus=bus)
    assert any(line.startswith(f"b.toml: {told}") for line in found), found


def test_a_plugin_may_tell_several_mistakes_of_its_own():
    assert mistakes({"rest_url": "both"}) == [
        "b.toml: venues.toy.rest_url: expected an address",
        "b.toml: venues.toy.port: not with both",
    ]


def test_a_plugin_whose_check_is_broken_is_one_mistake_among_the_others(monkeypatch):
    monkeypatch.setattr(ToyConfig, "validate", lambda _self: 1 / 0)
    unknown, broken = mistakes(bus={"prefx": "x"})
    assert unknown == "b.toml: bus.prefx: unknown key; did you mean 'prefix'?"
    said = "could not be checked: ToyConfig: validate() raised ZeroDivisionError: division by zero (test_config.py"
    assert broken.startswith(f"b.toml: venues.toy: {said}")


def test_no_venue_at_all_is_a_mistake():
    for venues in ({}, {"venues": {}}, {"venues": 5}):
        with pytest.raises(ConfigError, match=r"venues: expected at least one table \[venues\.<name>\]"):
            build_config(venues, SPECS)


def test_a_part_of_the_venues_needs_neither_secrets_nor_plugins_of_the_others(tmp_path):
    file = tmp_path / "b.toml"
    file.write_text(
        """
        [venues.a]
        plugin = "toy"
        api_key = { file = "a.key" }
        [venues.b]
        plugin = "toy"
        api_key = { env = "NEVER_SET_HERE" }
        [venues.c]
        plugin = "not-installed"
        """
    )
    (tmp_path / "a.key").write_text("key-of-a")
    config = load_config(file, SPECS, only=("a", "gone"))
    assert list(config.venues) == ["a"], "one that has left the file is left out, as in any change of it"
    assert config.files == (file, tmp_path / "a.key"), "what others' tables name is not watched"
    assert config.tables.variables_of_others("a") == {"NEVER_SET_HERE"}
    with pytest.raises(ConfigError, match=r"venues: there is no d among them; there are: a, b, c"):
        load_config(file, SPECS, only=("d",))
    with pytest.raises(ConfigError, match=r"venues\.b\.api_key.*\n.*venues\.c\.plugin"):
        load_config(file, SPECS)


def test_a_venue_of_a_refused_plugin_is_told_why():
    refused = [
        RefusedPlugin(name="ctp", distribution="venuebus-ctp", reason="the library 'x' is missing", claims=("ctp",))
    ]
    with pytest.raises(ConfigError, match=r"plugin 'ctp' was refused: venuebus-ctp: the library 'x' is missing"):
        build_config({"venues": {"a": {"plugin": "ctp"}}}, SPECS, refused)


def test_a_venue_that_calls_us_needs_the_http_side():
    table = {"plugin": "hook", "api_key": "key-in-the-file"}
    build_config({"venues": {"pp": table}}, SPECS)
    with pytest.raises(ConfigError, match=r"venues\.pp: this venue calls us: http\.listen must not be empty"):
        build_config({"venues": {"pp": table}, "http": {"listen": ""}}, SPECS)


def test_secret_values_stand_in_no_message_and_no_repr(monkeypatch, tmp_path):
    monkeypatch.setenv("SECRET_REF", "do-not-print-me")
    (tmp_path / "empty").write_text("\n")
    found = mistakes(
        {"accounts": {"a": {"acc_id": "1", "environment": {"env": "SECRET_REF"}}}, "fee": {"env": "SECRET_REF"},
         "port": {"env": "SECRET_REF"}, "api_key": {"file": "empty"}}, tmp_path)  # fmt: skip
    assert len(found) == 4
    assert "do-not-print-me" not in "".join(found)
    assert f"b.toml: venues.toy.api_key: <secret from file {tmp_path / 'empty'}> is empty" in found
    assert "key-in-the-file" not in repr(build())


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"[bus\n", "is not valid TOML"), (b"\xff\xfe", "is not UTF-8"), (None, "cannot be read")],
)
def test_a_file_that_is_no_configuration_is_named(tmp_path, content, told):
    path = tmp_path / "bridge.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=told) as caught:
        load_config(path, SPECS)
    assert str(caught.value).startswith(f"{path}: ")


def test_the_defaults_fit_each_other_and_the_embedded_server():
    config = build(bus={"servers": "embedded"})
    assert config.bus.embedded
    assert config.bus.stream_bytes <= config.bus.max_store
    assert config.bus.sync == "always"
    assert config.http.listen == "127.0.0.1:8321"


def test_http_networks_are_checked():
    assert build(http={"trusted_proxies": ["10.0.0.0/8", "::1"]}).http.trusted_proxies == ("10.0.0.0/8", "::1")
    assert mistakes(http={"trusted_proxies": ["10.0.0.1/8"]})[0].startswith("b.toml: http.trusted_proxies: ")
    assert mistakes(http={"listen": "8321"})[0].startswith("b.toml: http.listen: expected")


class Odd(VenueConfig, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Its ``what`` says how it breaks."""

    what: str

    def account_names(self):
        if self.what == "names":
            raise KeyError("boom")
        return 7 if self.what == "number" else ("main",)

    def validate(self):
        if self.what == "exit":
            raise SystemExit(3)


def limits(config):
    if config.what == "limits":
        raise KeyboardInterrupt
    return ["ten a second"] if config.what == "texts" else ()


@pytest.mark.parametrize(
    ("what", "mistake"),
    [
        ("names", "venues.v.plugin: plugin odd: account_names() raised KeyError: 'boom'"),
        ("number", "venues.v.plugin: plugin odd: account_names() must return a tuple of names"),
        ("limits", "venues.v.plugin: plugin odd: limits() tried to end the program (KeyboardInterrupt"),
        ("texts", "venues.v.plugin: plugin odd: limits() must return a tuple of venuebus.Limit"),
        ("exit", "venues.v: could not be checked: Odd: validate() tried to end the program"),
    ],
)
def test_a_plugin_that_fails_on_its_table_is_a_mistake_that_names_it(what, mistake):
    spec = VenueSpec(
        name="odd", config_type=Odd, create=lambda _: None, capabilities=Capabilities(), limits=limits
    )  # fmt: skip
    with pytest.raises(ConfigError) as error:
        build_config({"venues": {"v": {"plugin": "odd", "what": what}}}, {"odd": spec})
    assert mistake in str(error.value)
