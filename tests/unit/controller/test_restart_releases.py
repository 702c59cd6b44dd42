"""What a restart makes of each release of a door: tables/releases.toml, which says how it reads."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gateway.commands.provisioning import initialise
from gateway.controller.state.flight import Asked
from gateway.errors import GatewayError, StorageError
from gateway.hardware.events import InputKind, InputName
from gateway.hardware.pins.outputs import StrikeOutput
from gateway.hardware.secbox.module import ModuleRelay
from gateway.hardware.simulated.board_record import BoardRecord, PinFunction, record_path
from gateway.link.messages import Command, OpenDoor, Request, ResetFire
from gateway.link.runtime import RuntimeDirectory
from gateway.objects.catalogue import REGISTRY
from gateway.objects.factory import Rows
from gateway.store.files import STORE_FILE
from gateway.store.journal import EntryKind, Journal
from gateway.store.objects.store import Store
from gateway.store.policy.snapshot import SnapshotReader
from tests.demo_site import DEMO

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench, Start

CASES: list[dict[str, Any]] = tomllib.loads(
    (Path(__file__).parent / "tables" / "releases.toml").read_text(encoding="utf-8")
)["case"]
UNCOMMITTED = "nothing committed"
ENDS = ("stop", "kill", "power cut", "killed again before the rules", UNCOMMITTED)
NOON = datetime(2026, 11, 23, 15, tzinfo=UTC)
NIGHT, NEXT_DAY = NOON + timedelta(hours=7), NOON + timedelta(hours=22)
CARD_OF_ANA = (123 << 32) | 45678
FIRE = InputName(InputKind.FIRE)
FRONT_LEAF = InputName(InputKind.DOOR_SENSOR, 1)
GATE = 65_793
DOORS = {"front": 1, "back": 2, "gate": GATE}
PINS = {17: "front", 18: "back", 19: "lobby", 21: "lobby"}
STRIKE, MAGNET = '"low", unlocked = "high"', '"high", unlocked = "low"'
MAGNETS = (18, 21)
MORE = """
[turnstile]
name = "lobby"
egress = "mechanical"
on_start = "locked"
[turnstile.clockwise]
relay = { pin = 19, locked = "low", unlocked = "high" }
turn = { pin = 7, pull = "up", idle = "high" }
[turnstile.anticlockwise]
relay = { pin = 21, locked = "low", unlocked = "high" }
turn = { pin = 8, pull = "up", idle = "high" }

[[sec_box]]
name = "gate"
portal = 3
egress = "mechanical"
on_start = "locked"
port = "simulated"
module = "waveshare_io_8"
address = 1
relay = 0

"""
DAYS = dict.fromkeys(("sun", "mon", "tue", "wed", "thu", "fri", "sat"), 1)
HOURS: Rows = {
    "time_zones": [{"id": 50, "name": "hours"}],
    "time_spans": [{"time_zone_id": 50, "start": 9 * 3600, "end": 18 * 3600, **DAYS}],
}
SET_UP: dict[str, Rows] = {
    "": {},
    "schedule": HOURS
    | {
        "access_rules": [{"id": 50, "name": "open", "type": 1, "priority": 0}],
        "access_rule_time_zones": [{"access_rule_id": 50, "time_zone_id": 50}],
        "portal_access_rules": [{"portal_id": at, "access_rule_id": 50} for at in (1, 2, 3)],
        "scheduled_unlocks": [{"id": 1, "name": "open"}],
        "scheduled_unlock_access_rules": [{"scheduled_unlock_id": 1, "access_rule_id": 50}],
    },
    "first card": HOURS
    | {
        "first_card_unlocks": [{"id": 7, "name": "shop", "portal_id": 1, "time_zone_id": 50}],
        "first_card_unlock_groups": [{"first_card_unlock_id": 7, "group_id": 2}],
    },
}


@pytest.fixture(scope="module")
def site_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """Makes a site with every kind of way, by its `on_start` and what it is set up with; each is
    made once, to be copied."""
    demo = DEMO
    text = re.sub(r"(?m)^egress = ", 'on_start = "locked"\negress = ', demo)
    text = text.replace("[fire] ", f"{MORE}[fire] ")
    for pin in MAGNETS:
        text = text.replace(f"pin = {pin}, locked = {STRIKE}", f"pin = {pin}, locked = {MAGNET}")
        text = text.replace(f'pin = {pin}, kind = "strike"', f'pin = {pin}, kind = "magnet"')

    @cache
    def made(on_start: str, sets_up: str) -> Path:
        data = tmp_path_factory.mktemp("site") / "data"
        own = text.replace('\non_start = "locked"', f'\non_start = "{on_start}"')
        initialise(data, own, demo=True)
        with Store.open(data / STORE_FILE, REGISTRY, lambda: 0) as store:
            for table, rows in SET_UP[sets_up].items():
                store.insert(table, rows)
        return data

    return made


def is_high(pin: int, state: str) -> bool:
    """The level of a lock's pin in `state`."""
    return (state == "unlocked") is (pin not in MAGNETS)


class Killed(Exception):
    """The process is gone."""


class House:
    """A site that is restarted now and then, with an account of what its pins were to do."""

    def __init__(self, data: Path, start: Start, case: dict[str, Any]) -> None:
        self.data = data
        self._start = start
        self._now = NOON
        self.ways: list[str] = case.get("ways", ["front", "back", "gate", "lobby"])
        self.pins = {pin: way for pin, way in PINS.items() if way in self.ways}
        self.on_start = case.get("on_start", "locked")
        self._stack = ExitStack()
        self.bench: Bench

    def begin(self) -> None:
        self._stack = ExitStack()
        self._disk = self._stack.enter_context(pytest.MonkeyPatch.context())
        self.bench = self._stack.enter_context(self._start(self.data, self._now))
        # A module that is away is opened by nobody.
        self.bench.wait_until(lambda: self.bench.online("gate"))
        self.bench.pass_time(0.2)

    def end(self, how: str, later: timedelta, monkeypatch: pytest.MonkeyPatch) -> None:
        self._now = self.bench.clock.utc() + later
        if how == "stop":
            self._stack.close()
            return
        with monkeypatch.context() as patch:
            # Whoever is killed puts no output anywhere.
            for output in (StrikeOutput, ModuleRelay):
                patch.setattr(output, "release", lambda *_: None)
            self._stack.__exit__(Killed, Killed(), None)
        if how == "power cut":
            self._lose_power()
        elif how == "killed again before the rules":
            self._die_at_start(monkeypatch)

    def lose_what_follows(self) -> None:
        """Nothing more is committed."""

        def full(*_: object) -> int:
            raise StorageError("the disk is full")

        self._disk.setattr(Journal, "append", full)

    def _lose_power(self) -> None:
        record = BoardRecord.open(record_path(RuntimeDirectory.create(self.data).path), bool)
        for pin in self.pins:
            record.claim(pin, PinFunction.INPUT)
            record.settle(pin, high=False, driven=False)
        record.close()

    def _die_at_start(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def killed(_: object) -> Iterator[None]:
            raise GatewayError("killed")

        with monkeypatch.context() as patch:
            for output in (StrikeOutput, ModuleRelay):
                patch.setattr(output, "release", lambda *_: None)
            patch.setattr(SnapshotReader, "compile", killed)
            with pytest.raises(GatewayError, match="killed"), self._start(self.data, self._now):
                pass

    def do(self, what: str) -> None:
        match what.split():
            case "fire", word:
                self.bench.simulator.set_input(FIRE, high=word == "on")
            case "mode", word:
                self.bench.configure({"general": {"exception_mode": word}})
            case ["night"]:
                self.bench.clock.set_utc(NIGHT)
            case "next", "day":
                self.bench.clock.set_utc(NEXT_DAY)
            case "first", "card":
                self._enter()
            case seconds, "s":
                self.bench.pass_time(float(seconds))
            case ["reset"]:
                self._ask(ResetFire())
            case [word]:
                timeout_ms = {"open": None, "hold": 0, "close": -1}[word]
                for way in self.ways:
                    self._ask(OpenDoor(door=DOORS[way], timeout_ms=timeout_ms))
        self.bench.pass_time(1.1)

    def _enter(self) -> None:
        self.bench.swipe(CARD_OF_ANA)
        for high in (False, True):
            self.bench.simulator.set_input(FRONT_LEAF, high=high)
            self.bench.pass_time(0.3)
        self.bench.pass_time(4)

    def _ask(self, command: Command) -> None:
        late_ns = self.bench.clock.monotonic_ns() + 10**10
        request = Request(id="1", expires_ns=late_ns, command=command)
        self.bench.controller.happen(Asked(b"nobody", request))

    def levels(self) -> dict[int, bool]:
        """By pin of a lock, whether it is high."""
        outputs = self.bench.outputs()
        return {it["pin"]: it["level"] == "high" for it in outputs if it["pin"] in self.pins}

    def edges(self) -> dict[int, int]:
        outputs = self.bench.outputs()
        return {it["pin"]: it["edges"] for it in outputs if it["pin"] in self.pins}

    def look(self) -> set[tuple[str, str]]:
        """How each lock is, by its pin; the module's, by what its relay is told."""
        found = {
            (self.pins[pin], "unlocked" if high is is_high(pin, "unlocked") else "locked")
            for pin, high in self.levels().items()
        }
        if "gate" in self.ways:
            found.add(("gate", "unlocked" if self.bench.unlocked(GATE) else "locked"))
        return found


@pytest.fixture
def house(
    site_of: Callable[[str, str], Path],
    tmp_path: Path,
    start: Start,
    request: pytest.FixtureRequest,
) -> Iterator[House]:
    case = request.param
    data = tmp_path / "data"
    shutil.copytree(site_of(case.get("on_start", "locked"), case.get("sets_up", "")), data)
    made = House(data, start, case)
    made.begin()
    yield made
    made._stack.close()


def played() -> Iterator[object]:
    for case in CASES:
        for how in ENDS if any(len(row) == 3 for row in case["course"]) else ENDS[:-1]:
            yield pytest.param(case, case["course"], how, id=f"{case['name']}: {how}")


def changes(levels: list[bool]) -> int:
    return sum(before is not after for before, after in pairwise(levels))


@pytest.mark.parametrize(("house", "rows", "how"), list(played()), indirect=["house"])
def test_a_release_is_taken_up_by_its_own_state(
    house: House, rows: list[list[str]], how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    follows = [row[0].startswith("restart") for row in rows[1:]] + [False]
    for (what, kept, *lost), before_a_restart in zip(rows, follows, strict=True):
        levels, edges = house.levels(), house.edges()
        state, course = kept, [kept]
        if what.startswith("restart"):
            state = lost[0] if lost and how == UNCOMMITTED else kept
            house.end(how, NIGHT - NOON if "night" in what else timedelta(0), monkeypatch)
            house.begin()
            course = [*(["locked"] if how == "stop" else []), house.on_start, state]
            if how == "power cut":
                levels = dict.fromkeys(levels, False)
        else:
            if how == UNCOMMITTED and before_a_restart:
                house.lose_what_follows()
            house.do(what)
        assert house.look() == {(way, state) for way in house.ways}, what
        if how in ENDS[:3] and what != "first card":
            # One claim at the level of `on_start`, one step to what is in force, and no more.
            done = {pin: count - edges[pin] for pin, count in house.edges().items()}
            levels_then = {
                pin: [high, *(is_high(pin, it) for it in course)] for pin, high in levels.items()
            }
            assert done == {pin: changes(each) for pin, each in levels_then.items()}, what
        if lost and how == UNCOMMITTED:
            return


@pytest.mark.parametrize(
    "house",
    [{"on_start": "unlocked", "sets_up": sets_up} for sets_up in SET_UP],
    indirect=True,
    ids=lambda case: case["sets_up"] or "nothing",
)
def test_the_end_of_on_start_is_journalled(house: House) -> None:
    scheduled = ("front", "unlocked") in house.look()
    assert house.bench.journal(EntryKind.ON_START) == [
        *({"door": door, "unlocked": scheduled} for door in (1, 2, GATE)),
        {"turnstile": "lobby", "unlocked": []},
    ]
