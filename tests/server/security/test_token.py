"""API keys as text, and how they are found in metadata."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from argus_server.security.token import CredentialError, Token, credential

KEY = Token.new().reveal()

values = st.one_of(st.text(max_size=200), st.binary(max_size=50), st.just(KEY), st.just(f"Bearer {KEY}"))
names = st.sampled_from(["authorization", "x-api-key", "user-agent", "x-trace-bin", "authorization-bin"])
metadata = st.lists(st.tuples(names, values), max_size=4)


@given(metadata)
def test_any_metadata_gives_one_key_or_none_or_an_error_without_it(
    given_: list[tuple[str, str | bytes]],
) -> None:
    ours = [value for name, value in given_ if name in ("authorization", "x-api-key")]
    found, fault = _read(given_)
    if fault:
        assert ours
        assert not any(isinstance(value, str) and len(value) > 12 and value in fault for value in ours)
        return
    if found is None:
        assert not ours
        return
    assert len(ours) == 1
    assert isinstance(ours[0], str)
    assert found in ours[0]
    token = Token.parse(found)
    assert token is None or token.reveal() == found


def _read(given_: list[tuple[str, str | bytes]]) -> tuple[str | None, str]:
    try:
        return credential(given_), ""
    except CredentialError as error:
        return None, str(error)


@given(st.text(max_size=120))
def test_what_parses_as_a_key_is_exactly_it(text: str) -> None:
    token = Token.parse(text)
    assert token is None or token.reveal() == text


@pytest.mark.parametrize(
    "entries",
    [
        [("authorization", f"Bearer {KEY}")],
        [("authorization", f"bearer   {KEY} ")],
        [("x-api-key", f" {KEY}")],
        [("user-agent", "x"), ("x-api-key", KEY)],
    ],
)
def test_both_headers_are_taken(entries: list[tuple[str, str | bytes]]) -> None:
    assert credential(entries) == KEY


@pytest.mark.parametrize(
    "entries",
    [
        [("authorization", f"Basic {KEY}")],
        [("authorization", KEY)],
        [("authorization", "")],
        [("x-api-key", KEY.encode())],
        [("authorization", f"Bearer {KEY}"), ("x-api-key", KEY)],
        [("x-api-key", KEY), ("x-api-key", "other")],
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(entries: list[tuple[str, str | bytes]]) -> None:
    with pytest.raises(CredentialError) as refused:
        credential(entries)
    assert KEY not in str(refused.value)


@pytest.mark.parametrize("text", ["", KEY[:-1], KEY + "0", KEY.upper(), KEY + "\n", " " + KEY, "argus__"])
def test_what_is_no_key(text: str) -> None:
    assert Token.parse(text) is None


def test_keys_differ_and_do_not_show_in_a_repr() -> None:
    one, other = Token.new(), Token.new()
    assert one.key_id != other.key_id
    assert one.secret != other.secret
    assert len(one.secret) * 4 == 256
    assert one.secret not in repr(one)
    assert one.secret not in one.digest()
