"""What `gateway doctor` says of an exit button that an interlock can hold back."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pytest

from gateway.cli import doctor
from gateway.cli.doctor import Finding, Grade
from gateway.settings import SITE_FILE

DEMO = files("gateway.cli").joinpath("demo.toml").read_text(encoding="utf-8")
REX = "rex = { pin"
EGRESS = 'egress = "mechanical"     #'


def findings(data: Path, text: str) -> list[Finding]:
    (data / SITE_FILE).write_text(text, encoding="utf-8")
    return [it for it in doctor.examine(data) if it.subject == "door front"]


@pytest.mark.parametrize(
    ("bypasses", "software", "fails"),
    [(True, True, False), (False, False, False), (False, True, True)],
)
def test_a_button_that_is_the_only_way_out_must_bypass_the_interlock(
    tmp_path: Path, *, bypasses: bool, software: bool, fails: bool
) -> None:
    assert (DEMO.count(REX), DEMO.count(EGRESS)) == (1, 1)
    text = DEMO if bypasses else DEMO.replace(REX, f"rex_bypasses_interlock = false\n{REX}")
    text = text.replace(EGRESS, 'egress = "software" #') if software else text
    found = findings(tmp_path, text)
    assert [(it.grade, "interlock" in it.text) for it in found] == [(Grade.FAIL, True)] * fails
