"""The declaration of an API object, from which everything else is derived."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from graphlib import TopologicalSorter
from types import MappingProxyType

from gateway.errors import InvalidRequest
from gateway.objects.fields import Extension, Field, Id, Ref, Stored

ROWID = "rowid"
"""Key column of tables whose rows have no id on the wire."""

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True)
class ObjectType:
    """One object of the API: a table, its fields and its rules."""

    name: str
    fields: tuple[Field, ...]
    pairs_unique: tuple[tuple[str, ...], ...] = ()
    """Groups of fields whose combined values are unique."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Other names that clients may use on input -> field."""
    ring: int | None = None
    """Number of newest rows that are kept."""
    policy: bool = False
    """A change of its rows requires a new compilation of the access rules."""
    change_logged: bool = False
    """Every insertion, change and deletion adds a row to `change_logs`."""
    log: bool = False
    """A log: clients may read and delete rows, not add any."""
    read_only: bool = False
    """Clients may only read rows."""
    custom: bool = False
    """Clients may add fields at run time, see `gateway.objects.custom`."""
    made_by: str = ""
    """The commands that add and remove its rows, if clients cannot do so directly."""
    secret: bool = False
    """Only clients that may see secrets may read or count its rows."""
    administered: bool = False
    """Only administrators may write its rows, and servers: they say which machines to trust."""
    check: Callable[[Mapping[str, Stored]], object] | None = None
    """Raises InvalidRequest for a row whose fields contradict each other."""
    _by_name: Mapping[str, Field] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_name = {member.name: member for member in self.fields}
        object.__setattr__(self, "_by_name", MappingProxyType(by_name))
        for name in (self.name, *by_name):
            if not _IDENTIFIER.fullmatch(name) or name == ROWID:
                raise ValueError(f"{name!r} cannot name an object or a field")
        if len(by_name) != len(self.fields):
            raise ValueError(f"{self.name} has two fields of one name")
        if sum(isinstance(member, Id) for member in self.fields) > 1:
            raise ValueError(f"{self.name} has two ids")
        named = [*(name for pair in self.pairs_unique for name in pair), *self.aliases.values()]
        for name in named:
            if name not in by_name:
                raise ValueError(f"{self.name} has no field {name}")

    @property
    def key(self) -> Id | None:
        """The id, None if rows have none on the wire."""
        return next((member for member in self.fields if isinstance(member, Id)), None)

    @property
    def key_name(self) -> str:
        """The column that identifies a row."""
        return self.key.name if self.key else ROWID

    def identities(self, *, show_secrets: bool) -> tuple[tuple[str, ...], ...]:
        """Fields, or groups of fields, by whose unique value a client may find a row, the id first.

        A secret alone never identifies a row. Without `show_secrets`, no group holds a secret: the
        existence of a row would reveal it.
        """
        singles = ((field.name,) for field in self.fields if field.unique and not field.secret)
        ids = ((self.key.name,),) if self.key else ()
        pairs = (
            names
            for names in self.pairs_unique
            if show_secrets or not any(self.field(name).secret for name in names)
        )
        return (*ids, *singles, *pairs)

    @property
    def addable(self) -> bool:
        """True if clients may add rows."""
        return not (self.log or self.read_only or self.made_by)

    @property
    def refs(self) -> tuple[Ref, ...]:
        """The fields that refer to other objects."""
        return tuple(member for member in self.fields if isinstance(member, Ref))

    @property
    def link(self) -> bool:
        """True for a table that only links other tables."""
        return self.key is None and len(self.refs) > 1

    def has(self, name: str) -> bool:
        """True if there is a field `name`."""
        return name in self._by_name

    def field(self, name: str) -> Field:
        """The field `name`. Raises InvalidRequest with the vendor's text if there is none."""
        try:
            return self._by_name[name]
        except KeyError:
            raise InvalidRequest(f"{name} is not a column of table {self.name}") from None

    def ordinary(self, *, show_secrets: bool) -> tuple[Field, ...]:
        """The fields of a row for a request that names none."""
        return tuple(it for it in self.visible(show_secrets=show_secrets) if not it.extension)

    def visible(self, *, show_secrets: bool) -> tuple[Field, ...]:
        """The fields that may be shown."""
        return tuple(member for member in self.fields if show_secrets or not member.secret)


class Registry:
    """The objects of one device, in the order of their declaration."""

    def __init__(self, objects: tuple[ObjectType, ...]) -> None:
        """Raises ValueError for a duplicate name and for a reference to an unknown object."""
        self._objects = {declared.name: declared for declared in objects}
        if len(self._objects) != len(objects):
            raise ValueError("two objects have one name")
        for declared in objects:
            for ref in declared.refs:
                target = self._objects.get(ref.target)
                if target is None or target.key is None:
                    raise ValueError(f"{declared.name}.{ref.name} refers to no object with an id")
            if declared.key is None and (declared.ring or declared.change_logged):
                raise ValueError(f"{declared.name} needs an id for a ring or the change log")

    def __iter__(self) -> Iterator[ObjectType]:
        return iter(self._objects.values())

    def __contains__(self, name: object) -> bool:
        return name in self._objects

    def __getitem__(self, name: str) -> ObjectType:
        """The object `name`. Raises InvalidRequest if there is none."""
        try:
            return self._objects[name]
        except (KeyError, TypeError):
            raise InvalidRequest(f"{name!r} is not an object of this device") from None

    def with_(self, *objects: ObjectType) -> Registry:
        """These objects and `objects`, which replace those of the same name."""
        merged = self._objects | {declared.name: declared for declared in objects}
        return Registry(tuple(merged.values()))

    def fitted(self, hardware: Collection[Extension]) -> Registry:
        """The same objects for a device with `hardware`, whose columns are ordinary there."""
        return Registry(
            tuple(
                replace(
                    declared,
                    fields=tuple(
                        replace(field, extension=None) if field.extension in hardware else field
                        for field in declared.fields
                    ),
                )
                for declared in self
            )
        )

    def references_to(self, name: str) -> Iterator[tuple[ObjectType, Ref]]:
        """Every object and field that refers to the object `name`."""
        for declared in self:
            for ref in declared.refs:
                if ref.target == name:
                    yield declared, ref

    def by_dependence(self) -> list[ObjectType]:
        """Every object after those that its rows must refer to; delete in reverse order."""
        graph = {
            declared.name: {
                ref.target for ref in declared.refs if ref.enforced and ref.target != declared.name
            }
            for declared in self
        }
        return [self[name] for name in TopologicalSorter(graph).static_order()]
