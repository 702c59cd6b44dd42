"""One declared object with a field of every kind, driven through the store alone."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConstraintViolation, InvalidRequest
from gateway.store.objects.store import Store

I64 = st.integers(-(1 << 63), (1 << 63) - 1)
WIRE_ROWS = st.fixed_dictionaries(
    {},
    optional={
        "number": st.none() | st.integers(-1_000, 1_000),
        "big": I64,
        "code": st.integers(0, (1 << 64) - 1),
        "flag": st.integers(0, 1),
        "label": st.none()
        | st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20),
        "data": st.binary(max_size=30).map(lambda data: base64.b64encode(data).decode()),
        "colour": st.sampled_from([1, 2, 5]),
        "hidden": st.text("abc", max_size=5),
    },
)
DEFAULTS = {
    "number": 0,
    "big": 0,
    "code": 0,
    "flag": 0,
    "label": "",
    "data": "",
    "colour": 1,
    "box_id": 0,
    "hidden": "",
}


@pytest.fixture(autouse=True)
def _empty(synthetic: Store) -> Iterator[None]:
    yield
    synthetic.destroy("things")
    synthetic.destroy("boxes")


def one(store: Store, number: int, **request: Any) -> dict[str, object]:
    query = {"object": "things", "where": {"things": {"id": number}}, **request}
    (row,) = store.load(query).rows
    return row


@given(row=WIRE_ROWS)
def test_what_was_sent_comes_back_and_the_rest_is_default(
    synthetic: Store, row: dict[str, Any]
) -> None:
    synthetic.destroy("things")
    (number,) = synthetic.insert("things", [row])

    given = {name: value for name, value in row.items() if value is not None}
    assert one(synthetic, number) == {"id": number, **DEFAULTS, **given}


@given(row=WIRE_ROWS)
def test_every_stored_value_finds_its_row(synthetic: Store, row: dict[str, Any]) -> None:
    synthetic.destroy("things")
    (number,) = synthetic.insert("things", [row])
    where = [{"field": name, "operator": "==", "value": value} for name, value in row.items()]

    assert one(synthetic, number, where=where)["id"] == number


def test_the_example_object_goes_through_its_whole_life(synthetic: Store) -> None:
    (box,) = synthetic.insert("boxes", [{"name": "red"}])
    first, second = synthetic.insert("things", [{"code": 1, "box_id": box}, {"code": 2}])
    (mark,) = synthetic.insert("marks", [{"thing_id": first, "box_id": box}])

    assert mark > 0
    assert synthetic.modify("things", {"flag": 1}, {"things": {"code": 2}}) == 1
    assert one(synthetic, second)["flag"] == 1
    assert synthetic.destroy("boxes") == 1
    assert one(synthetic, first)["box_id"] == 0
    assert list(synthetic.load({"object": "marks"}).rows) == []
    assert synthetic.destroy("things", {"things": {"id": [first, second]}}) == 2


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"number": True}, "Invalid member 'number' (int expected, got boolean)"),
        ({"number": "1"}, "Invalid member 'number' (int expected, got string)"),
        ({"number": 1.0}, "Invalid member 'number' (int expected, got double)"),
        ({"number": 1001}, "Invalid member 'number' (int between -1000 and 1000 expected"),
        ({"big": 1 << 63}, "Invalid member 'big' (int between"),
        ({"code": -1}, "Invalid member 'code' (int between 0 and 18446744073709551615"),
        ({"code": 1 << 64}, "Invalid member 'code' (int between 0 and 18446744073709551615"),
        ({"flag": 2}, "Invalid member 'flag' (int between 0 and 1 expected, got 2)"),
        ({"flag": False}, "Invalid member 'flag' (int expected, got boolean)"),
        ({"label": 1}, "Invalid member 'label' (string expected, got int)"),
        ({"label": []}, "Invalid member 'label' (string expected, got array)"),
        ({"label": "x" * 21}, "Invalid member 'label' (string of at most 20 characters"),
        ({"label": "a\0b"}, "Invalid member 'label' (string expected, got a NUL character)"),
        ({"label": "\ud800"}, "Invalid member 'label' (string expected, got half a surrogate"),
        ({"data": "?"}, "Invalid member 'data' (base64 string expected"),
        ({"data": {}}, "Invalid member 'data' (string expected, got object)"),
        ({"colour": 3}, "Invalid member 'colour' (one of 1, 2, 5 expected, got 3)"),
        ({"id": 1 << 62 | 1}, "Invalid member 'id' (int between"),
        ({"nope": 1}, "nope is not a column of table things"),
    ],
)
def test_a_wrong_value_is_refused_in_the_devices_words(
    synthetic: Store, row: dict[str, Any], text: str
) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        synthetic.insert("things", [row])

    assert str(refusal.value).startswith(text)
    assert list(synthetic.load({"object": "things"}).rows) == []


def test_a_refusal_in_a_batch_names_the_row(synthetic: Store) -> None:
    with pytest.raises(InvalidRequest, match=r"got boolean\) \(row 2\)$"):
        synthetic.insert("things", [{"code": 1}, {"code": True}])
    with pytest.raises(InvalidRequest, match=r"'name' .*got undefined\) \(row 2\)$"):
        synthetic.insert("boxes", [{"name": "a"}, {}])


def test_null_comes_out_as_the_empty_value_or_the_default(synthetic: Store) -> None:
    (number,) = synthetic.insert("things", [{"number": None, "big": None, "id": None}])

    row = one(synthetic, number)
    assert (row["number"], row["label"], row["big"], row["box_id"]) == (0, "", 0, 0)
    with pytest.raises(ConstraintViolation, match=r"NOT NULL constraint failed: boxes\.name"):
        synthetic.insert("boxes", [{"name": None}])


@pytest.mark.parametrize("rows", [{"name": "a"}, "a", None, [1], [None], [[]]])
def test_rows_in_another_shape_are_refused(synthetic: Store, rows: object) -> None:
    with pytest.raises(InvalidRequest, match="Invalid member 'values'"):
        synthetic.insert("boxes", rows)


def test_like_finds_the_digits_of_unsigned_numbers(synthetic: Store) -> None:
    synthetic.insert("things", [{"code": (1 << 64) - 1}, {"code": 18}, {"code": 7}])

    rows = synthetic.load({"object": "things", "where": {"things": {"code": "18%"}}}).rows
    assert [row["code"] for row in rows] == [(1 << 64) - 1, 18]
