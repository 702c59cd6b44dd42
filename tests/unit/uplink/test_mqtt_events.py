"""Which event each entry of the journal is, and what it tells."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.access.log_events import AccessEvent, OpeningCause
from gateway.alarms.causes import AlarmCause
from gateway.store.journal import CommittedEntry, EntryKind
from gateway.uplink.mqtt.events import DEVICE_EVENTS, DOOR_EVENTS, KINDS, EventTeller

NOW = datetime(2026, 11, 27, tzinfo=UTC)
SECRETS = {"pin_value": "2468", "qrcode_value": "code-1357", "uhf_tag": "e200"}


def teller(*, persons: bool = False, cards: bool = False) -> EventTeller:
    return EventTeller(
        (1, 2, 65793),
        lambda portal: {1: [1], 2: [2], 3: [1, 2]}.get(portal, []),
        lambda user: f"Person {user}",
        persons=persons,
        cards=cards,
    )


def told(
    kind: EntryKind, body: Mapping[str, Any], **settings: bool
) -> list[tuple[int, dict[str, Any]]]:
    return list(teller(**settings).events(CommittedEntry(9, kind, body, NOW)))


def access(event: int, reason: str, portal: int = 1, **facts: Any) -> dict[str, Any]:
    row = {"event": event, "user_id": 7, "portal_id": portal, "card_value": 55, **SECRETS}
    return {"row": row, "reason": reason, "facts": facts}


def alarm(cause: int, *, on: bool = True, door: int = 0) -> dict[str, Any]:
    return {"row": {"event": 1 if on else 2, "cause": cause, "user_id": 0, "door_id": door}}


@pytest.mark.parametrize(
    ("kind", "body", "doors", "word"),
    [
        (EntryKind.ACCESS, access(7, "granted", 3, doors=[2]), [2], "granted"),
        (EntryKind.ACCESS, access(7, "granted", 9, doors=[], turnstile=True), [0], "granted"),
        (EntryKind.ACCESS, access(6, "no_rule", reader="front"), [1], "denied"),
        (EntryKind.ACCESS, access(6, "no_rule", 3), [1, 2], "denied"),
        (EntryKind.ACCESS, access(2, "no_portal", 0), [0], "denied"),
        (EntryKind.ACCESS, access(3, "unknown_credential"), [1], "unknown"),
        (EntryKind.ACCESS, access(4, "second_factor_due"), [1], "waiting"),
        (EntryKind.ACCESS, access(8, "waiting"), [1], "waiting"),
        (EntryKind.ACCESS, access(11, OpeningCause.BUTTON, door=2), [2], "exit_button"),
        (
            EntryKind.ACCESS,
            access(10, OpeningCause.OPENED_BY_CLIENT, door=65793),
            [65793],
            "opened_by_command",
        ),
        (
            EntryKind.ACCESS,
            access(7, OpeningCause.DECIDED_BY_SERVER, doors=[1]),
            [1],
            "granted",
        ),
        (
            EntryKind.ACCESS_EVENT,
            {"row": {"type": "OPEN", "identification": "2"}},
            [2],
            "door_opened",
        ),
        (
            EntryKind.ACCESS_EVENT,
            {"row": {"type": "CLOSE", "identification": "1"}},
            [1],
            "door_closed",
        ),
        (EntryKind.ALARM, alarm(AlarmCause.DOOR_OPEN, door=1), [1], "held_open"),
        (EntryKind.ALARM, alarm(AlarmCause.FORCED_DOOR, on=False, door=2), [2], "forced_open_over"),
        (EntryKind.ALARM, alarm(AlarmCause.LOCK_WELDED, door=2), [2], "lock_welded"),
        (EntryKind.ALARM, alarm(AlarmCause.ZONE_3), [0], "zone_alarm"),
        (EntryKind.ALARM, alarm(AlarmCause.TAMPER), [0], "tamper"),
        (EntryKind.ALARM, alarm(AlarmCause.PANIC_PIN, door=1), [0], "duress"),
        (EntryKind.FIRE, {"on": True}, [0], "fire"),
        (EntryKind.FIRE, {"on": False}, [0], "fire_over"),
        (EntryKind.TURN, {"row": {"type": "TURN_LEFT"}, "allowed": True}, [0], "turned"),
        (EntryKind.TURN, {"row": {"type": "TURN_LEFT"}, "allowed": False}, [0], "turn_forced"),
        (EntryKind.GAVE_UP, {"row": {}}, [0], "gave_up"),
        (EntryKind.KEYPAD, {"reader": "front", "locked_ms": 90_000}, [0], "keypad_locked"),
        (EntryKind.KEYPAD, {"reader": "front", "locked_ms": 0}, [0], "keypad_freed"),
        (EntryKind.MODE, {"door": 2, "mode": "lock_down"}, [2], "mode"),
        (EntryKind.MODE, {"turnstile": "lobby", "mode": "lock_down"}, [], ""),
        (EntryKind.MODE, {"timed": 0, "mode": "lock_down"}, [], ""),
        (EntryKind.NO_ENTRY, {"door": 1, "portal_id": 1}, [1], "no_entry"),
        (EntryKind.PRE_ALARM, {"door": 1, "on": True}, [1], "pre_alarm"),
        (EntryKind.PRE_ALARM, {"door": 1, "on": False}, [], ""),
        (EntryKind.STARTED, {}, [0], "started"),
        (EntryKind.THREAT_LEVEL, {"level": 2, "login": "eva"}, [0], "threat_level"),
        (EntryKind.THREAT_LEVEL, {"level": 2, "again": True}, [], ""),
    ],
)
def test_an_entry_is_told_where_it_belongs(
    kind: EntryKind, body: dict[str, Any], doors: list[int], word: str
) -> None:
    found = told(kind, body)
    assert [door for door, _ in found] == doors
    assert {event["event_type"] for _, event in found} == ({word} if word else set())
    for door, event in found:
        assert event["event_type"] in (DOOR_EVENTS if door else DEVICE_EVENTS)
        assert (event["id"], event["time"]) == (9, int(NOW.timestamp()))


def test_every_kind_that_is_asked_for_and_every_alarm_and_access_is_told() -> None:
    for cause in AlarmCause:
        if cause is not AlarmCause.NONE:
            for on in (True, False):
                assert told(EntryKind.ALARM, alarm(cause, on=on, door=1))
    for event in AccessEvent:
        assert told(EntryKind.ACCESS, access(event, "x"))
    assert len(set(KINDS)) == len(KINDS)


def test_an_event_of_a_door_that_the_site_no_longer_has_is_one_of_the_device() -> None:
    found = told(EntryKind.ACCESS, access(7, "granted", doors=[4]))
    assert [(door, event["door"]) for door, event in found] == [(0, 4)]


def test_names_and_cards_are_told_where_that_is_allowed_and_secrets_never() -> None:
    body = access(7, "granted", doors=[1], by="ana")
    hidden = str(told(EntryKind.ACCESS, body))
    shown = told(EntryKind.ACCESS, body, persons=True, cards=True)[0][1]
    assert not any(word in hidden for word in ("55", "Person", "ana", "'person'"))
    assert (shown["person"], shown["name"], shown["card"], shown["by"]) == (
        7,
        "Person 7",
        55,
        "ana",
    )
    assert not any(secret in f"{hidden}{shown}" for secret in SECRETS.values())


def test_lists_of_events_only_grow() -> None:
    # Home Assistant drops events that its copy of the list lacks, and drivers of others know these.
    assert DOOR_EVENTS[:17] == (
        "granted", "denied", "unknown", "waiting", "exit_button", "opened_by_command", "no_entry",
        "door_opened", "door_closed", "pre_alarm", "held_open", "held_open_over", "forced_open",
        "forced_open_over", "lock_welded", "lock_welded_over", "mode",
    )  # fmt: skip
    assert DEVICE_EVENTS[:25] == (
        "granted", "denied", "unknown", "waiting", "exit_button", "opened_by_command", "no_entry",
        "started", "turned", "turn_forced", "gave_up", "zone_alarm", "zone_alarm_over",
        "zone_no_presence", "zone_no_presence_over", "zone_open", "zone_open_over", "tamper",
        "tamper_over", "duress", "duress_over", "fire", "fire_over", "keypad_locked",
        "keypad_freed",
    )  # fmt: skip
