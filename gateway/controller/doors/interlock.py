"""Checks the interlock before anything opens a door."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

from gateway.clock import Clock, monotonic_ms
from gateway.controller.doors.clearances import Clearances
from gateway.controller.doors.door_panel import DoorPanel
from gateway.controller.state.component import Component, Effect
from gateway.controller.state.config import EffectiveConfig
from gateway.controller.state.recorder import Recorder
from gateway.doors.interlock import Obstacle, Partners, hindrance, obstacle
from gateway.errors import NotPermitted
from gateway.hardware.events import HardwareEvent, InputKind, InputLevel, InputName
from gateway.settings import Egress
from gateway.store.journal import EntryKind


class Interlock(Component):
    """Knows which doors must be free before another one may open."""

    def __init__(
        self,
        doors: Mapping[int, DoorPanel],
        clearances: Clearances,
        recorder: Recorder,
        clock: Clock,
        margin_s: int,
    ) -> None:
        """`clearances` ask other devices. A door without a sensor counts as occupied for `margin_s`
        after it has locked."""
        self._doors = doors
        self._clearances = clearances
        self._recorder = recorder
        self._clock = clock
        self._margin_ms = margin_s * 1000
        self._partners: Partners = {}

    def configure(self, config: EffectiveConfig) -> None:
        self._partners = config.interlock

    def handle(self, event: HardwareEvent | Effect, now_ms: int) -> None:
        """Pass the level of an exit button to its door, unless another door bars it."""
        match event:
            case InputLevel(name=InputName(kind=InputKind.REX, number=door), high=high):
                barred = partial(self.bars_exit, door)
                self._doors[door].rex_level(now_ms, high=high, barred=barred)

    def obstacle(self, opening: Collection[int], closed: Collection[int] = ()) -> Obstacle | None:
        """What keeps the doors `opening` locked at this instant; None if all may open.

        The caller opens all of them before the next event, or none. `closed` are doors that the
        same command closes first.
        """
        if not any(self._partners.get(door) for door in opening):
            return None
        if self._in_fire():
            return None
        now_ms = monotonic_ms(self._clock)
        views = {
            door: panel.view_when_closed(now_ms) if door in closed else panel.view()
            for door, panel in self._doors.items()
        }
        return obstacle(self._partners, views, opening, self._margin_ms, now_ms)

    def check(self, opening: Collection[int], closed: Collection[int] = ()) -> None:
        """Raise NotPermitted, naming the door in the way, if `obstacle` finds one."""
        found = self.obstacle(opening, closed)
        if found is not None:
            raise NotPermitted(
                f"door {found.door} is refused: interlock, "
                f"door {found.by} ({self._doors[found.by].door.shown}) {found.why.value}"
            )

    def asks_peers(self, doors: Collection[int]) -> bool:
        """Whether other devices are asked before `doors` open: not in a fire, nor where all are
        released already."""
        if not self._clearances.settings.enabled or self._in_fire():
            return False
        return not doors or not all(self._doors[door].mode.releases for door in doors)

    def hindrance(self, door: int) -> str:
        """Why `door` is not free, empty if it is."""
        now_ms = monotonic_ms(self._clock)
        found = hindrance(self._doors[door].view(), self._margin_ms, now_ms)
        return found.value if found else ""

    def bars_exit(self, door: int) -> bool:
        """Whether the interlock bars the exit button of `door` now; journals it if so.

        Only if the site file, or for other devices the API, says so: by default people may leave.
        A press that waits for other devices is barred until they answer.
        """
        if self._exit_barred(door):
            return True
        panel, settings = self._doors[door], self._clearances.settings
        asks = panel.door.egress is Egress.SOFTWARE and not settings.rex_bypass
        if not asks or not self.asks_peers((door,)):
            return False
        why = self._clearances.hold_exit(door)
        if why:
            self.exit_refused(door, {"peer": "", "why": why})
        return True

    def exit_cleared(self, door: int, now_ms: int) -> None:
        """Other devices let the exit button of `door` unlock."""
        if not self._exit_barred(door):
            self._doors[door].rex_cleared(now_ms)

    def exit_refused(self, door: int, known: Mapping[str, Any]) -> None:
        """Other devices do not let the exit button of `door` unlock, see `known`; but for a fire
        that has begun meanwhile it stays locked."""
        self._recorder.note(EntryKind.INTERLOCK, door=door, by=0, **known)

    def _exit_barred(self, door: int) -> bool:
        """Whether another door of this device bars the exit button of `door`; journals it if so."""
        if self._doors[door].door.rex_bypasses_interlock:
            return False
        found = self.obstacle((door,))
        if found is None:
            return False
        self._recorder.note(EntryKind.INTERLOCK, door=door, by=found.by, why=found.why.value)
        return True

    def _in_fire(self) -> bool:
        return any(panel.in_fire for panel in self._doors.values())
