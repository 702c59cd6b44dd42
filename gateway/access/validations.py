"""The conditions of access rules (`validations`) that this build knows. Pure.

The vendor's conditions are scripts whose language is not documented. A condition that is not known
here never lets a rule release, and never keeps it from blocking.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from gateway.access.actions import parse_parameters
from gateway.access.person import Person
from gateway.access.rows import ValidationRow
from gateway.access.slices import sliced


class ValidationKind(StrEnum):
    """`validations.validation`, in lower case."""

    MEMBER_OF = "member_of"
    """The person is in the department `group` too."""
    NOT_MEMBER_OF = "not_member_of"
    """The person is not in the department `group`."""


@dataclass(frozen=True, slots=True)
class Validation:
    """A compiled row of `validations`."""

    kind: ValidationKind
    group_id: int

    def certain(self, person: Person) -> bool:
        """Whether it certainly holds for `person`, as of one moment."""
        if self.kind is ValidationKind.MEMBER_OF:
            return self.group_id in person.group_ids
        return self.group_id not in (*person.group_ids, *person.doubtful_group_ids)

    def possible(self, person: Person) -> bool:
        """Whether it may hold for `person`: not certainly the opposite."""
        if self.kind is ValidationKind.MEMBER_OF:
            return self.group_id in (*person.group_ids, *person.doubtful_group_ids)
        return self.group_id not in person.group_ids


def validation_of(row: ValidationRow) -> Validation | None:
    """The condition of a row; None for one that this build does not know."""
    word = row.validation.strip().lower()
    parameters = parse_parameters(row.parameters)
    group = parameters.get("group", "")
    known = word in tuple(ValidationKind) and parameters.keys() == {"group"}
    if not known or not group.isascii() or not group.isdecimal() or len(group) > _LONGEST_ID:
        return None
    return Validation(ValidationKind(word), int(group))


_LONGEST_ID = 18
"""Digits of an id."""


def compile_validations(
    rows: Iterable[ValidationRow],
) -> Generator[None, None, Mapping[int, Validation]]:
    """The known conditions by id."""
    found: dict[int, Validation] = {}
    for part in sliced(rows):
        for row in part:
            known = validation_of(row)
            if known is not None:
                found[row.id] = known
        yield
    return found
