"""Stands between the controller and its files, locks and sockets, and tells what passes."""

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
from gateway.link.messages import Answer, Fact, Request
from gateway.settings import LockState
from gateway.store.journal import Entry
from gateway.store.journal.passages import PassageEntered
from gateway.store.policy.people import Reading

Answered = TypeVar("Answered")

Heard = Callable[[str, object, object], None]
"""Told what kind of question was put, the question, and the answer or the error."""
Did = Callable[[dict[str, Any]], None]
"""Told an effect."""
Wrote = Callable[[str, Mapping[str, Any]], None]
"""Told kind and body of a journal entry."""


def _listened(heard: Heard, asked: str, question: object, ask: Callable[[], Answered]) -> Answered:
    try:
        answer = ask()
    except StorageError as error:
        heard(asked, question, error)
        raise
    heard(asked, question, answer)
    return answer


class PeopleTap:
    """Whose credential it is."""

    def __init__(self, people: People, heard: Heard) -> None:
        self._people = people
        self._heard = heard

    def find(self, credential: Credential) -> Reading:
        return _listened(
            self._heard, "credential", credential, lambda: self._people.find(credential)
        )

    def find_by_password(self, user_id: int, password: str) -> Reading:
        # The id is left out: somebody may have typed a PIN where one was expected.
        return _listened(
            self._heard,
            "password",
            password,
            lambda: self._people.find_by_password(user_id, password),
        )

    def find_by_id(self, user_id: int) -> Reading:
        return _listened(self._heard, "person", user_id, lambda: self._people.find_by_id(user_id))

    def policy_version(self) -> int:
        return _listened(self._heard, "version", None, self._people.policy_version)


def watched_window(find: FindWindow, heard: Heard) -> FindWindow:
    """`find`, watched: who replays it has no secret to find anything with."""

    def found(
        code: DynamicCode, secret: str, utc_s: int, settings: TotpSettings, used: Collection[int]
    ) -> int | None:
        step = find(code, secret, utc_s, settings, used)
        heard("window", code.number, step)
        return step

    return found


class PassagesTap:
    """Where somebody is."""

    def __init__(self, passages: Passages, heard: Heard) -> None:
        self._passages = passages
        self._heard = heard

    def of(self, user_id: int) -> list[PassageEntered]:
        return _listened(self._heard, "passages", user_id, lambda: self._passages.of(user_id))

    def any_before(self, day: int) -> bool:
        return _listened(self._heard, "any before", day, lambda: self._passages.any_before(day))


class WriterTap:
    """What is written down."""

    def __init__(self, writer: Writer, last_ids: dict[str, int], wrote: Wrote) -> None:
        self._writer = writer
        self._wrote = wrote
        self.last_ids = last_ids
        """The highest id given so far, for each table."""
        self.ticket = 0
        """The newest entry's."""

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
        self._wrote(entry.kind.value, entry.body)
        return self.ticket


class StrikeTap:
    """What a lock is told."""

    def __init__(self, name: str, strike: StrikePort, did: Did) -> None:
        self._name = name
        self._strike = strike
        self._did = did

    @property
    def state(self) -> LockState:
        return self._strike.state

    def drive(self, state: LockState) -> None:
        before = self._strike.state
        self._strike.drive(state)
        if state is not before:
            self._did({"drive": self._name, "to": state.value})


class SounderTap:
    """What a siren or a bell is told."""

    def __init__(self, name: str, sounder: SounderPort, did: Did) -> None:
        self._name = name
        self._sounder = sounder
        self._did = did

    @property
    def on(self) -> bool:
        return self._sounder.on

    def drive(self, *, on: bool) -> None:
        before = self._sounder.on
        self._sounder.drive(on=on)
        if on is not before:
            self._did({"drive": self._name, "to": "on" if on else "off"})


class LinkTap:
    """What clients are refused."""

    def __init__(self, link: Link, did: Did) -> None:
        self._link = link
        self._did = did

    def receive(self) -> tuple[bytes, Request] | None:
        return self._link.receive()

    def answer(self, address: bytes, answer: Answer) -> None:
        self._link.answer(address, answer)

    def refuse(self, address: bytes, request_id: str, error: GatewayError) -> None:
        self._link.refuse(address, request_id, error)
        self._did({"refused": type(error).__name__, "why": str(error)})

    def publish(self, fact: Fact) -> None:
        self._link.publish(fact)
