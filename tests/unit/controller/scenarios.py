"""Plays scenarios of steps to the real controller on paper, and says what came of them in words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from gateway.access.credential_terms import CredentialKey, CredentialTerms
from gateway.access.person import Person
from gateway.controller.flight.recorder import digest_of
from gateway.controller.flight.rules import snapshot_of
from gateway.controller.replay.offline import OfflineClock, OfflineController, Sources
from gateway.controller.state.flight import Asked, Pulse
from gateway.credentials.values import Credential, CredentialKind, Identification
from gateway.errors import StorageError
from gateway.hardware.events import InputKind, InputLevel, InputName, KeyPressed
from gateway.host.clock_trust import ClockVerdict
from gateway.link.messages import (
    AnswerQuestion,
    Command,
    OpenDoor,
    ReportServer,
    Request,
    ResetFire,
    Silence,
)
from gateway.objects.configuration_keys import CONFIGURATION
from gateway.settings import SiteFile, parse_site
from gateway.store.journal.credential_uses import UseKey
from gateway.store.journal.passages import PassageEntered
from gateway.store.policy.people import Reading
from gateway.store.policy.snapshot import Snapshot
from tests.demo_site import DEMO

START = datetime(2026, 11, 23, 15, tzinfo=UTC)
"""A Monday, noon at the site."""
DAWN_NS = 1_000_000_000
ALL_DAYS = [1] * 10
"""Holidays included: such a time zone asks no clock."""
USUAL: dict[str, list[list[Any]]] = {
    "portals": [[1, "front", 1, 1], [2, "back", 1, 1]],
    "access_rules": [[1, "always", 1]],
    "portal_access_rules": [[1, 1], [2, 1]],
    "group_access_rules": [[1, 1]],
    "access_rule_time_zones": [[1, 1]],
    "portal_actions": [[1, 1], [2, 2]],
    "time_zones": [[1, "always"]],
    "time_spans": [[1, 1, 0, 86399, *ALL_DAYS]],
    "actions": [[1, "front", "door", "door=1", 1], [2, "back", "door", "door=2", 1]],
}
"""The rows of a site whose group 1 may always pass both doors."""


def demo_site() -> SiteFile:
    return parse_site(DEMO, "demo")


class Town:
    """The people of a scenario, and the store they are in."""

    def __init__(
        self, people: dict[str, dict[str, Any]], contingency_cards: Iterable[int] = ()
    ) -> None:
        self._owners: dict[tuple[CredentialKind, int | str], Person] = {}
        self._panic: set[int] = set()
        for row in people.values():
            groups = tuple(row.get("groups", [1]))
            person = Person(row["id"], row.get("begin"), row.get("end"), groups)
            for card in row.get("cards", []):
                terms = row.get("terms", {}).get(str(card), {})
                shown = CredentialTerms(CredentialKey.CARDS, card, **terms)
                self._owners[CredentialKind.CARD, card] = replace(person, credentials=(shown,))
            if "pin" in row:
                self._owners[CredentialKind.PIN, row["pin"]] = person
            for card in row.get("panic_cards", []):
                self._owners[CredentialKind.CARD, card] = person
                self._panic.add(card)
        self._contingency = set(contingency_cards)
        self.version = 1
        self.lost = False
        self.listens = True

    def revoke(self, card: int) -> None:
        """Take a card from its owner."""
        del self._owners[CredentialKind.CARD, card]

    def find(self, credential: Credential) -> Reading:
        if self.lost:
            raise StorageError("the store cannot be read")
        owner = self._owners.get((credential.kind, credential.value))
        return Reading(
            self.version,
            owner,
            panic=credential.value in self._panic,
            contingency=credential.value in self._contingency,
        )

    def find_by_password(self, user_id: int, password: str) -> Reading:
        del user_id, password
        return Reading(self.version, None)

    def find_by_id(self, user_id: int) -> Reading:
        owners = (person for person in self._owners.values() if person.id == user_id)
        found = next(owners, None)
        return Reading(self.version, found and replace(found, credentials=()))

    def policy_version(self) -> int:
        return self.version

    def of(self, user_id: int) -> list[PassageEntered]:
        del user_id
        return []  # nothing is committed on paper: what was entered is still under way

    def inside(self, area_id: int) -> list[PassageEntered]:
        del area_id
        return []

    def any_before(self, day: int) -> bool:
        del day
        return False

    def uses(self, key: UseKey) -> int:
        del key
        return 0


class Lines:
    """A record in memory."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def begin(self, header: str) -> None:
        self.lines.append(header)

    def write(self, line: str) -> bool:
        self.lines.append(line)
        return False

    def close(self) -> None:
        pass


class Play:
    """One scenario on its way."""

    def __init__(self, scenario: dict[str, Any]) -> None:
        self.record = Lines()
        self._town = Town(scenario.get("people", {}), scenario.get("contingency_cards", ()))
        self._clock = OfflineClock(START)
        self._rows = {**USUAL, **scenario.get("rows", {})}
        self._zones = scenario.get("zones", [])
        self._configuration = {
            f"{prefix}{door}_enabled": "1"
            for prefix in ("general.door_sensor", "general.buttonhole")
            for door in (1, 2)
        } | {key: str(value) for key, value in scenario.get("configuration", {}).items()}
        keys = count(1)
        self._plant = OfflineController(
            demo_site(),
            self._clock,
            Sources(
                self._town,
                self._town,
                lambda: f"key-{next(keys)}",
                heard=lambda _question: self._town.listens,
            ),
            self.record,
            digest_of,
        )
        self._requests = count(1)

    def run(self, steps: list[str]) -> list[str]:
        """Everything that came of `steps`, a line each."""
        with self._plant as plant:
            self._at(0)
            plant.begin()
            plant.happen(self._snapshot())
            plant.happen(Pulse.BEAT)
            for step in steps:
                seconds, *words = step.split()
                self._pass_time(float(seconds))
                self._do(*words)
        return [
            told for line in map(json.loads, self.record.lines[1:]) for told in self._told(line)
        ]

    def _at(self, seconds: float) -> None:
        self._clock.ns = DAWN_NS + round(seconds * 1e9)
        self._clock.moment = START + timedelta(seconds=seconds)

    def _pass_time(self, seconds: float) -> None:
        """Let come what is due until then, each at its own time."""
        end_ns = DAWN_NS + round(seconds * 1e9)
        assert end_ns >= self._clock.ns, f"{seconds} is before the step before it"
        while (due_ns := self._plant.controller.due_ns()) is not None and due_ns <= end_ns:
            self._at((max(due_ns, self._clock.ns) - DAWN_NS) / 1e9)
            self._plant.happen(Pulse.TIME)
        self._at(seconds)

    def _do(self, verb: str = "wait", *words: str) -> None:
        match verb, *words:
            case "wait", *_:
                pass
            case (("card" | "pin"), value, reader):
                self._read(verb, value, reader)
            case (("sensor" | "rex" | "zone" | "tamper" | "fire"), *_):
                self._move(verb, words)
            case "set", key, value:
                self._configuration[key] = value
                self._town.version += 1
                self._plant.happen(self._snapshot())
            case "clock", word:
                trusted = word == "trusted"
                self._clock.verdict = (
                    ClockVerdict.BATTERY_CLOCK if trusted else ClockVerdict.NO_SOURCE
                )
                self._plant.happen(Pulse.BEAT)
            case "store", word:
                self._town.lost = word == "lost"
            case "record", *_:
                # What came before is in another record.
                self.record.lines.clear()
                self._plant.begin()
            case "gone", card:
                self._town.revoke(int(card))
            case "api", word:
                self._town.listens = word == "back"
            case _:
                self._command(verb, *words)

    def _command(self, verb: str, *words: str) -> None:
        """What comes over the link."""
        match verb, *words:
            case "server", word:
                self._ask(ReportServer(reachable=word == "back", why="test"), expired=False)
            case "answer", number, *given:
                self._ask(answer_of(int(number), given), expired=False)
            case (("open" | "stale-open"), door):
                self._ask(OpenDoor(door=int(door)), expired=verb != "open")
            case ("reset",):
                self._ask(ResetFire(), expired=False)
            case _:
                assert verb == "silence", f"nobody knows how to {verb} {words}"
                self._ask(Silence(), expired=False)

    def _read(self, kind: str, value: str, reader: str) -> None:
        if kind == "pin":
            self._plant.happen(KeyPressed(reader, self._clock.ns))
        number = int(value) if kind == "card" else value
        credential = Credential(CredentialKind(kind), number)
        self._plant.happen(Identification(reader, credential, self._clock.ns))

    def _move(self, kind: str, words: tuple[str, ...]) -> None:
        """`sensor 1 open`, `rex 1 pressed`, `zone 2 active`, `tamper open`, `fire on`."""
        number = int(words[0]) if len(words) == 2 else 0
        active = words[-1] in ("open", "pressed", "active", "on")
        # Contacts and the case rest high (pulled up), the fire loop and the zones low.
        high = active is (kind in ("fire", "zone"))
        name = InputName(InputKind("door_sensor" if kind == "sensor" else kind), number)
        self._plant.happen(InputLevel(name, high, self._clock.ns))

    def _ask(self, command: Command, *, expired: bool) -> None:
        ends_ns = self._clock.ns - 1 if expired else self._clock.ns + 10**9
        request = Request(id=f"r{next(self._requests)}", expires_ns=ends_ns, command=command)
        self._plant.happen(Asked(b"client", request))

    def _snapshot(self) -> Snapshot:
        configuration = {f"{key.module}.{key.key}": key.default for key in CONFIGURATION}
        configuration |= self._configuration
        return snapshot_of(
            {
                "version": self._town.version,
                **{f"rows.{name}": rows for name, rows in self._rows.items()},
                "modes": {},
                "zone_schedules": {},
                "bells": [],
                "portal_of_reader": {1: 1, 2: 2},
                "zones": {row[0]: row for row in self._zones},
                "configuration": [[*key.split(".", 1), v] for key, v in configuration.items()],
            }
        )

    def _told(self, line: dict[str, Any]) -> list[str]:
        seconds = (line["ns"] - DAWN_NS) / 1e9
        return [f"{seconds:g} {in_words(effect)}" for effect in line.get("effects", [])]


def answer_of(number: int, given: list[str]) -> AnswerQuestion:
    """The answer to the question `number`, counted from 1: `7 user_id=5 openings=2 duress`, or
    nothing for none that is usable."""
    values: dict[str, Any] = {"question": f"key-{number}"}
    for word in given:
        name, _, text = word.partition("=")
        if name.isdigit():
            values["event"] = int(name)
        elif name == "openings":
            doors = [door.partition(":") for door in text.split(",") if door]
            values[name] = [
                {"door": int(door), **({"timeout_ms": int(ms)} if ms else {})}
                for door, _, ms in doors
            ]
        else:
            values[name] = int(text) if text.isdigit() else text or True
    return AnswerQuestion.model_validate(values)


SECRET = ("pin", "password")

IN_WORDS: dict[str, Callable[[dict[str, Any], dict[str, Any]], str]] = {
    "access": lambda body, row: (
        f"event {row['event']} {body['reason']}"
        + (f" of {row['user_id']}" if row["user_id"] else "")
    ),
    "access_event": lambda _body, row: f"door {row['identification']} {row['type'].lower()}",
    "alarm": lambda _body, row: (
        f"alarm {row['cause']}"
        + (f" at {row['door_id']}" if row["door_id"] else "")
        + (" on" if row["event"] == 1 else " off")
    ),
    "mode": lambda body, _row: f"mode of {body['door']} {body['mode']}",
    "fire": lambda body, _row: (
        ("fire on" if body["on"] else "fire over")
        if "since_utc" not in body
        else f"fire goes on, input {'active' if body['input_active'] else 'normal'}"
    ),
    "clock": lambda body, _row: f"clock {'trusted' if body['trusted'] else 'doubted'}",
    "keypad": lambda body, _row: (
        f"keypad {body['reader']} {'locked' if body['locked_ms'] else 'free'}"
    ),
    "reader_slowed": lambda body, _row: (
        f"reader {body['reader']} {'slowed' if body['slow'] else 'as before'}"
    ),
    "passage": lambda body, _row: (
        f"entered {body['user_id']} area {body['area_id']}"
        if "area_id" in body
        else f"positions forgotten, {body['why']}"
    ),
    "credential_used": lambda body, _row: (
        f"used {body['object']} {body['row_id']} by {body['user_id']}: {body['used']}"
    ),
    "no_entry": lambda body, _row: f"not entered {body['users']}",
    "first_card": lambda body, _row: (
        f"first card {body['first_card']} {'counts' if body['on'] else 'over'}"
    ),
    "schedule": lambda body, _row: f"schedule of {body['door']} {body['schedule']}",
    "silenced": lambda _body, _row: "silenced",
    "duress": lambda body, _row: f"duress {body['cause']} {'over' if body['done'] else 'noted'}",
    "online": lambda body, _row: f"server {body['mode']}",
    "fault": lambda body, _row: f"fault {body['part']}: {body['why'] or 'over'}",
}
"""Journal entries as the scenarios write them, from the body and the row in it."""


def in_words(effect: dict[str, Any]) -> str:
    """An effect as the scenarios write it."""
    if "drive" in effect:
        return f"{effect['drive']} {effect['to']}"
    if "asks" in effect:
        asks = effect["asks"]
        what = asks["credential"] if asks["credential"] in SECRET else f"card {asks['value']}"
        return f"asks {what}" + (f" of {asks['user_id']}" if asks["user_id"] else "")
    if "refused" in effect:
        return f"refused {effect['refused']}"
    body = effect["body"]
    return IN_WORDS[effect["entry"]](body, body.get("row", {}))
