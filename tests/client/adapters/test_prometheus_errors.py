"""What a Prometheus that is away, overloaded, locked or no Prometheus makes of its source; and of its configuration."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from argus_client.adapters.core.errors import ConfigError
from argus_client.adapters.core.spec import SourceContext
from argus_client.adapters.prometheus import SPEC
from argus_client.adapters.pull import Page, PullSource, SourceUnavailable
from argus_client.adapters.source import SourceError
from tests.certificates import Authority

NOW_MS = 1_700_000_000_000
QUERIES = {"load_average": "load"}


class FakePrometheus:
    """Answers every query with what it is told to, and notes what it was asked.

    Attributes:
        status, body, headers: The answer.
        answers: Other answers, by query.
        requests: Path, headers and form of each request.
    """

    def __init__(self) -> None:
        self.status = 200
        self.body: Any = matrix()
        self.headers: dict[str, str] = {}
        self.answers: dict[str, Any] = {}
        self.requests: list[tuple[str, dict[str, str], dict[str, str]]] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                fake.requests.append(
                    (self.path, dict(self.headers), {name: values[0] for name, values in form.items()})
                )
                body = fake.answers.get(form["query"][0], fake.body)
                text = body if isinstance(body, str) else json.dumps(body)
                self.send_response(fake.status)
                for name, value in fake.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


def matrix(*series: tuple[dict[str, str], float], at_ms: int = NOW_MS, **more: Any) -> dict[str, Any]:
    """A successful answer: one value for each series, at the newest time."""
    newest = at_ms // 1000 - 30
    newest -= newest % 30
    result = [{"metric": labels, "values": [[newest, str(value)]]} for labels, value in series]
    return {"status": "success", "data": {"resultType": "matrix", "result": result}, **more}


def failure(error: str, kind: str = "execution") -> dict[str, str]:
    return {"status": "error", "errorType": kind, "error": error}


HISTOGRAMS = {
    "status": "success",
    "data": {"resultType": "matrix", "result": [{"metric": {"instance": "a"}, "histograms": [[1, {}]]}]},
}


@contextmanager
def serving(fake: FakePrometheus) -> Iterator[None]:
    thread = threading.Thread(target=fake.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        fake.server.shutdown()
        thread.join()
        fake.server.server_close()


@pytest.fixture
def fake() -> Iterator[FakePrometheus]:
    made = FakePrometheus()
    with serving(made):
        yield made


def build(warnings: list[str] | None = None, base_dir: Path = Path(), **source: Any) -> PullSource:
    warn = (warnings if warnings is not None else []).append
    assert SPEC.build is not None
    return SPEC.build(source, SourceContext(now_ms=lambda: NOW_MS, warn=warn, base_dir=base_dir))


async def fetch(url: str, *, pages: int = 1, warnings: list[str] | None = None, **source: Any) -> Page:
    """The last of so many pages of a short stretch of time."""
    settings = {"preset": "none", "queries": QUERIES, **source}
    made = build(warnings, settings.pop("base_dir", Path()), url=url, **settings)
    try:
        cursor = made.begin(NOW_MS - 600_000)
        for _ in range(pages):
            page = await made.fetch(cursor, 100_000)
            cursor = page.cursor
        return page
    finally:
        await made.close()


@pytest.mark.parametrize(
    ("status", "body", "complaint"),
    [
        (401, "", "refuses the credentials (401). Check username and password_file, or bearer_token_file"),
        (403, failure("no"), "refuses the credentials (403)"),
        (422, failure("found duplicate series"), "query of load_average is refused: found duplicate series"),
        (400, failure("parse error", "bad_data"), "refused: parse error. The query is: load"),
        (
            404,
            "<html>not found</html>",
            "answered 404 with text/html: this is no Prometheus API. Set [source] url",
        ),
        (302, "", "this is no Prometheus API"),
        (200, "<html>log in</html>", "answered 200 with text/html: this is no Prometheus API"),
        (200, {"status": "success", "data": {"resultType": "scalar"}}, "without a matrix"),
        (200, HISTOGRAMS, "query of load_average is refused: it gives native histograms"),
        (200, matrix(({"job": "node"}, 1.0)), "a series without the label 'instance': {job=\"node\"}"),
        (
            500,
            failure("exceeded the maximum number of series (err-mimir-max-series-per-query)"),
            "refused: exceeded",
        ),
    ],
)
async def test_what_will_not_pass_is_an_error(
    fake: FakePrometheus, status: int, body: Any, complaint: str
) -> None:
    fake.status, fake.body, fake.headers = status, body, {"content-type": "text/html; charset=utf-8"}
    with pytest.raises(SourceError) as caught:
        await fetch(fake.url)
    assert not isinstance(caught.value, SourceUnavailable)
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    ("status", "headers", "least", "most"),
    [
        (503, {"retry-after": "17"}, 17, 17),
        (429, {"retry-after": format_datetime(datetime.now(UTC) + timedelta(hours=1))}, 3000, 3600),
        (503, {"retry-after": "soon"}, None, None),
        (502, {}, None, None),
    ],
)
async def test_what_may_pass_is_unavailable(
    fake: FakePrometheus, status: int, headers: dict[str, str], least: float | None, most: float | None
) -> None:
    fake.status, fake.body, fake.headers = status, "starting", headers
    with pytest.raises(SourceUnavailable, match=f"is unavailable \\({status}\\)") as caught:
        await fetch(fake.url)
    wait = caught.value.retry_after_seconds
    assert (wait is None) if least is None or most is None else (wait is not None and least <= wait <= most)


async def test_a_token_that_is_no_header_is_an_error_that_does_not_show_it(fake: FakePrometheus) -> None:
    with pytest.raises(SourceError, match="the token, or the url holds what HTTP does not allow") as caught:
        await fetch(fake.url, headers={"X-Token": "secret\nword"})
    assert not isinstance(caught.value, SourceUnavailable)
    assert "secret" not in str(caught.value)


async def test_a_server_that_is_not_there_is_unavailable(fake: FakePrometheus) -> None:
    nobody = FakePrometheus()
    nobody.server.server_close()
    with pytest.raises(SourceUnavailable, match="cannot be reached"):
        await fetch(nobody.url)


async def test_a_query_that_takes_too_long_is_asked_for_a_shorter_time(fake: FakePrometheus) -> None:
    source = build(url=fake.url, preset="none", queries=QUERIES)
    cursor = source.begin(NOW_MS - 6_000_000)
    fake.status, fake.body = 503, failure("query timed out", "timeout")
    for _ in range(2):
        with pytest.raises(SourceUnavailable, match="gave up a query: query timed out"):
            await source.fetch(cursor, 100_000)
    await source.close()
    first, second = (float(form["end"]) - float(form["start"]) for _, _, form in fake.requests)
    assert 0 < second <= first / 2


async def test_a_server_that_gives_no_answer_is_unavailable() -> None:
    fake = FakePrometheus()  # it listens and nobody accepts
    source = build(url=fake.url, preset="none", queries=QUERIES, timeout_seconds=0.1)
    source._api._client.timeout = 0.2  # type: ignore[attr-defined]
    with pytest.raises(SourceUnavailable, match=r"no answer within 0\.1 s"):
        await source.fetch(source.begin(NOW_MS - 600_000), 1000)
    await source.close()
    fake.server.server_close()


async def test_a_certificate_nobody_vouches_for_is_an_error(tmp_path: Path) -> None:
    authority = Authority()
    certificate, key = authority.issue("localhost").write(tmp_path, "server")
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    fake = FakePrometheus()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    fake.server.socket = tls.wrap_socket(fake.server.socket, server_side=True)
    url = fake.url.replace("http://127.0.0.1", "https://localhost")
    with serving(fake):
        with pytest.raises(SourceError, match=r"is not trusted.*Set \[source.tls\] ca_file") as caught:
            await fetch(url)
        assert not isinstance(caught.value, SourceUnavailable)
        assert fake.requests == []
        await fetch(url, base_dir=tmp_path, tls={"ca_file": "ca.pem"})
    assert fake.requests


async def test_a_partial_answer_is_taken_and_said_once(fake: FakePrometheus) -> None:
    fake.body = matrix(({"instance": "a:9100"}, 1.5), warnings=["store 10.0.0.7 did not answer"])
    warnings: list[str] = []
    page = await fetch(fake.url, pages=2, warnings=warnings)
    assert warnings == [
        "load_average: store 10.0.0.7 did not answer. Servers that are missing because of it are not asked for again."
    ]
    assert page.records.column("mem_used_pct") is None


async def test_no_series_are_a_problem_only_where_something_is_scraped(fake: FakePrometheus) -> None:
    warnings: list[str] = []
    page = await fetch(fake.url, warnings=warnings)
    assert (page.problem, page.is_last) == ("", True)
    assert warnings == [f"Nothing was scraped yet at {fake.url}; waiting for series"]
    fake.answers["count(up)"] = matrix(({}, 1.0))
    page = await fetch(fake.url)
    assert page.problem.startswith(
        f"No series for any column: the queries of [source.queries] on {fake.url}."
    )
    assert page.problem.endswith("what load_average is made of: load")


async def test_who_asks_proves_it(fake: FakePrometheus, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("open sesame\n")
    (tmp_path / "token").write_text("first\n")
    headers = {"X-Scope-OrgID": "ops"}
    fake.body = matrix(({"instance": "a:9100"}, 1.5))
    await fetch(
        fake.url + "/prefix/", base_dir=tmp_path, username="ada", password_file="password", headers=headers
    )
    path, sent, form = fake.requests[-1]
    assert path == "/prefix/api/v1/query_range"
    assert sent["X-Scope-OrgID"] == "ops"
    assert sent["Authorization"] == "Basic YWRhOm9wZW4gc2VzYW1l"
    assert (form["query"], form["step"], form["timeout"]) == ("load", "30", "60s")

    source = build(base_dir=tmp_path, url=fake.url, preset="none", queries=QUERIES, bearer_token_file="token")
    cursor = source.begin(NOW_MS - 600_000)
    await source.fetch(cursor, 1000)
    (tmp_path / "token").write_text("second\n")
    await source.fetch(cursor, 1000)
    await source.close()
    assert [sent["Authorization"] for _, sent, _ in fake.requests[-2:]] == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ({}, "[source] url is missing"),
        ({"url": "prometheus:9090"}, "[source] url is no address"),
        ({"url": "http://prometheus:99090"}, "[source] url is no address"),
        ({"url": "http://ada:pass@h"}, "holds a user or password; use username and password_file"),
        ({"url": "http://h", "preset": "node"}, "[source] preset is 'node'; allowed are 'node_exporter'"),
        ({"url": "http://h", "preset": "none"}, "[source] queries is empty"),
        ({"url": "http://h", "queries": {"cpu_pct": "x"}}, "[source.queries] has no key 'cpu_pct'"),
        ({"url": "http://h", "step_second": 5}, "did you mean 'step_seconds'?"),
        ({"url": "http://h", "step_seconds": 0}, "[source] step_seconds is 0"),
        ({"url": "http://h", "label": ""}, "[source] label is empty"),
        ({"url": "http://h", "password": "secret-word"}, "[source] username is missing"),
        ({"url": "http://h", "username": "a", "bearer_token": "secret-word"}, "stands beside bearer_token"),
        (
            {"url": "http://h", "tls": {"cert_file": "c"}},
            "[source.tls] has only one of cert_file and key_file",
        ),
        ({"url": "http://h", "tls": {"ca_file": "no-such"}}, "[source.tls] names files that cannot be used"),
    ],
)
def test_a_wrong_configuration_is_named(source: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(**source)
    assert complaint in str(caught.value)
    assert "secret-word" not in str(caught.value)
    assert "pass@" not in str(caught.value)
