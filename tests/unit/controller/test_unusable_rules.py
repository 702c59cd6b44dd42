"""Rules that cannot be put in force: those before stay, and nothing else stops."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.doctor import Finding, Grade, examine
from gateway.hardware.events import InputKind, InputName
from gateway.link.messages import KeepModes, UnstoredMode
from gateway.store.files import MIRROR_FILE, STORE_FILE
from gateway.store.journal import EntryKind

CARD_OF_ANA = (123 << 32) | 45678
GRANTED, NO_DECISION = 7, 2
BUTTON = InputName(InputKind.REX, 1)
NINES = "9" * 8000


def store(data: Path, statement: str = "", *values: str) -> None:
    """Write past all checks, as a restored or damaged file does; the rules have a new version."""
    with sqlite3.connect(data / STORE_FILE) as database:
        database.create_function("device_stamp", -1, lambda *_: 0)
        database.execute(statement, values)
        database.execute("UPDATE policy_version SET version = version + 1")
    database.close()


def spoil(data: Path) -> None:
    """Store a tie that may keep somebody out, and that nobody can read."""
    store(
        data,
        "INSERT INTO portal_rule_groups (portal_rule_id, group_id, quantity) VALUES (1, 1, 'two')",
    )


def mend(data: Path) -> None:
    store(data, "DELETE FROM portal_rule_groups")


def set_mode(data: Path, word: str) -> None:
    store(
        data,
        "INSERT INTO configuration (module, key, value) VALUES ('general', 'exception_mode', ?)"
        " ON CONFLICT DO UPDATE SET value = excluded.value",
        word,
    )


def faults(bench: Any) -> list[str | None]:
    return [it["why"] for it in bench.journal(EntryKind.FAULT) if it["part"] == "rules"]


def of_rules(data: Path) -> list[Finding]:
    return [it for it in examine(data) if it.grade is Grade.FAIL and it.subject == "rules"]


def test_a_door_of_thousands_of_digits_names_no_door(bench: Any) -> None:
    store(bench.data, "UPDATE actions SET parameters = ?", f"door={NINES}")
    bench.pass_time(1.1)
    bench.swipe(CARD_OF_ANA)
    assert not bench.unlocked(1)
    assert faults(bench) == []
    list(examine(bench.data))


def test_rules_that_cannot_be_compiled_leave_those_before_in_force(bench: Any) -> None:
    before = bench.policy_version
    spoil(bench.data)
    bench.pass_time(1.1)
    bench.swipe(CARD_OF_ANA)
    assert bench.events() == [(GRANTED, 1)]
    assert bench.policy_version == before


def test_what_keeps_rules_out_of_force_is_journalled_once_and_so_is_its_end(bench: Any) -> None:
    spoil(bench.data)
    bench.pass_time(3)
    store(bench.data)
    bench.pass_time(3)
    (why,) = faults(bench)
    assert why is not None
    assert "portal_rule_groups 1 cannot be read and may block somebody" in why
    assert "rules before stay in force" in why
    mend(bench.data)
    bench.pass_time(1.1)
    assert faults(bench) == [why, None]


def test_without_rules_cards_are_denied_and_people_leave(demo: Path, start: Any) -> None:
    spoil(demo)
    with start(demo) as bench:
        bench.swipe(CARD_OF_ANA)
        ((event, _user),) = bench.events()
        assert event == NO_DECISION
        assert not bench.unlocked(1)
        bench.simulator.press(BUTTON, high=False, hold_ms=200)
        bench.pass_time(0.5)
        assert bench.unlocked(1)
        bench.pass_time(10)
        assert not bench.unlocked(1)
        bench.simulator.set_input(InputName(InputKind.FIRE), high=True)
        bench.pass_time(0.2)
        assert bench.unlocked(1)


def test_without_rules_an_emergency_ends_at_its_time(demo: Path, start: Any) -> None:
    with start(demo) as bench:
        until_utc = int(bench.clock.utc().timestamp()) + 60
    store(
        demo,
        "INSERT OR REPLACE INTO exception_modes"
        " (door_id, mode, login, reason, since, until, until_utc)"
        " VALUES (0, 'emergency', 'eva', 'smoke', 5, 5, ?)",
        str(until_utc),
    )
    set_mode(demo, "emergency")
    spoil(demo)
    with start(demo) as bench:
        assert (bench.unlocked(1), bench.unlocked(2)) == (True, True)
        bench.ask(KeepModes(modes=(UnstoredMode(door=2, mode="emergency", until_utc=until_utc),)))
        bench.pass_time(70)
        assert (bench.unlocked(1), bench.unlocked(2)) == (False, False)


@pytest.mark.parametrize("lost", ["unknown", "missing in the mirror"])
def test_a_mode_that_cannot_be_read_ends_no_emergency_at_a_start_without_rules(
    demo: Path, start: Any, lost: str
) -> None:
    set_mode(demo, "emergency")
    with start(demo) as bench:
        assert bench.unlocked(1)
    spoil(demo)
    if lost == "unknown":
        set_mode(demo, "foo")
    else:
        with start(demo):
            pass  # the mirror has the spoiled rules
        with closing(sqlite3.connect(demo / MIRROR_FILE)) as mirror:
            mirror.execute("DELETE FROM rows_configuration WHERE value = 'emergency'")
            mirror.commit()
    with start(demo) as bench:
        assert bench.unlocked(1)


def test_a_setting_that_cannot_be_read_changes_no_part_of_the_device(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_arguments: object) -> None:
        raise OverflowError(NINES)

    monkeypatch.setattr("gateway.controller.state.config.alarm_settings", unreadable)
    store(bench.data, "UPDATE actions SET parameters = 'door=2'")
    bench.pass_time(1.1)
    monkeypatch.undo()
    bench.swipe(CARD_OF_ANA)
    assert bench.unlocked(1)
    (why,) = faults(bench)
    assert why is not None
    assert "OverflowError in unreadable" in why
    assert "999" not in why


def test_an_exception_mode_that_is_not_known_does_not_end_an_emergency(bench: Any) -> None:
    set_mode(bench.data, "emergency")
    bench.pass_time(1.1)
    assert bench.unlocked(1)
    set_mode(bench.data, "foo")
    bench.pass_time(2)
    assert bench.unlocked(1)
    set_mode(bench.data, "none")
    bench.pass_time(1.1)
    assert not bench.unlocked(1)


def test_the_doctor_tells_in_a_line_why_rules_cannot_be_put_in_force(demo: Path) -> None:
    spoil(demo)
    (found,) = of_rules(demo)
    assert found.text.startswith("the controller cannot apply them: ")
    assert "\n" not in found.text


def test_the_doctor_survives_a_check_that_fails(
    demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*_: object) -> None:
        raise ValueError("a secret")

    monkeypatch.setattr("gateway.cli.doctor.rules.interlock_clashes", failing)
    (found,) = of_rules(demo)
    assert found.text == "this check failed: ValueError in failing"


SPOILT = [
    ("UPDATE cards SET value = -9223372036854775808", "cards", "value"),
    ("UPDATE users SET end_time = 1700000000000", "users", "end_time"),
    ("UPDATE pins SET value = 'abc'", "pins", "value"),
    ("UPDATE access_rules SET type = 7", "access_rules", "type"),
    ("UPDATE time_spans SET start = -5", "time_spans", "start"),
]


@pytest.mark.parametrize(("statement", "table", "field"), SPOILT)
def test_the_doctor_names_rows_that_nobody_could_store(
    demo: Path, statement: str, table: str, field: str
) -> None:
    def found() -> list[Finding]:
        return [it for it in examine(demo) if "may not be" in it.text]

    assert found() == []
    with sqlite3.connect(demo / STORE_FILE) as database:
        database.create_function("device_stamp", -1, lambda *_: 0)
        ((key,),) = database.execute(f"SELECT min(rowid) FROM {table}")  # noqa: S608 - ours
        statement = f"{statement} WHERE rowid = {key}"
        database.execute(statement)
    database.close()
    (told,) = found()
    assert told.subject == f"{table} {key}"
    assert told.text.startswith(f"{field} holds")


def test_the_doctor_names_settings_that_nobody_could_set(demo: Path) -> None:
    set_mode(demo, "foo")
    (told,) = (it for it in examine(demo) if it.subject == "configuration")
    assert told.text.startswith("general.exception_mode holds")
