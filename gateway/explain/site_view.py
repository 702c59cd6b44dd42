"""The rules, people, journal and door states of a site at one instant, for explanations.

The api process and `gateway explain` use this view. It reads only. It compiles the rules itself,
from the same rows and by the same code as the controller, which it asks for its state alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from gateway.access.admission_settings import admission_settings
from gateway.access.admission_values import AdmissionSettings, Circumstances
from gateway.access.attempt import PortalState
from gateway.access.factor_modes import FactorMode
from gateway.access.floors import FloorChoices, FloorCircumstances, floors_for
from gateway.access.occupancy import AreaLimits, Occupancy
from gateway.access.passback import (
    UNKNOWN_POSITION,
    Now,
    PassbackPosition,
)
from gateway.access.person import Person
from gateway.access.policy import Policy, Portal
from gateway.access.reasons import Reason
from gateway.access.threat import ThreatLevel, in_force
from gateway.clock import Clock, DeviceTime, Moment, WireTime, from_unix_s, unix_s
from gateway.doors.values import Mode, effective_mode
from gateway.errors import InvalidRequest
from gateway.explain.names import SiteNames
from gateway.explain.people_index import PeopleIndex
from gateway.explain.rules import NamedRules, RulesCache
from gateway.explain.values import NamedZone
from gateway.link.messages import ControllerStatus, DoorStatus
from gateway.objects.models import Models
from gateway.settings import SiteFile
from gateway.store.files.database import TrackedDatabase, storage_errors
from gateway.store.journal import CommittedEntry, JournalReader
from gateway.store.journal.credential_uses import key_of
from gateway.store.journal.passages import PassageReader, position_at
from gateway.store.policy.exception_modes import DoorModes, exception_modes
from gateway.store.policy.people import PeopleReader
from gateway.store.policy.topology import Topology


@dataclass(frozen=True, slots=True)
class ExplainContext:
    """What a view of the site reads."""

    database: TrackedDatabase
    """The store, opened for reading."""
    models: Models
    rules_cache: RulesCache
    journal: Path
    site: SiteFile
    clock: Clock
    device_time: DeviceTime
    status: Callable[[], ControllerStatus | None]
    """Returns the controller's state, None while it is away."""


class SiteView:
    """The site at the instant of one question. Not thread-safe."""

    def __init__(self, context: ExplainContext) -> None:
        self._context = context
        self.rules: NamedRules = context.rules_cache.newest(context.database, context.models)
        self.people_index = PeopleIndex(context.database, context.models)
        self.site = context.site
        self.device_time = context.device_time

    @property
    def policy(self) -> Policy:
        return self.rules.snapshot.policy

    def people(self) -> PeopleReader:
        """Finds people by credential."""
        return PeopleReader(self._context.database, self._context.models)

    def counted(self, person: Person | None) -> Person | None:
        """`person` with the uses of what they present, from the journal's file."""
        if person is None or not any(it.uses for it in person.credentials):
            return person
        if not self._context.journal.exists():
            return person
        with closing(PassageReader(self._context.journal)) as reader:
            shown = tuple(
                replace(terms, used=reader.uses(key_of(terms, person.id)))
                for terms in person.credentials
            )
        return replace(person, credentials=shown)

    @cached_property
    def status(self) -> ControllerStatus | None:
        """The controller's state, None while it is away."""
        return self._context.status()

    def configured(self, module: str, key: str) -> str:
        """A value of the configuration."""
        return self.rules.snapshot.configuration[(module, key)]

    def is_on(self, module: str, key: str) -> bool:
        """Whether a switch of the configuration is on."""
        return self.configured(module, key) == "1"

    def moment(self, time: int | None) -> Moment:
        """The instant `time` in device time, or now.

        A given time counts as trusted; the present time is as trusted as the controller's clock.
        """
        if time is None:
            trusted = self.status is None or self.status.clock_trusted
            return self.device_time.moment(self._now(), trusted=trusted)
        if self.site.site.wire_time is WireTime.LOCAL:
            return Moment(time, time)
        return self.device_time.moment(from_unix_s(time))

    def _now(self) -> datetime:
        # A simulation shifts the controller's clock only.
        ahead_s = 0.0 if self.status is None else self.status.clock_shift_s
        return self._context.clock.utc() + timedelta(seconds=ahead_s)

    def portal_of_reader(self, name: str) -> int:
        """The portal of a reader, 0 for none. Raises InvalidRequest for an unknown reader."""
        for reader in self.site.reader:
            if reader.name == name:
                return self.topology.portal_of_reader(reader.index)
        raise InvalidRequest(f"Invalid member 'reader' (the site has no reader {name!r})")

    @cached_property
    def topology(self) -> Topology:
        """The ties between readers, portals and doors of the site."""
        return Topology(self.site, self.rules.snapshot)

    @cached_property
    def _modes(self) -> Mapping[int, DoorModes]:
        """The exception modes of each door according to the configuration."""
        return exception_modes(self.site, self.rules.snapshot, ended=())

    def settings(self, *anywhere: str) -> AdmissionSettings:
        """The settings of admission; the readers `anywhere` count as keypads, too."""
        settings = admission_settings(self.rules.snapshot.configuration, self.site)
        return replace(settings, keypads=settings.keypads | set(anywhere))

    def circumstances(self, moment: Moment, portal: Portal | None, user_id: int) -> Circumstances:
        """The state of doors and anti-passback now, as circumstances of an attempt at `moment`."""
        now = self._now()
        utc_s = unix_s(now)
        later = moment.stamp - self.device_time.stamp(now)
        state, known = PortalState(), UNKNOWN_POSITION
        if portal is not None:
            state = self._portal_state(portal)
            known = self._position(user_id, portal)
        utc = Now(utc_s + later, moment.local)
        occupancy = self.occupancy(portal) if portal is not None else None
        return Circumstances(moment, 0, utc, state, known, threat=self.threat, occupancy=occupancy)

    def occupancy(self, portal: Portal) -> Occupancy | None:
        """Who is in the area that a portal leads to; None where that has no limits."""
        limits = self.policy.limits_beyond(portal)
        return None if limits is None else self._inside(limits)

    def _inside(self, limits: AreaLimits) -> Occupancy:
        """Who is in an area with limits."""
        inside: frozenset[int] = frozenset()
        if self._context.journal.exists():
            with closing(PassageReader(self._context.journal)) as reader:
                inside = frozenset(it.user_id for it in reader.inside(limits.area_id))
        return Occupancy(limits, inside)

    @property
    def threat(self) -> ThreatLevel | None:
        """What the threat level in force does; None for the ordinary one, and while nobody knows
        it."""
        level = 0 if self.status is None else self.status.threat.level
        return in_force(self.policy.threat_levels, level)

    def _portal_state(self, portal: Portal) -> PortalState:
        states = self._doors
        doors = tuple(self.topology.doors_of(portal.actions))
        modes = {
            door: _mode(states[door].mode) if door in states else self._set_mode(door)
            for door in doors
        }
        shut = next((door for door, mode in modes.items() if mode is Mode.LOCK_DOWN), None)
        facts: dict[Reason, Mapping[str, Any]] = {}
        if shut is not None:
            facts[Reason.LOCK_DOWN] = self._modes[shut].lock_down
        for door in doors:
            if door in states and states[door].barred_by:
                found = states[door]
                barred = {"door": door, "by": found.barred_by, "why": found.barred_why}
                facts.setdefault(Reason.INTERLOCK, barred)
        return PortalState(
            released=bool(modes) and all(mode.releases for mode in modes.values()),
            locked_down=shut is not None,
            interlocked=Reason.INTERLOCK in facts,
            facts=facts,
        )

    @property
    def _doors(self) -> Mapping[int, DoorStatus]:
        return {} if self.status is None else {door.id: door for door in self.status.doors}

    def _set_mode(self, door: int) -> Mode:
        """The mode of a door according to the configuration."""
        return effective_mode(self._modes[door].device, self._modes[door].door)

    def unreachable(self, portal: Portal) -> Mapping[str, Any] | None:
        """The first door if the modules of all doors are away; None if some door can open."""
        states = self._doors
        doors = [states[door] for door in self.topology.doors_of(portal.actions) if door in states]
        if not doors or not all(door.away for door in doors):
            return None
        return {"door": doors[0].id, "why": doors[0].away}

    def floor_choices(
        self, portal: Portal, person: Person, moment: Moment, shown: FactorMode
    ) -> Mapping[int, FloorChoices]:
        """What `person` may choose of each lift of a portal, after they have shown `shown` there.

        Nobody knows here which hosts have come before.
        """
        limits = self.policy.area_limits.values()
        seen = FloorCircumstances(
            moment,
            0,
            self.threat,
            shown,
            occupancies={its.area_id: self._inside(its) for its in limits},
        )
        rows = self.rules.snapshot.floors
        return {
            lift: floors_for(
                self.policy,
                (person,),
                {row.floor: row.portal_id for row in rows if row.elevator_id == lift},
                seen,
            )
            for lift in self.topology.elevators_of(portal.actions)
        }

    def opens_lifts(self, portal: Portal, *, alone: bool = False) -> bool:
        """Whether the portal releases floors of lifts, `alone` without doors and turnstile."""
        actions = portal.actions
        others = [*self.topology.doors_of(actions), *self.topology.sides_of(actions)]
        return bool(self.topology.elevators_of(actions)) and not (alone and others)

    @cached_property
    def names(self) -> SiteNames:
        """The names of people, groups and doors of the site."""
        return SiteNames(self.site, self.device_time, cache(self._name))

    def _name(self, table: str, id_: int) -> str:
        models = self._context.models
        named = models[table].select(models.column(table, "name")).where(models.key(table) == id_)
        with storage_errors():
            return str(named.scalar(self._context.database) or "")

    def _position(self, user_id: int, portal: Portal) -> PassbackPosition:
        applies = user_id and self.settings().passback.applies_to(portal.passage)
        if not applies or not self._context.journal.exists():
            return UNKNOWN_POSITION
        with closing(PassageReader(self._context.journal)) as reader:
            return position_at(reader.of(user_id), portal.id)

    def entry(self, log_id: int) -> CommittedEntry | None:
        """The journal entry of a row of access_logs, None for none. Raises StorageError."""
        if not self._context.journal.exists():  # before the controller's first start
            return None
        with closing(JournalReader(self._context.journal)) as reader:
            return reader.access(log_id)

    @property
    def rule_zones(self) -> Mapping[int, tuple[NamedZone, ...]]:
        """The time zones of each rule, with their names."""
        return self.rules.rule_zones


def _mode(word: str) -> Mode:
    return Mode(word) if word in tuple(Mode) else Mode.NORMAL
