"""Credentials: cards, codes, tags and PINs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import TypeVar

from gateway.credentials.placeholders import placeholder_card, placeholder_code, placeholder_tag
from gateway.errors import worded
from gateway.objects.declaration import ObjectType
from gateway.objects.fields import (
    U64,
    U64_MAX,
    Choice,
    Digits,
    Extension,
    Field,
    Flag,
    HexText,
    Id,
    Int,
    Ref,
    Stored,
    Text,
    Time,
    invalid_member,
)

USES_MAX = 1_000_000
"""The most entries that a credential can be good for, beside any number."""

Identifier = TypeVar("Identifier", int, str)


@dataclass(frozen=True, slots=True)
class CardValue(U64):
    """The number of a card; 0 and all-ones values are refused."""

    _: KW_ONLY
    minimum: int = 1
    maximum: int = U64_MAX - 1

    def decode(self, value: object) -> int:
        if type(value) is int:
            # Before the check of the range, whose message says less.
            _somebodys(self.name, value, placeholder_card(value))
        return U64.decode(self, value)


@dataclass(frozen=True, slots=True)
class CodeText(Text):
    """The text of a QR code; not blank."""

    def decode(self, value: object) -> str:
        text = Text.decode(self, value)
        return _somebodys(self.name, text, placeholder_code(text))


@dataclass(frozen=True, slots=True)
class TagText(HexText):
    """The number of a UHF tag; that of a blank tag is refused."""

    def decode(self, value: object) -> str:
        text = HexText.decode(self, value)
        return _somebodys(self.name, text, placeholder_tag(text))


def terms_of_credential() -> tuple[Field, ...]:
    """The columns of a credential's own status, validity and uses, which all kinds have."""
    return (
        # 0 active, 1 lost, 2 stolen (raises a silent alarm), 3 disabled.
        Choice("status", default=0, choices=(0, 1, 2, 3), extension=Extension.OURS),
        # Device time; 0 for no begin or end.
        Time("begin_time", default=0, extension=Extension.OURS),
        Time("end_time", default=0, extension=Extension.OURS),
        # The entries that it is good for, 0 for any number; raise it to allow more.
        Int("uses", default=0, minimum=0, maximum=USES_MAX, extension=Extension.OURS),
        # The entries made with it, which the controller counts.
        Int("used", default=0, derived=True, quiet=True, extension=Extension.OURS),
    )


def _check_terms(row: Mapping[str, Stored]) -> None:
    begin, end = row["begin_time"], row["end_time"]
    if isinstance(begin, int) and isinstance(end, int) and end and end < begin:
        why = worded("the end is before the begin")
        expected = f"time not before 'begin_time', {begin},"
        raise invalid_member("end_time", expected, str(end), why)


def _somebodys(name: str, value: Identifier, placeholder: str) -> Identifier:
    """Return `value` unless it is a placeholder, which would admit anybody with a blank card."""
    if placeholder:
        why = worded("it is that of a blank or unreadable card, which anybody may have")
        raise invalid_member(name, "an identifier of one person", placeholder, why)
    return value


CARDS = ObjectType(
    "cards",
    (
        Id("id"),
        CardValue("value", required=True, unique=True),
        Ref("user_id", "users", required=True),
        Text("secret", default="", secret=True, guards=True, extension=Extension.OURS),
        # 1: raises a duress alarm. The vendor does not document how a card is marked.
        Flag("panic", default=0, secret=True, duress=True, extension=Extension.OURS),
        *terms_of_credential(),
    ),
    change_logged=True,
    check=_check_terms,
)

QRCODES = ObjectType(
    "qrcodes",
    (
        Id("id"),
        CodeText("value", required=True, unique=True),
        Ref("user_id", "users", required=True),
        *terms_of_credential(),
    ),
    check=_check_terms,
)

PINS = ObjectType(
    "pins",
    (
        Id("id"),
        Digits("value", required=True, unique=True, secret=True),
        Ref("user_id", "users", required=True),
        # 0 ordinary, 1 raises the panic alarm.
        Choice("pin_type", default=0, choices=(0, 1), secret=True, duress=True),
        *terms_of_credential(),
    ),
    pairs_unique=(("user_id", "pin_type"),),
    check=_check_terms,
)

UHF_TAGS = ObjectType(
    "uhf_tags",
    (
        Id("id"),
        # Up to 96 bits.
        TagText("value", required=True, unique=True, max_length=24),
        Ref("user_id", "users", required=True),
        *terms_of_credential(),
    ),
    check=_check_terms,
)

CONTINGENCY_CARDS = ObjectType(
    "contingency_cards", (Id("id"), CardValue("value", required=True, unique=True))
)

# The rules that apply to every contingency card.
CONTINGENCY_CARD_ACCESS_RULES = ObjectType(
    "contingency_card_access_rules",
    (Ref("access_rule_id", "access_rules", required=True),),
    pairs_unique=(("access_rule_id",),),
    policy=True,
)
