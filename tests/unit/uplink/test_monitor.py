"""The bodies of the monitor's topics, as the vendor's documents and captures print them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.objects.catalogue import REGISTRY
from gateway.objects.fields import Extension
from gateway.objects.logs import ACCESS_LOGS
from gateway.store.journal import CommittedEntry, EntryKind
from gateway.uplink.monitor import MonitorTopics, Notification, monitor_settings

DEVICE = 478435
STAMP = 1_705_523_584
ROW = {
    "id": 519,
    "time": 1_532_977_090,
    "event": 12,
    "device_id": DEVICE,
    "identifier_id": 0,
    "user_id": 0,
    "portal_id": 1,
    "identification_rule_id": 0,
    "log_type_id": -1,
}
VALUES = {
    "id": "519",
    "time": "1532977090",
    "event": "12",
    "device_id": "478435",
    "identifier_id": "0",
    "user_id": "0",
    "portal_id": "1",
    "identification_rule_id": "0",
    "card_value": "0",
    "qrcode_value": "",
    "pin_value": "",
    "confidence": "0",
    "mask": "0",
    "log_type_id": "-1",
}
EVENT = {"id": 7, "device_id": DEVICE, "timestamp": STAMP}


def device_time(utc_s: int) -> int:
    return utc_s - 10_800


def topics(*, event_ids: bool = False, secrets: bool = True) -> MonitorTopics:
    return MonitorTopics(DEVICE, ACCESS_LOGS, device_time, event_ids=event_ids, secrets=secrets)


def entry(kind: EntryKind, **body: Any) -> CommittedEntry:
    return CommittedEntry(1, kind, body, datetime(2026, 11, 27, tzinfo=UTC))


def told(
    kind: EntryKind,
    by: MonitorTopics | None = None,
    access: CommittedEntry | None = None,
    **body: Any,
) -> list[tuple[str, Any]]:
    found = (by or topics()).entry(entry(kind, **body), STAMP, lambda _: access)
    return [(one.topic, one.body) for one in found]


def dao(name: str, kind: str, values: dict[str, str], time: int) -> tuple[str, Any]:
    changes = [{"object": name, "type": kind, "values": values}]
    return "dao", {"object_changes": changes, "device_id": DEVICE, "time": time}


def test_an_access_is_an_inserted_row_whose_values_are_all_text() -> None:
    assert told(EntryKind.ACCESS, row=ROW) == [dao("access_logs", "inserted", VALUES, ROW["time"])]


def test_a_card_above_63_bits_keeps_every_digit() -> None:
    ((_, body),) = told(EntryKind.ACCESS, row={**ROW, "card_value": 2**64 - 2})
    assert body["object_changes"][0]["values"]["card_value"] == "18446744073709551614"


def test_a_uhf_tag_is_told_by_a_device_that_reads_tags() -> None:
    fitted = REGISTRY.fitted({Extension.UHF_READER})["access_logs"]
    by = MonitorTopics(DEVICE, fitted, device_time, event_ids=False, secrets=True)
    ((_, body),) = told(EntryKind.ACCESS, by, row={**ROW, "uhf_tag": "E2"})
    assert body["object_changes"][0]["values"]["uhf_tag"] == "E2"


@pytest.mark.parametrize(("secrets", "pin"), [(True, "1324"), (False, "")])
def test_a_pin_is_told_only_where_secrets_may_be(secrets: bool, pin: str) -> None:
    ((_, body),) = told(EntryKind.ACCESS, topics(secrets=secrets), row={**ROW, "pin_value": "1324"})
    assert body["object_changes"][0]["values"]["pin_value"] == pin


def test_an_alarm_is_an_inserted_row() -> None:
    row = {
        "id": 3,
        "event": 1,
        "cause": 7,
        "user_id": 0,
        "time": 9,
        "access_log_id": 0,
        "door_id": 2,
    }
    values = {name: str(value) for name, value in row.items()}
    assert told(EntryKind.ALARM, row=row) == [dao("alarm_logs", "inserted", values, 9)]


@pytest.mark.parametrize("event_ids", [False, True])
@pytest.mark.parametrize(
    ("row", "topic", "state"),
    [
        (
            {"event": "door", "type": "OPEN", "identification": "1"},
            "door",
            {"door": {"id": 1, "open": True}},
        ),
        (
            {"event": "secbox", "type": "CLOSE", "identification": "122641794704911600"},
            "secbox",
            {"secbox": {"id": 122641794704911600, "open": False}},
        ),
    ],
)
def test_a_door_that_moves_is_told_with_numbers_beside_it(
    row: dict[str, str], topic: str, state: dict[str, Any], event_ids: bool
) -> None:
    about = {"access_event_id": 7} if event_ids else {}
    body = {**state, **about, "device_id": DEVICE, "time": STAMP}
    by = topics(event_ids=event_ids)
    assert told(EntryKind.ACCESS_EVENT, by, row={**EVENT, **row}) == [(topic, body)]


def test_a_turn_is_told_by_its_number_and_name() -> None:
    row = {**EVENT, "event": "catra", "type": "TURN_LEFT", "identification": "u-1"}
    event = {"type": 7, "name": "TURN LEFT", "time": STAMP, "uuid": "u-1"}
    body = {"event": event, "device_id": DEVICE, "time": STAMP}
    assert told(EntryKind.TURN, row=row) == [("catra_event", body)]


def test_a_turn_that_nobody_made_also_updates_its_access() -> None:
    row = {**EVENT, "event": "catra", "type": "GIVE_UP", "identification": "u-1"}
    access = entry(EntryKind.ACCESS, row={**ROW, "event": 7})
    first, second = told(EntryKind.GAVE_UP, access=access, row=row, access_log_id=519)
    assert first[1]["event"]["type"] == 9
    assert second == dao("access_logs", "updated", {**VALUES, "event": "13"}, ROW["time"])


def modes(*entries: CommittedEntry) -> list[tuple[str, int]]:
    by = topics()
    found = [one for it in entries for one in by.entry(it, STAMP, lambda _: None)]
    assert {one.topic for one in found} <= {"operation_mode"}
    shown = [one.body["operation_mode"] for one in found]
    return [(mode["exception_mode"], mode["last_offline"]) for mode in shown]


def test_a_start_tells_the_mode() -> None:
    mode = {"mode": 0, "mode_name": "DEFAULT", "time": STAMP, "last_offline": 0}
    body = {"operation_mode": {**mode, "exception_mode": "none"}, "device_id": DEVICE}
    assert told(EntryKind.STARTED) == [("operation_mode", body)]


def test_an_exception_mode_is_told_once_for_all_doors_and_ends_with_the_last() -> None:
    def mode(door: int, name: str) -> CommittedEntry:
        return entry(EntryKind.MODE, door=door, mode=name)

    told_modes = modes(
        entry(EntryKind.STARTED),
        mode(1, "emergency"),
        mode(2, "fire"),
        entry(EntryKind.MODE, timed=1, mode="emergency", until_utc=1, left_ms=1),
        mode(1, "normal"),
        mode(2, "lock_down"),
        mode(2, "normal"),
    )
    assert [name for name, _ in told_modes] == ["none", "emergency", "lock_down", "none"]


def test_contingency_is_told_when_it_begins_and_when_it_ends_with_the_loss_of_the_server() -> None:
    def online(mode: str, lost_utc_s: int) -> CommittedEntry:
        return entry(EntryKind.ONLINE, mode=mode, lost_utc_s=lost_utc_s)

    by = topics()
    told = [
        one.body["operation_mode"]
        for it in (
            entry(EntryKind.STARTED),
            online("online", 0),
            online("contingency", STAMP),
            entry(EntryKind.MODE, door=1, mode="lock_down"),
            online("online", STAMP),
            online("denial", STAMP + 50),
        )
        for one in by.entry(it, STAMP, lambda _: None)
    ]
    shown = [(it["mode"], it["mode_name"], it["last_offline"], it["exception_mode"]) for it in told]
    assert shown == [
        (0, "DEFAULT", 0, "none"),
        (1, "CONTINGENCY", STAMP - 10_800, "none"),
        (1, "CONTINGENCY", STAMP - 10_800, "lock_down"),
        (0, "DEFAULT", STAMP - 10_800, "lock_down"),
    ]


def test_a_program_that_was_started_anew_tells_the_end_of_a_contingency_too() -> None:
    ended = entry(EntryKind.ONLINE, mode="online", lost_utc_s=STAMP)
    assert [mode for mode, _ in modes(ended)] == ["none"]


def test_other_entries_are_not_told() -> None:
    assert told(EntryKind.FAULT, part="x", why="y") == []


def test_the_keep_alive_has_the_number_of_accesses() -> None:
    body = {"access_logs": 5, "device_id": DEVICE, "time": STAMP}
    assert topics().alive(5, STAMP) == Notification("device_is_alive", body)


@pytest.mark.parametrize(
    ("kind", "value", "secrets", "body"),
    [
        ("card", 123, False, {"card_value": 123, "user_id": 5, "device_id": DEVICE}),
        ("pin", "1324", True, {"pin_value": "1324", "user_id": 5, "device_id": DEVICE}),
        ("password", "99", True, {"password_value": "99", "user_id": 5, "device_id": DEVICE}),
        ("pin", "1324", False, None),
        ("password", "99", False, None),
        ("qrcode", "abc", True, None),
    ],
)
def test_an_enrolment_tells_what_was_read(
    kind: str, value: int | str, secrets: bool, body: dict[str, Any] | None
) -> None:
    found = topics(secrets=secrets).enrolled(kind, value, 5)
    assert (found and (found.topic, found.body)) == (body and (kind, body))


CONFIGURED = {
    "hostname": "10.0.0.5",
    "port": "8000",
    "path": "api/notifications",
    "request_timeout": "1500",
    "alive_interval": "30000",
    "inform_access_event_id": "1",
}


def test_the_settings_are_the_keys_of_the_configuration() -> None:
    settings = monitor_settings(CONFIGURED)
    assert settings is not None
    assert settings.address.shown == "http://10.0.0.5:8000"
    assert (settings.timeout_s, settings.alive_s, settings.inform_event_id) == (1.5, 30.0, True)


@pytest.mark.parametrize(("interval", "alive_s"), [("0", 0.0), ("1", 1.0), ("60000", 60.0)])
def test_a_keep_alive_comes_once_a_second_at_most(interval: str, alive_s: float) -> None:
    settings = monitor_settings({**CONFIGURED, "alive_interval": interval})
    assert settings is not None
    assert settings.alive_s == alive_s


def test_an_empty_hostname_switches_the_monitor_off() -> None:
    assert monitor_settings({**CONFIGURED, "hostname": " "}) is None
