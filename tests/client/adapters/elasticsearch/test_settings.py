"""The `[source]` table: what is refused, what is understood, and where a secret is not."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from argus_client.adapters.core.errors import ConfigError
from argus_client.adapters.core.mapping_config import MappingConfig
from argus_client.adapters.core.spec import SourceContext
from argus_client.adapters.elasticsearch import SPEC
from argus_client.adapters.elasticsearch.settings import SearchSettings


def context(preset: str = "metricbeat", base_dir: Path = Path()) -> SourceContext:
    return SourceContext(
        mapping=MappingConfig.from_table({"preset": preset}, SPEC.presets, SPEC.preset), base_dir=base_dir
    )


def read(values: Mapping[str, object], base_dir: Path = Path()) -> SearchSettings:
    return SearchSettings.from_table({"index": "i", **values}, context(base_dir=base_dir))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"indx": "x"}, "did you mean 'index'"),
        ({"index": ""}, "names no index"),
        ({"index": []}, "names no index"),
        ({"hosts": "localhost:9200"}, "must hold URLs such as"),
        ({"hosts": "s3cret@localhost:x"}, "URL"),
        ({"hosts": "http://u:s3cret@h:99999"}, "no URL"),
        ({"hosts": []}, "at least one URL"),
        ({"flavour": "solr"}, "'elasticsearch', 'opensearch'"),
        ({"layout": "row"}, "'auto', 'rows', 'metricsets'"),
        ({"bucket_seconds": 0}, "allowed is 1 to 3600"),
        ({"batch_documents": 10_001}, "allowed is 1 to 10000"),
        ({"filter": "os:linux"}, "must be a query"),
        ({"api_key": "s3cret", "username": "u", "password": "s3cret"}, "api_key stands beside username"),
        ({"bearer_token": "s3cret", "api_key": "s3cret"}, "api_key stands beside bearer_token"),
        ({"password": "s3cret"}, "username is missing"),
        ({"ca_file": "absent.pem"}, "absent.pem, which is no file"),
    ],
)
def test_a_wrong_table_is_refused_with_the_key_and_what_is_allowed(
    values: Mapping[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        read(values)
    assert "s3cret" not in str(error.value)


def test_hosts_keep_their_path_and_lose_their_credentials() -> None:
    hosts = ["https://u:p%2F@es.example.com/search/", "http://[::1]", "http://h:9201"]
    settings = read({"hosts": hosts})
    assert settings.hosts == ("https://es.example.com:443/search", "http://[::1]:9200", "http://h:9201")
    assert settings.authorization == "Basic dTpwLw=="
    assert "p/" not in repr(settings)
    assert "dTpwLw" not in repr(settings)


def test_secrets_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("id:key\n")
    assert read({"api_key_file": "key"}, tmp_path).authorization == "ApiKey aWQ6a2V5"


@pytest.mark.parametrize(
    ("preset", "by_metricset"), [("metricbeat", True), ("linborg", False), ("contract", False)]
)
def test_the_layout_follows_from_the_fields_that_are_mapped(preset: str, by_metricset: bool) -> None:
    assert SearchSettings.from_table({"index": "i"}, context(preset)).by_metricset is by_metricset
    assert not SearchSettings.from_table({"index": "i", "layout": "rows"}, context(preset)).by_metricset


def test_the_template_is_a_valid_configuration() -> None:
    tables = tomllib.loads(SPEC.template)
    settings = SearchSettings.from_table(tables["source"], context())
    assert settings.by_metricset
    assert settings.index == "metricbeat-*"


def test_every_key_in_the_template_is_one_that_is_read() -> None:
    lines = SPEC.template[SPEC.template.index("[source]") : SPEC.template.index("\n[mapping]")].splitlines()
    keys = [line.lstrip("# ").partition(" = ")[0] for line in lines[1:] if " = " in line]
    assert len(keys) == 21
    for key in keys:
        with pytest.raises(ConfigError) as error:
            read({key: object()})
        assert "has no key" not in str(error.value), key


@pytest.mark.parametrize("preset", sorted(SPEC.presets))
def test_every_preset_is_a_mapping_of_the_whole_contract(preset: str) -> None:
    mapping = context(preset).mapping
    assert len(mapping.columns) == 14
    assert mapping.timestamp == ("@timestamp",)
