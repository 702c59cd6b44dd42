"""Wrappers around the controller's files, locks and sockets that report what passes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from gateway.controller.state.ports import (
    FindWindow,
    Link,
    Passages,
    People,
    SounderPort,
    StrikePort,
    Writer,
)
from gateway.credentials.totp import DynamicCode, TotpSettings
from gateway.credentials.values import Credential
from gateway.errors import GatewayError, StorageError
from gateway.link.messages import Answer, ClearanceQuestion, Fact, Request, ServerQuestion
from gateway.settings import LockState
from gateway.store.journal import Entry
from gateway.store.journal.credential_uses import UseKey
from gateway.store.journal.passages import PassageEntered
from gateway.store.policy.people import Reading

Answered = TypeVar("Answered")

OnAnswer = Callable[[str, object, object], None]
"""Takes the kind of a question, the question, and the answer or the error."""
OnEffect = Callable[[dict[str, Any]], None]
OnEntry = Callable[[str, Mapping[str, Any]], None]
"""Takes kind and body of a journal entry."""


def _reported(
    on_answer: OnAnswer, asked: str, question: object, ask: Callable[[], Answered]
) -> Answered:
    try:
        answer = ask()
    except StorageError as error:
        on_answer(asked, question, error)
        raise
    on_answer(asked, question, answer)
    return answer


class PeopleTap:
    """Reports which person a credential belongs to."""

    def __init__(self, people: People, on_answer: OnAnswer) -> None:
        self._people = people
        self._on_answer = on_answer

    def find(self, credential: Credential) -> Reading:
        return _reported(
            self._on_answer, "credential", credential, lambda: self._people.find(credential)
        )

    def find_by_password(self, user_id: int, password: str) -> Reading:
        # Without the id: somebody may have typed a PIN in its place.
        return _reported(
            self._on_answer,
            "password",
            password,
            lambda: self._people.find_by_password(user_id, password),
        )

    def find_by_id(self, user_id: int) -> Reading:
        return _reported(
            self._on_answer, "person", user_id, lambda: self._people.find_by_id(user_id)
        )

    def policy_version(self) -> int:
        return _reported(self._on_answer, "version", None, self._people.policy_version)


def watched_window(find: FindWindow, on_answer: OnAnswer) -> FindWindow:
    """Wrap `find`: a replay has no secrets to compute its result from."""

    def found(
        code: DynamicCode, secret: str, utc_s: int, settings: TotpSettings, used: Collection[int]
    ) -> int | None:
        step = find(code, secret, utc_s, settings, used)
        on_answer("window", code.number, step)
        return step

    return found


class PassagesTap:
    """Reports where people are."""

    def __init__(self, passages: Passages, on_answer: OnAnswer) -> None:
        self._passages = passages
        self._on_answer = on_answer

    def of(self, user_id: int) -> list[PassageEntered]:
        return _reported(self._on_answer, "passages", user_id, lambda: self._passages.of(user_id))

    def inside(self, area_id: int) -> list[PassageEntered]:
        return _reported(self._on_answer, "inside", area_id, lambda: self._passages.inside(area_id))

    def any_before(self, day: int) -> bool:
        return _reported(self._on_answer, "any before", day, lambda: self._passages.any_before(day))

    def uses(self, key: UseKey) -> int:
        return _reported(self._on_answer, "uses", key.row_id, lambda: self._passages.uses(key))


class WriterTap:
    """Reports journal entries."""

    def __init__(self, writer: Writer, last_ids: dict[str, int], on_entry: OnEntry) -> None:
        self._writer = writer
        self._on_entry = on_entry
        self.last_ids = last_ids
        """The newest id of each table."""
        self.ticket = 0
        """The newest entry's ticket."""

    @property
    def dropped(self) -> int:
        return self._writer.dropped

    @property
    def alive(self) -> bool:
        return self._writer.alive

    @property
    def waiting(self) -> int:
        return self._writer.waiting

    @property
    def fault(self) -> str | None:
        return self._writer.fault

    def give_id(self, table: str) -> int:
        self.last_ids[table] = self._writer.give_id(table)
        return self.last_ids[table]

    def add(self, entry: Entry) -> int:
        self.ticket = self._writer.add(entry)
        self._on_entry(entry.kind.value, entry.body)
        return self.ticket


class StrikeTap:
    """Reports changes of a lock's output."""

    def __init__(self, name: str, strike: StrikePort, on_effect: OnEffect) -> None:
        self._name = name
        self._strike = strike
        self._on_effect = on_effect

    @property
    def state(self) -> LockState:
        return self._strike.state

    def drive(self, state: LockState) -> None:
        before = self._strike.state
        self._strike.drive(state)
        if state is not before:
            self._on_effect({"drive": self._name, "to": state.value})


class SounderTap:
    """Reports changes of a siren's or bell's output."""

    def __init__(self, name: str, sounder: SounderPort, on_effect: OnEffect) -> None:
        self._name = name
        self._sounder = sounder
        self._on_effect = on_effect

    @property
    def on(self) -> bool:
        return self._sounder.on

    def drive(self, *, on: bool) -> None:
        before = self._sounder.on
        self._sounder.drive(on=on)
        if on is not before:
            self._on_effect({"drive": self._name, "to": "on" if on else "off"})


class LinkTap:
    """Reports refusals of requests, and questions to a server or to peers."""

    def __init__(
        self,
        link: Link,
        on_effect: OnEffect,
        on_question: Callable[[ServerQuestion | ClearanceQuestion], None],
        on_answer: OnAnswer,
    ) -> None:
        self._link = link
        self._on_effect = on_effect
        self._on_question = on_question
        self._on_answer = on_answer

    def receive(self) -> tuple[bytes, Request] | None:
        return self._link.receive()

    def answer(self, address: bytes, answer: Answer) -> None:
        self._link.answer(address, answer)

    def refuse(self, address: bytes, request_id: str, error: GatewayError) -> None:
        self._link.refuse(address, request_id, error)
        self._on_effect({"refused": type(error).__name__, "why": str(error)})

    def publish(self, fact: Fact) -> None:
        self._link.publish(fact)

    def ask(self, question: ServerQuestion | ClearanceQuestion) -> bool:
        self._on_question(question)
        heard = self._link.ask(question)
        self._on_answer("heard", question.id, heard)
        return heard
