"""The two dialects of `where` (Control iD Access API, 3.1).

A: a list of clauses with a connector after each, `AND`, `OR`, `) AND (` or `) OR (`, in one pair
of brackets around all. B: a map object -> field -> condition, all of which must hold.

Null and the empty value of a field that may be unset are equal: `= 0` and `IS NULL` both find an
unset number. Where the API is silent: null in an equality means "is null"; a text with `%` in an
equality is a LIKE in both dialects, `==` compares literally.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gateway.errors import InvalidRequest, NotPermitted
from gateway.objects.declaration import ObjectType, Registry
from gateway.objects.fields import Field, Stored, invalid_member, storable_text, wire_type_of
from gateway.store.query.tree import Clause, Column, Condition, Every, Operator, Some

LIST_MAX = 999
"""Elements of one list (documented)."""
CLAUSES_MAX = 999
"""Comparisons in one request; more would exceed SQLite's own limits."""
PATTERN_MAX = 256
"""Characters of a LIKE pattern: the time to match grows steeply with its wildcards."""

_GLUE = re.compile(r"\s*(?P<close>\))?\s*(?P<word>AND|OR)\s*(?P<open>\()?\s*", re.IGNORECASE)
_OPERATORS = {operator.value: operator for operator in Operator} | {
    "==": Operator.EQ,
    "<>": Operator.NE,
}
_LISTS = (Operator.IN, Operator.NOT_IN)
_PATTERNS = (Operator.LIKE, Operator.NOT_LIKE)
_NULLS = (Operator.IS_NULL, Operator.IS_NOT_NULL)
_OF_NULL = {Operator.EQ: Operator.IS_NULL, Operator.NE: Operator.IS_NOT_NULL}
_OF_LIST = {Operator.EQ: Operator.IN, Operator.NE: Operator.NOT_IN}

ABSENT = object()
"""Stands for a member that the client did not send, unlike null."""


def parse_where(
    registry: Registry, declared: ObjectType, where: object, *, show_secrets: bool
) -> Condition | None:
    """The condition of `where` for rows of `declared`; None if it states none.

    A parsed condition is returned unchanged. Without `show_secrets` secret fields count as
    unknown. Raises InvalidRequest.
    """
    if where is None or isinstance(where, Condition):
        return where
    parser = _Parser(registry, declared, show_secrets)
    if isinstance(where, Mapping):
        return _every(list(parser.nested_map(where)))
    if isinstance(where, list):
        return parser.clause_list(where)
    raise invalid_member("where", "array", wire_type_of(where))


def check_visible(declared: ObjectType, *, show_secrets: bool) -> None:
    """Raise NotPermitted, with the vendor's text, for a secret object without `show_secrets`."""
    if declared.secret and not show_secrets:
        raise NotPermitted("Invalid access level")


def visible_field(declared: ObjectType, name: object, *, show_secrets: bool) -> Field:
    """The field `name`, if the client may see it. Raises InvalidRequest or NotPermitted."""
    if not isinstance(name, str):
        got = "undefined" if name is ABSENT else wire_type_of(name)
        raise invalid_member("field", "string", got)
    check_visible(declared, show_secrets=show_secrets)
    field = declared.field(declared.aliases.get(name, name))
    if field.secret and not show_secrets:
        raise InvalidRequest(f"{name} is not a column of table {declared.name}")
    return field


def _every(parts: list[Condition]) -> Condition | None:
    if len(parts) > 1:
        return Every(tuple(parts))
    return parts[0] if parts else None


def _tree(words: list[str], parts: list[Condition]) -> Condition:
    """`parts` with the word between each two; AND binds tighter than OR."""
    alternatives: list[list[Condition]] = [[parts[0]]]
    for word, part in zip(words, parts[1:], strict=True):
        if word == "OR":
            alternatives.append([part])
        else:
            alternatives[-1].append(part)
    joined = tuple(Every(tuple(run)) if len(run) > 1 else run[0] for run in alternatives)
    return Some(joined) if len(joined) > 1 else joined[0]


@dataclass(slots=True)
class _Parser:
    registry: Registry
    declared: ObjectType
    show_secrets: bool
    clauses: int = 0

    def clause_list(self, where: list[object]) -> Condition | None:
        """Dialect A."""
        if not where:
            return None
        groups: list[Condition] = []
        between: list[str] = []
        words: list[str] = []
        parts: list[Condition] = []
        for number, element in enumerate(where, start=1):
            if not isinstance(element, Mapping):
                raise invalid_member("where", "object", wire_type_of(element))
            parts.append(self._element(element))
            word, closes = _connector(element.get("connector"))
            if number == len(where):
                break
            if closes:
                groups.append(_tree(words, parts))
                between.append(word)
                words, parts = [], []
            else:
                words.append(word)
        groups.append(_tree(words, parts))
        return _tree(between, groups)

    def _element(self, element: Mapping[object, object]) -> Condition:
        named = element.get("object")
        declared = self.declared if named is None else self._object(named)
        field = visible_field(
            declared, element.get("field", ABSENT), show_secrets=self.show_secrets
        )
        operator = element.get("operator")
        value = element.get("value", ABSENT)
        return self._clause(declared, field, "=" if operator is None else operator, value)

    def nested_map(self, where: Mapping[object, object]) -> Iterator[Condition]:
        """Dialect B."""
        for name, fields in where.items():
            declared = self._object(name)
            if not isinstance(fields, Mapping):
                raise invalid_member(str(name), "object", wire_type_of(fields))
            for given, condition in fields.items():
                field = visible_field(declared, given, show_secrets=self.show_secrets)
                if isinstance(condition, Mapping):
                    for operator, value in condition.items():
                        yield self._clause(declared, field, operator, value)
                else:
                    yield self._clause(declared, field, "=", condition)

    def _object(self, name: object) -> ObjectType:
        if not isinstance(name, str):
            raise invalid_member("object", "string", wire_type_of(name))
        return self.registry[name]

    def _clause(self, declared: ObjectType, field: Field, word: object, value: object) -> Clause:
        self.clauses += 1
        if self.clauses > CLAUSES_MAX:
            raise InvalidRequest(f"where has more than {CLAUSES_MAX} clauses")
        operator = _operator(word)
        column = Column(declared.name, field.name)
        if operator in _NULLS:
            return Clause(column, operator)
        if value is ABSENT:
            raise invalid_member("value", field.expected, "undefined")
        if value is None:
            return Clause(column, _for(operator, _OF_NULL, field, value))
        if isinstance(value, list):
            return self._list_clause(column, _for(operator, _OF_LIST, field, value), field, value)
        if operator in _LISTS:
            return self._list_clause(column, operator, field, [value])
        if operator is Operator.EQ and word != "==" and isinstance(value, str) and "%" in value:
            operator = Operator.LIKE
        if operator in _PATTERNS:
            return Clause(column, operator, (_pattern(field, value),))
        return Clause(column, operator, (field.operand(value),))

    def _list_clause(
        self, column: Column, operator: Operator, field: Field, values: list[object]
    ) -> Clause:
        if len(values) > LIST_MAX:
            raise InvalidRequest(f"{field.name} has more than {LIST_MAX} elements")
        # Every 32 elements count as one more clause: SQLite allows 32,766 values in all.
        self.clauses += len(values) // 32
        operands: dict[Stored, None] = dict.fromkeys(field.operand(value) for value in values)
        return Clause(column, operator, tuple(operands))


def _connector(glue: object) -> tuple[str, bool]:
    """The word of a connector, and whether it closes a bracket and opens another."""
    if glue is None or glue == "":
        return "AND", False
    match = _GLUE.fullmatch(glue) if isinstance(glue, str) else None
    if match is None or bool(match["close"]) is not bool(match["open"]):
        raise InvalidRequest(f"{glue!r} is not a connector: AND, OR, ') AND (' and ') OR (' are")
    return match["word"].upper(), bool(match["close"])


def _operator(word: object) -> Operator:
    if isinstance(word, str):
        found = _OPERATORS.get(" ".join(word.upper().split()))
        if found is not None:
            return found
    raise InvalidRequest(f"{word!r} is not an operator: {', '.join(_OPERATORS)} are")


def _for(
    operator: Operator, replaced: Mapping[Operator, Operator], field: Field, value: object
) -> Operator:
    """The operator that replaces `operator` for a null or a list. Raises InvalidRequest."""
    if operator in replaced:
        return replaced[operator]
    if operator in _LISTS and isinstance(value, list):
        return operator
    raise invalid_member(field.name, field.expected, wire_type_of(value))


def _pattern(field: Field, value: object) -> str:
    if not field.searchable:
        raise InvalidRequest(f"LIKE cannot be used on the binary column {field.name}")
    if type(value) is int:
        return str(value)
    if not isinstance(value, str):
        raise invalid_member(field.name, "string", wire_type_of(value))
    if len(value) > PATTERN_MAX:
        raise InvalidRequest(f"the pattern of {field.name} is over {PATTERN_MAX} characters")
    return storable_text(field.name, value)
