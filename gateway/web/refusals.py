"""Refusals of forms: the field that each is about, and why, in the language of the visit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.errors import InvalidRequest, WordedText
from gateway.web.languages import gettext as _

_NUMBERS = re.compile(r"-\d+(?=-|$)")
_FIRST = re.compile(r"(?:Invalid member ')?(\w+)")


@dataclass(frozen=True, slots=True)
class FormRefusal:
    """Why a form was refused."""

    field: str
    """The first field that is wrong; empty if none of the form is named."""
    label: str
    """What a person calls the wrong fields; empty if the form has none of them."""
    several: bool
    """More than one field is wrong, each right by itself."""
    why: str
    """Empty if only English words are known."""
    text: str
    """The refusal as programs get it."""


def form_refusal(error: InvalidRequest, labels: Mapping[str, str]) -> FormRefusal:
    """`error` for a form whose fields have `labels`: texts that are marked by `noted`, by the
    field's name. Numbers of rows in a name, as in `group-7-until`, are left out there."""
    members = error.members or (_first_word(str(error)),)
    known = [(name, labels[key]) for name in members if (key := _NUMBERS.sub("", name)) in labels]
    return FormRefusal(
        field=known[0][0] if known else "",
        label=", ".join(dict.fromkeys(_(label) for _name, label in known)),
        several=len(known) > 1,
        why=said(error.why),
        text=str(error),
    )


def said(text: str) -> str:
    """A text of another room in the language of the visit; unchanged if it is not worded."""
    if not isinstance(text, WordedText):
        return text
    values = {
        name: said(value) if isinstance(value, str) else value
        for name, value in text.values.items()
    }
    return _(text.pattern, **values)


def _first_word(text: str) -> str:
    """Refusals that name no member begin with it all the same."""
    found = _FIRST.match(text)
    return found[1] if found else ""
