"""What `gateway doctor` says of stored conditions that this device cannot evaluate."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.cli import doctor
from gateway.cli.doctor import Grade
from gateway.store.objects.store import Store

ANA, OFFICE = 1, 2


@pytest.fixture(scope="module")
def store(demo: tuple[Path, Store]) -> tuple[Path, Store]:
    """The demo with one row of everything that a condition may be tied to."""
    _, opened = demo
    opened.insert("validations", [{"id": 1, "name": "no mask", "validation": "mask"}])
    opened.insert("access_rules", [{"id": 60, "name": "nights", "type": 0, "priority": 0}])
    opened.insert("portal_rules", [{"id": 1, "name": "two", "type": 1}])
    opened.insert("portal_portal_rules", [{"portal_id": 1, "portal_rule_id": 1}])
    opened.insert("identification_rules", [{"id": 1, "name": "card", "script_instance_id": 1}])
    return demo


@pytest.mark.parametrize(
    ("table", "row", "subject", "told"),
    [
        (
            "access_rule_validations",
            {"access_rule_id": 1, "validation_id": 1},
            "rule 1 (",
            "lets nobody in",
        ),
        (
            "access_rule_validations",
            {"access_rule_id": 60, "validation_id": 1},
            "rule 60 (nights)",
            "blocks during each of its time zones",
        ),
        (
            "portal_rule_validations",
            {"portal_rule_id": 1, "validation_id": 1},
            "portal rule 1 (two)",
            "nobody pass portal 1 (",
        ),
        (
            "portal_rule_users",
            {"portal_rule_id": 1, "user_id": ANA},
            "portal rule 1 (two)",
            "nobody pass portal 1 (",
        ),
        (
            "user_identification_rules",
            {"user_id": ANA, "identification_rule_id": 1},
            f"user {ANA}",
            "no rule lets them in",
        ),
        (
            "group_identification_rules",
            {"group_id": OFFICE, "identification_rule_id": 1},
            f"group {OFFICE}",
            "no rule lets them in",
        ),
    ],
)
def test_what_a_stored_condition_refuses_is_named_with_its_table(
    store: tuple[Path, Store], table: str, row: dict[str, int], subject: str, told: str
) -> None:
    data, opened = store
    opened.insert(table, [row])
    found = [it for it in doctor.examine(data) if f"{table} holds" in it.text]
    opened.destroy(table, {table: row})

    (finding,) = found
    assert finding.grade is Grade.WARN
    assert finding.subject.startswith(subject)
    assert told in finding.text
    assert not [it for it in doctor.examine(data) if "cannot evaluate" in it.text]


def test_a_portal_rule_of_a_type_that_is_not_known_is_named(store: tuple[Path, Store]) -> None:
    data, opened = store
    opened.modify("portal_rules", {"type": 0}, {"portal_rules": {"id": 1}})
    found = [it for it in doctor.examine(data) if "portal_rules.type 0 holds" in it.text]
    opened.modify("portal_rules", {"type": 1}, {"portal_rules": {"id": 1}})
    assert [it.subject for it in found] == ["portal rule 1 (two)"]


@pytest.mark.parametrize(("mode", "named"), [(3, ["reader qr"]), (1, [])])
def test_a_reader_without_keypad_where_a_pin_is_asked_for_is_named(
    store: tuple[Path, Store], mode: int, named: list[str]
) -> None:
    data, opened = store
    opened.insert("portal_factor_modes", [{"portal_id": 2, "time_zone_id": 1, "mode": mode}])
    found = [it for it in doctor.examine(data) if "it has no keypad" in it.text]
    opened.destroy("portal_factor_modes")
    assert [it.subject for it in found] == named
