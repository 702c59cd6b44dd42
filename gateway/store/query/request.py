"""Parses the JSON of `load_objects` into a Query.

Clients send `order` in several forms: names and one direction word anywhere in the list, in any
case, or a direction after each name (`"time DESC"`). A separate word applies to the names without
one.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.errors import InvalidRequest
from gateway.objects.declaration import ObjectType, Registry
from gateway.objects.fields import invalid_member, wire_type_of
from gateway.store.query.tree import Column, CountColumn, Order, Output, Query
from gateway.store.query.where import ABSENT, check_visible, parse_where, visible_field

COUNT = "COUNT(*)"
_LARGEST = (1 << 63) - 1
_DESCENDING = {"descending": True, "desc": True, "ascending": False, "asc": False}


def parse_query(registry: Registry, request: Mapping[str, object], *, show_secrets: bool) -> Query:
    """The Query of `request`; unknown members are ignored.

    Without `fields` a row shows the ordinary fields. Without `show_secrets` secret fields are not
    among them and count as unknown everywhere else.
    Raises InvalidRequest, and NotPermitted for a secret object.
    """
    name = request.get("object")
    if not isinstance(name, str):
        got = wire_type_of(name) if "object" in request else "undefined"
        raise invalid_member("object", "string", got)
    declared = registry[name]
    check_visible(declared, show_secrets=show_secrets)
    columns = _Columns(registry, declared, show_secrets=show_secrets)
    limit = _number(request, "limit")
    offset = _number(request, "offset")
    query = Query(
        declared=declared,
        outputs=_outputs(columns, request),
        condition=parse_where(registry, declared, request.get("where"), show_secrets=show_secrets),
        order=_order(columns, request),
        group=tuple(
            column
            for column in dict.fromkeys(map(columns.read, _listed(request, "group")))
            if isinstance(column, Column)
        ),
        left=_left(request.get("join")),
        limit=limit,
        offset=0 if limit is None or offset is None else offset,
    )
    counted = any(isinstance(order.by, CountColumn) for order in query.order)
    if counted and not query.aggregated:
        raise InvalidRequest(f"order by {COUNT} needs {COUNT} in fields, or a group")
    return query


class _Columns:
    def __init__(self, registry: Registry, declared: ObjectType, *, show_secrets: bool) -> None:
        self._registry = registry
        self.declared = declared
        self.show_secrets = show_secrets

    def read(self, element: object) -> Output:
        """A name of a field, {"object", "field"}, or COUNT(*)."""
        if isinstance(element, str):
            if "".join(element.split()).upper() == COUNT:
                return CountColumn()
            return self._column(self.declared, element)
        if not isinstance(element, Mapping):
            raise invalid_member("fields", "string", wire_type_of(element))
        named = element.get("object")
        if named is None:
            return self._column(self.declared, element.get("field", ABSENT))
        if not isinstance(named, str):
            raise invalid_member("object", "string", wire_type_of(named))
        return self._column(self._registry[named], element.get("field", ABSENT))

    def _column(self, declared: ObjectType, name: object) -> Column:
        field = visible_field(declared, name, show_secrets=self.show_secrets)
        return Column(declared.name, field.name)


def _outputs(columns: _Columns, request: Mapping[str, object]) -> tuple[Output, ...]:
    given = _listed(request, "fields")
    if given:
        return tuple(dict.fromkeys(map(columns.read, given)))
    declared = columns.declared
    ordinary = declared.ordinary(show_secrets=columns.show_secrets)
    return tuple(Column(declared.name, field.name) for field in ordinary)


def _order(columns: _Columns, request: Mapping[str, object]) -> tuple[Order, ...]:
    overall = False
    keys: list[tuple[Output, bool | None]] = []
    for element in _listed(request, "order"):
        words = element.split() if isinstance(element, str) else []
        if len(words) == 1 and words[0].lower() in _DESCENDING:
            overall = _DESCENDING[words[0].lower()]
        elif len(words) == 2 and words[1].lower() in _DESCENDING:
            keys.append((columns.read(words[0]), _DESCENDING[words[1].lower()]))
        else:
            keys.append((columns.read(element), None))
    directions: dict[Output, bool | None] = {}
    for by, own in keys:
        directions.setdefault(by, own)  # a second time it would order nothing
    return tuple(Order(by, overall if own is None else own) for by, own in directions.items())


def _left(join: object) -> bool:
    word = "INNER" if join is None else join
    if isinstance(word, str) and word.upper() in {"LEFT", "INNER"}:
        return word.upper() == "LEFT"
    raise InvalidRequest(f"{join!r} is not a join: LEFT and INNER are")


def _listed(request: Mapping[str, object], member: str) -> list[object]:
    value = request.get(member)
    if value is None:
        return []
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        raise invalid_member(member, "array", wire_type_of(value))
    return value


def _number(request: Mapping[str, object], member: str) -> int | None:
    """A limit or an offset; None if it is negative, as in SQLite."""
    value = request.get(member)
    if value is None:
        return None
    if type(value) is not int:
        raise invalid_member(member, "int", wire_type_of(value))
    if value > _LARGEST:
        raise InvalidRequest(f"{member} is too large")
    return value if value >= 0 else None
