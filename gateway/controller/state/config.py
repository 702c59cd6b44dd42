"""What one snapshot means at this site: topology, exception modes, and settings by domain.

The site file owns the wires. The database owns everything that the API has a key or a row for.
"""

from __future__ import annotations

from functools import cached_property

from gateway.access.admission_settings import admission_settings
from gateway.access.admission_values import AdmissionSettings
from gateway.access.gestures import PortalGesture, portal_gestures
from gateway.access.online import OnlineSettings, online_settings
from gateway.access.threat import ThreatLevel, in_force
from gateway.alarms.alarm_settings import AlarmInputs, AlarmSettings, alarm_inputs, alarm_settings
from gateway.controller.state.reading import reading_settings
from gateway.credentials.credential_settings import CredentialSettings, credential_settings
from gateway.credentials.wiegand import WiegandFormat
from gateway.doors.door_settings import (
    ConfiguredDoor,
    NetworkInterlock,
    configured_doors,
    elevator_settings,
    interlock_partners,
    network_interlock,
    operator_settings,
    turnstile_settings,
)
from gateway.doors.elevator import ElevatorSettings
from gateway.doors.interlock import Partners
from gateway.doors.operator import OperatorSettings
from gateway.doors.turnstile_values import TurnstileSettings
from gateway.errors import UNUSABLE, UnusableRules, kind_of
from gateway.hardware.reading_settings import ReadingSettings
from gateway.link.messages import EndedMode
from gateway.settings import SiteFile
from gateway.settings.configuration import is_on
from gateway.store.policy.exception_modes import DoorModes, exception_modes
from gateway.store.policy.snapshot import Snapshot
from gateway.store.policy.topology import Topology
from gateway.store.policy.wiegand import usable_formats


class EffectiveConfig:
    """One snapshot at one site. Each domain is read when it is first asked for."""

    def __init__(
        self,
        site: SiteFile,
        snapshot: Snapshot,
        modes_ended: tuple[EndedMode, ...] = (),
        threat_level: int = 0,
    ) -> None:
        """`modes_ended` are exception modes of `snapshot` whose time is over; `threat_level` is the
        one in force."""
        self._site = site
        self._values = snapshot.configuration
        self.snapshot = snapshot
        self.modes_ended = modes_ended
        self.threat_level = threat_level

    @classmethod
    def proved(cls, site: SiteFile, snapshot: Snapshot) -> EffectiveConfig:
        """`snapshot`, with every domain read.

        Raises UnusableRules if one cannot be read: a component must not obey new rules while
        another component cannot.
        """
        config = cls(site, snapshot)
        try:
            for name, member in vars(cls).items():
                if isinstance(member, cached_property):
                    getattr(config, name)
        except UNUSABLE as error:
            raise UnusableRules(snapshot.version, kind_of(error)) from None
        return config

    @cached_property
    def topology(self) -> Topology:
        """Which readers, portals, doors and sides belong together."""
        return Topology(self._site, self.snapshot)

    @cached_property
    def modes(self) -> dict[int, DoorModes]:
        """By door, and for the device as door 0."""
        ended = {mode.door for mode in self.modes_ended}
        return exception_modes(self._site, self.snapshot, ended)

    @cached_property
    def threat(self) -> ThreatLevel | None:
        """What the threat level in force does; None for the ordinary one."""
        return in_force(self.snapshot.policy.threat_levels, self.threat_level)

    @cached_property
    def gestures(self) -> tuple[PortalGesture, ...]:
        """What listed people do at readers beside opening."""
        snapshot = self.snapshot
        return portal_gestures(snapshot.gestures, snapshot.gesture_groups, snapshot.gesture_users)

    @cached_property
    def doors(self) -> dict[int, ConfiguredDoor]:
        """By number."""
        snapshot = self.snapshot
        return configured_doors(self._values, self._site, snapshot.sec_boxes, snapshot.door_rows)

    @cached_property
    def interlock(self) -> Partners:
        return interlock_partners(self._values, self._site, self.snapshot.sec_boxes)

    @cached_property
    def operators(self) -> dict[int, OperatorSettings]:
        """By door with an operator that a row says when to use."""
        snapshot = self.snapshot
        return operator_settings(self._site, snapshot.operators, snapshot.operator_readers)

    @cached_property
    def elevators(self) -> dict[int, ElevatorSettings]:
        """By lift."""
        return elevator_settings(self._site, self.snapshot.floors)

    @cached_property
    def floor_portals(self) -> dict[int, dict[int, int]]:
        """Lift -> floor -> its portal."""
        return {
            lift.id: {
                it.floor: it.portal_id for it in self.snapshot.floors if it.elevator_id == lift.id
            }
            for lift in self._site.elevator
        }

    @cached_property
    def network_interlock(self) -> NetworkInterlock:
        return network_interlock(self._values)

    @cached_property
    def turnstile(self) -> TurnstileSettings | None:
        """None where the site has none."""
        return turnstile_settings(self._values) if self._site.turnstile else None

    @cached_property
    def alarms(self) -> AlarmSettings:
        return alarm_settings(self._values, self._site)

    @cached_property
    def alarm_inputs(self) -> AlarmInputs:
        return alarm_inputs(self._values, self._site, self.snapshot.zones)

    @cached_property
    def admission(self) -> AdmissionSettings:
        return admission_settings(self._values, self._site)

    @cached_property
    def online(self) -> OnlineSettings | None:
        """None in standalone mode."""
        return online_settings(self._values)

    @cached_property
    def credentials(self) -> CredentialSettings:
        return credential_settings(self._values)

    @cached_property
    def reading(self) -> ReadingSettings:
        return reading_settings(self._values, self._formats[0])

    @property
    def unusable_formats(self) -> tuple[str, ...]:
        """What is wrong with the site's own card formats that are ignored."""
        return self._formats[1]

    @cached_property
    def _formats(self) -> tuple[tuple[WiegandFormat, ...], tuple[str, ...]]:
        return usable_formats(self.snapshot.wiegand_modes)

    @cached_property
    def forgives_at_midnight(self) -> bool:
        """Whether anti-passback forgets every position at the site's midnight."""
        daily = is_on(self._values, "catra", "daily_reset")
        return daily or self._site.admission.forgive_at_midnight

    @cached_property
    def beeps(self) -> bool:
        """Whether the buzzers of readers sound."""
        return is_on(self._values, "general", "beep_enabled")

    @cached_property
    def time_zone(self) -> str:
        """The fixed offset that overrides the site's zone, such as `UTC-3`; empty for none."""
        return self._values["ntp", "timezone"]
