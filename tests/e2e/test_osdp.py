"""An OSDP reader from the box to the first card, and what an attacker gets at one."""

from __future__ import annotations

import base64
import io
import json
import re
import signal
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.hardware.osdp.packets import PCAP_HEAD
from gateway.link.osdp import ReportOsdp
from gateway.settings.seal_key import sealer_of

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


def osdp(running: Running, action: str, *words: str, says: str) -> str:
    """`gateway osdp`, which must succeed; what it says beside."""
    done = running.site.home.type("osdp", action, "--data", running.site.data, *words)
    assert (done.returncode, done.stdout) == (0, says), done.stderr
    return done.stderr


def refused(running: Running, action: str, *words: str) -> str:
    """Why `gateway osdp` fails."""
    done = running.site.home.type("osdp", action, "--data", running.site.data, *words)
    assert done.returncode == 1
    return done.stderr


def tampered(running: Running, reader: str) -> bool:
    return any(it.part == "tamper" and it.name == reader for it in running.status().faults)


def stored(running: Running) -> set[bytes]:
    """The keys that the controller has now."""
    file = running.site.data / "osdp-keys.json"
    readers = json.loads(file.read_text())["readers"]
    sealer = sealer_of(running.site.data)
    return {
        bytes.fromhex(sealer.open(f"osdp.{name}", it["current"])) for name, it in readers.items()
    }


def forms(key: bytes) -> tuple[bytes, ...]:
    """A key as it might be written."""
    return (
        key,
        key.hex().encode(),
        key.hex().upper().encode(),
        base64.b64encode(key),
        str(list(key)).encode(),
        repr(key).encode(),
    )


def what_leaves(running: Running) -> Iterator[tuple[str, bytes]]:
    """What the controller gives away or stores beside its keys: name, content."""
    api = running.api
    objects = [{"object": name} for name in ("users", "cards", "portals", "access_logs")]
    requests = {
        "backup_objects": {},
        "export_objects": {"objects": objects},
        "export_audit_logs": {"api": 1},
        "get_configuration": {},
        "osdp_state": {},
        "system_information": {},
    }
    for command, body in requests.items():
        url = f"{api.url}/{command}.fcgi"
        answer = api.http.post(url, params={"session": api.token}, json=body, timeout=60)
        assert answer.status_code == 200, (command, answer.text)
        yield command, answer.content
    answer = api.http.post(f"{api.url}/diagnostics.fcgi", params={"session": api.token}, timeout=60)
    with zipfile.ZipFile(io.BytesIO(answer.content)) as support:
        for name in support.namelist():
            yield f"diagnostics, {name}", support.read(name)
    yield "the state", running.status().model_dump_json().encode()
    yield "the log", running.output.read_bytes() + running.errors.read_bytes()
    for file in running.site.data.rglob("*"):
        if file.is_file() and file.name != "osdp-keys.json":
            yield file.name, file.read_bytes()


def test_a_reader_from_the_box_is_paired_and_nothing_but_its_own_key_is_heard(
    site: Running, eventually: Callable[..., Any]
) -> None:
    [user] = site.api.create("users", {"name": "Eva", "registration": ""})
    site.api.create("user_groups", {"user_id": user, "group_id": 1})
    site.api.create("cards", {"user_id": user, "value": 123 << 32 | 45678})
    eventually(lambda: "not paired" in state(site, "front")["why"], "an unpaired reader")

    osdp(site, "pair", "front", says="reader front paired\n")
    site.api.ask("osdp_key", {"reader": "back", "action": "pair"})
    eventually(lambda: state(site, "back")["phase"] == "done", "a paired reader")
    eventually(lambda: state(site, "front")["health"] == "online", "a secure channel")
    eventually(lambda: state(site, "back")["health"] == "online", "both secure channels")
    keys = site.site.data / "osdp-keys.json"
    assert keys.stat().st_mode & 0o777 == 0o600
    ever = stored(site)
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
    [told] = [it for it in site.site.type("doctor").stdout.splitlines() if "reader front" in it]
    assert re.search(r"offline: does not answer: check .* \(channels \d+, missed_polls \d+", told)
    assert refused(site, "rotate", "front") == (
        "gateway: reader 'front': the reader has no secure channel now\n"
    )
    assert "there is no OSDP reader 'side'" in refused(site, "pair", "side")
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
    ever |= stored(site)
    osdp(site, "rotate", "front", says="reader front has a new key\n")
    assert site.swiped("123,45678")["user_id"] == user
    ever |= stored(site)
    assert len(ever) == 4
    assert keys.stat().st_mode & 0o777 == 0o600
    for place, content in what_leaves(site):
        for key in ever:
            assert not any(form in content for form in forms(key)), place


def test_readers_are_found_moved_and_their_packets_written_while_the_gateway_runs(
    site: Running, eventually: Callable[..., Any], tmp_path: Path
) -> None:
    eventually(lambda: "not paired" in state(site, "front")["why"], "an unpaired reader")
    identity = "maker FE-CA-00, model 1.1, serial number {}, firmware 1.0.0; takes secure channel"
    options = ("--speed", "9600", "--speed", "115200", "--address", "0", "--address", "1")
    told = osdp(
        site,
        "scan",
        *options,
        says="".join(
            f"address {address}, 115200 Bd: {identity.format(address + 1)}; reader {name}\n"
            for address, name in enumerate(("front", "back"))
        ),
    )
    assert "nothing is read at front, back meanwhile" in told

    capture = tmp_path / "front.pcap"
    writing = site.site.home.start(
        *("osdp", "packets", "--data", site.site.data, "front", capture, "--for", "600")
    )
    eventually(capture.exists, "a capture")
    osdp(site, "pair", "front", says="reader front paired\n")
    eventually(lambda: state(site, "front")["health"] == "online", "a secure channel")
    eventually(lambda: capture.stat().st_size > 2_000, "packets")
    writing.send_signal(signal.SIGINT)
    assert writing.wait(30) == 0
    seen = capture.read_bytes()
    assert seen.startswith(PCAP_HEAD)
    for key in stored(site):
        assert key not in seen

    assert refused(site, "address", "front", "--to", "1") == (
        "gateway: reader 'back' of this bus has address 1\n"
    )
    told = osdp(
        site,
        "address",
        *("front", "--to", "7"),
        says="reader front has address 7 and 115200 Bd\naddress = 7\nbaud = 115200\n",
    )
    assert "gateway.toml" in told
    eventually(lambda: state(site, "front")["health"] == "online", "the reader at its new address")
    assert site.stranger("front")["portal_id"] == 1
