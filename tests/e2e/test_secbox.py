"""A door on a module of an RS-485 line, over the API and through the played module's line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Maker, Running

GATE = 65_793
TABLES = """
[[sec_box]]
name = "gate"
portal = 3
egress = "mechanical"
port = "simulated"
module = "waveshare_io_8"
address = 1
relay = 0
sensor = 0
rex = { input = 1 }

[[sec_box]]
id = 122641794704911600
name = "yard"
egress = "mechanical"
port = "simulated"
address = 2
relay = 3

[[reader]]
name = "gatecard"
index = 3
kind = "wiegand"
portal = 3
d0 = 7
d1 = 8
"""


@pytest.fixture(scope="module")
def site(make: Maker) -> Iterator[Running]:
    text = (make.demo().data / "gateway.toml").read_text(encoding="utf-8")
    with make.run(make.site(text.replace("[[reader]]", f"{TABLES}\n[[reader]]", 1))) as running:
        [user] = running.api.create("users", {"name": "Zoe", "registration": ""})
        running.api.create("user_groups", {"user_id": user, "group_id": 1})
        running.api.create("cards", {"user_id": user, "value": (9 << 32) | 9})
        running.api.create("portal_access_rules", {"portal_id": 3, "access_rule_id": 1})
        yield running


def played(site: Running, name: str) -> dict[str, Any]:
    boxes: Any = site.sim("state")["sec_boxes"]
    found: dict[str, Any] = next(box for box in boxes if box["name"] == name)
    return found


def test_a_card_a_client_a_button_and_a_cut_line(
    site: Running, eventually: Callable[..., Any]
) -> None:
    api = site.api
    eventually(lambda: api.ask("secbox_is_active") == {"isActive": True}, "a module")
    shut = [{"id": GATE, "open": False}, {"id": 122_641_794_704_911_600, "open": False}]
    eventually(lambda: api.ask("doors_state")["sec_boxes"] == shut, "both read")

    row = site.swiped("9,9", "gatecard")
    assert (row["event"], row["portal_id"]) == (7, 3)
    eventually(lambda: played(site, "gate")["relay"] == "on", "the relay")
    moves = site.new_rows("access_events", lambda: site.sim("door", door="gate", value="open"))
    assert (moves[0]["event"], moves[0]["type"]) == ("secbox", "OPEN")
    assert moves[0]["identification"] == str(GATE)
    eventually(lambda: played(site, "gate")["relay"] == "off", "auto-close")
    site.sim("door", door="gate", value="closed")

    api.modify("sec_boxs", {"relay_timeout": 100}, id=122_641_794_704_911_600)
    asked = {"action": "sec_box", "parameters": "id=1.226417947049116e+17, reason=3"}
    rows = site.new_rows("access_logs", lambda: api.ask("execute_actions", {"actions": [asked]}))
    assert rows[0]["event"] == 12
    site.wait_locked()

    assert site.access(lambda: site.sim("rex", door="gate", value="0.5"))["event"] == 11

    site.sim("unplug", reader="gate")
    eventually(lambda: "gate" in _away(site), "the module to be missed")
    status, answer = api.post(
        "execute_actions", {"actions": [{"action": "sec_box", "parameters": f"id={GATE}"}]}
    )
    assert status != 200
    assert "does not answer" in answer["error"]
    shown = site.site.type("doctor").stdout.splitlines()
    assert any(line.startswith("fail sec_box gate: offline: module 1") for line in shown)
    assert any("sec_box 'yard': this module keeps its relay" in line for line in shown)
    site.sim("plug", reader="gate")
    eventually(lambda: not _away(site), "the module to be back")


def _away(site: Running) -> list[str]:
    return [device.name for device in site.status().devices if not device.online]
