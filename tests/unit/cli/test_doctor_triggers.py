"""What `gateway doctor` says of triggers that cannot do what they are for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gateway.cli.doctor.rules import rule_findings
from gateway.commands.provisioning import initialise
from gateway.objects.catalogue import REGISTRY
from gateway.settings import parse_site
from gateway.store.files import STORE_FILE
from gateway.store.objects.store import Store

SITE = """
[site]
name = "x"
timezone = "UTC"
board = "simulated"
[[door]]
id = 1
name = "front"
lock = { pin = 17, kind = "strike", locked = "low", unlocked = "high" }
on_fault = "locked"
egress = "mechanical"
[[output]]
name = "light"
pin = 21
active = "high"
"""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    initialise(tmp_path / "data", SITE, demo=False)
    return tmp_path / "data"


def findings(data: Path, *rows: dict[str, Any]) -> dict[str, list[str]]:
    with Store.open(data / STORE_FILE, REGISTRY, lambda: 0) as store:
        store.insert("triggers", [{"name": f"t{n}", **row} for n, row in enumerate(rows, 1)])
    found: dict[str, list[str]] = {}
    for finding in rule_findings(data, parse_site(SITE, "site")):
        if finding.subject.startswith("trigger"):
            found.setdefault(finding.subject, []).append(finding.text)
    return found


def test_a_trigger_that_works_is_not_named(data: Path) -> None:
    row = {"event": "door_opened", "action": "pulse", "output": "light", "duration_ms": 500}
    assert findings(data, row) == {}


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"event": "alarm", "cause": 7, "action": "on", "output": "light"}, "has a door sensor"),
        ({"event": "exit_button", "door_id": 1, "action": "lock"}, "has no exit button"),
        ({"event": "granted", "action": "on", "output": "lamp"}, "there is no output 'lamp'"),
        ({"event": "granted", "action": "siren"}, "this site has no siren"),
        ({"event": "granted", "action": "message", "message": "x"}, "has no [mqtt]"),
        (
            {
                "event": "granted",
                "action": "message",
                "message": "x",
                "destination": "monitor",
            },
            "monitor.hostname is empty",
        ),
    ],
)
def test_what_cannot_work_is_named(data: Path, row: dict[str, Any], why: str) -> None:
    told = findings(data, row)["trigger 1 (t1)"]
    assert any(why in text for text in told)


def test_a_circle_is_named_with_its_triggers(data: Path) -> None:
    ping = {"event": "mode_normal", "action": "lock_down", "target_door_id": 1}
    pong = {"event": "mode", "action": "normal"}
    (told,) = findings(data, ping, pong)["trigger 1"]
    assert "1 (t1) -> 2 (t2) -> 1 (t1)" in told
