"""Remote enrolment behind the API, with a reader of straw in the place of the controller."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from gateway.commands.enrolment import close_enrolments
from gateway.commands.enrolment_runner import Enrolled, EnrolmentKind, EnrolmentRunner, Running
from gateway.credentials.password_hash import verify
from gateway.errors import ControllerUnavailable, GatewayError, InvalidRequest
from gateway.link.messages import CancelCapture, Capture

if TYPE_CHECKING:
    from tests.unit.commands.conftest import Desk

WITHIN_S = 30
Outcome = int | str | GatewayError | None


class Reader:
    """Answers captures with what a test lets happen; a capture waits until something does."""

    def __init__(self) -> None:
        self.captures: list[Capture] = []
        self.cancelled: list[str] = []
        self.asked = threading.Semaphore(0)
        self.told = threading.Semaphore(0)
        self._happens: queue.SimpleQueue[Outcome] = queue.SimpleQueue()

    def let(self, *outcomes: Outcome) -> None:
        """What happens next: a value read, an error, or None for nothing yet."""
        for outcome in outcomes:
            self._happens.put(outcome)

    def ask(self, command: Capture | CancelCapture) -> dict[str, object]:
        if isinstance(command, CancelCapture):
            self.cancelled.append(command.ticket)
            self.told.release()
            return {}
        self.captures.append(command)
        self.asked.release()
        outcome = self._happens.get(timeout=WITHIN_S)
        if isinstance(outcome, GatewayError):
            raise outcome
        return {"reader": "front", "value": outcome}


@pytest.fixture
def reader(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    made = Reader()
    monkeypatch.setattr(desk.context.controller, "ask", made.ask)
    desk.store.insert("users", [{"id": 5, "name": "Eva"}, {"id": 6, "name": "Rui"}])
    yield made
    made.let(InvalidRequest("the test is over"))
    close_enrolments(desk.context)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as made:
        yield made


def rows(desk: Desk, name: str) -> list[dict[str, Any]]:
    fields = [field.name for field in desk.store.registry[name].fields if field.name != "id"]
    return list(desk.store.load({"object": name, "fields": fields}).rows)


def enrol(desk: Desk, kind: str, login: str = "admin", **members: Any) -> Any:
    return desk.ask("remote_enroll", {"type": kind, **members}, login)


def refused(desk: Desk, kind: str, **members: Any) -> tuple[int, str]:
    found: tuple[int, str] = desk.refusal("remote_enroll", {"type": kind, **members})
    return found


# what becomes of it


@pytest.mark.parametrize(
    ("kind", "value", "table", "answered"),
    [
        ("card", (9 << 32) | 9, "cards", "card_value"),
        ("qr", "EVA", "qrcodes", "qrcode_value"),
        ("qrcode", "EVA", "qrcodes", "qrcode_value"),
        ("pin", "0042", "pins", "pin_value"),
    ],
)
def test_what_is_read_becomes_the_persons(
    desk: Desk, reader: Reader, kind: str, value: int | str, table: str, answered: str
) -> None:
    reader.let(value)
    assert enrol(desk, kind, user_id=5, save=True) == {
        "success": True,
        "user_id": 5,
        "device_id": 514685,
        "finger_type": 0,
        answered: value,
    }
    [row] = rows(desk, table)
    assert (row["user_id"], row["value"]) == (5, value)
    [asked] = reader.captures
    assert asked.credential == table.removesuffix("s")
    assert (asked.reader, asked.left_ms) == (None, 5_000)


def test_an_enrolled_card_is_in_the_change_log(desk: Desk, reader: Reader) -> None:
    reader.let(77)
    enrol(desk, "card", user_id=5, save=1)
    changed = [(row["table_name"], row["operation_type"]) for row in rows(desk, "change_logs")]
    assert ("cards", "insert") in changed


@pytest.mark.parametrize("kind", ["card", "qr", "pin", "password"])
def test_without_save_nothing_is_stored(desk: Desk, reader: Reader, kind: str) -> None:
    before = desk.content()
    reader.let(9 if kind == "card" else "9999")
    assert enrol(desk, kind)["user_id"] == 0
    assert desk.content() == before


@pytest.mark.parametrize(("panic", "prefix"), [(0, ""), (1, "panic_")])
def test_a_password_is_kept_as_the_vendors_hash(
    desk: Desk, reader: Reader, panic: int, prefix: str
) -> None:
    reader.let("482913")
    answer = enrol(desk, "password", user_id=5, save=True, panic_finger=panic)
    assert (answer["password_value"], answer["finger_type"]) == ("482913", panic)
    eva, rui = rows(desk, "users")
    assert verify("482913", eva[f"{prefix}password"], eva[f"{prefix}salt"])
    assert {eva["password"], eva["panic_password"]} == {"", eva[f"{prefix}password"]}
    assert rui["password"] == ""


def test_a_panic_pin_is_a_second_one_of_its_own_type(desk: Desk, reader: Reader) -> None:
    reader.let("1111", "2222")
    enrol(desk, "pin", user_id=5, save=True)
    assert enrol(desk, "pin", user_id=5, save=True, panic_finger=1)["finger_type"] == 1
    kept = [(row["value"], row["pin_type"]) for row in rows(desk, "pins")]
    assert kept == [("1111", 0), ("2222", 1)]


@pytest.mark.parametrize("panic", [0, 1])
def test_a_card_may_be_one_that_is_shown_under_threat(
    desk: Desk, reader: Reader, panic: int
) -> None:
    reader.let(7)
    enrol(desk, "card", user_id=5, save=True, panic_finger=panic)
    assert [(row["value"], row["panic"]) for row in rows(desk, "cards")] == [(7, panic)]


@pytest.mark.parametrize(("mode", "text", "number"), [(1, "70000", 70_000), (2, "1F", 31)])
def test_a_code_that_is_read_as_a_number_becomes_a_card(
    desk: Desk, reader: Reader, mode: int, text: str, number: int
) -> None:
    desk.store.set_configuration({"face_id": {"qrcode_legacy_mode_enabled": mode}})
    reader.let(text, "no number")
    assert enrol(desk, "qr", user_id=5, save=True)["card_value"] == number
    assert [row["value"] for row in rows(desk, "cards")] == [number]
    status, error = refused(desk, "qr", user_id=5, save=True)
    assert (status, "is not a number" in error) == (400, True)
    assert rows(desk, "qrcodes") == []


def test_an_operator_enrols_pins_and_never_sees_them(desk: Desk, reader: Reader) -> None:
    reader.let("482913", "482914", 77)
    assert "482913" not in str(enrol(desk, "pin", "operator", user_id=5, save=True))
    assert "482914" not in str(enrol(desk, "password", "operator", user_id=5, save=True))
    assert rows(desk, "pins")[0]["value"] == "482913"
    assert enrol(desk, "card", "operator", user_id=5, save=True)["card_value"] == 77


def test_the_reader_and_the_time_are_the_clients_to_choose(desk: Desk, reader: Reader) -> None:
    reader.let(77)
    enrol(desk, "card", reader="side", countdown=60, message="hello", auto=1, registration="1")
    assert (reader.captures[0].reader, reader.captures[0].left_ms) == ("side", 60_000)


def test_the_controller_is_asked_again_until_somebody_acted(desk: Desk, reader: Reader) -> None:
    reader.let(None, None, 77)
    assert enrol(desk, "card")["card_value"] == 77
    assert len(reader.captures) == 3
    assert len({asked.ticket for asked in reader.captures}) == 1


def test_each_enrolment_has_a_ticket_of_its_own(desk: Desk, reader: Reader) -> None:
    reader.let(77, 78)
    enrol(desk, "card")
    enrol(desk, "card")
    assert len({asked.ticket for asked in reader.captures}) == 2


# what is refused


@pytest.mark.parametrize(
    ("members", "status", "text"),
    [
        ({"type": "face"}, 400, "no sensor for face"),
        ({"type": "biometry"}, 400, "no sensor for biometry"),
        ({"type": "fingerprint"}, 400, "no sensor for fingerprint"),
        ({"type": "voice"}, 400, "type must be one of card, qr, qrcode, pin, password"),
        ({}, 400, "Invalid member 'type' (string expected, got undefined)"),
        ({"type": "card", "save": True}, 400, "user_id is needed to save"),
        ({"type": "card", "save": True, "user_id": 99}, 400, "there is no user 99"),
        ({"type": "card", "countdown": 0}, 400, "Invalid member 'countdown'"),
        ({"type": "card", "countdown": 61}, 400, "Invalid member 'countdown'"),
        ({"type": "card", "save": 2}, 400, "Invalid member 'save' (bool expected, got int)"),
        ({"type": "card", "reader": "x" * 65}, 400, "Invalid member 'reader'"),
        ({"type": "card", "user_id": "5"}, 400, "Invalid member 'user_id'"),
        ({"type": "qr", "panic_finger": 1}, 400, "panic_finger: a qrcode has no panic mark"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anybody_has_to_act(
    desk: Desk, reader: Reader, members: dict[str, Any], status: int, text: str
) -> None:
    found, error = desk.refusal("remote_enroll", members)
    assert (found, text in error) == (status, True), error
    assert reader.captures == []


@pytest.mark.parametrize("kind", ["pin", "password"])
def test_three_digits_are_too_few(desk: Desk, reader: Reader, kind: str) -> None:
    before = desk.content()
    reader.let("123")
    status, error = refused(desk, kind, user_id=5, save=True)
    assert (status, "at least 4 digits" in error) == (400, True)
    assert "123" not in error
    assert desk.content() == before


def test_somebody_elses_card_is_refused_by_its_owner(desk: Desk, reader: Reader) -> None:
    desk.store.insert("cards", [{"user_id": 6, "value": 77}])
    reader.let(77)
    status, error = refused(desk, "card", user_id=5, save=True)
    assert (status, "owned by user 6" in error) == (400, True)
    assert error.startswith("UNIQUE constraint failed: cards.value")
    assert len(rows(desk, "cards")) == 1


def test_whose_pin_it_is_already_is_never_told(desk: Desk, reader: Reader) -> None:
    desk.store.insert("pins", [{"user_id": 6, "value": "4829"}])
    reader.let("4829")
    status, error = refused(desk, "pin", user_id=5, save=True)
    assert (status, "UNIQUE constraint failed: pins.value" in error) == (400, True)
    assert "user 6" not in error
    assert "4829" not in error


def test_a_person_who_went_meanwhile_gets_no_password(
    desk: Desk, reader: Reader, pool: ThreadPoolExecutor
) -> None:
    answer = pool.submit(refused, desk, "password", user_id=5, save=True)
    assert reader.asked.acquire(timeout=WITHIN_S)
    desk.store.destroy("users", {"users": {"id": 5}})
    reader.let("4829")
    assert answer.result() == (400, "user_id: there is no user 5")


def test_what_the_controller_refuses_is_answered(desk: Desk, reader: Reader) -> None:
    reader.let(InvalidRequest("nobody acted"), ControllerUnavailable("the controller is away"))
    assert refused(desk, "card") == (400, "nobody acted")
    assert refused(desk, "card") == (503, "the controller is away")


# one at a time


def test_a_second_enrolment_is_refused_while_one_runs(
    desk: Desk, reader: Reader, pool: ThreadPoolExecutor
) -> None:
    first = pool.submit(enrol, desk, "pin")
    assert reader.asked.acquire(timeout=WITHIN_S)
    status, error = refused(desk, "card")
    assert (status, "another enrolment is running: pin" in error) == (400, True)
    assert desk.ask("enroller_state")["enroller_state"] == "ENROLL_PIN_STATE"
    reader.let("4829")
    assert first.result()["success"]
    assert desk.ask("enroller_state")["enroller_state"] == "NORMAL_STATE"


def test_a_cancellation_ends_what_runs_before_it_is_answered(
    desk: Desk, reader: Reader, pool: ThreadPoolExecutor
) -> None:
    answer = pool.submit(refused, desk, "card")
    assert reader.asked.acquire(timeout=WITHIN_S)
    cancellation = pool.submit(desk.ask, "cancel_remote_enroll")
    assert reader.told.acquire(timeout=WITHIN_S)
    # It overtook the asking, so the controller knows of nothing yet.
    reader.let(None)
    assert cancellation.result() == {}
    assert answer.result() == (400, "the enrolment was cancelled")
    assert reader.cancelled == [reader.captures[0].ticket] * 2
    assert len(reader.captures) == 1
    assert desk.ask("enroller_state")["enroller_state"] == "NORMAL_STATE"


def test_a_cancellation_waits_for_the_end_of_what_it_cancels(pool: ThreadPoolExecutor) -> None:
    waited = threading.Event()

    class Ended(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waited.set()
            return super().wait(timeout)

    def work(running: Running) -> Enrolled:
        assert waited.wait(WITHIN_S)
        assert running.cancelled
        raise InvalidRequest("cancelled")

    enrolments = EnrolmentRunner()
    running = Running(EnrolmentKind.CARD, 5, "ticket")
    running.ended = Ended()
    answer = pool.submit(enrolments.run, running, work)
    while enrolments.state.running is None:
        assert not answer.done()
    told: list[str] = []
    enrolments.cancel(told.append)
    ended = running.ended.is_set()
    waited.set()
    assert isinstance(answer.exception(), InvalidRequest)
    assert (ended, told) == (True, ["ticket"])


def test_a_cancellation_with_nothing_running_is_no_error(desk: Desk, reader: Reader) -> None:
    assert desk.send("cancel_remote_enroll", data=b"").json == {}
    assert reader.cancelled == []


def test_none_begins_once_the_process_stops(desk: Desk, reader: Reader) -> None:
    close_enrolments(desk.context)
    assert refused(desk, "card")[0] == 503
    assert reader.captures == []


def test_the_state_tells_how_the_last_one_ended(desk: Desk, reader: Reader) -> None:
    at_rest = {
        "enroller_state": "NORMAL_STATE",
        "last_enroll": False,
        "last_enroll_error": "UNKNOWN",
        "last_enroll_message": "",
        "biometry_sate": "NOT_ENROLLING",
        "biometry_state": "NOT_ENROLLING",
    }
    assert desk.ask("enroller_state") == at_rest
    assert desk.ask("enroller_biometry_state") == at_rest
    reader.let(77, InvalidRequest("nobody acted"))
    enrol(desk, "card")
    assert desk.ask("enroller_state") == {**at_rest, "last_enroll": True}
    refused(desk, "card")
    assert desk.ask("enroller_state") == {**at_rest, "last_enroll_message": "nobody acted"}


# without waiting


class Listener:
    def __init__(self) -> None:
        self.told: queue.SimpleQueue[Enrolled] = queue.SimpleQueue()

    def next(self) -> Enrolled:
        return self.told.get(timeout=WITHIN_S)


def test_without_sync_a_subscriber_is_told_how_it_ended(desk: Desk, reader: Reader) -> None:
    def broken(_: Enrolled) -> None:
        raise RuntimeError("a listener that fails")

    listener = Listener()
    desk.context.enrolments.subscribe(broken)
    desk.context.enrolments.subscribe(listener.told.put)
    assert enrol(desk, "pin", user_id=5, save=True, sync=False) == {}
    assert rows(desk, "pins") == []
    reader.let("482913")
    enrolled = listener.next()
    assert enrolled == Enrolled(EnrolmentKind.PIN, 5, "482913", saved=True)
    assert "482913" not in repr(enrolled)
    assert [row["value"] for row in rows(desk, "pins")] == ["482913"]

    enrol(desk, "card", user_id=5, save=True, sync=0)
    reader.let(InvalidRequest("nobody acted"))
    assert listener.next() == Enrolled(
        EnrolmentKind.CARD, 5, None, saved=False, error="nobody acted"
    )


def test_a_failure_that_nobody_foresaw_is_told_and_the_next_one_works(
    desk: Desk, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    listener = Listener()
    desk.context.enrolments.subscribe(listener.told.put)

    def fails(_: Any) -> Any:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(desk.context.controller, "ask", fails)
        enrol(desk, "card", sync=False)
        assert listener.next().error == "Internal error"
    reader.let(77)
    assert enrol(desk, "card")["card_value"] == 77


def test_whoever_waits_for_the_answer_needs_no_subscriber(desk: Desk, reader: Reader) -> None:
    listener = Listener()
    desk.context.enrolments.subscribe(listener.told.put)
    reader.let(77)
    enrol(desk, "card")
    assert listener.told.empty()


def test_an_ended_subscription_is_told_nothing(desk: Desk, reader: Reader) -> None:
    left, stays = Listener(), Listener()
    end = desk.context.enrolments.subscribe(left.told.put)
    desk.context.enrolments.subscribe(stays.told.put)
    end()
    end()
    reader.let(77)
    enrol(desk, "card", sync=False)
    assert stays.next().value == 77
    assert left.told.empty()


# the audit log


def test_the_audit_log_tells_who_enrolled_whom_and_no_value(desk: Desk, reader: Reader) -> None:
    reader.let("482913", 987_654_321, "739164", InvalidRequest("nobody acted"))
    enrol(desk, "pin", "operator", user_id=5, save=True)
    enrol(desk, "card", user_id=5, save=True)
    enrol(desk, "password", user_id=5, save=True)
    refused(desk, "card", user_id=6)
    told = desk.audit()
    admin = "admin (administrator) at 127.0.0.1: remote_enroll"
    operator = "operator (operator) at 127.0.0.1: remote_enroll"
    assert told == [
        f'{operator} pins: 1 rows, new [{{"user_id":5,"pin_type":"***"}}]',
        f"{operator}: 'pin' for user 5, to be saved",
        f'{admin} cards: 1 rows, new [{{"user_id":5,"panic":"***"}}]',
        f"{admin}: 'card' for user 5, to be saved",
        f'{admin} users: 1 rows, new [{{"id":5}}]',
        f"{admin}: 'password' for user 5, to be saved",
        f"{admin}: 'card' for user 6, not saved, refused: nobody acted",
    ]
    for value in ("482913", "987654321", "739164"):
        assert value not in str(told)
