"""An OSDP reader from the box to the first card, and what an attacker gets at one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from gateway.link.osdp import ReportOsdp

if TYPE_CHECKING:
    from tests.e2e.conftest import Maker, Running

SITE = """
[site]
name = "Bus"
timezone = "UTC"
board = "simulated"

[[door]]
id = 1
name = "gate"
egress = "mechanical"
strike = { pin = 17, locked = "low", unlocked = "high" }

[[reader]]
name = "front"
index = 1
kind = "osdp"
portal = 1
port = "simulated"
baud = 115200

[[reader]]
name = "back"
index = 2
kind = "osdp"
portal = 1
port = "simulated"
baud = 115200
address = 1
"""


@pytest.fixture
def site(make: Maker) -> Iterator[Running]:
    with make.run(make.site(SITE)) as running:
        yield running


def state(running: Running, reader: str) -> dict[str, Any]:
    found: Any = running.controller.ask(ReportOsdp(), 10.0)["readers"]
    [it] = [it for it in found if it["reader"] == reader]
    return dict(it)


def tampered(running: Running, reader: str) -> bool:
    return any(it.part == "tamper" and it.name == reader for it in running.status().faults)


def test_a_reader_from_the_box_is_paired_and_nothing_but_its_own_key_is_heard(
    site: Running, eventually: Callable[..., Any]
) -> None:
    [user] = site.api.create("users", {"name": "Eva", "registration": ""})
    site.api.create("user_groups", {"user_id": user, "group_id": 1})
    site.api.create("cards", {"user_id": user, "value": 123 << 32 | 45678})
    eventually(lambda: "not paired" in state(site, "front")["why"], "an unpaired reader")

    for reader in ("front", "back"):
        site.api.ask("osdp_key", {"reader": reader, "action": "pair"})
        eventually(lambda name=reader: state(site, name)["phase"] == "done", "a paired reader")
    eventually(lambda: state(site, "front")["health"] == "online", "a secure channel")
    eventually(lambda: state(site, "back")["health"] == "online", "both secure channels")
    keys = site.site.data / "osdp-keys.json"
    assert keys.stat().st_mode & 0o777 == 0o600
    told = site.api.ask("osdp_state")["readers"]
    assert [(it["reader"], it["health"], it["phase"]) for it in told] == [
        ("front", "online", "done"),
        ("back", "online", "done"),
    ]

    row = site.access(lambda: site.swipe("123,45678"))
    assert (row["event"], row["user_id"]) == (7, user)

    # Off the wall and back.
    site.sim("tamper", reader="front", value="on")
    eventually(lambda: tampered(site, "front"), "a tamper alarm")
    site.sim("tamper", reader="front", value="off")
    eventually(lambda: not tampered(site, "front"), "its end")

    # The cable is cut: known at once, and healed.
    site.sim("unplug", reader="front")
    eventually(lambda: "does not answer" in state(site, "front")["why"], "a cut cable")
    assert state(site, "back")["health"] == "online"
    site.sim("plug", reader="front")
    eventually(lambda: state(site, "front")["health"] == "online", "a mended cable")

    # Another reader in its place opens nothing, and is an alarm.
    before = site.api.last_id("access_logs")
    site.sim("osdp", reader="front", value="wrong-key")
    eventually(lambda: tampered(site, "front"), "an alarm for a strange reader")
    site.sim("swipe", reader="front", value="123,45678")
    assert site.stranger("back")["id"] == before + 1

    # In installation mode it takes a key only when a person says so.
    site.sim("osdp", reader="front", value="reset")
    assert site.stranger("back")["id"] == before + 2
    site.api.ask("osdp_key", {"reader": "front", "action": "pair"})
    eventually(
        lambda: (it := state(site, "front"))["phase"] == "done" and it["health"] == "online",
        "a reader that was paired again",
    )
    eventually(lambda: not tampered(site, "front"), "the end of the alarm")
    before_rotation = json.loads(keys.read_text())["readers"]["front"]["current"]
    site.api.ask("osdp_key", {"reader": "front", "action": "rotate"})
    eventually(
        lambda: json.loads(keys.read_text())["readers"]["front"]["current"] != before_rotation,
        "a new key that is proved",
    )
    assert site.swiped("123,45678")["user_id"] == user
