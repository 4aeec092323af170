from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.cli.serving import serving
from tests.server.models import damage, untrained


@pytest.fixture
def models(tmp_path: Path) -> Path:
    for seed, name in enumerate(("first", "second", "broken")):
        untrained(tmp_path / name, seed)
    damage(tmp_path / "broken")
    return tmp_path


@pytest.fixture
def target(models: Path) -> Iterator[str]:
    with serving(model=models / "first") as target:
        yield target


def test_the_list_tells_sound_models_from_broken_ones(argus: Command, target: str) -> None:
    listed = {model["name"]: model for model in argus("model", "list", "--target", target, "--json").json()}
    assert set(listed) == {"first", "second", "broken"}
    assert [name for name, model in listed.items() if model["running"]] == ["first"]
    assert [name for name, model in listed.items() if model["defect"]] == ["broken"]
    assert listed["second"]["parameters"] > 0
    in_words = argus("model", "list", "--target", target).out
    assert all(name in in_words for name in listed)


def test_info_names_the_running_model(argus: Command, target: str) -> None:
    model = argus("model", "info", "--target", target, "--json").json()
    assert (model["name"], model["kind"], model["device"]) == ("first", "TFT", "cpu")
    assert model["revision"] in argus("model", "info", "--target", target).out


def test_models_are_swapped_reloaded_and_rolled_back(argus: Command, target: str, models: Path) -> None:
    def name(*words: str) -> str:
        return str(argus("model", *words, "--target", target, "--json").json()["name"])

    assert name("load", "second") == "second"
    assert name("reload") == "second"
    damage(models / "second")
    assert "the running model stays" in argus("model", "reload", "--target", target).error()
    assert name("info") == "second"
    assert name("load", "first") == "first"
    assert name("roll-back") == "second"


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("load", "third"), "no model 'third'; known are: broken, first, second"),
        (("load", "broken"), "the running model stays"),
        (("roll-back",), "no earlier model"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_changes_nothing(
    argus: Command, target: str, words: tuple[str, ...], fault: str
) -> None:
    assert fault in argus("model", *words, "--target", target, "--json").error()
    assert argus("model", "info", "--target", target, "--json").json()["name"] == "first"
