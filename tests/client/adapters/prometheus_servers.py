"""Real Prometheus servers: one over history made up for a test, one that scrapes."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from tests.processes import until
from tests.server.alerts.test_alertmanager import free_port

needs_prometheus = pytest.mark.skipif(
    shutil.which("prometheus") is None or shutil.which("promtool") is None,
    reason="needs the Debian package prometheus; make test installs it",
)
needs_node_exporter = pytest.mark.skipif(
    shutil.which("prometheus-node-exporter") is None,
    reason="needs the Debian package prometheus-node-exporter; make test installs it",
)

History = Mapping[str, Sequence[tuple[float, float]]]
"""Unix seconds and values, by series as in `node_load1{instance="a"}`."""


def write_history(directory: Path, history: History) -> None:
    """Makes the blocks of a Prometheus data directory of made-up series."""
    lines = ["# TYPE made_up unknown"]
    by_name: dict[str, list[str]] = {}
    for series, points in history.items():
        name = series.partition("{")[0]
        by_name.setdefault(name, []).extend(f"{series} {value!r} {at}" for at, value in points)
    for name, samples in by_name.items():
        lines += [f"# TYPE {name} unknown", *samples]
    text = directory / "history.om"
    text.write_text("\n".join([*lines, "# EOF", ""]))
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(text), str(directory / "data")],
        check=True,
        capture_output=True,
        timeout=60,
    )


@contextmanager
def prometheus(
    directory: Path, scrape: Mapping[str, Sequence[str]] | None = None, flags: Sequence[str] = ()
) -> Iterator[str]:
    """A Prometheus over the data of `directory`; yields its address once it is ready.

    Args:
        directory: Where its configuration and data lie.
        scrape: Targets that are scraped every second, by job.
        flags: Further flags.
    """
    config = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": list(targets)}]}
            for job, targets in (scrape or {}).items()
        ],
    }
    file = directory / "prometheus.yml"
    file.write_text(json.dumps(config))
    url = f"http://127.0.0.1:{free_port()}"
    with process(
        f"{url}/-/ready",
        "prometheus",
        f"--config.file={file}",
        f"--storage.tsdb.path={directory / 'data'}",
        f"--web.listen-address={url.removeprefix('http://')}",
        "--storage.tsdb.retention.time=100y",
        *flags,
    ):
        yield url


@contextmanager
def node_exporter() -> Iterator[str]:
    """A node_exporter of this machine; yields HOST:PORT once it answers."""
    address = f"127.0.0.1:{free_port()}"
    with process(f"http://{address}/", "prometheus-node-exporter", f"--web.listen-address={address}"):
        yield address


@contextmanager
def process(probe: str, *command: str) -> Iterator[None]:
    """A process that lives until the block ends; the block begins once `probe` is answered."""
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: answers(probe) or running.poll() is not None)
        assert running.poll() is None, f"{command[0]} ended with {running.returncode}"
        yield
    finally:
        running.terminate()
        running.wait(timeout=20)


def answers(url: str) -> bool:
    """Whether an address answers with 200."""
    try:
        with urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except (URLError, OSError):
        return False
