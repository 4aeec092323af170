"""The `[source]` table: what is refused, what reaches the driver, and where a password is not."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from argus_client.adapters.core.errors import ConfigError
from argus_client.adapters.core.mapping_config import MappingConfig
from argus_client.adapters.core.spec import SourceContext
from argus_client.adapters.mongodb import SPEC
from argus_client.adapters.mongodb.settings import MongoSettings

BASE: Mapping[str, object] = {"database": "d", "collection": "c"}


def read(values: Mapping[str, object], base_dir: Path = Path()) -> MongoSettings:
    return MongoSettings.from_table({**BASE, **values}, SourceContext(base_dir=base_dir))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"colection": "x"}, "did you mean 'collection'"),
        ({"database": ""}, "database is empty"),
        ({"uri": "http://localhost"}, "does not begin with mongodb://"),
        ({"uri": "mongodb://u:p@ss@h"}, "must be percent-encoded"),
        ({"uri": "mongodb://u:p/ss@h"}, "must be percent-encoded"),
        ({"uri": "mongodb://h:99999"}, "Port must be"),
        ({"time_type": "unix"}, "allowed are 'auto', 'date'"),
        ({"read_preference": "closest"}, "'nearest'"),
        ({"timeout_seconds": 0}, "allowed is 0.1 or more"),
        ({"password": "p"}, "username is missing"),
        ({"username": "u", "password_env": "ARGUS_TEST_NOT_SET"}, "ARGUS_TEST_NOT_SET, which is not set"),
        ({"tls_ca_file": "absent.pem"}, "absent.pem, which is no file"),
    ],
)
def test_a_wrong_table_is_refused_with_the_key_and_what_is_allowed(
    values: Mapping[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        read(values)
    assert "p@ss" not in str(error.value)
    assert "p/ss" not in str(error.value)


def test_what_is_said_reaches_the_driver(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("pw\n")
    (tmp_path / "ca.pem").write_text("")
    settings = read(
        {
            "uri": "mongodb://a,b:27018/?replicaSet=rs0",
            "username": "u",
            "password_file": "secret",
            "auth_source": "admin",
            "tls": True,
            "tls_ca_file": "ca.pem",
            "read_concern": "",
            "read_preference": "primary",
        },
        tmp_path,
    )
    assert settings.options == {
        "username": "u",
        "password": "pw",
        "authSource": "admin",
        "tls": True,
        "tlsCAFile": str(tmp_path / "ca.pem"),
        "readPreference": "primary",
    }
    assert settings.hosts == "a,b:27018"
    assert "pw" not in repr(settings)


def test_reading_is_of_what_a_majority_holds_by_default_and_spares_the_primary() -> None:
    assert read({}).options == {"readPreference": "secondaryPreferred", "readConcernLevel": "majority"}


def test_the_field_of_the_time_is_that_of_the_mapping() -> None:
    context = SourceContext(mapping=MappingConfig.from_table({"timestamp": ["at", "when"]}))
    assert MongoSettings.from_table(BASE, context).time_field == "at"


def test_credentials_leave_the_uri() -> None:
    settings = read({"uri": "mongodb+srv://u%40x:p%2Fw@cluster0.example.net/?retryWrites=true"})
    assert settings.uri == "mongodb+srv://cluster0.example.net/?retryWrites=true"
    assert (settings.options["username"], settings.options["password"]) == ("u@x", "p/w")


def test_the_template_is_a_valid_configuration() -> None:
    tables = tomllib.loads(SPEC.template)
    MappingConfig.from_table(tables["mapping"], SPEC.presets, SPEC.preset)
    MongoSettings.from_table(tables["source"], SourceContext())


def test_every_key_in_the_template_is_one_that_is_read() -> None:
    """Comment signs away, and the secrets of which only one may be given."""
    lines = SPEC.template[SPEC.template.index("[source]") : SPEC.template.index("\n[mapping]")].splitlines()
    keys = [line.lstrip("# ").partition(" = ")[0] for line in lines[1:] if " = " in line]
    assert len(keys) == 14
    for key in keys:
        with pytest.raises(ConfigError) as error:
            read({key: object()})
        assert "has no key" not in str(error.value), key
