"""Data larger than memory: planned, read and trained on chunk by chunk, and gone on with after a kill."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from argus_server.forecast import artifact
from argus_server.forecast.features import FeatureSchema
from argus_server.training import checkpoint, corpus, partitions, pipeline
from argus_server.training.checkpoint import CheckpointError
from argus_server.training.data import SplitConfig, in_memory, streamed
from argus_server.training.fit import Checkpoints, TrainingConfig, fit
from argus_server.training.module import OptimizerConfig
from argus_server.training.partitions import Extent, Partitions
from argus_server.training.pipeline import TrainingRequest
from argus_server.training.sampling import SamplingConfig
from argus_server.training.tables import CorpusError
from argus_server.training.times import TimeOrder
from tests import processes
from tests.server.store.rows import spoil
from tests.server.training.conftest import START_MS, STEP_MS, fleet_table

SERVERS, STEPS = 40, 400
TINY = TrainingConfig(
    hidden_size=8,
    attention_heads=2,
    epochs=2,
    steps_per_epoch=3,
    split=SplitConfig(servers=("ppweb001",), batches=2),
    optimizer=OptimizerConfig(learning_rate=5e-3, warmup_steps=5),
    sampling=SamplingConfig(series=32),
)


@pytest.fixture
def by_day(tmp_path: Path) -> Path:
    """One file a day, rows shuffled."""
    table = fleet_table(servers=SERVERS, steps=STEPS)
    day = (np.array(table["timestamp"].cast(pa.int64())) - START_MS) // (288 * STEP_MS)
    root = tmp_path / "fleet"
    for number in np.unique(day):
        part = root / f"date={number}" / "part-0.parquet"
        part.parent.mkdir(parents=True)
        rows = np.flatnonzero(day == number)
        pq.write_table(table.take(np.random.default_rng(0).permutation(rows)), part)
    return root


def test_every_server_is_planned_once_and_chunks_fit(by_day: Path) -> None:
    part = Partitions.scan(by_day, 64)
    found = partitions.plan([part], sorted(part.extents), 2, 300)
    names = [name for chunk in found for name in chunk.servers]
    assert sorted(names) == [f"ppweb{index:03d}" for index in range(SERVERS)]
    assert names != sorted(names), "names that are alike would share a chunk"
    assert [len(chunk.servers) for chunk in found] == [14, 13, 13], "none is small"
    assert all(chunk.bytes <= 2 << 20 for chunk in found)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 3000), min_size=1, max_size=40), st.integers(1, 4))
def test_chunks_never_exceed_memory(rows: list[int], memory_mb: int) -> None:
    extents = {f"s{index}": Extent(each, 0, each * STEP_MS) for index, each in enumerate(rows)}
    part = Partitions(Path("x"), extents, ())
    found = partitions.plan([part], list(extents), memory_mb, 300)
    assert sorted(name for chunk in found for name in chunk.servers) == sorted(extents)
    for chunk in found:
        assert chunk.bytes == sum(extents[name].bytes(300) for name in chunk.servers)
        assert 0 < chunk.bytes <= memory_mb << 20


def test_a_few_rows_over_years_need_the_memory_of_years() -> None:
    year = Extent(2, 0, 365 * 86_400_000)
    assert year.bytes(300) > 365 * 288 * 14 * 4
    assert Extent(10, 0, 100 * STEP_MS, 40 * STEP_MS).steps(300, all_rows=False) == 40
    assert Extent(10, 0, 100 * STEP_MS, 40 * STEP_MS).steps(300) == 101


def test_a_bad_row_is_found_before_training(by_day: Path) -> None:
    file = by_day / "date=1" / "part-0.parquet"
    table = pq.read_table(file, partitioning=None)
    values = table["cpu_user_pct"].to_pylist()
    values[77] = 101.0
    index = table.column_names.index("cpu_user_pct")
    pq.write_table(table.set_column(index, "cpu_user_pct", pa.array(values, pa.float32())), file)
    with pytest.raises(CorpusError, match=r"part-0\.parquet: column 'cpu_user_pct', row 78: 101 is outside"):
        Partitions.scan(by_day, 64)


def test_a_page_whose_checksum_is_wrong_is_not_trained_on(tmp_path: Path) -> None:
    file = tmp_path / "fleet.parquet"
    pq.write_table(fleet_table(servers=2, steps=50), file, compression="none", write_page_checksum=True)
    spoil(file)
    with pytest.raises(CorpusError, match=r"fleet\.parquet is damaged: .*checksum"):
        Partitions.scan(file, 64)


def spoiled(by_day: Path, column: str, row: int, value: object) -> None:
    """Change one value of the second day's file; rows are counted from 1."""
    file = by_day / "date=1" / "part-0.parquet"
    table = pq.read_table(file, partitioning=None)
    if column == "timestamp":
        table = table.set_column(0, column, table[column].cast(pa.int64()))
    values = table[column].to_pylist()
    values[row - 1] = value
    index = table.column_names.index(column)
    pq.write_table(
        table.set_column(index, column, pa.array(values, table[column].type)), file, row_group_size=50
    )


@pytest.mark.parametrize(
    ("column", "value", "hint"),
    [
        ("load_average", -1.0, "column 'load_average', row 78: -1 is outside the contract's 0 to"),
        ("server_name", None, "column 'server_name', row 78: a name is missing"),
        ("timestamp", None, "column 'timestamp', row 78: it is null"),
        ("timestamp", START_MS // 1000, "column 'timestamp', row 78: 1767225600 is not between"),
        (
            "timestamp",
            START_MS + 20_000 * 86_400_000,
            "column 'timestamp', row 78: server 'ppweb[0-9]+' has no row between",
        ),
    ],
)
def test_errors_name_file_column_row_and_rule(by_day: Path, column: str, value: object, hint: str) -> None:
    spoiled(by_day, column, 78, value)
    with pytest.raises(CorpusError, match=rf"part-0\.parquet: {hint}"):
        Partitions.scan(by_day, 64)


@pytest.mark.parametrize("change", [{"timestamp": "x"}, {"server_name": None}, {"cpu_user_pct": True}])
def test_columns_that_cannot_be_used_are_named(tmp_path: Path, change: dict[str, object]) -> None:
    columns: dict[str, object] = {"timestamp": START_MS, "server_name": "a", "cpu_user_pct": 1.0, **change}
    table = pa.table({name: [value] for name, value in columns.items() if value is not None})
    pq.write_table(table, tmp_path / "odd.parquet")
    with pytest.raises(CorpusError, match=rf"odd\.parquet: column '{next(iter(change))}'"):
        Partitions.scan(tmp_path / "odd.parquet", 64)


@pytest.mark.parametrize("shuffled", [True, False])
@pytest.mark.parametrize("memory_mb", [64, 0])
def test_two_rows_of_a_server_at_one_time_are_found_before_training(
    tmp_path: Path, shuffled: bool, memory_mb: int
) -> None:
    """Far apart, in two files, whatever the order and however many servers' times fit into memory."""
    table = fleet_table(servers=6, steps=400)
    again = table.slice(3 * 400 + 10, 1)
    order = np.random.default_rng(1).permutation(2400) if shuffled else np.arange(2400)
    (tmp_path / "fleet").mkdir()
    pq.write_table(table.take(order), tmp_path / "fleet" / "a.parquet", row_group_size=300)
    assert len(Partitions.scan(tmp_path / "fleet", memory_mb).extents) == 6
    pq.write_table(pa.concat_tables([table.slice(0, 0), again]), tmp_path / "fleet" / "b.parquet")
    with pytest.raises(
        CorpusError,
        match=r"b\.parquet: column 'timestamp', row 1: server 'ppweb003' has a row at 2026-01-01T00:50:00",
    ):
        Partitions.scan(tmp_path / "fleet", memory_mb)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 12)), min_size=1, max_size=30),
    st.integers(1, 5),
)
def test_servers_out_of_order_are_noted_whatever_the_batches(rows: list[tuple[int, int]], size: int) -> None:
    seen = TimeOrder()
    for begin in range(0, len(rows), size):
        some = np.array(rows[begin : begin + size], dtype=np.int64)
        # Every batch numbers its servers anew.
        known = sorted({int(code) for code in some[:, 0]}, reverse=True)
        codes = np.array([known.index(code) for code in some[:, 0].tolist()], dtype=np.int64)
        seen.watch([f"s{code}" for code in known], codes, some[:, 1] * 60 * 86_400_000)
    expected = set()
    for code in range(3):
        steps = np.diff([time for server, time in rows if server == code])
        if ((steps <= 0) | (steps * 60 > 366)).any():
            expected.add(f"s{code}")
    assert seen.doubtful == expected


def test_rows_for_tests_are_not_counted_as_training(tmp_path: Path) -> None:
    """A server with too short a training part must not be planned: its chunk would have nothing to draw."""
    pq.write_table(fleet_table(servers=6, steps=400, split_at=100), tmp_path / "short.parquet")
    part = Partitions.scan(tmp_path / "short.parquet", 64)
    assert part.extents["ppweb000"].test_ms == START_MS + 100 * STEP_MS
    with pytest.raises(ValueError, match="0 usable ones are too few"):
        streamed(
            [part],
            FeatureSchema(),
            SamplingConfig(),
            SplitConfig(),
            batches=1,
            seed=1,
            memory_mb=3,
            all_rows=False,
        )


def test_a_chunk_is_what_reading_everything_gives(by_day: Path) -> None:
    part = Partitions.scan(by_day, 64)
    assert part.source == "fleet"
    whole_time = Extent(STEPS, START_MS, START_MS + (STEPS - 1) * STEP_MS)
    assert part.extents == {f"ppweb{index:03d}": whole_time for index in range(SERVERS)}
    whole = {h.name: h for h in corpus.load_all(by_day, 300)[0]}
    read = part.read(["ppweb003", "ppweb007"], 300)
    assert [h.name for h in read] == ["ppweb003", "ppweb007"]
    for history in read:
        np.testing.assert_array_equal(history.values, whole[history.name].values)
        assert (history.start_ms, history.source) == (whole[history.name].start_ms, "fleet")


def test_files_without_a_chunks_servers_are_not_read(by_day: Path, tmp_path: Path) -> None:
    stranger = fleet_table(servers=1, steps=50)
    other = stranger.set_column(1, "server_name", pa.array(["stranger"] * 50))
    pq.write_table(other, by_day / "z.parquet")
    part = Partitions.scan(by_day, 64)
    (by_day / "date=0" / "part-0.parquet").unlink()
    assert [h.name for h in part.read(["stranger"], 300)] == ["stranger"]
    with pytest.raises(FileNotFoundError):
        part.read(["ppweb000"], 300)


def test_a_server_that_does_not_fit_is_named(by_day: Path) -> None:
    part = Partitions.scan(by_day, 64)
    huge = replace(part, extents={**part.extents, "ppweb005": Extent(10**9, 0, 86_400_000)})
    with pytest.raises(
        CorpusError, match=r"server 'ppweb005' has 1,000,000,000 rows over 1 days and needs [\d,]+ MiB"
    ):
        partitions.plan([huge], sorted(huge.extents), 64, 300)


def test_streaming_reads_parquet_only(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("timestamp,server_name,cpu_user_pct\n")
    with pytest.raises(CorpusError, match="streaming reads Parquet"):
        Partitions.scan(tmp_path / "a.csv", 64)
    with pytest.raises(CorpusError, match="file is in it"):
        Partitions.scan(tmp_path, 64)


def test_an_epoch_meets_every_chunk_in_a_new_order() -> None:
    first, second = partitions.order(20, 0, 7).tolist(), partitions.order(20, 1, 7).tolist()
    assert sorted(first) == sorted(second) == list(range(20))
    assert first != second
    assert first == partitions.order(20, 0, 7).tolist()


def stream(by_day: Path, config: TrainingConfig = TINY) -> pipeline.TrainingData:
    return streamed(
        [Partitions.scan(by_day, 64)],
        FeatureSchema(),
        config.sampling,
        config.split,
        batches=config.steps_per_epoch,
        seed=config.seed,
        memory_mb=3,
        all_rows=False,
    )


def test_one_optimiser_lives_through_all_chunks(by_day: Path) -> None:
    data = stream(by_day)
    assert data.rounds >= 2
    result = fit(data, FeatureSchema(), TINY)
    assert result.steps == 2 * data.rounds * 3
    assert len(result.history) == 2 * data.rounds
    assert "ppweb001" not in data.training
    assert len(data.training) == SERVERS - 1


FINGERPRINT = {"data": ({"name": "a", "rows": 1},)}


class Killed(BaseException):
    """Nothing handles it."""


def kill_after(rounds: int, monkeypatch: pytest.MonkeyPatch, train: Callable[[], object]) -> None:
    """Train, and die as soon as the checkpoint of that round is written."""
    real = checkpoint.save

    def save(directory: Path, state: checkpoint.TrainingState, fingerprint: dict[str, object]) -> Path:
        path = real(directory, state, fingerprint)
        if state.rounds_done == rounds:
            raise Killed
        return path

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save", save)
        with pytest.raises(Killed):
            train()


def stopped_after(rounds: int, by_day: Path, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoints = Checkpoints(directory, 1, FINGERPRINT)
    kill_after(
        rounds, monkeypatch, lambda: fit(stream(by_day), FeatureSchema(), TINY, checkpoints=checkpoints)
    )


@pytest.mark.parametrize("rounds", [1, 3])
def test_a_training_gone_on_with_ends_in_the_same_weights(
    by_day: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rounds: int
) -> None:
    whole = fit(stream(by_day), FeatureSchema(), TINY)
    directory = tmp_path / "checkpoints"
    stopped_after(rounds, by_day, directory, monkeypatch)
    again = fit(stream(by_day), FeatureSchema(), TINY, checkpoints=Checkpoints(directory, 1, FINGERPRINT))
    assert again.steps == whole.steps
    assert again.history == whole.history
    for name, tensor in whole.model.state_dict().items():
        assert bool((again.model.state_dict()[name] == tensor).all()), name
    assert len(list(directory.iterdir())) == 1, "older checkpoints are removed"
    state = next(directory.glob("round-*")) / "state.json"
    facts = json.loads(state.read_text())
    state.write_text(json.dumps({**facts, "seconds": facts["seconds"] + 1000.0}))
    # What is finished is not trained again.
    third = fit(stream(by_day), FeatureSchema(), TINY, checkpoints=Checkpoints(directory, 1, FINGERPRINT))
    assert third.history == whole.history
    assert third.seconds > 1000.0, "time before a resume counts"
    assert again.seconds > facts["seconds"] > 0.0


def test_standard_training_can_be_gone_on_with_too(
    fleet_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(TINY, epochs=4)

    def data() -> pipeline.TrainingData:
        histories, _ = corpus.load(fleet_file, 300)
        return in_memory(histories, FeatureSchema(), config.sampling, config.split, batches=3, seed=7)

    whole = fit(data(), FeatureSchema(), config)
    checkpoints = Checkpoints(tmp_path / "c", 2, {})
    kill_after(2, monkeypatch, lambda: fit(data(), FeatureSchema(), config, checkpoints=checkpoints))
    again = fit(data(), FeatureSchema(), config, checkpoints=checkpoints)
    assert again.history == whole.history
    for name, tensor in whole.model.state_dict().items():
        assert bool((again.model.state_dict()[name] == tensor).all()), name


def test_early_stopping_is_remembered(by_day: Path, tmp_path: Path) -> None:
    stuck = replace(TINY, epochs=30, patience=2, optimizer=OptimizerConfig(learning_rate=0.0))
    checkpoints = Checkpoints(tmp_path / "c", 1, {})
    first = fit(stream(by_day, stuck), FeatureSchema(), stuck, checkpoints=checkpoints)
    again = fit(stream(by_day, stuck), FeatureSchema(), stuck, checkpoints=checkpoints)
    assert len(first.history) == len(again.history) == 3


def spoil_other_settings(directory: Path) -> None:
    facts = next(directory.glob("round-*")) / "state.json"
    state = json.loads(facts.read_text())
    state["fingerprint"] = {"data": [{"name": "a", "rows": 2}]}
    facts.write_text(json.dumps(state))


def spoil_tensors(directory: Path) -> None:
    next(directory.glob("round-*/state.safetensors")).write_bytes(b"x")


def spoil_facts(directory: Path) -> None:
    next(directory.glob("round-*/state.json")).write_text("{}")


@pytest.mark.parametrize(
    ("spoil", "hint"),
    [
        (spoil_other_settings, r"was made with another data\[1\]\.rows \(2, now 1\); give"),
        (spoil_tensors, "cannot be read"),
        (spoil_facts, "cannot be read"),
    ],
)
def test_checkpoints_that_do_not_fit_are_refused(
    by_day: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Path], None],
    hint: str,
) -> None:
    directory = tmp_path / "checkpoints"
    stopped_after(1, by_day, directory, monkeypatch)
    spoil(directory)
    with pytest.raises(CheckpointError, match=hint):
        fit(stream(by_day), FeatureSchema(), TINY, checkpoints=Checkpoints(directory, 1, FINGERPRINT))


def test_what_is_no_checkpoint_is_neither_read_nor_removed(
    by_day: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = tmp_path / "checkpoints"
    for name in ("round-trip", "round-000099", ".staging-area"):
        (directory / name).mkdir(parents=True)
        (directory / name / "thesis.txt").write_text("years of work")
    stopped_after(1, by_day, directory, monkeypatch)
    assert len(list(directory.glob("*/thesis.txt"))) == 3
    assert checkpoint.load(directory, FINGERPRINT) is not None
    with pytest.raises(CheckpointError, match=r"\.staging-area is no checkpoint, and would be in the way"):
        checkpoint.prepare(directory)


def test_time_limits_and_checkpoints_exclude_each_other(by_day: Path, tmp_path: Path) -> None:
    limited = replace(TINY, minutes=1.0)
    with pytest.raises(ValueError, match="cannot be gone on with exactly"):
        fit(stream(by_day), FeatureSchema(), limited, checkpoints=Checkpoints(tmp_path, 1, {}))


def command(by_day: Path, out: Path, checkpoints: Path) -> list[str]:
    return [
        *("train", "--mode", "streaming", "--data", str(by_day), "--out", str(out), "--memory-mb", "3"),
        *("--epochs", "3", "--steps-per-epoch", "2", "--hidden-size", "8", "--heads", "2", "--series", "16"),
        *("--threads", "1", "--validation", "ppweb001", "--checkpoint", str(checkpoints), "--json"),
    ]


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_process_killed_at_any_time_goes_on_to_the_same_artifact(by_day: Path, tmp_path: Path) -> None:
    whole = processes.run(*command(by_day, tmp_path / "whole", tmp_path / "c1"), OMP_NUM_THREADS="1")
    assert whole.json()["steps"] == 18
    arguments = command(by_day, tmp_path / "killed", tmp_path / "c2")
    process = subprocess.Popen(
        processes.command(*arguments),
        env=processes.environment(OMP_NUM_THREADS="1"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 90
    while not list((tmp_path / "c2").glob("round-*")) and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)
    assert list((tmp_path / "c2").glob("round-*")), "it was killed before its first checkpoint"
    assert not (tmp_path / "killed").exists()
    processes.run(*arguments, OMP_NUM_THREADS="1").json()
    first, second = (artifact.load(tmp_path / name) for name in ("whole", "killed"))
    assert first.config["weights_sha256"] == second.config["weights_sha256"]
    assert first.training_info["rounds"] == second.training_info["rounds"]


PEAK = """
import re, sys
from pathlib import Path
from argus_server.forecast.features import FeatureSchema
from argus_server.training import corpus
from argus_server.training.data import SplitConfig, in_memory, streamed
from argus_server.training.partitions import Partitions
from argus_server.training.sampling import SamplingConfig

def peak():
    # Not getrusage: its figure starts with that of the process this one was forked from.
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

path, memory_mb = Path(sys.argv[1]), int(sys.argv[2])
given = FeatureSchema(), SamplingConfig(series=16), SplitConfig(servers=("ppweb001",), batches=1)
before = peak()
if memory_mb:
    sets = [Partitions.scan(path, memory_mb)]
    data = streamed(sets, *given, batches=2, seed=1, memory_mb=memory_mb, all_rows=False)
else:
    data = in_memory(corpus.load_all(path, 300)[0], *given, batches=2, seed=1)
windows = data.windows(0)
batches = sum(1 for _ in range(data.rounds) for _ in windows)
print(data.rounds, batches, peak() - before)
"""


def peak_mb(path: Path, memory_mb: int) -> tuple[int, float]:
    """Rounds of an epoch, and how much memory a process needs to draw from all of it, MiB."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(path), str(memory_mb)],
        env=processes.environment(OMP_NUM_THREADS="1"),
        capture_output=True,
        text=True,
        check=True,
    )
    rounds, batches, peak = done.stdout.split()
    assert int(batches) == 2 * int(rounds)
    return int(rounds), float(peak)


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_data_several_times_larger_than_memory_stays_within_it(tmp_path: Path) -> None:
    """An epoch over data of five times the memory, all in one row group, beside reading all of it at once."""
    large, small = tmp_path / "large.parquet", tmp_path / "small.parquet"
    table = fleet_table(servers=400, steps=2000)
    # Shuffled, so that times must be compared as well.
    pq.write_table(table.take(np.random.default_rng(0).permutation(table.num_rows)), large)
    del table
    pq.write_table(fleet_table(servers=4, steps=300), small)
    rounds, bounded = peak_mb(large, 48)
    assert rounds >= 5
    # Loading code when it is first needed takes memory as well: that is what a small data set shows.
    code = peak_mb(small, 48)[1]
    assert bounded - code < 1.5 * 48
    assert peak_mb(large, 0)[1] - code > 3 * 48


def test_the_pipeline_streams_and_evaluates_who_was_held_out(by_day: Path, tmp_path: Path) -> None:
    request = TrainingRequest(
        (by_day,), tmp_path / "m", "streamed", holdout=("ppweb002",), memory_mb=3, checkpoint=tmp_path / "c"
    )
    outcome = pipeline.train(request, TINY)
    info = outcome.training_info
    assert "ppweb002" not in info["training_servers"] + info["validation_servers"]
    assert [file["name"] for file in info["data"]] == ["date=0/part-0.parquet", "date=1/part-0.parquet"]
    assert artifact.load(tmp_path / "m").revision == outcome.revision
