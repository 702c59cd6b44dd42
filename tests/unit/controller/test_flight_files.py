"""The files of a flight record, and what a value looks like in one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from pydantic_core import to_jsonable_python

from gateway.access.admission_values import AdmissionState, PendingFactor
from gateway.access.guessing import Guard
from gateway.access.person import Person
from gateway.access.rows import LinkRow
from gateway.controller.access.identifier import Shown
from gateway.controller.access.passback_positions import PassbackPositionsState
from gateway.controller.flight.files import FILES, MOST_FILES, RecordFiles
from gateway.controller.flight.forms import dump, dump_input, hidden, load, load_input
from gateway.controller.flight.recorder import FlightRecorder, digest_of
from gateway.controller.replay.offline import OfflineWriter
from gateway.controller.requests.enrolment import EnrolmentCaptureState
from gateway.controller.state.flight import Asked, Pulse
from gateway.controller.state.instant import Instant
from gateway.credentials.values import BadFrame, Credential, CredentialKind, Identification
from gateway.doors.values import Mode
from gateway.errors import BrokenRecord
from gateway.hardware.events import KeyPressed
from gateway.link.messages import Captured, OpenDoor, Request
from gateway.settings import parse_site
from gateway.store.journal.passages import PassageEntered, PassageForgiven
from gateway.store.policy.people import Reading

HEADER = '{"flight_record":1}'
LINE = "x" * 9_999
"""10,000 bytes in the file."""


def sizes(directory: Path) -> list[int]:
    return [path.stat().st_size for path in sorted(directory.glob("*.jsonl"))]


def fill(files: RecordFiles, lines: int, header: str = HEADER) -> None:
    files.begin(header)
    for _ in range(lines):
        if files.write(LINE):
            files.begin(header)
    files.close()


def test_all_files_together_keep_to_their_size(tmp_path: Path) -> None:
    fill(RecordFiles(tmp_path / "flight", 2), 1_000)
    found = sizes(tmp_path / "flight")
    assert sum(found) <= 2_000_000
    assert sum(found[:-1]) >= 1_000_000
    assert len(found) == FILES
    assert all(path.read_text().startswith(HEADER) for path in (tmp_path / "flight").iterdir())


def test_the_oldest_file_goes_and_numbers_never_come_back(tmp_path: Path) -> None:
    fill(RecordFiles(tmp_path, 2), 1_000)
    before = sorted(path.name for path in tmp_path.iterdir())
    fill(RecordFiles(tmp_path, 2), 1)
    after = sorted(path.name for path in tmp_path.iterdir())
    assert after[-1] > before[-1]
    assert before[-1] in after


def test_many_short_starts_leave_a_bounded_number_of_files(tmp_path: Path) -> None:
    for _ in range(MOST_FILES + 20):
        fill(RecordFiles(tmp_path, 2), 1)
    assert len(sizes(tmp_path)) == MOST_FILES


def test_rules_that_fill_a_file_alone_leave_room_for_steps(tmp_path: Path) -> None:
    fill(RecordFiles(tmp_path, 2), 100, header="r" * 600_000)
    assert all(size > 800_000 for size in sizes(tmp_path)[:-1])


def test_what_else_lies_there_is_left_alone(tmp_path: Path) -> None:
    kept = tmp_path / "kept-for-the-vendor.jsonl"
    kept.write_text("mine")
    fill(RecordFiles(tmp_path, 2), 1_000)
    assert kept.read_text() == "mine"


def test_what_is_no_record_among_them_keeps_nobody_from_recording(tmp_path: Path) -> None:
    (tmp_path / "00000001.jsonl").mkdir()
    (tmp_path / "00000001.jsonl" / "x").touch()
    (tmp_path / f"{'9' * 249}.jsonl").touch()
    fill(RecordFiles(tmp_path, 2), 1_000)
    records = [path for path in tmp_path.glob("0*.jsonl") if path.is_file()]
    assert 0 < len(records) <= FILES + 1


PENDING = PendingFactor(Person(1, group_ids=(1, 2), opening_times=((1, 500),)), 1, 30_000, 10_000)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (bytes, b"client"),
        (Mode, Mode.FIRE),
        (tuple[LinkRow, ...], (LinkRow(1, 2),)),
        (datetime, datetime(2026, 11, 23, 15, tzinfo=UTC)),
        (Identification, Identification("front", Credential(CredentialKind.CARD, 2**64 - 1), 5)),
        (Identification, Identification("front", Credential(CredentialKind.QRCODE, "123"), 5)),
        (AdmissionState, AdmissionState(pending=MappingProxyType({"front": PENDING}))),
        (AdmissionState, AdmissionState(guards=MappingProxyType({"front": Guard((1, 2))}))),
        (
            PassbackPositionsState,
            PassbackPositionsState(
                ((1, PassageEntered(1, 2, 3, 4, 5)), (2, PassageForgiven(None)))
            ),
        ),
        (Asked, Asked(b"\xff\x00", Request(id="a", expires_ns=5, command=OpenDoor(door=1)))),
        (EnrolmentCaptureState, EnrolmentCaptureState(None)),
    ],
)
def test_data_comes_back_as_it_went(kind: Any, value: Any) -> None:
    back = load(kind, json.loads(json.dumps(dump(kind, value, digest_of()))))
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize(
    "value",
    [
        Credential(CredentialKind.PIN, "4711"),
        {"front": (Credential(CredentialKind.PIN, "4711"), 5)},
        Captured(reader="front", value="4711"),
        BadFrame("front", "4711", "what?", 5),
        Reading(1, None, secret="4711"),
        {1: {2: (Shown(CredentialKind.CARD, None, 1, secret="4711"),)}},
    ],
)
def test_a_secret_is_hidden_wherever_it_stands(value: Any) -> None:
    after = hidden(value, lambda secret: "0815" if secret == "4711" else secret)
    assert after != value
    assert "4711" not in json.dumps(to_jsonable_python(after))


def test_a_digest_tells_equal_from_unequal_within_one_record_alone() -> None:
    hide, another = digest_of(), digest_of()
    assert hide("1234") == hide("1234")
    assert hide("1234") != hide("1235")
    assert hide("1234") != another("1234")


def test_what_has_no_name_is_no_input() -> None:
    with pytest.raises(LookupError):
        dump_input(Path(), digest_of())


@pytest.mark.parametrize(
    "form",
    [
        {"is": "os.system", "of": "true"},
        {"is": "controller.inbox.Inbox", "of": {}},
        {"is": "pulse", "of": "sideways"},
        {"is": "key_pressed", "of": {"name": "Ana"}},
        {"is": "identification", "of": {"reader": "a", "credential": {"kind": "card"}}},
    ],
)
def test_a_form_that_makes_no_input_is_refused(form: dict[str, Any]) -> None:
    with pytest.raises(BrokenRecord):
        load_input(form)


class RestlessClock:
    """Another time at each reading."""

    def __init__(self) -> None:
        self.readings = 0

    def monotonic_ns(self) -> int:
        self.readings += 1
        return self.readings

    def utc(self) -> datetime:
        return datetime(2026, 11, 23, tzinfo=UTC) + timedelta(seconds=self.monotonic_ns())

    def set_utc(self, moment: datetime | None) -> None:
        del moment

    @property
    def shift(self) -> timedelta:
        return timedelta(seconds=self.monotonic_ns())


class Lines(list[str]):
    """A record in memory."""

    def begin(self, header: str) -> None:
        self.append(header)

    def write(self, line: str) -> bool:
        self.append(line)
        return False

    def close(self) -> None:
        pass


class Waiting:
    """Something for which something is due."""

    due: int | None = None

    def due_ns(self) -> int | None:
        return self.due

    def components(self) -> dict[str, Any]:
        return {}

    def device_states(self) -> dict[str, bool]:
        return {}


@pytest.fixture
def tape() -> tuple[FlightRecorder, Instant, Lines, Waiting]:
    site = parse_site('[site]\nname = "s"\ntimezone = "UTC"\nboard = "simulated"\n', "s")
    instant, lines, root = Instant(RestlessClock()), Lines(), Waiting()
    recorder = FlightRecorder(site, instant, lines)
    recorder.writer(OfflineWriter({}, 0), {})
    recorder.begin(root)
    return recorder, instant, lines, root


def test_a_step_is_at_one_instant_and_time_goes_on_behind_it(
    tape: tuple[FlightRecorder, Instant, Lines, Waiting],
) -> None:
    recorder, instant, lines, _root = tape
    with recorder.step(KeyPressed("front", 5)):
        first = (instant.monotonic_ns(), instant.utc())
        assert (instant.monotonic_ns(), instant.utc()) == first
    assert instant.monotonic_ns() != first[0]
    step = json.loads(lines[-1])
    assert (step["ns"], datetime.fromisoformat(step["utc"])) == first


def test_time_that_passes_is_written_down_only_where_something_was_due(
    tape: tuple[FlightRecorder, Instant, Lines, Waiting],
) -> None:
    recorder, _instant, lines, root = tape
    with recorder.step(Pulse.TIME):
        pass
    assert len(lines) == 1
    root.due = 1
    with recorder.step(KeyPressed("front", 5)):
        pass
    with recorder.step(Pulse.TIME):
        root.due = 1 << 60
    assert [json.loads(line)["n"] for line in lines[1:]] == [1, 2]
    with recorder.step(Pulse.TIME):
        pass
    assert len(lines) == 3
