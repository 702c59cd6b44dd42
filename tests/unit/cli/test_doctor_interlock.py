"""What `gateway doctor` says of exit buttons and portals that an interlock holds back."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.cli import doctor
from gateway.cli.doctor import Finding, Grade
from gateway.settings import SITE_FILE
from gateway.store.objects.store import Store
from tests.demo_site import DEMO

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


@pytest.mark.parametrize(
    ("tie", "interlock", "named"),
    [
        (("portal_actions", {"portal_id": 1, "action_id": 2}), "2", "(by the portal)"),
        (
            ("access_rule_actions", {"access_rule_id": 1, "action_id": 2}),
            "2",
            "door back (by rule 1 (",
        ),
        (("portal_actions", {"portal_id": 1, "action_id": 2}), "", None),
        (None, "2", None),
    ],
)
def test_a_portal_that_opens_two_interlocked_doors_is_warned_of(
    demo: tuple[Path, Store],
    tie: tuple[str, dict[str, int]] | None,
    interlock: str,
    named: str | None,
) -> None:
    data, store = demo
    store.set_configuration({"general": {"door1_interlock": interlock}})
    if tie:
        store.insert(tie[0], [tie[1]])
    found = [it for it in doctor.examine(data) if "interlocked" in it.text]
    if tie:
        store.destroy(tie[0], {tie[0]: tie[1]})
    if named is None:
        assert found == []
        return
    (finding,) = [it for it in found if it.subject.startswith("portal 1 (")]
    assert finding.grade is Grade.WARN
    assert "door front (by the portal)" in finding.text
    assert named in finding.text
    assert "general.door1_interlock" in finding.text
