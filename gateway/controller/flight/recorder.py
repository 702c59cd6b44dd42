"""Records each step of the controller: its input, the answers of files, and its effects.

A step happens at one instant, so that a replay with the same answers has the same effects, whatever
the machine's clock does.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog

from gateway import __version__
from gateway.controller.flight.forms import (
    FORM,
    LONGEST_KEY_BITS,
    Hide,
    dump_answer,
    dump_asked,
    dump_input,
    dump_state,
)
from gateway.controller.flight.rules import rules_of
from gateway.controller.flight.taps import (
    LinkTap,
    PassagesTap,
    PeopleTap,
    SounderTap,
    StrikeTap,
    WriterTap,
    watched_window,
)
from gateway.controller.state.flight import NO_FLIGHT, Asked, Flight, Pulse, Recorded
from gateway.controller.state.instant import Instant
from gateway.controller.state.ports import (
    FindWindow,
    Link,
    Passages,
    People,
    SounderPort,
    StrikePort,
    Writer,
)
from gateway.host.clock_trust import ClockVerdict
from gateway.link.messages import (
    ClearanceQuestion,
    Obey,
    Projected,
    ReportStatus,
    ServerQuestion,
    Simulate,
)
from gateway.link.osdp import OsdpRequest
from gateway.link.wiring import WatchWiring
from gateway.settings import SiteFile
from gateway.store.policy.snapshot import Snapshot

_STAND_IN_DIGITS = 15

log = structlog.get_logger("flight")


class Sink(Protocol):
    """Where the lines of a record go."""

    def begin(self, header: str) -> None:
        """Begin a record with `header`. Raises OSError."""

    def write(self, line: str) -> bool:
        """Add a line; return True when the next record should begin. Raises OSError."""

    def close(self) -> None: ...


@dataclass(slots=True)
class _RecordedStep:
    """The step that is being recorded."""

    ns: int
    utc: str
    clock: ClockVerdict
    answers: list[dict[str, Any]] = field(default_factory=list)
    effects: list[dict[str, Any]] = field(default_factory=list)
    raised: str | None = None


def digest_of() -> Hide:
    """Return a function that replaces secrets by digits, equal ones by equal digits.

    The salt is not stored: with it, a PIN of four digits could be found by trying all of them.
    """
    salt = secrets.token_bytes(32)

    def hide(secret: str) -> str:
        digest = hmac.new(salt, secret.encode("utf-8", "surrogatepass"), hashlib.sha256)
        return f"{int(digest.hexdigest(), 16) % 10**_STAND_IN_DIGITS:0{_STAND_IN_DIGITS}d}"

    return hide


class FlightRecorder(Flight):
    """Records steps. The loop's thread alone uses it."""

    def __init__(
        self,
        site: SiteFile,
        instant: Instant,
        sink: Sink,
        new_hide: Callable[[], Hide] = digest_of,
        key_source: Callable[[], str] = NO_FLIGHT.new_key,
    ) -> None:
        """`instant` is the controller's clock; `new_hide` is called once for each record."""
        self._site = site
        self._instant = instant
        self._sink = sink
        self._new_hide = new_hide
        self._key_source = key_source
        self._hide = new_hide()
        self._root: Recorded | None = None
        self._step: _RecordedStep | None = None
        self._n = 0
        self._due_ns: int | None = None
        self._rules: dict[str, Any] = {}
        """The rules in force, in the form of a record."""
        self._strikes: dict[str, StrikePort] = {}
        self._sounders: dict[str, SounderPort] = {}
        self._writer: WriterTap | None = None

    @property
    def recording(self) -> bool:
        return True

    def begin(self, root: Recorded) -> None:
        self._root = root
        self._guarded(self._begin)

    def close(self) -> None:
        self._root = None
        self._sink.close()

    def people(self, people: People) -> People:
        return PeopleTap(people, self._on_answer)

    def passages(self, passages: Passages) -> Passages:
        return PassagesTap(passages, self._on_answer)

    def writer(self, writer: Writer, last_ids: Mapping[str, int]) -> Writer:
        self._writer = WriterTap(writer, dict(last_ids), self._on_entry)
        return self._writer

    def windows(self, find: FindWindow) -> FindWindow:
        return watched_window(find, self._on_answer)

    def link(self, link: Link) -> Link:
        return LinkTap(link, self._on_effect, self._on_question, self._on_answer)

    def strike(self, name: str, strike: StrikePort) -> StrikePort:
        self._strikes[name] = StrikeTap(name, strike, self._on_effect)
        return self._strikes[name]

    def sounder(self, name: str, sounder: SounderPort) -> SounderPort:
        self._sounders[name] = SounderTap(name, sounder, self._on_effect)
        return self._sounders[name]

    def new_key(self) -> str:
        key = self._key_source()
        if self._step is not None:
            self._step.answers.append({"asked": "key", "got": key})
        return key

    @contextmanager
    def step(self, what: object) -> Iterator[None]:
        if self._root is None or self._step is not None or _decides_nothing(what):
            yield
            return
        ns, utc, verdict = self._instant.hold()
        step = self._step = _RecordedStep(ns, utc.isoformat(), verdict)
        try:
            yield
        except BaseException as error:
            step.raised = type(error).__name__
            raise
        finally:
            self._step = None
            self._instant.let_go()
            if self._counts(what, step):
                self._guarded(lambda: self._write(what, step))

    def _counts(self, what: object, step: _RecordedStep) -> bool:
        """Whether the step may have changed anything; most steps of time do not."""
        if not isinstance(what, Pulse) or step.effects or step.answers or step.raised:
            return True
        return what is Pulse.TIME and self._due_ns is not None and self._due_ns <= step.ns

    def _guarded(self, act: Callable[[], None]) -> None:
        """Call `act`; an error in it ends the record and does not disturb the doors."""
        try:
            act()
        except Exception:  # any error: no door may stop for a record
            log.exception("the flight record ends after an error; doors still work")
            self._root = None
            self._sink.close()

    def _begin(self) -> None:
        root, writer = self._root, self._writer
        if root is None or writer is None:
            raise RuntimeError("nothing is wrapped yet")
        self._hide = self._new_hide()
        self._n = 0
        self._due_ns = root.due_ns()
        site = self._site.model_dump(mode="json", exclude={"http", "initial"})
        header = {
            "flight_record": FORM,
            "gateway": __version__,
            "site_sha256": hashlib.sha256(_text(site).encode()).hexdigest(),
            "site": site,
            "last_ids": writer.last_ids,
            "ticket": writer.ticket,
            "strikes": {name: strike.state.value for name, strike in self._strikes.items()},
            "sounders": {name: sounder.on for name, sounder in self._sounders.items()},
            "devices": root.device_states(),
            "rules": self._rules,
            "states": {
                name: dump_state(name, component, self._hide)
                for name, component in root.components().items()
            },
        }
        self._sink.begin(_text(header))

    def _write(self, what: object, step: _RecordedStep) -> None:
        root = self._root
        if root is None:
            return
        self._n += 1
        self._due_ns = root.due_ns()
        line: dict[str, Any] = {"n": self._n, "ns": step.ns, "utc": step.utc}
        line |= {"clock": step.clock.value, "what": self._what(what)}
        if step.answers:
            line["answers"] = step.answers
        if step.effects:
            line["effects"] = step.effects
        if step.raised:
            line["raised"] = step.raised
        line["due_ns"] = self._due_ns
        if self._sink.write(_text(line)):
            self._begin()

    def _what(self, what: object) -> Any:
        if not isinstance(what, Snapshot):
            return dump_input(what, self._hide)
        now = rules_of(what, self._hide)
        changed = {name: part for name, part in now.items() if self._rules.get(name) != part}
        self._rules = now
        return {"is": "rules", "of": changed}

    def _on_answer(self, asked: str, question: object, answer: object) -> None:
        self._guarded(lambda: self._keep_answer(asked, question, answer))

    def _keep_answer(self, asked: str, question: object, answer: object) -> None:
        if self._step is not None:
            self._step.answers.append(dump_answer(asked, question, answer, self._hide))

    def _on_entry(self, kind: str, body: Mapping[str, Any]) -> None:
        self._guarded(lambda: self._on_effect({"entry": kind, "body": self._shown(body)}))

    def _on_question(self, question: ServerQuestion | ClearanceQuestion) -> None:
        self._guarded(lambda: self._on_effect({"asks": dump_asked(question, self._hide)}))

    def _on_effect(self, effect: dict[str, Any]) -> None:
        if self._step is not None:
            self._step.effects.append(effect)

    def _shown(self, body: Mapping[str, Any]) -> Any:
        shown = json.loads(json.dumps(body))
        pin = shown.get("row", {}).get("pin_value")
        if pin is not None:
            shown["row"]["pin_value"] = self._hide(str(pin))
        if len(shown.get("bits", "")) in range(1, LONGEST_KEY_BITS + 1):
            shown["bits"] = self._hide(shown["bits"])
        return shown


def _decides_nothing(what: object) -> bool:
    return isinstance(what, Asked) and isinstance(
        what.request.command,
        Obey | Projected | ReportStatus | Simulate | WatchWiring | OsdpRequest,
    )


def _text(data: Any) -> str:
    return json.dumps(data, separators=(",", ":"))
