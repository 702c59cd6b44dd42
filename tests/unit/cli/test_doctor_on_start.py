"""What `gateway doctor` says of what opens by itself at each start."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.cli import doctor
from gateway.cli.doctor import Grade
from gateway.settings import SITE_FILE
from tests.demo_site import DEMO

LOCK = "lock = { pin = 17"
TURNSTILE = """
[turnstile]
name = "lobby"
egress = "mechanical"
on_start = "unlocked"
[turnstile.clockwise]
relay = { pin = 19, locked = "low", unlocked = "high" }
turn = { pin = 7, pull = "up", idle = "high" }
[turnstile.anticlockwise]
relay = { pin = 21, locked = "low", unlocked = "high" }
turn = { pin = 8, pull = "up", idle = "high" }

"""
BOX = """
[[sec_box]]
name = "gate"
egress = "mechanical"
on_start = "unlocked"
port = "simulated"
module = "waveshare_io_8"
address = 1
relay = 0

"""
TEXTS = {
    "door front": DEMO.replace(LOCK, f'on_start = "unlocked"\n{LOCK}'),
    "door gate": DEMO.replace("[fire] ", f"{BOX}[fire] "),
    "turnstile lobby": DEMO.replace("[fire] ", f"{TURNSTILE}[fire] "),
    "": DEMO,
}


@pytest.mark.parametrize("subject", TEXTS)
def test_the_doctor_names_what_on_start_unlocks(tmp_path: Path, subject: str) -> None:
    (tmp_path / SITE_FILE).write_text(TEXTS[subject], encoding="utf-8")
    found = [it for it in doctor.examine(tmp_path) if "on_start" in it.text]
    assert [(it.grade, it.subject) for it in found] == [(Grade.WARN, subject)] * bool(subject)
