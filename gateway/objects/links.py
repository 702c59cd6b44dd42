"""Tables that tie rows of two objects together."""

from __future__ import annotations

from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Field, Ref


def link(
    name: str, left: str, right: str, *more: Field, policy: bool = False, joins: bool = True
) -> ObjectType:
    """A table of pairs of which each occurs once: `left` and `right` are objects, whose names in
    the singular plus `_id` are the fields. A pair goes with either of its ends.

    `more` are fields beside the pair. Without `joins` no query travels over the table.
    """
    ends = tuple(Ref(f"{end[:-1]}_id", end, required=True, joins=joins) for end in (left, right))
    pair = (ends[0].name, ends[1].name)
    return ObjectType(name, (*ends, *more), pairs_unique=(pair,), policy=policy)
