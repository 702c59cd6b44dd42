"""Tables that link rows of two objects."""

from __future__ import annotations

from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Field, Ref


def link(
    name: str, left: str, right: str, *more: Field, policy: bool = False, joins: bool = True
) -> ObjectType:
    """A table of unique pairs of rows of the objects `left` and `right`.

    The fields are their singular names plus `_id`, and `more`. A pair is deleted with either row.
    Without `joins`, queries do not join through the table.
    """
    ends = tuple(Ref(f"{end[:-1]}_id", end, required=True, joins=joins) for end in (left, right))
    pair = (ends[0].name, ends[1].name)
    return ObjectType(name, (*ends, *more), pairs_unique=(pair,), policy=policy)
