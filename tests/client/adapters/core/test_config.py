"""A configuration is read as a whole; what is wrong in it is named, with what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from argus_client.adapters.core import registry
from argus_client.adapters.core.config import load, parse, since_ms
from argus_client.adapters.core.errors import ConfigError
from argus_client.adapters.core.spec import AdapterSpec, SourceContext
from argus_client.adapters.core.table import Table, parse_duration
from argus_client.adapters.pull import PullSource

NOW_MS = 1_750_000_000_000


def build(values: object, context: SourceContext) -> PullSource:
    raise NotImplementedError


SPEC = AdapterSpec("mine", "a source", "", build=build)


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ARGUS_API_KEY", "ARGUS_TARGET"):
        monkeypatch.delenv(name, raising=False)


def test_an_empty_configuration_has_defaults_for_everything() -> None:
    config = parse("", SPEC)
    assert (config.name, config.interval_seconds, config.since, config.page_rows) == (
        "mine",
        30,
        "24h",
        10_000,
    )
    assert config.server.target == "127.0.0.1:50051"


def test_a_configuration_says_everything(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret")
    (tmp_path / "ca.pem").write_text("pem")
    path = tmp_path / "mine.toml"
    path.write_text("""
        [adapter]
        name = "dc-1"
        interval_seconds = "1m"
        overlap_seconds = 60
        since = "2025-01-01T00:00:00Z"
        page_rows = 500
        state_dir = "state"
        metrics_listen = "127.0.0.1:9105"
        [argus]
        target = "argus.example.com:443"
        api_key_file = "key"
        cacert = "ca.pem"
        [source]
        anything = { goes = true }
        [mapping]
        timestamp = "ts"
    """)
    config = load(path, SPEC)
    assert (config.name, config.interval_seconds, config.overlap_seconds) == ("dc-1", 60, 60)
    assert config.state_dir == tmp_path / "state"
    assert config.base_dir == tmp_path
    assert config.server.api_key == tmp_path / "key"
    assert config.server.tls is not None
    assert config.server.tls.authority == b"pem"
    assert config.source == {"anything": {"goes": True}}
    assert config.mapping.timestamp == ("ts",)
    assert "secret" not in repr(config)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = ", "is no TOML"),
        ("[adaptor]", "has no table 'adaptor'; did you mean 'adapter'"),
        ("[adapter]\nintervall_seconds = 3", "did you mean 'interval_seconds'"),
        ("[adapter]\ninterval_seconds = 0", "interval_seconds is 0; allowed is 0.1 or more"),
        ("[adapter]\ninterval_seconds = nan", "interval_seconds is nan"),
        (
            '[adapter]\ninterval_seconds = "soon"',
            "interval_seconds is 'soon'; it must be a number of seconds",
        ),
        ('[adapter]\nname = "a/b"', "name is 'a/b'"),
        ('[adapter]\nsince = "monday"', "since is wrong: 'monday' is no beginning"),
        ("[adapter]\npage_rows = 2.5", "page_rows is 2.5; it must be a whole number"),
        ('[adapter]\nmetrics_listen = "9105"', "metrics_listen is '9105'; it must be HOST:PORT"),
        ('[argus]\ntarget = "nowhere"', "HOST:PORT"),
        ('[argus]\ntarget = "10.1.2.3:1"\napi_key_env = "K"', "unencrypted"),
        ('[argus]\napi_key_file = "not-there.key"', "api_key_file cannot be read: .*not-there.key"),
        ('[argus]\ncacert = "not-there.pem"', "TLS cannot be set up"),
        ("source = 3", "source is 3; it must be a table"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K", "key")
    with pytest.raises(ConfigError, match=message):
        parse(text, SPEC)


def test_a_file_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="argus adapter init mine"):
        load(tmp_path / "x.toml", SPEC)


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        ("all", 0),
        ("1h", NOW_MS - 3_600_000),
        ("1.5d", NOW_MS - 129_600_000),
        ("2025-06-15T15:06:40Z", NOW_MS),
        ("2025-06-15T15:06:40", NOW_MS),
        ("2025-06-15", NOW_MS - 54_400_000),
    ],
)
def test_a_beginning_is_a_duration_or_a_time(since: str, expected: int) -> None:
    assert since_ms(since, NOW_MS) == expected


@pytest.mark.parametrize("text", ["", "24", "h", "-1h", "1 month"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        parse_duration(text)


class TestSecrets:
    def secret(self, tmp_path: Path, **values: object) -> str | None:
        return Table(values, "source").secret("password", tmp_path)

    def test_they_come_from_one_of_three_places(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "p").write_text("from file\n")
        monkeypatch.setenv("PW", "from env")
        assert self.secret(tmp_path) is None
        assert self.secret(tmp_path, password="plain") == "plain"
        assert self.secret(tmp_path, password_file="p") == "from file"
        assert self.secret(tmp_path, password_env="PW") == "from env"

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"password": "hidden", "password_env": "X"}, "stands beside password_env"),
            ({"password_file": "nope"}, "cannot be read"),
            ({"password_file": "empty"}, "is empty"),
            ({"password_env": "NOT_SET_ANYWHERE"}, "is not set"),
            ({"password": 12345678}, "must be text"),
        ],
    )
    def test_what_is_wrong_is_named_and_never_the_secret(
        self, tmp_path: Path, values: dict[str, object], message: str
    ) -> None:
        (tmp_path / "empty").write_text("")
        with pytest.raises(ConfigError, match=message) as caught:
            self.secret(tmp_path, **values)
        assert "hidden" not in str(caught.value)
        assert "12345678" not in str(caught.value)

    def test_a_secret_that_others_can_read_is_warned_of(self, tmp_path: Path) -> None:
        path = tmp_path / "config.toml"
        path.touch(0o644)
        warned: list[str] = []
        for mode in (0o644, 0o600):
            path.chmod(mode)
            table = Table({"password": "hidden"}, "source")
            table.secret("password", tmp_path, config_path=path, warn=warned.append)
        assert len(warned) == 1
        assert "chmod 600" in warned[0]
        assert "hidden" not in warned[0]


class TestRegistry:
    def test_every_adapter_says_what_it_is_and_its_template_is_a_configuration(self) -> None:
        assert "files" in registry.names()
        for name in registry.names():
            spec = registry.find(name)
            assert spec.name == name
            assert spec.summary
            config = parse(spec.template, spec)
            assert config.name
            for preset in spec.presets:
                parse(f'[mapping]\npreset = "{preset}"', spec)

    def test_a_module_of_ones_own_is_an_adapter(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "my_sources").mkdir()
        (tmp_path / "my_sources" / "one.py").write_text(
            "from argus_client.adapters.core.spec import AdapterSpec\n"
            "SPEC = AdapterSpec('one', 'mine', '', build=lambda values, context: None)\n"
        )
        (tmp_path / "my_sources" / "two.py").write_text("")
        (tmp_path / "my_sources" / "three.py").write_text("SPEC = 3")
        monkeypatch.syspath_prepend(tmp_path)
        assert registry.find("my_sources.one").summary == "mine"
        with pytest.raises(ConfigError, match="has no SPEC"):
            registry.find("my_sources.two")
        with pytest.raises(ConfigError, match=r"SPEC of 'my_sources\.three' is int"):
            registry.find("my_sources.three")
        with pytest.raises(ConfigError, match="There is no module"):
            registry.find("my_sources.four")
        with pytest.raises(ConfigError, match="There is no adapter 'fils'; known are"):
            registry.find("fils")
