"""The predecessor's JSON configuration becomes a TOML that loads, says the same, and holds no secret."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping

import pytest

from argus_client.adapters.core.errors import ConfigError
from argus_client.adapters.core.spec import SourceContext
from argus_client.adapters.mongodb import SPEC
from argus_client.adapters.mongodb.settings import MongoSettings

OLD = {
    "mongodb": {
        "uri": "mongodb://svc:hunter2@db.example.com:27017/?replicaSet=rs0",
        "database": "linborg",
        "collection": "server_metrics",
        "username": "svc",
        "password": "hunter2",
    },
    "tft_daemon": {"url": "http://argus.example.com:8000", "api_key": "tft-123"},
    "adapter": {"fetch_interval": 5, "max_records_per_fetch": 1000},
}
GUIDE = {
    "database": {
        "host": "mongodb.example.com",
        "port": 27018,
        "database": "monitoring",
        "collection": "metrics",
        "auth": {"username": "monitor", "password": "hunter2"},
    },
    "fetch_interval": 10,
}


def converted(values: Mapping[str, object]) -> Mapping[str, Mapping[str, object]]:
    assert SPEC.convert is not None
    text = SPEC.convert(values)
    assert "hunter2" not in text
    assert "tft-123" not in text
    return tomllib.loads(text)


def test_the_file_of_the_old_adapter() -> None:
    tables = converted(OLD)
    assert tables["adapter"]["interval_seconds"] == 5
    assert tables["argus"] == {"target": "argus.example.com:50051", "api_key_file": "argus.key"}
    assert tables["source"] == {
        "uri": "mongodb://db.example.com:27017/?replicaSet=rs0",
        "database": "linborg",
        "collection": "server_metrics",
        "username": "svc",
        "password_file": "mongodb.password",
    }
    assert tables["mapping"] == {"preset": "linborg"}


def test_the_form_in_the_old_guide() -> None:
    tables = converted(GUIDE)
    assert tables["source"]["uri"] == "mongodb://mongodb.example.com:27018"
    assert tables["source"]["username"] == "monitor"
    assert tables["adapter"]["interval_seconds"] == 10
    assert tables["argus"] == {"target": "localhost:50051"}


def test_without_credentials_it_loads_as_it_is() -> None:
    tables = converted({"mongodb": {"uri": "mongodb://h"}})
    settings = MongoSettings.from_table(tables["source"], SourceContext())
    assert settings.namespace == "linborg.server_metrics"


def test_something_else_is_refused() -> None:
    assert SPEC.convert is not None
    with pytest.raises(ConfigError, match="no table 'mongodb', only elasticsearch"):
        SPEC.convert({"elasticsearch": {}})
