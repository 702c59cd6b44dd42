"""The outputs that no door owns: switched by triggers, and kept over a restart.

An output that a trigger switched on is on again after a restart, for what is left of its limit. A
pulse that a restart cut is not made up: a gate would move twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from gateway.controller.state.component import Component
from gateway.controller.state.config import EffectiveConfig
from gateway.controller.state.ports import SounderPort
from gateway.controller.state.recorder import Recorder
from gateway.errors import NotFound
from gateway.link.messages import OutputStatus
from gateway.settings import SiteFile, SpareOutput
from gateway.store.journal import CommittedEntry, EntryKind, Timer


@dataclass(frozen=True, slots=True)
class SpareOutputsState:
    """When outputs are switched off by themselves (milliseconds), and whether the first policy is
    in force."""

    until_ms: Mapping[str, int]
    bound: bool


class SpareOutputs(Component):
    """Switches the outputs of the site file that are for triggers."""

    def __init__(
        self,
        site: SiteFile,
        outputs: Mapping[str, SounderPort],
        recorder: Recorder,
        timer: Timer,
        past: Iterable[CommittedEntry] = (),
    ) -> None:
        """`outputs` are named as in `SiteFile.switches`; `past` has the newest entry on each."""
        self._site: dict[str, SpareOutput] = {output.name: output for output in site.output}
        self._outputs = {name: outputs[f"output {name}"] for name in self._site}
        self._recorder = recorder
        self._timer = timer
        self._past = tuple(past)
        self._until_ms: dict[str, int] = {}
        self._bound = False

    def state(self) -> SpareOutputsState:
        return SpareOutputsState(dict(self._until_ms), self._bound)

    def restore(self, state: SpareOutputsState) -> None:
        self._until_ms = dict(state.until_ms)
        self._bound = state.bound

    def bind(self, config: EffectiveConfig, now_ms: int) -> None:
        """With the first snapshot, take up what was switched on before a restart."""
        self.configure(config)
        if self._bound:
            return
        self._bound = True
        for entry in self._past:
            self._take_up(entry, now_ms)

    def switch(self, name: str, now_ms: int, *, on: bool, for_ms: int = 0, trigger: int) -> None:
        """Switch an output on, for `for_ms` if not 0 and never longer than its limit, or off.

        Raises NotFound.
        """
        output = self._outputs.get(name)
        if output is None:
            there = ", ".join(self._outputs) or "none"
            raise NotFound(f"there is no output {name!r}; this site has: {there}")
        limit_ms = self._site[name].limit_s * 1000
        level = on and not for_ms
        for_ms = min(filter(None, (for_ms, limit_ms)), default=0) if on else 0
        self._recorder.note(
            EntryKind.OUTPUT, output=name, on=on, for_ms=for_ms, level=level, trigger=trigger
        )
        self._until_ms.pop(name, None)
        if for_ms:
            self._until_ms[name] = now_ms + for_ms
        output.drive(on=on)

    def tick(self, now_ms: int) -> None:
        for name, until_ms in list(self._until_ms.items()):
            if until_ms <= now_ms:
                del self._until_ms[name]
                self._outputs[name].drive(on=False)
                self._recorder.note(EntryKind.OUTPUT, output=name, on=False)

    def due_ms(self) -> int | None:
        return min(self._until_ms.values(), default=None)

    def status(self) -> tuple[OutputStatus, ...]:
        """The outputs, in the order of the site file."""
        return tuple(
            OutputStatus(name=name, title=self._site[name].shown, on=output.on)
            for name, output in self._outputs.items()
        )

    def _take_up(self, entry: CommittedEntry, now_ms: int) -> None:
        name, body = entry.body["output"], entry.body
        output = self._outputs.get(name)
        if output is None:
            return
        if not body["on"]:
            output.drive(on=False)
            return
        left_ms = self._left_ms(entry)
        if not body.get("level") or (left_ms is not None and left_ms <= 0):
            output.drive(on=False)
            self._recorder.note(EntryKind.OUTPUT, output=name, on=False)
            return
        output.drive(on=True)
        if left_ms is not None:
            self._until_ms[name] = now_ms + left_ms

    def _left_ms(self, entry: CommittedEntry) -> int | None:
        """What is left of its time, 0 if nobody can tell; None for one without an end."""
        for_ms = int(entry.body.get("for_ms", 0))
        if not for_ms:
            return None
        passed = self._timer.passed_since(entry)
        return 0 if passed is None else for_ms - passed // timedelta(milliseconds=1)
