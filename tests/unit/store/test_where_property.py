"""Generated queries against an evaluator that knows neither SQL nor our parser."""

from __future__ import annotations

import operator
import string
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.store.objects.store import Store

Row = dict[str, Any]

NUMBERS = st.integers(-3, 3)
CODES = st.sampled_from([0, 1, (1 << 63) - 1, 1 << 63, (1 << 64) - 1])
LABELS = st.text("abAB_é%", max_size=4)
VALUES = {"number": NUMBERS, "code": CODES, "label": LABELS, "colour": st.sampled_from([1, 2, 5])}

ROWS = st.lists(
    st.fixed_dictionaries(
        {"number": st.none() | NUMBERS, "code": CODES, "label": st.none() | LABELS}
    ),
    max_size=5,
    unique_by=lambda row: row["code"],
)

ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<>": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
GLUES = ["AND", "OR", ") AND (", ") OR (", "or", ") and ("]


@st.composite
def conditions(draw: st.DrawFn) -> tuple[str, str, Any]:
    field = draw(st.sampled_from(sorted(VALUES)))
    values = VALUES[field]
    word = draw(st.sampled_from([*ORDERED, "LIKE", "NOT LIKE", "in", "NOT IN", "IS NULL"]))
    if word.upper() in {"IN", "NOT IN"}:
        return field, word, draw(st.lists(values, max_size=3))
    if "LIKE" in word:
        return field, word, draw(st.text("abA_%1-é", max_size=4))
    if word == "IS NULL":
        return field, word, draw(st.sampled_from(["", None]))
    return field, word, draw(values)


def fold(text: str) -> str:
    return text.translate(str.maketrans(string.ascii_uppercase, string.ascii_lowercase))


def like(text: str, pattern: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "%":
        return any(like(text[at:], pattern[1:]) for at in range(len(text) + 1))
    return bool(text) and pattern[0] in {"_", text[0]} and like(text[1:], pattern[1:])


EMPTY = {"number": 0, "label": ""}
"""What null counts as, in the fields that may be unset."""


def holds(row: Row, field: str, word: str, operand: Any) -> bool:
    value = EMPTY.get(field) if row[field] is None else row[field]
    word = word.upper()
    if word == "IS NULL":
        return field in EMPTY and value == EMPTY[field]
    if word in {"IN", "NOT IN"}:
        return (value in operand) is (word == "IN")
    if word == "=" and isinstance(operand, str) and "%" in operand:
        word = "LIKE"
    if "LIKE" in word:
        return like(fold(str(value)), fold(operand)) is (word == "LIKE")
    return ORDERED[word](value, operand)


def evaluate(tokens: list[Any]) -> bool:
    """Brackets first, then AND, then OR, over a flat list of words and truth values."""

    def disjunction() -> bool:
        value = conjunction()
        while tokens and tokens[0] == "OR":
            tokens.pop(0)
            value = conjunction() or value
        return value

    def conjunction() -> bool:
        value = atom()
        while tokens and tokens[0] == "AND":
            tokens.pop(0)
            value = atom() and value
        return value

    def atom() -> bool:
        token = tokens.pop(0)
        if token == "(":
            value = disjunction()
            tokens.pop(0)
            return value
        return token  # type: ignore[no-any-return] # - a truth value

    return disjunction()


def fill(store: Store, rows: list[Row]) -> list[Row]:
    store.destroy("things")
    ids = store.insert("things", rows)
    return [{"colour": 1, **row, "id": number} for number, row in zip(ids, rows, strict=True)]


def found(store: Store, where: object) -> list[int]:
    request = {"object": "things", "fields": ["id"], "where": where}
    return [row["id"] for row in store.load(request).rows]  # type: ignore[misc] # - an int


@given(rows=ROWS, clauses=st.lists(conditions(), min_size=1, max_size=5), data=st.data())
def test_a_list_of_clauses_selects_what_its_glue_spells_out(
    synthetic: Store, rows: list[Row], clauses: list[tuple[str, str, Any]], data: st.DataObject
) -> None:
    stored = fill(synthetic, rows)
    glues = data.draw(
        st.lists(st.sampled_from([*GLUES, None]), min_size=len(clauses), max_size=len(clauses))
    )
    where = []
    for (field, word, value), glue in zip(clauses, glues, strict=True):
        clause = {"field": field, "operator": word, "value": value}
        if data.draw(st.booleans()):
            clause["object"] = "things"
        if glue is not None:
            clause["connector"] = glue
        where.append(clause)

    def selected(row: Row) -> bool:
        tokens: list[Any] = ["("]
        for number, (clause, glue) in enumerate(zip(clauses, glues, strict=True), start=1):
            tokens.append(holds(row, *clause))
            if number < len(clauses):
                tokens += (glue or "AND").upper().split()
        tokens.append(")")
        return evaluate(tokens)

    assert found(synthetic, where) == [row["id"] for row in stored if selected(row)]


@given(rows=ROWS, clauses=st.lists(conditions(), max_size=4))
def test_a_nested_map_selects_what_satisfies_all_of_it(
    synthetic: Store, rows: list[Row], clauses: list[tuple[str, str, Any]]
) -> None:
    stored = fill(synthetic, rows)
    where: dict[str, dict[str, Any]] = {}
    for field, word, value in clauses:
        where.setdefault(field, {})[word] = value
    kept = [(field, word, value) for field, pairs in where.items() for word, value in pairs.items()]
    expected = [row["id"] for row in stored if all(holds(row, *clause) for clause in kept)]

    assert found(synthetic, {"things": where}) == expected


@given(rows=ROWS, field=st.sampled_from(["number", "code", "label"]), data=st.data())
def test_scalars_and_lists_mean_equality_and_membership(
    synthetic: Store, rows: list[Row], field: str, data: st.DataObject
) -> None:
    stored = fill(synthetic, rows)
    value = data.draw(VALUES[field])
    values = data.draw(st.lists(VALUES[field], max_size=3))

    assert found(synthetic, {"things": {field: value}}) == [
        row["id"] for row in stored if holds(row, field, "=", value)
    ]
    assert found(synthetic, [{"field": field, "value": values}]) == [
        row["id"] for row in stored if holds(row, field, "IN", values)
    ]


@given(rows=ROWS, clause=conditions())
def test_changing_and_deleting_touch_exactly_the_rows_that_loading_shows(
    synthetic: Store, rows: list[Row], clause: tuple[str, str, Any]
) -> None:
    stored = fill(synthetic, rows)
    field, word, value = clause
    where = [{"field": field, "operator": word, "value": value}]
    wanted = found(synthetic, where)

    assert synthetic.modify("things", {"flag": 1}, where) == len(wanted)
    assert found(synthetic, {"things": {"flag": 1}}) == wanted
    assert synthetic.destroy("things", where) == len(wanted)
    assert found(synthetic, None) == [row["id"] for row in stored if row["id"] not in wanted]


@given(
    codes=st.lists(st.integers(0, (1 << 64) - 1) | CODES, max_size=8, unique=True),
    bound=st.integers(0, (1 << 64) - 1) | CODES,
)
def test_unsigned_numbers_keep_their_order_and_equality(
    synthetic: Store, codes: list[int], bound: int
) -> None:
    fill(synthetic, [{"code": code} for code in codes])

    def load(**request: object) -> list[object]:
        query = {"object": "things", "fields": ["code"], **request}
        return [row["code"] for row in synthetic.load(query).rows]

    assert load(order=["code"]) == sorted(codes)
    assert load(order=["code", "descending"]) == sorted(codes, reverse=True)
    above = load(where={"things": {"code": {">": bound}}}, order=["code"])
    assert above == sorted(code for code in codes if code > bound)
    assert load(where={"things": {"code": bound}}) == [code for code in codes if code == bound]
