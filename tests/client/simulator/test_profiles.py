from __future__ import annotations

from collections import Counter

import pytest

from argus_client.simulator.modes import FAILURE_MODES, MODES
from argus_client.simulator.profiles import PROFILES, roster


def test_shares_and_weights_are_complete() -> None:
    assert sum(profile.share for profile in PROFILES) == pytest.approx(1)
    for profile in PROFILES:
        assert len(profile.hourly) == 24
        assert set(profile.failure_weights) <= set(FAILURE_MODES)
    assert {mode for profile in PROFILES for mode in profile.failure_weights} == set(MODES)


@pytest.mark.parametrize("servers", [1, 2, 3, 20, 90, 1000, 5000])
def test_roster_has_as_many_unique_names_as_asked_for(servers: int) -> None:
    names = [name for name, _ in roster(servers)]
    assert len(set(names)) == servers
    assert names == sorted(names)


def test_roster_follows_the_shares() -> None:
    counts = Counter(PROFILES[index].name for _, index in roster(1000))
    assert counts == {profile.name: round(profile.share * 1000) for profile in PROFILES}


@pytest.mark.parametrize("servers", [2, 3, 4])
def test_small_fleets_have_a_database(servers: int) -> None:
    assert "ppdb001" in [name for name, _ in roster(servers)]


def test_names_follow_the_formats() -> None:
    names = {name for name, _ in roster(90)}
    assert {"ppml0001", "ppdb001", "ppweb001", "ppcon01", "ppetl001", "pprisk001", "ppgen001"} <= names


def test_empty_fleet_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 server; got 0"):
        roster(0)
