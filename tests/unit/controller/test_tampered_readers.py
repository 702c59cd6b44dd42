"""A reader that somebody takes off its wall counts no more, whatever kind it is."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest

from gateway.controller.flight.forms import Hide
from gateway.controller.replay.offline import OfflineClock, OfflineController, Sources
from gateway.credentials.identifier import reads
from gateway.credentials.values import Credential, CredentialKind, Identification
from gateway.hardware.events import InputKind, InputLevel, InputName, KeyPressed
from gateway.hardware.wiring import input_wiring
from gateway.settings import Reader, SiteFile
from gateway.store.journal.credential_uses import UseKey
from gateway.store.policy.people import Reading

KINDS: dict[str, dict[str, Any]] = {
    "wiegand": {"d0": 5, "d1": 6},
    "serial_qr": {"port": "simulated"},
    "serial_card": {"port": "simulated", "protocol": "rdm6300"},
    "serial_uhf": {"port": "simulated", "protocol": "r200"},
    "hid": {"device": "simulated"},
    "pcsc": {"reader": "simulated"},
    "osdp": {"port": "simulated"},
}
ON_PINS = [kind for kind in KINDS if kind != "osdp"]
"""An OSDP reader reports its contact on its bus, active as high."""
SHOWN: dict[CredentialKind, int | str] = {
    CredentialKind.CARD: 7,
    CredentialKind.PIN: "1234",
    CredentialKind.QRCODE: "code",
    CredentialKind.UHF_TAG: "E200",
}
CONTACT = InputName(InputKind.READER_TAMPER, 3)
ACTIVE, REST = False, True


class Nobody:
    """A store that knows nobody; that it was asked is all that counts."""

    def __init__(self) -> None:
        self.asked = 0

    def find(self, credential: Credential) -> Reading:
        del credential
        self.asked += 1
        return Reading(0, None)

    def find_by_password(self, user_id: int, password: str) -> Reading:
        raise AssertionError((user_id, password))

    def find_by_id(self, user_id: int) -> Reading:
        raise AssertionError(user_id)

    def policy_version(self) -> int:
        return 0

    def of(self, user_id: int) -> list[Any]:
        raise AssertionError(user_id)

    def inside(self, area_id: int) -> list[Any]:
        raise AssertionError(area_id)

    def any_before(self, day: int) -> bool:
        raise AssertionError(day)

    def uses(self, key: UseKey) -> int:
        raise AssertionError(key)


class Lines:
    """The steps of a plant."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []

    def begin(self, header: str) -> None:
        del header

    def write(self, line: str) -> bool:
        self.lines.append(json.loads(line))
        return False

    def close(self) -> None:
        pass

    @property
    def entries(self) -> list[str]:
        effects = [effect for line in self.lines for effect in line.get("effects", ())]
        return [effect["entry"] for effect in effects if "entry" in effect]


def hide() -> Hide:
    return str


def site_with(kind: str, *, disables: bool) -> SiteFile:
    reader = {
        "name": "r",
        "index": 3,
        "portal": 1,
        "kind": kind,
        **KINDS[kind],
        **({"tamper": {"pin": 21, "idle": "high"}} if kind in ON_PINS else {}),
        "tamper_disables": disables,
    }
    site = {"name": "S", "timezone": "UTC", "board": "simulated"}
    return SiteFile.model_validate({"site": site, "reader": [reader]})


def told(kind: str, *, disables: bool, high: bool) -> list[list[str]]:
    """What came of each thing that can be shown at a reader, with its contact at a level."""
    site, found = site_with(kind, disables=disables), []
    for shown in sorted(reads(site.reader[0])):
        lines, people = Lines(), Nobody()
        with OfflineController(
            site, OfflineClock(), Sources(people, people, str), lines, hide
        ) as plant:
            plant.begin()
            plant.happen(InputLevel(CONTACT, high is (kind in ON_PINS), 1))
            plant.happen(KeyPressed("r", 2))
            plant.happen(Identification("r", Credential(shown, SHOWN[shown]), 3))
            found.append(lines.entries)
        assert people.asked == 0  # without rules nobody is decided upon either
    return found


def test_every_kind_of_reader_is_looked_at_here() -> None:
    union, _discriminator = get_args(Reader)
    kinds = {member.model_fields["kind"].annotation for member in get_args(union)}
    assert {get_args(kind)[0] for kind in kinds} == set(KINDS)


@pytest.mark.parametrize("kind", ON_PINS)
def test_the_contact_of_any_reader_is_one_of_the_boards_inputs(kind: str) -> None:
    assert CONTACT in input_wiring(site_with(kind, disables=True))


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_that_is_shown_at_a_tampered_reader_counts(kind: str) -> None:
    results = told(kind, disables=True, high=ACTIVE)
    assert results == [["reader_disabled"]] * len(results)
    assert results


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("disables", "high"), [(True, REST), (False, ACTIVE)], ids=["at rest", "only an alarm"]
)
def test_it_counts_at_rest_and_where_tampering_is_only_an_alarm(
    kind: str, disables: bool, high: bool
) -> None:
    assert not any(told(kind, disables=disables, high=high))
