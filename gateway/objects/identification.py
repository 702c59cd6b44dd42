"""What people identify with: cards, codes, tags and PINs."""

from __future__ import annotations

from gateway.objects.declaration import ObjectType
from gateway.objects.fields import U64, Choice, Flag, HexText, Id, Ref, Text

CARDS = ObjectType(
    "cards",
    (
        Id("id"),
        U64("value", required=True, unique=True),
        Ref("user_id", "users", required=True),
        Text("secret", default="", secret=True),
        # 1: presented under threat. Ours: the vendor does not say how a card is marked.
        Flag("panic", default=0),
    ),
    change_logged=True,
)

QRCODES = ObjectType(
    "qrcodes",
    (
        Id("id"),
        Text("value", required=True, unique=True),
        Ref("user_id", "users", required=True),
    ),
)

PINS = ObjectType(
    "pins",
    (
        Id("id"),
        Text("value", required=True, unique=True, secret=True),
        Ref("user_id", "users", required=True),
        # 0 the ordinary one, 1 the one that raises the panic alarm.
        Choice("pin_type", default=0, choices=(0, 1)),
    ),
    pairs_unique=(("user_id", "pin_type"),),
)

UHF_TAGS = ObjectType(
    "uhf_tags",
    (
        Id("id"),
        # Up to 96 bits.
        HexText("value", required=True, unique=True, max_length=24),
        Ref("user_id", "users", required=True),
    ),
)

CONTINGENCY_CARDS = ObjectType(
    "contingency_cards", (Id("id"), U64("value", required=True, unique=True))
)

# One rule or several for every contingency card.
CONTINGENCY_CARD_ACCESS_RULES = ObjectType(
    "contingency_card_access_rules",
    (Ref("access_rule_id", "access_rules", required=True),),
    pairs_unique=(("access_rule_id",),),
    policy=True,
)
