"""What `gateway doctor` says of anti-passback that an exit button leads around."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.cli import doctor
from gateway.cli.doctor import Grade
from gateway.store.objects.store import Store

IN, OUT = 10, 11
HARD, SOFT = 2, 1


@pytest.fixture(scope="module")
def store(demo: tuple[Path, Store]) -> tuple[Path, Store]:
    """The demo, where both doors have an exit button and portal 1 leads from outside to inside."""
    _, opened = demo
    opened.insert("areas", [{"id": OUT, "name": "out"}, {"id": IN, "name": "in"}])
    where = [{"field": "id", "value": 1}]
    opened.modify("portals", {"area_from_id": OUT, "area_to_id": IN}, where)
    return demo


@pytest.mark.parametrize(
    ("mode", "settings", "warned"),
    [
        (HARD, {}, True),
        (SOFT, {}, False),
        (None, {}, False),
        (HARD, {"general": {"buttonhole1_enabled": 0}}, False),
        (None, {"identifier": {"antipassback_mode": "daily_catra"}}, True),
        (None, {"identifier": {"antipassback_mode": "timed_catra"}}, True),
        (None, {"identifier": {"antipassback_mode": "timed"}}, False),
    ],
)
def test_hard_rules_at_a_door_that_a_button_opens_are_warned_of(
    store: tuple[Path, Store],
    mode: int | None,
    settings: dict[str, dict[str, object]],
    *,
    warned: bool,
) -> None:
    data, opened = store
    opened.destroy("antipassback_areas")
    if mode:
        opened.insert("antipassback_areas", [{"area_id": IN, "mode": mode}])
    usual = {
        "general": {"buttonhole1_enabled": 1},
        "identifier": {"antipassback_enabled": int("identifier" in settings)},
    }
    opened.set_configuration(usual)
    opened.set_configuration(settings)
    found = [it for it in doctor.examine(data) if it.subject.startswith("portal")]
    assert [(it.grade, it.subject) for it in found] == [(Grade.WARN, "portal 1")] * warned
    assert all("exit button of door front" in it.text for it in found)
