"""What `gateway doctor` says of OSDP readers in clear text."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.cli import doctor
from gateway.cli.doctor import Grade
from gateway.settings import SITE_FILE

EXAMPLE = Path(__file__).parents[3] / "hw/examples/osdp-reader.toml"


@pytest.mark.parametrize("clear", [True, False])
def test_it_names_what_anybody_at_the_cable_can_forge(tmp_path: Path, *, clear: bool) -> None:
    text = EXAMPLE.read_text("utf-8")
    if clear:
        text = text.replace("inside = true", "inside = true\nclear_text = true")
    (tmp_path / SITE_FILE).write_text(text, "utf-8")
    found = [it for it in doctor.examine(tmp_path) if "clear_text" in it.text]
    assert [(it.grade, it.subject) for it in found] == [(Grade.WARN, "reader lodge")] * clear
    forged = "cards and door lodge sensor and door lodge rex and zone 1 and tamper"
    assert all(f"can forge {forged};" in it.text for it in found)
