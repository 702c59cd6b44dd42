"""Runs a flight record through the controller of this version and shows the first difference."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gateway import __version__
from gateway.controller.core import Controller
from gateway.controller.flight.forms import (
    FORM,
    dump_question,
    load_answer,
    load_input,
    restore_states,
)
from gateway.controller.flight.rules import snapshot_of
from gateway.controller.replay.offline import Beginning, OfflineClock, OfflineController, Sources
from gateway.credentials.totp import DynamicCode, TotpSettings
from gateway.credentials.values import Credential
from gateway.errors import BrokenRecord
from gateway.host.clock_trust import ClockVerdict
from gateway.settings import LockState, SiteFile, describe
from gateway.store.journal.credential_uses import UseKey
from gateway.store.journal.passages import PassageEntered
from gateway.store.policy.people import Reading

_SHOWN_BEFORE = 3
"""Number of inputs shown before a difference."""
_COMPARED = ("effects", "raised", "due_ns")


class Departed(Exception):
    """The controller asks its files something that the record does not answer."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The first step with another result than recorded."""

    line: dict[str, Any]
    """The step as recorded."""
    before: tuple[dict[str, Any], ...]
    """The steps before it, newest last."""
    now: dict[str, Any]
    """The result of the step now: `effects`, `raised` and `due_ns`, or `asked`."""


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a replay."""

    inputs: int
    effects: int
    recorded_by: str
    """The version of the program that made the record."""
    difference: Difference | None = None
    broken: str | None = None
    """Why the record cannot be read to its end; everything before was compared."""


def replay(path: Path, until: int | None = None) -> Result:
    """Run the record at `path` up to and including the input `until`.

    Raises BrokenRecord for a file that is no record, or one of another form.
    """
    lines = _lines(path)
    try:
        header = next(lines)
    except StopIteration:
        raise BrokenRecord(f"{path} is empty") from None
    made = header.get("flight_record")
    if not isinstance(made, int):
        raise BrokenRecord(f"{path} does not begin as a flight record")
    version = str(header.get("gateway", "unknown"))
    if made != FORM:
        raise BrokenRecord(
            f"{path} has form {made}, made by version {version}; this is {__version__}, "
            f"which reads form {FORM}"
        )
    try:
        prepared = _Replay(header)
    except (KeyError, TypeError, AttributeError) as error:
        raise BrokenRecord(f"the beginning of {path} is damaged: {error!r}") from error
    return prepared.run(lines, until, version)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a record. Raises BrokenRecord, naming the line, for an invalid one."""
    try:
        with path.open("rb") as file:
            for number, text in enumerate(file, start=1):
                whole = text.endswith(b"\n")
                try:
                    found = json.loads(text)
                except ValueError as error:
                    what = "is damaged" if whole else "is cut off"
                    raise BrokenRecord(f"line {number} of {path} {what}: {error}") from error
                if not isinstance(found, dict):
                    raise BrokenRecord(f"line {number} of {path} is no step")
                yield found
    except OSError as error:
        raise BrokenRecord(f"{path} cannot be read: {error}") from error


class _Answers:
    """Gives the recorded answers; raises Departed for any other question."""

    def __init__(self) -> None:
        self._left: list[dict[str, Any]] = []
        self._departed: str | None = None

    def load(self, answers: list[dict[str, Any]]) -> None:
        self._left = list(answers)
        self._departed = None

    @property
    def departed(self) -> str | None:
        """How the questions since `load` differ from the recorded ones; None if they do not."""
        if self._departed is None and self._left:
            return f"does not ask for {_short(self._left[0])}"
        return self._departed

    def find(self, credential: Credential) -> Reading:
        found: Reading = self._next("credential", dump_question("credential", credential, str))
        return found

    def find_by_password(self, user_id: int, password: str) -> Reading:
        del user_id  # not recorded
        found: Reading = self._next("password", password)
        return found

    def find_by_id(self, user_id: int) -> Reading:
        found: Reading = self._next("person", user_id)
        return found

    def policy_version(self) -> int:
        return int(self._next("version", None))

    def of(self, user_id: int) -> list[PassageEntered]:
        found: list[PassageEntered] = self._next("passages", user_id)
        return found

    def inside(self, area_id: int) -> list[PassageEntered]:
        found: list[PassageEntered] = self._next("inside", area_id)
        return found

    def any_before(self, day: int) -> bool:
        return bool(self._next("any before", day))

    def uses(self, key: UseKey) -> int:
        return int(self._next("uses", key.row_id))

    def window_of(
        self,
        code: DynamicCode,
        secret: str,
        utc_s: int,
        settings: TotpSettings,
        used: Collection[int],
    ) -> int | None:
        del secret, utc_s, settings, used  # only the result is recorded
        found: int | None = self._next("window", code.number)
        return found

    def new_key(self) -> str:
        return str(self._next("key", None))

    def heard(self, question: str) -> bool:
        return bool(self._next("heard", question))

    def _next(self, asked: str, question: Any) -> Any:
        answer = self._left.pop(0) if self._left else {}
        if (answer.get("asked"), answer.get("of")) != (asked, question):
            # Kept, since a decision turns any exception into a refusal.
            self._departed = self._departed or f"asks for {asked} {_short(question)}"
            raise Departed(self._departed)
        return load_answer(answer)


class _Lines:
    """Keeps the newest step of this run."""

    def __init__(self) -> None:
        self.last: dict[str, Any] = {}

    def begin(self, header: str) -> None:
        pass

    def write(self, line: str) -> bool:
        self.last = json.loads(line)
        return False

    def close(self) -> None:
        pass


class _Replay:
    """Runs one record."""

    def __init__(self, header: dict[str, Any]) -> None:
        self._header = header
        self._rules: dict[str, Any] = dict(header["rules"])
        self._answers = answers = _Answers()
        self._lines = _Lines()
        self._clock = OfflineClock()
        try:
            site = SiteFile.model_validate(header["site"])
        except ValidationError as error:
            why = describe(error, header["site"])
            raise BrokenRecord(f"the record's site file is refused: {why}") from error
        self._offline = OfflineController(
            site,
            self._clock,
            Sources(answers, answers, answers.new_key, answers.window_of, answers.heard),
            self._lines,
            lambda: str,
            beginning=Beginning(
                header["last_ids"],
                header["ticket"],
                {name: LockState(state) for name, state in header["strikes"].items()},
                header["sounders"],
                header["devices"],
            ),
        )

    def run(self, lines: Iterator[dict[str, Any]], until: int | None, version: str) -> Result:
        inputs = effects = 0
        before: tuple[dict[str, Any], ...] = ()
        with self._offline as offline:
            self._resume(offline.controller)
            offline.begin()
            try:
                for line in lines:
                    if until is not None and inputs >= until:
                        break
                    now = self._step(offline, line)
                    inputs += 1
                    if now is not None:
                        return Result(inputs, effects, version, Difference(line, before, now))
                    effects += len(line.get("effects", ()))
                    before = (*before, line)[-_SHOWN_BEFORE:]
            except BrokenRecord as error:
                return Result(inputs, effects, version, broken=str(error))
        return Result(inputs, effects, version)

    def _resume(self, controller: Controller) -> None:
        """Restore the state at the begin of the record."""
        restore_states(controller.components(), self._header["states"])
        if self._rules:
            controller.resume(snapshot_of(self._rules))

    def _step(self, offline: OfflineController, line: dict[str, Any]) -> dict[str, Any] | None:
        """The result of a step now, if it differs from the recorded one."""
        try:
            self._clock.ns = int(line["ns"])
            self._clock.moment = datetime.fromisoformat(line["utc"])
            self._clock.verdict = ClockVerdict(line["clock"])
            what = self._what(line["what"])
        except (KeyError, TypeError, ValueError) as error:
            raise BrokenRecord(f"input {line.get('n')} is damaged: {error!r}") from error
        self._answers.load(line.get("answers", []))
        self._lines.last = {}
        with suppress(Exception):  # a step that raises is compared too: its line holds the error
            offline.happen(what)
        if self._answers.departed:
            return {"asked": self._answers.departed}
        now = {name: self._lines.last.get(name) for name in _COMPARED}
        now["due_ns"] = offline.controller.due_ns()
        was = {name: line.get(name) for name in _COMPARED}
        return None if now == was else now

    def _what(self, data: Any) -> Any:
        if not (isinstance(data, dict) and data.get("is") == "rules"):
            return load_input(data)
        self._rules |= data["of"]
        return snapshot_of(self._rules)


def _short(data: Any) -> str:
    text = json.dumps(data)
    return text if len(text) <= 120 else f"{text[:117]}..."
