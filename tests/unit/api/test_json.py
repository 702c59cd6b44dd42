"""What counts as a JSON body."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.replies import error_body
from gateway.commands.json_bodies import read_json
from gateway.errors import InvalidRequest

_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@pytest.mark.parametrize("data", [b"", b"  \r\n", b"null", b"{}", b"\xef\xbb\xbf{}"])
def test_missing_empty_null_and_no_members_are_alike(data: bytes) -> None:
    assert read_json(data) == {}


@given(value=st.dictionaries(st.text(), _json), escaped=st.booleans())
def test_json_comes_through_as_it_was_meant(value: dict[str, object], escaped: bool) -> None:
    assert read_json(json.dumps(value, ensure_ascii=escaped).encode()) == value


@pytest.mark.parametrize(
    ("data", "where"),
    [
        (b'{"a":1 "b":2}', "line 1 column 8"),
        (b'{"a":\n 01}', "line 2 column 3"),
        (b'{"a"', "char 4"),
        (b'{"a":"\xff"}', "byte 6"),
    ],
)
def test_broken_json_is_refused_with_its_place(data: bytes, where: str) -> None:
    with pytest.raises(InvalidRequest, match=where):
        read_json(data)


@pytest.mark.parametrize(
    "data",
    [
        b"[1]",
        b'"a"',
        b"7",
        b"true",
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":1e999}',
        b'{"a":' + b"9" * 5_000 + b"}",
        b'{"a":"\\ud800"}',
        b'{"\\udfff":1}',
        b"[" * 100_000,
        b"{}{}",
        b"login=admin",
    ],
)
def test_what_json_has_not_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidRequest, match="Invalid JSON"):
        read_json(data)


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert read_json(b'{"a":"\\ud83d\\ude00"}') == {"a": "\N{GRINNING FACE}"}


@given(data=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        assert isinstance(read_json(data), dict)
    except InvalidRequest as error:
        json.loads(error_body(str(error)))


def test_only_the_dead_session_is_called_by_its_name() -> None:
    assert json.loads(error_body("Invalid session"))["error"] == "Invalid session"
    for text in ("SESSION_hash is not a column of table users", "no object 'sessions'"):
        assert "session" not in json.loads(error_body(text))["error"].lower()


def test_an_error_that_quotes_half_a_surrogate_pair_can_still_be_written() -> None:
    assert json.loads(error_body("no \ud800"))["error"] == "no \\ud800"
