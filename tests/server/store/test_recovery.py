"""A restart brings back window, clock, sources and other states exactly, from whatever is left to begin with."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus_server.clock import Clock, EventClock, ManualClock
from argus_server.store import parquet
from argus_server.store.checkpoint import Checkpoints
from argus_server.store.recovery import Recovery
from argus_server.store.store import Store
from argus_server.store.tables import METRICS_TABLE
from argus_server.window.fleet_window import FleetWindow
from argus_server.window.image import LayoutChanged
from tests.processes import until
from tests.server.store.rows import DAY_MS, QUICK, START_MS, samples

STEP_MS = 300_000
YEAR_MS = 365 * DAY_MS


class State:
    """Something beside the window that takes part."""

    name = "state"

    def __init__(self, value: bytes = b"") -> None:
        self.value = value

    def dump(self) -> bytes:
        return self.value

    def load(self, data: bytes) -> None:
        self.value = data


class Server:
    """A store and a window, as a server has them."""

    def __init__(
        self, root: Path, *, steps: int = 288, clock: Clock | None = None, retention_ms: int = YEAR_MS
    ) -> None:
        self.store = Store(root, QUICK)
        self.clock = clock or EventClock()
        self.window = FleetWindow(self.clock, steps=steps, reserved_servers=4)
        self.state = State()
        self.recovery: Recovery = self.store.recover(self.window, self.clock, retention_ms, [self.state])

    def take(self, names: list[str], times_ms: list[int], source: str = "s", sequence: int = 1) -> int:
        """Takes rows as ingest does; returns how many were new."""
        rows = samples(names, times_ms, value=float(times_ms[0] // 1000 % 97))
        result = self.window.write(rows.columns, np.ones(len(names), np.bool_))
        fresh = type(rows)(rows.columns, result.accepted_rows)
        self.store.append_samples(fresh, source, sequence).result(10)
        return result.accepted

    def roll(self) -> None:
        self.store._writer.rotate().result(10)
        while (segment := self.store.catalog(METRICS_TABLE).unrolled()) is not None:
            parquet.roll(self.store.catalog(METRICS_TABLE), segment)

    def release(self) -> None:
        self.store.catalog(METRICS_TABLE).release(self.store._checkpoints.oldest_position())

    def kill(self) -> None:
        """Ends as a killed process does: nothing more is written."""
        self.store.abandon()


def assert_alike(one: FleetWindow, other: FleetWindow) -> None:
    left, right = one.frame(), other.frame()
    assert sorted(left.server_names) == sorted(right.server_names)
    order = [right.server_names.index(name) for name in left.server_names]
    np.testing.assert_allclose(right.values[order], left.values, rtol=1e-6)
    assert left.origin_ms == right.origin_ms
    table, again = one.servers(), other.servers()
    for column in ("last_sample_ms", "states", "observed_steps", "profiles", "current"):
        np.testing.assert_array_equal(getattr(again, column)[order], getattr(table, column))


NAMES = ["a", "b", "c"]


def fed(server: Server, ticks: range) -> None:
    for tick in ticks:
        server.take(NAMES, [START_MS + tick * 100_000] * 3, sequence=tick + 1)


def damage_newest(root: Path) -> None:
    newest = max((root / "checkpoint").iterdir())
    file = next(newest.glob("window-*"))
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)


def damage_manifest(root: Path) -> None:
    path = max((root / "checkpoint").iterdir()) / "manifest.json"
    path.write_text(path.read_text().replace('"position": ', '"position": 1'))


def lose_all(root: Path) -> None:
    shutil.rmtree(root / "checkpoint")


@pytest.mark.parametrize(
    ("spoil", "state", "replayed"),
    [
        (None, b"after 90", 30),
        (damage_newest, b"after 90", 121),
        (damage_manifest, b"after 60", 121),
        (lose_all, b"", 303),
    ],
)
@pytest.mark.parametrize("rolled", [False, True])
def test_a_killed_server_comes_back_as_it_was(
    tmp_path: Path,
    spoil: Callable[[Path], None] | None,
    state: bytes,
    replayed: int,
    rolled: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    first = Server(tmp_path)
    for begin in range(0, 90, 30):
        fed(first, range(begin, begin + 30))
        first.state.value = f"after {begin + 30}".encode()
        first.take(["late"], [START_MS - DAY_MS // 2 + begin * 1000], source="other", sequence=begin + 5)
        if rolled:
            first.roll()
        assert first.store.checkpoint()
        first.release()
    fed(first, range(90, 100))
    first.kill()
    if spoil is not None:
        spoil(tmp_path)

    again = Server(tmp_path)

    assert_alike(first.window, again.window)
    assert again.clock.now_ms() == first.clock.now_ms()
    assert again.recovery.marks == {"s": 100, "other": 65}
    assert again.state.value == state
    assert again.recovery.rows == replayed
    assert again.recovery.rebuilt == (spoil is lose_all and rolled)
    # What was taken before is a duplicate still, and what is new is not.
    assert again.take(NAMES, [START_MS + 99 * 100_000] * 3) == 0
    assert again.take(NAMES, [START_MS + 100 * 100_000] * 3) == 3
    again.kill()
    assert ("cannot be used" in caplog.text) == (spoil in (damage_newest, damage_manifest))
    assert ("is built from stored rows" in caplog.text) == again.recovery.rebuilt


def test_a_clean_end_leaves_nothing_to_replay(tmp_path: Path) -> None:
    first = Server(tmp_path)
    fed(first, range(20))
    first.store.close()
    again = Server(tmp_path)
    assert again.recovery.rows == 0
    assert_alike(first.window, again.window)
    np.testing.assert_array_equal(first.window.frame().values, again.window.frame().values)
    again.kill()


def test_a_state_that_rows_cannot_bring_back_is_kept_at_once(tmp_path: Path) -> None:
    server = Server(tmp_path)
    fed(server, range(3))
    server.store.checkpoint()
    server.store.start()
    server.state.value = b"learned"
    server.store.checkpoint_soon()
    until(lambda: next(iter(Checkpoints(tmp_path / "checkpoint").found())).states["state"] == b"learned")
    server.kill()
    again = Server(tmp_path)
    assert (again.state.value, again.recovery.rows) == (b"learned", 0)
    again.kill()


def test_another_length_of_window_is_built_from_the_rows(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = Server(tmp_path)
    fed(first, range(50))
    first.roll()
    first.state.value = b"kept"
    first.store.close()
    longer = Server(tmp_path, steps=2016)
    assert "are built anew" in caplog.text
    expected = FleetWindow(EventClock(), steps=2016)
    for tick in range(50):
        rows = samples(
            NAMES, [START_MS + tick * 100_000] * 3, float((START_MS + tick * 100_000) // 1000 % 97)
        )
        expected.write(rows.columns, np.ones(3, np.bool_))
    assert_alike(expected, longer.window)
    assert longer.recovery.marks == {"s": 50}
    assert longer.state.value == b"kept"
    longer.kill()


def test_servers_that_were_forgotten_stay_forgotten(tmp_path: Path) -> None:
    first = Server(tmp_path, retention_ms=2 * STEP_MS)
    first.take(["gone", "back"], [START_MS] * 2)
    first.store.checkpoint()
    for tick in range(1, 5):
        first.take(["stays"], [START_MS + tick * STEP_MS])
        first.window.evict(first.clock.now_ms(), 2 * STEP_MS)
    first.take(["back"], [START_MS + 4 * STEP_MS])
    first.kill()
    again = Server(tmp_path, retention_ms=2 * STEP_MS)
    assert_alike(first.window, again.window)
    assert sorted(again.window.names) == ["back", "stays"]
    again.kill()


def test_a_wall_clock_does_not_take_back_what_is_too_old_by_now(tmp_path: Path) -> None:
    clock = ManualClock(START_MS)
    first = Server(tmp_path, clock=clock)
    first.take(["a"], [START_MS])
    first.kill()
    clock.advance(2 * DAY_MS)
    again = Server(tmp_path, clock=clock)
    assert len(again.window) == 0
    again.kill()


@pytest.mark.parametrize("rebuilt", [False, True])
def test_a_row_of_a_wall_clock_that_was_ahead_costs_no_other_server(tmp_path: Path, rebuilt: bool) -> None:
    clock = ManualClock(START_MS)
    first = Server(tmp_path, clock=clock, retention_ms=7 * DAY_MS)
    for tick in range(36):
        clock.set(START_MS + tick * STEP_MS)
        first.take(NAMES, [clock.now_ms()] * 3, sequence=tick + 1)
    clock.advance(40 * DAY_MS)
    first.take(["local"], [clock.now_ms()], sequence=37)
    clock.advance(-40 * DAY_MS)
    first.take(NAMES[:2], [clock.now_ms() + 1000] * 2, sequence=38)
    if rebuilt:
        first.roll()
    first.kill()
    if rebuilt:
        for segment in tmp_path.rglob("*.seg"):
            segment.unlink()
    again = Server(tmp_path, clock=clock, retention_ms=7 * DAY_MS)
    assert again.recovery.rebuilt == rebuilt
    assert set(again.window.names) >= set(NAMES)
    places = [again.window.names.index(name) for name in NAMES]
    assert again.window.servers().observed_steps[places].tolist() == [36] * 3
    again.kill()


def test_a_wall_clock_that_is_behind_rebuilds_from_what_there_is(tmp_path: Path) -> None:
    clock = ManualClock(START_MS)
    first = Server(tmp_path, clock=clock)
    first.take(NAMES, [START_MS] * 3)
    first.roll()
    first.kill()
    for segment in tmp_path.rglob("*.seg"):
        segment.unlink()
    clock.set(0)
    again = Server(tmp_path, clock=clock)
    assert sorted(again.window.names) == sorted(NAMES)
    again.kill()


def test_a_checkpoint_made_while_rows_come_in_is_exact(tmp_path: Path) -> None:
    first = Server(tmp_path)
    names = [f"s{number}" for number in range(100)]
    stop = threading.Event()

    def write() -> None:
        tick = 0
        while not stop.is_set():
            first.take(names, [START_MS + tick * 20_000] * 100, sequence=tick + 1)
            tick += 1

    writer = threading.Thread(target=write)
    writer.start()
    for _ in range(5):
        while not first.store.checkpoint():
            continue
    stop.set()
    writer.join()
    first.kill()
    again = Server(tmp_path)
    assert_alike(first.window, again.window)
    again.kill()


def test_a_checkpoint_begins_anew_when_servers_are_forgotten_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Server(tmp_path)
    first.take(["old"], [START_MS - DAY_MS])
    first.take([f"s{number}" for number in range(99)], [START_MS] * 99)
    write = Checkpoints.write
    tries = 0

    def write_slowly(self: Checkpoints, standing: object, images: object, states: object) -> Path:
        nonlocal tries
        tries += 1

        def slowly() -> object:
            for image in images:  # type: ignore[attr-defined]
                yield image
                first.window.evict(START_MS, DAY_MS // 2)

        return write(self, standing, slowly(), states)  # type: ignore[arg-type]

    monkeypatch.setattr(Checkpoints, "write", write_slowly)
    assert first.store.checkpoint()
    assert tries == 2
    first.kill()
    again = Server(tmp_path)
    assert_alike(first.window, again.window)
    assert again.recovery.rows == 0
    again.kill()


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("take"), st.integers(0, 3), st.integers(-300, 300)),
            st.tuples(
                st.sampled_from(["checkpoint", "roll", "release", "kill", "end"]), st.just(0), st.just(0)
            ),
        ),
        max_size=25,
    )
)
def test_whatever_happens_a_restart_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int, int]]
) -> None:
    root = tmp_path_factory.mktemp("data")
    clock = EventClock()
    expected = FleetWindow(clock, steps=288)
    server = Server(root)
    sequence = 0
    for what, name, minute in [*steps, ("kill", 0, 0)]:
        if what == "take":
            sequence += 1
            time = START_MS + minute * 60_000
            rows = samples([f"s{name}"], [time], float(time // 1000 % 97))
            new = expected.write(rows.columns, np.ones(1, np.bool_)).accepted
            assert server.take([f"s{name}"], [time], sequence=sequence) == new
        elif what == "checkpoint":
            server.store.checkpoint()
        elif what == "roll":
            server.roll()
        elif what == "release":
            server.release()
        else:
            if what == "kill":
                server.kill()
            else:
                server.store.close()
            server = Server(root)
            assert_alike(expected, server.window)
            assert server.recovery.marks == ({"s": sequence} if sequence else {})
    server.kill()


def test_images_are_of_one_layout() -> None:
    window = FleetWindow(EventClock(), steps=288)
    rows = samples([f"s{number}" for number in range(40)], [START_MS] * 40)
    window.write(rows.columns, np.ones(40, np.bool_))
    images = window.images()
    image = next(images)
    with pytest.raises(ValueError, match="holds 's0' already"):
        window.restore(image)
    coarser = FleetWindow(EventClock(), steps=288, step_seconds=60)
    with pytest.raises(ValueError, match="seen is uint64"):
        coarser.restore(image)
    window.evict(START_MS + DAY_MS, 0)
    with pytest.raises(LayoutChanged):
        next(images)
