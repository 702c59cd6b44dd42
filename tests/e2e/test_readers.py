"""A reader that is not there, or goes away, is a state; everything else works."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pytest

from gateway.errors import DeviceUnavailable
from gateway.store.journal import EntryKind

if TYPE_CHECKING:
    from gateway.link.messages import DeviceStatus
    from tests.e2e.conftest import Maker, Running

ABSENT = "/dev/serial/by-id/usb-No_Such_Reader-if00"
FRONT, BACK = 17, 18


def reader(running: Running, name: str) -> DeviceStatus:
    return next(device for device in running.status().devices if device.name == name)


@pytest.fixture(scope="module")
def odd(make: Maker) -> Iterator[Running]:
    """A site whose QR reader is not there and whose card reader knows one format."""
    text = (make.demo().data / "gateway.toml").read_text()
    text = text.replace('port = "simulated"', f'port = "{ABSENT}"')
    text = text.replace("d1 = 6\n", 'd1 = 6\nformats = ["w26"]\n')
    assert ABSENT in text
    assert "formats" in text
    with make.run(make.site(text)) as running:
        yield running


def test_a_port_that_is_missing_is_offline_and_the_other_doors_work(
    odd: Running, eventually: Callable[..., Any]
) -> None:
    qr = eventually(
        lambda: ABSENT in (device := reader(odd, "qr")).why and device, "the reason why"
    )
    assert not qr.online
    assert reader(odd, "front").online
    shown = json.loads(odd.site.sim("state", "--json").stdout)["devices"]
    lines = ("input", "output")
    readers = [device for device in shown if device["kind"] not in lines]
    assert [(device["name"], device["online"]) for device in readers] == [
        ("front", True),
        ("qr", False),
    ]
    done = odd.site.type("doctor")
    assert done.returncode == 1
    assert f"fail reader qr: offline: {qr.why}; check its cable" in done.stdout

    [user] = odd.api.create("users", {"name": "Zoe", "registration": ""})
    odd.api.create("user_groups", {"user_id": user, "group_id": 1})
    odd.api.create("cards", {"user_id": user, "value": (9 << 32) | 9})
    assert odd.swiped("9,9")["event"] == 7
    assert odd.board.edges(FRONT) >= 1
    opened = {"actions": [{"action": "door", "parameters": "door=2, timeout=100"}]}
    odd.api.ask("execute_actions", opened)
    odd.wait_locked(2)
    assert odd.board.edges(BACK) == 2


def test_an_unplugged_reader_is_offline_and_reads_again_once_plugged(
    demo: Running, eventually: Callable[..., Any]
) -> None:
    eventually(lambda: reader(demo, "qr").online, "an online reader")
    for _ in range(2):
        demo.site.sim("unplug", "qr")
        eventually(lambda: not reader(demo, "qr").online, "an offline reader")
        with pytest.raises(DeviceUnavailable, match="offline"):
            demo.sim("qr", reader="qr", value="DEMO-ANA")
        # Meanwhile the front door does not care.
        assert demo.swiped("123,45678")["event"] == 7

        demo.site.sim("plug", "qr")
        eventually(lambda: reader(demo, "qr").online, "an online reader")
        demo.wait_locked()
        edges = demo.board.edges(BACK)
        # Another code each time, since the same one twice within two seconds is one read.
        for code, user in (("DEMO-ANA", 1), ("DEMO-CARLA", 3)):
            row = demo.access(partial(demo.sim, "qr", reader="qr", value=code))
            assert (row["event"], row["user_id"], row["portal_id"]) == (7, user, 2)
        assert demo.board.edges(BACK) > edges
    told = [
        entry.body["online"]
        for entry in demo.site.journal()
        if entry.kind is EntryKind.DEVICE and entry.body["device"] == "qr"
    ]
    # Why it is offline may change meanwhile, which is an entry too.
    changes = [online for online, _ in groupby(told)]
    assert changes[-4:] == [False, True, False, True]


def test_a_frame_that_no_format_takes_is_noted_and_opens_nothing(
    odd: Running, eventually: Callable[..., Any]
) -> None:
    odd.wait_locked()
    edges = odd.board.edges(FRONT)
    before = odd.api.last_id("access_logs")
    odd.sim("swipe", reader="front", value="1,1", format="w34")

    def notes() -> list[Any]:
        return [entry.body for entry in odd.site.journal() if entry.kind is EntryKind.BAD_FRAME]

    [note] = eventually(notes, "its note")
    assert note["reader"] == "front"
    assert len(note["bits"]) == 34
    assert odd.api.since("access_logs", before) == []
    assert odd.board.edges(FRONT) == edges
    assert odd.swiped("123,45678")["event"] == 3  # nobody's here, but read
