"""The predecessor's JSON configuration becomes a TOML that loads, says the same, and holds no secret."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping

import pytest

from argus_client.adapters.core.errors import ConfigError
from argus_client.adapters.core.mapping_config import MappingConfig
from argus_client.adapters.core.spec import SourceContext
from argus_client.adapters.elasticsearch import SPEC
from argus_client.adapters.elasticsearch.settings import SearchSettings

OLD = {
    "elasticsearch": {
        "hosts": ["localhost:9200"],
        "index_pattern": "linborg-metrics-*",
        "username": "elastic",
        "password": "hunter2",
        "use_ssl": True,
        "verify_certs": False,
        "ca_certs": "/etc/ca.pem",
    },
    "field_mappings": {
        "timestamp_field": "@timestamp",
        "server_name_fields": ["server_name", "hostname", "host.name"],
        "profile_fields": ["profile", "server_type", "host.type"],
    },
    "tft_daemon": {"url": "http://localhost:8000", "api_key": "tft-123"},
}


def converted(values: Mapping[str, object]) -> Mapping[str, Mapping[str, object]]:
    assert SPEC.convert is not None
    text = SPEC.convert(values)
    assert "hunter2" not in text
    assert "tft-123" not in text
    return tomllib.loads(text)


def test_the_file_of_the_old_adapter() -> None:
    tables = converted(OLD)
    assert tables["source"] == {
        "hosts": ["https://localhost:9200"],  # a host without a scheme is refused by clients of today
        "index": "linborg-metrics-*",
        "layout": "rows",
        "username": "elastic",
        "password_file": "elasticsearch.password",
        "ca_file": "/etc/ca.pem",
        "verify_certificates": False,
    }
    mapping = MappingConfig.from_table(tables["mapping"], SPEC.presets, SPEC.preset)
    assert mapping.server_name == ("server_name", "hostname", "host.name")
    assert mapping.timestamp == ("@timestamp",)


def test_the_form_in_the_old_guide_loads_as_it_is() -> None:
    tables = converted(
        {
            "elasticsearch": {
                "hosts": ["https://u:hunter2@es.prod.example.com:9200"],
                "index_pattern": "monitoring-*",
                "time_field": "@when",
            }
        }
    )
    assert tables["source"].pop("password_file") == "elasticsearch.password"
    assert tables["source"].pop("username") == "u"
    mapping = MappingConfig.from_table(tables["mapping"], SPEC.presets, SPEC.preset)
    settings = SearchSettings.from_table(tables["source"], SourceContext(mapping=mapping))
    assert settings.hosts == ("https://es.prod.example.com:9200",)
    assert settings.time_field == "@when"


def test_something_else_is_refused() -> None:
    assert SPEC.convert is not None
    with pytest.raises(ConfigError, match="no table 'elasticsearch', only mongodb"):
        SPEC.convert({"mongodb": {}})
