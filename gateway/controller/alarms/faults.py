"""Faults that are no alarms of the API: journalled when they begin and end, kept over restarts."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from gateway.controller.state.recorder import Recorder
from gateway.link.messages import Fault
from gateway.store.journal import CommittedEntry, EntryKind

REX, POWER, TRIGGER = "rex", "power", "trigger"
"""Kinds of parts; a part also has the name of its door, contact or trigger."""

Part = tuple[str, str]


@dataclass(frozen=True, slots=True)
class FaultsState:
    """The faulty parts, and why."""

    active: tuple[tuple[Part, str], ...]


class Faults:
    """Keeps the faulty parts."""

    def __init__(
        self, recorder: Recorder, parts: Collection[Part], past: Iterable[CommittedEntry] = ()
    ) -> None:
        """`parts` are those of this site; `past` holds the journal's newest entry on each part."""
        self._recorder = recorder
        self._active: dict[Part, str] = {}
        for entry in past:
            kind, _, name = entry.body["part"].partition(" ")
            if entry.body["why"] is None or kind not in (REX, POWER, TRIGGER):
                continue
            self._active[kind, name] = entry.body["why"]
            if (kind, name) not in parts:
                # Nothing else would ever report its end.
                self.report(kind, name, None)

    def state(self) -> FaultsState:
        return FaultsState(tuple(sorted(self._active.items())))

    def restore(self, state: FaultsState) -> None:
        self._active = dict(state.active)

    def on(self, kind: str, name: str) -> bool:
        """Whether the part is faulty by the last report, which may be of an earlier run."""
        return (kind, name) in self._active

    def report(self, kind: str, name: str, why: str | None) -> None:
        """Report a faulty part, with the reason in words for a technician; None: it is in order."""
        if (why is not None) is self.on(kind, name):
            return
        if why is None:
            del self._active[kind, name]
        else:
            self._active[kind, name] = why
        self._recorder.note(EntryKind.FAULT, part=f"{kind} {name}", why=why)

    def active(self) -> tuple[Fault, ...]:
        return tuple(
            Fault(part=kind, name=name, why=why)
            for (kind, name), why in sorted(self._active.items())
        )
