"""What the actions of a portal or a rule open: its state, and the opening."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.access.actions import Action
from gateway.access.attempt import PortalState
from gateway.access.facts import cut
from gateway.access.person import Person
from gateway.access.reasons import Reason
from gateway.controller.doors.door_panel import DoorPanel
from gateway.controller.doors.elevators import Elevators
from gateway.controller.doors.interlock import Interlock
from gateway.controller.doors.turnstile_panel import TurnstilePanel
from gateway.controller.state.config import EffectiveConfig
from gateway.doors.values import Close, Mode, Refusal, Unlock, door_event
from gateway.link.messages import CLOSE_MS, Opening
from gateway.objects.modes import DEVICE
from gateway.settings import Side


@dataclass(frozen=True, slots=True)
class PortalOpening:
    """The doors and the sides of the turnstile that actions open, and their state."""

    doors: tuple[int, ...] = ()
    sides: frozenset[Side] = frozenset()
    state: PortalState = field(default_factory=PortalState)
    named: tuple[Opening, ...] | None = None
    """What a server named, in its order; None for what the actions open."""
    elevators: tuple[int, ...] = ()
    """The lifts whose floors they release."""

    @property
    def places(self) -> tuple[tuple[int, ...], frozenset[Side], tuple[int, ...]]:
        """The doors, the sides of the turnstile, and the lifts."""
        return self.doors, self.sides, self.elevators


@dataclass(frozen=True, slots=True)
class Opened:
    """What one grant opened."""

    doors: tuple[int, ...] = ()
    reports: bool = False
    """Something will report whether anybody enters."""
    away: tuple[int, ...] = ()
    """Doors that could not be reached."""
    unlocked_ms: int = 0
    """The longest time for which a door is unlocked."""
    release: str = ""
    """Key of the turnstile's release, empty for none."""
    extended: bool = False
    """A door gives the person more time than others."""


NOTHING_OPENED = Opened()


class PortalOpener:
    """Reads the state of doors and turnstile, and opens them. The loop's thread alone uses it."""

    def __init__(
        self,
        doors: Mapping[int, DoorPanel],
        interlock: Interlock,
        turnstile: TurnstilePanel | None,
        elevators: Elevators,
    ) -> None:
        self._doors = doors
        self._interlock = interlock
        self._turnstile = turnstile
        self._elevators = elevators

    def opening(
        self,
        actions: tuple[Action, ...],
        config: EffectiveConfig,
        known: PortalOpening | None = None,
    ) -> PortalOpening:
        """What `actions` open, with its state now; `known`, read before, if that is the same."""
        topology = config.topology
        doors, sides = tuple(topology.doors_of(actions)), topology.sides_of(actions)
        lifts = topology.elevators_of(actions)
        if known is not None and (doors, sides, lifts) == known.places:
            return known
        state = self._state(doors, sides, config, lifts=lifts)
        return PortalOpening(doors, sides, state, elevators=lifts)

    def named(
        self, openings: tuple[Opening, ...], sides: frozenset[Side], config: EffectiveConfig
    ) -> PortalOpening:
        """What a server named, with its state now."""
        closed = {opening.door for opening in openings if opening.timeout_ms == CLOSE_MS}
        doors = tuple(dict.fromkeys(o.door for o in openings if o.timeout_ms != CLOSE_MS))
        known = tuple(door for door in doors if door in self._doors)
        state = self._state(known, sides, config, closed & self._doors.keys())
        return PortalOpening(doors, sides, state, openings)

    def asks_peers(self, opening: PortalOpening) -> bool:
        """Whether other devices are asked before `opening`, see Interlock."""
        return bool(opening.doors or opening.sides) and self._interlock.asks_peers(opening.doors)

    def unreachable(self, opening: PortalOpening) -> Mapping[str, Any] | None:
        """Facts of a door that cannot be reached, if `opening` can open nothing; else None."""
        absent = self._absent(opening)
        if absent is not None:
            return absent
        away = [door for door in opening.doors if self._doors[door].away]
        if not away or len(away) < len(opening.doors) or opening.sides:
            return None
        return {"door": away[0], "why": cut(self._doors[away[0]].away)}

    def _absent(self, opening: PortalOpening) -> Mapping[str, Any] | None:
        """Facts of what a server named and this site does not have; None without any."""
        for named in opening.named or ():
            if named.door not in self._doors:
                return {"door": named.door, "why": "this site has no such door"}
        if opening.sides and self._turnstile is None:
            return {"door": 0, "why": "this site has no turnstile"}
        return None

    def open(
        self,
        opening: PortalOpening,
        person: Person | None,
        grant: int,
        now_ms: int,
        *,
        company: Collection[Person] = (),
    ) -> Opened:
        """Unlock the doors that can be reached, as long as `person` and `company` need, and the
        turnstile."""
        times_ms = dict(person.opening_times) if person else {}
        extended = any(it.extended_times for it in (person, *company) if it)
        named = opening.named
        if named is None:
            named = tuple(Opening(door=door) for door in opening.doors)
        doors, reports, unlocked_ms, more_time = [], False, 0, False
        for each in named:
            panel = self._doors[each.door]
            if panel.away:
                # It would open later, when nobody stands there any more.
                continue
            event = door_event(each.timeout_ms, grant, extended=extended)
            if each.timeout_ms is None:
                event = Unlock(times_ms.get(each.door) or None, grant, extended)
            panel.feed(event, now_ms)
            more_time = more_time or (extended and panel.gives_more_time)
            if isinstance(event, Unlock):
                reports = True
                unlocked_ms = max(unlocked_ms, panel.unlocks_ms(event))
            if not isinstance(event, Close):
                doors.append(each.door)
        release = ""
        if self._turnstile and opening.sides:
            release = self._turnstile.release(opening.sides, now_ms)
        away = tuple(door for door in opening.doors if door not in doors)
        return Opened(
            tuple(dict.fromkeys(doors)),
            reports or bool(release),
            away,
            unlocked_ms,
            release,
            more_time,
        )

    def recorded(self, opened: Opened, access_log_id: int, grant: int) -> None:
        """Tell the turnstile under which row of the access log it was released."""
        if self._turnstile and opened.release:
            self._turnstile.granted_as(opened.release, access_log_id, grant)

    def _state(
        self,
        doors: tuple[int, ...],
        sides: frozenset[Side],
        config: EffectiveConfig,
        closed: Collection[int] = (),
        lifts: Collection[int] = (),
    ) -> PortalState:
        modes = {door: self._doors[door].mode for door in doors}
        if lifts:
            modes[DEVICE] = self._elevators.mode
        side_locked = False
        if self._turnstile and sides:
            modes[DEVICE] = self._turnstile.mode
            side_locked = self._turnstile.refusal(sides) is Refusal.SIDE_LOCKED
        facts: dict[Reason, Mapping[str, Any]] = {}
        locked = next((door for door, mode in modes.items() if mode is Mode.LOCK_DOWN), None)
        if locked is not None:
            facts[Reason.LOCK_DOWN] = config.modes[locked].lock_down
        obstacle = self._interlock.obstacle(doors, closed)
        if obstacle is not None:
            facts[Reason.INTERLOCK] = obstacle.facts()
        return PortalState(
            released=bool(modes) and all(mode.releases for mode in modes.values()),
            locked_down=locked is not None,
            interlocked=obstacle is not None,
            side_locked=side_locked,
            facts=facts,
        )
