"""Settings: flags go before variables, wrong values are refused with one line that says what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.main import get_group

from serve.cli import app
from serve.local.processes import mark
from serve.settings import BESIDE, SettingError, Settings, flag_of, variable_of


def test_nothing_set_gives_loopback_and_embedded_stores() -> None:
    settings = Settings.from_environ({})
    assert settings.host == "127.0.0.1"
    assert settings.database_url is None
    assert settings.redis_url is None
    assert settings.cores >= 1


def test_a_flag_goes_before_the_variable_and_an_absent_flag_does_not() -> None:
    environ = {"HOLDFAST_HTTP_PORT": "8100", "HOLDFAST_SHARDS": "3", "HOLDFAST_DATA_DIR": "/var/lib/holdfast"}
    settings = Settings.from_environ(environ, {"http_port": 8200, "shards": None})
    assert (settings.http_port, settings.shards, settings.data_dir) == (8200, 3, Path("/var/lib/holdfast"))


def test_an_empty_variable_counts_as_not_set() -> None:
    assert Settings.from_environ({"HOLDFAST_HTTP_PORT": ""}).http_port == Settings().http_port


def test_every_field_can_be_set_from_the_environment() -> None:
    texts = {
        "host": "localhost",
        "data_dir": "here",
        "log_level": "WARNING",
        "database_url": "postgresql://db/holdfast",
        "redis_url": "redis://cache:6379/0",
        "cores": "3",
        "shards": "4",
        "gateway_replicas": "5",
        "disk_reserve_mb": "0",
        "http_port": "20001",
        "grpc_port": "20002",
        "postgres_port": "20003",
        "redis_port": "20004",
        "inner_port": "21000",
    }
    assert set(texts) == set(Settings.__struct_fields__)
    settings = Settings.from_environ({variable_of(name): text for name, text in texts.items()})
    untouched = [name for name in texts if getattr(settings, name) == getattr(Settings(), name)]
    assert untouched in ([], ["host"], ["host", "cores"])  # localhost is the default host; a machine may have 3 cores


def test_a_replica_that_takes_all_requests_has_another_beside_it() -> None:
    assert [Settings(gateway_replicas=asked).gateways_started for asked in (1, 2, 3)] == [2, 2, 3]


@pytest.mark.parametrize(
    ("name", "text", "allowed"),
    [
        ("http_port", "80", "from 1024 to 65535"),
        ("http_port", "http", "from 1024 to 65535"),
        ("grpc_port", "99999", "from 1024 to 65535"),
        ("grpc_port", "-9000", "from 1024 to 65535"),
        ("grpc_port", "٩٠٠٠", "from 1024 to 65535"),
        ("shards", "0", "from 1 to 256"),
        ("shards", "1.5", "from 1 to 256"),
        ("host", "everywhere", "an IP address"),
        ("log_level", "loud", "one of debug, info, warning, error"),
        ("database_url", "mysql://db", "postgresql://"),
        ("redis_url", "cache:6379", "redis://"),
    ],
)
def test_a_wrong_value_is_refused_in_one_line_that_names_setting_and_rule(name: str, text: str, allowed: str) -> None:
    with pytest.raises(SettingError) as refused:
        Settings.from_environ({variable_of(name): text})
    line = str(refused.value)
    assert "\n" not in line
    assert flag_of(name) in line
    assert variable_of(name) in line
    assert repr(text) in line
    assert allowed in line


def test_two_uses_of_one_port_are_refused() -> None:
    with pytest.raises(SettingError, match=r"--grpc-port .* is 8000, which is also --http-port"):
        Settings.from_environ({"HOLDFAST_GRPC_PORT": "8000"})


def test_a_port_among_the_inner_ones_is_refused() -> None:
    with pytest.raises(SettingError, match=r"--redis-port .* lies in the 300 ports from --inner-port"):
        Settings.from_environ({"HOLDFAST_REDIS_PORT": "28299"})
    assert Settings.from_environ({"HOLDFAST_REDIS_PORT": "28300"}).redis_port == 28300


def test_the_port_of_a_store_that_is_not_embedded_does_not_matter() -> None:
    environ = {"HOLDFAST_POSTGRES_PORT": "8000", "HOLDFAST_DATABASE_URL": "postgresql://db/holdfast"}
    assert "postgres_port" not in Settings.from_environ(environ).ports()


def test_an_unknown_flag_is_refused() -> None:
    with pytest.raises(SettingError, match="there is no setting htpp_port"):
        Settings.from_environ({}, {"htpp_port": 1})


def test_every_setting_is_an_option_of_run_and_every_option_a_setting() -> None:
    options = {name for parameter in get_group(app).commands["run"].params for name in parameter.opts}
    assert options == {flag_of(name) for name in Settings.__struct_fields__}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("HOLDFAST_HTP_PORT", "is HOLDFAST_HTTP_PORT meant?"),
        ("HOLDFAST_DATADIR", "is HOLDFAST_DATA_DIR meant?"),
        ("HOLDFAST_OPERATORKEY", "is HOLDFAST_OPERATOR_KEY meant?"),
        ("HOLDFAST_PORT", "is HOLDFAST_"),
        ("HOLDFAST_http_port", "is HOLDFAST_HTTP_PORT meant?"),
        ("HOLDFAST_ZZZ", "see holdfast run --help"),
    ],
)
def test_a_misspelt_variable_is_refused_in_one_line_that_names_the_nearest(name: str, meant: str) -> None:
    with pytest.raises(SettingError) as refused:
        Settings.from_environ({name: "1"})
    line = str(refused.value)
    assert "\n" not in line
    assert line.startswith(f"there is no setting {name}: ")
    assert meant in line


@pytest.mark.parametrize(
    "environ",
    [
        dict.fromkeys(BESIDE, "x"),
        mark("abc"),
        {"HOLDFAST_TEST_PAUSE_S": "5"},
        {"HOLDFAST_HTP_PORT": ""},
        {"HOLDFASTER": "1", "MY_HOLDFAST_HTP_PORT": "1"},
        {
            "HOLDFAST_PORT": "tcp://10.96.0.9:8000",
            "HOLDFAST_PORT_8000_TCP": "tcp://10.96.0.9:8000",
            "HOLDFAST_PORT_8000_TCP_ADDR": "10.96.0.9",
            "HOLDFAST_SERVICE_HOST": "10.96.0.9",
            "HOLDFAST_GATEWAY_SERVICE_PORT_HTTP": "8000",
        },
    ],
    ids=["beside", "the mark", "tests", "empty", "others", "kubernetes"],
)
def test_variables_that_are_no_settings_are_let_be(environ: dict[str, str]) -> None:
    assert Settings.from_environ(environ) == Settings()
