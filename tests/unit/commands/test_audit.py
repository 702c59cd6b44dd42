"""Who did what, from where, and never a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gateway.store.tables.audit import Repeats

if TYPE_CHECKING:
    from tests.unit.commands.conftest import Desk

WHO = "admin (administrator) at 127.0.0.1"
OPERATOR = "operator (operator) at 127.0.0.1"


def create(desk: Desk, name: str, *values: dict[str, Any]) -> list[int]:
    ids: list[int] = desk.ask("create_objects", {"object": name, "values": list(values)})["ids"]
    return ids


def test_a_change_tells_actor_address_filter_old_and_new(desk: Desk) -> None:
    create(desk, "access_rules", {"id": 7, "name": "Night", "type": 0})
    body = {"object": "access_rules", "values": {"type": 1}, "where": {"access_rules": {"id": 7}}}
    desk.ask("modify_objects", body)
    assert desk.audit()[-1] == (
        f"{WHO}: modify_objects access_rules: 1 rows, where access_rules.id = 7, "
        'old [{"id":7,"name":"Night","type":0,"priority":0}], new [{"type":1}]'
    )


def test_a_creation_tells_the_first_rows_and_the_number_of_the_others(desk: Desk) -> None:
    create(desk, "groups", *({"name": f"g{number}"} for number in range(8)))
    entry = desk.audit()[-1]
    assert entry.startswith(f'{WHO}: create_objects groups: 8 rows, new [{{"name":"g0"}},')
    assert '"g4"' in entry
    assert '"g5"' not in entry
    assert entry.endswith("] and 3 more")


def test_a_deletion_tells_filter_and_count(desk: Desk) -> None:
    create(desk, "groups", *({"name": f"g{number}"} for number in range(8)))
    where = [
        {"field": "name", "operator": "LIKE", "value": "g%", "connector": ") AND ("},
        {"field": "id", "operator": "IN", "value": list(range(2, 12))},
    ]
    desk.ask("destroy_objects", {"object": "groups", "where": where})
    entry = desk.audit()[-1]
    assert "destroy_objects groups: 8 rows, where " in entry
    assert '(groups.name LIKE "g%" AND groups.id IN [2,3,4,5,6] and 5 more)' in entry
    assert entry.endswith("] and 3 more")


def test_the_deletion_of_logs_is_told_and_the_audit_log_itself_is_the_devices(desk: Desk) -> None:
    desk.ask("destroy_objects", {"object": "change_logs"})
    assert "destroy_objects change_logs: 0 rows, where all" in desk.audit()[-1]
    before = desk.audit()
    for command, more in [("destroy_objects", {}), ("modify_objects", {"values": {"type": 1}})]:
        status, _ = desk.refusal(command, {"object": "audit_logs", **more})
        assert status == 400
    assert desk.audit() == before


def test_no_secret_is_ever_told(desk: Desk) -> None:
    secret = "7391"
    user = {"id": 5, "name": "Eva", "password": secret, "salt": secret}
    create(desk, "users", user)
    create(desk, "pins", {"user_id": 5, "value": secret})
    by_pin = {"pins": {"value": secret}}
    desk.ask("modify_objects", {"object": "pins", "values": {"value": "7391"}, "where": by_pin})
    desk.ask("modify_objects", {"object": "users", "values": {"password": secret}})
    desk.ask("set_configuration", {"mifare": {"authentication_key": secret}})
    desk.ask("destroy_objects", {"object": "pins", "where": by_pin})
    desk.ask("login", {"login": "admin", "password": "right"})
    desk.refusal("login", {"login": "admin", "password": secret})
    desk.ask("change_login", {"login": "operator", "password": secret * 2})
    entries = desk.audit()
    assert len(entries) == 9
    assert not [entry for entry in entries if secret in entry]
    assert '"password":"***"' in entries[0]
    assert "where pins.value = ***" in entries[2]
    assert "mifare.authentication_key *** -> ***" in entries[4]


def test_a_change_of_configuration_tells_old_and_new(desk: Desk) -> None:
    desk.ask("set_configuration", {"general": {"online": "1", "relay1_timeout": 900}})
    assert desk.audit()[-1] == (
        f'{WHO}: set_configuration general.online "0" -> "1", general.relay1_timeout "5000" -> 900'
    )


def test_what_was_refused_changed_nothing_and_is_not_told(desk: Desk) -> None:
    for command, body in [
        ("create_objects", {"object": "groups", "values": [{"nonsense": 1}]}),
        ("create_objects", {"object": "user_groups", "values": [{"user_id": 9, "group_id": 1}]}),
        ("set_configuration", {"general": {"relay1_timeout": "soon"}}),
        ("modify_objects", {"object": "groups", "values": {"name": 5}}),
    ]:
        assert desk.refusal(command, body)[0] == 400
    assert desk.audit() == []


def test_openings_are_told_refused_ones_too(desk: Desk) -> None:
    def opening(door: int) -> dict[str, Any]:
        return {"actions": [{"action": "door", "parameters": f"door={door}"}]}

    desk.ask("execute_actions", opening(2))
    desk.refusal("execute_actions", opening(4), login="operator")
    assert desk.opened == [2]
    assert desk.audit() == [
        f"{WHO}: execute_actions: door door=2",
        f"{OPERATOR}: execute_actions: door door=4, refused: door: this device has no door 4",
    ]


def test_logins_are_told_once_in_a_while(desk: Desk) -> None:
    for _ in range(5):
        desk.ask("login", {"login": "admin", "password": "right"})
    desk.clock.advance(Repeats.PAUSE_S)
    desk.ask("login", {"login": "admin", "password": "right"})
    assert [entry.partition(": ")[2] for entry in desk.audit()] == [
        "login of 'admin'",
        "login of 'admin' (4 more since the last entry; 127.0.0.1: 4)",
    ]


def test_wrong_passwords_from_many_addresses_take_one_entry_an_hour(desk: Desk) -> None:
    def guess(number: int) -> None:
        body = {"login": f"boss {number}", "password": "guess"}
        environ = {"REMOTE_ADDR": f"10.0.{number >> 8}.{number & 255}"}
        assert desk.client.post("/login.fcgi", json=body, environ_base=environ).status_code == 401

    create(desk, "groups", {"name": "x"})
    for number in range(1_000):
        guess(number)
    for _ in range(3):
        guess(7)
    desk.clock.advance(Repeats.REFUSALS_PAUSE_S)
    guess(5)
    change, first, second = desk.audit()
    assert "create_objects groups" in change
    assert first == ("nobody at 10.0.0.0: login of 'boss 0', refused: Invalid login or password")
    assert second == (
        "nobody at 10.0.0.5: login of 'boss 5', refused: Invalid login or password "
        "(1002 more since the last entry; others: 743, 10.0.0.7: 4, 10.0.0.1: 1 and 254 others)"
    )


def test_refused_commands_of_a_login_are_counted_and_push_no_change_out(desk: Desk) -> None:
    body = {"actions": [{"action": "door", "parameters": "door=4"}]}
    for _ in range(50):
        desk.refusal("execute_actions", body, login="operator")
    desk.refusal("execute_actions", body)
    assert [entry.partition(" ")[0] for entry in desk.audit()] == ["operator", "admin"]


def test_the_filters_choose_by_what_an_entry_is_about(desk: Desk) -> None:
    create(desk, "groups", {"name": "x"})
    desk.ask("set_configuration", {"general": {"online": 1}})

    def kinds(**filters: object) -> list[str]:
        text = desk.text("export_audit_logs", filters)
        return [line.partition("[")[2].partition("]")[0] for line in text.splitlines()]

    assert kinds() == ["api", "config"]
    assert kinds(config=1, api=0) == kinds(config=1) == ["config"]
    assert kinds(config=0) == ["api"]
    assert kinds(api=1, config=1, usb=1, network=1, time=1, online=1, menu=1) == ["api", "config"]
    assert kinds(boot=1, push=1) == []


def test_entries_carry_the_time_of_the_site(desk: Desk) -> None:
    create(desk, "groups", {"name": "x"})
    assert desk.text("export_audit_logs").startswith("2025-07-01 09:00:00 [api] admin ")
    [row] = desk.ask("load_objects", {"object": "audit_logs"})["audit_logs"]
    assert (row["time"], row["type"]) == ("2025-07-01 09:00:00", 2)


def test_the_audit_log_is_exported_to_administrators_alone(desk: Desk) -> None:
    assert desk.refusal("export_audit_logs", login="operator")[0] == 403


def test_a_line_stays_a_line(desk: Desk) -> None:
    create(desk, "groups", {"name": "a\u2028b\r\nadmin: nothing happened"})
    assert len(desk.text("export_audit_logs").splitlines()) == 1


@pytest.mark.parametrize("text", ["x" * 5_000, "a\0b"])
def test_any_text_can_be_kept(desk: Desk, text: str) -> None:
    body = {"actions": [{"action": text, "parameters": text}]}
    assert desk.refusal("execute_actions", body)[0] == 400
    assert len(desk.audit()) == 1


def test_an_entry_and_its_change_are_committed_together(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("gateway.commands.audit.write_entry", fail)
    answer = desk.send("create_objects", json={"object": "groups", "values": [{"name": "x"}]})
    assert answer.status_code == 500
    groups = desk.ask("load_objects", {"object": "groups", "fields": ["name"]})["groups"]
    assert groups == [{"name": "Standard"}]
