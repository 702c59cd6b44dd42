"""Reads the settings of doors, zones and readers out of a snapshot.

The site file owns wires, the database everything the API has a key or a row for; here the two
meet. Door N of the site is N in the API's `relayN_*`, `door_sensorN_*` and `buttonholeN_*`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from gateway.access.actions import Action, door_of, parse_parameters
from gateway.access.admission_values import AdmissionSettings
from gateway.access.keypad_guard import GuardSettings
from gateway.access.passback import PassbackMode, PassbackSettings
from gateway.alarms.causes import AlarmCause
from gateway.alarms.zones import ZoneSettings
from gateway.credentials.qr import QrMode
from gateway.credentials.values import CredentialKind
from gateway.doors.turnstile_values import OperationMode, TurnstileSettings, sides_named
from gateway.doors.values import DoorSettings, Mode
from gateway.settings import Door, Level, Side, SiteFile, WiegandReader
from gateway.store.snapshot import Snapshot

CATRA_ACTION = "catra"
_PASSBACK_MINUTES = ("identifier", "antipassback_timeout")


class Bindings:
    """One snapshot, asked in the words of this site."""

    def __init__(self, site: SiteFile, snapshot: Snapshot) -> None:
        self._site = site
        self._our_doors = frozenset(door.id for door in site.door)
        self._configuration = snapshot.configuration
        self.snapshot = snapshot
        self._portal_of_door: dict[int, int] = {}
        self._portal_of_side: dict[Side, int] = {}
        for portal_id, portal in sorted(snapshot.policy.portals.items()):
            for door in self.doors_of(portal.actions):
                self._portal_of_door.setdefault(door, portal_id)
            for side in self.sides_of(portal.actions):
                self._portal_of_side.setdefault(side, portal_id)

    def portal_of_reader(self, index: int) -> int:
        """The portal that a reader stands for, 0 for none."""
        return self.snapshot.portal_of_reader.get(index, 0)

    def portal_of_door(self, door: int) -> int:
        """The lowest portal whose actions name `door`, 0 for none."""
        return self._portal_of_door.get(door, 0)

    def portal_of_side(self, side: Side) -> int:
        """The lowest portal whose actions let the turnstile turn to `side`, 0 for none."""
        return self._portal_of_side.get(side, 0)

    def sides_of(self, actions: tuple[Action, ...]) -> frozenset[Side]:
        """The ways to which `actions` release the turnstile; none where the site has none."""
        if self._site.turnstile is None:
            return frozenset()
        named = (
            sides_named(parse_parameters(action.parameters))
            for action in actions
            if action.name.strip().lower() == CATRA_ACTION
        )
        return frozenset().union(*named)

    def doors_of(self, actions: tuple[Action, ...]) -> Iterator[int]:
        """The doors of this site that `actions` open, each once, in order."""
        sec_box_door = self._site.site.sec_box_door
        named = dict.fromkeys(door_of(action, sec_box_door) for action in actions)
        return (door for door in named if door in self._our_doors)

    def door(self, door: Door) -> DoorSettings:
        """The settings of one door's state machine."""
        general, alarm = "general", "alarm"
        return DoorSettings(
            relay_enabled=self._on(general, f"relay{door.id}_enabled"),
            dwell_ms=max(1, self._int(general, f"relay{door.id}_timeout")),
            auto_close=self._on(general, f"relay{door.id}_auto_close"),
            sensor_enabled=door.sensor is not None
            and self._on(general, f"door_sensor{door.id}_enabled"),
            rex_enabled=door.rex is not None and self._on(general, f"buttonhole{door.id}_enabled"),
            held_open_enabled=self._on(alarm, "door_sensor_enabled"),
            held_open_delay_ms=self._int(alarm, "door_sensor_delay") * 1000,
            forced_open_enabled=self._on(alarm, "forced_access_enabled"),
            forced_open_debounce_ms=self._int(alarm, "forced_access_debounce"),
        )

    def sensor_idle_high(self, door: int) -> bool:
        """The level of the sensor's pin while the door is closed."""
        return self._on("general", f"door_sensor{door}_idle")

    def rex_idle_high(self, door: int) -> bool:
        """The level of the button's pin while nobody presses it."""
        return self._on("general", f"buttonhole{door}_idle")

    def modes(self, door: int) -> tuple[Mode, Mode]:
        """The exception modes of the device and of one door."""
        return (
            self.device_mode,
            self._mode(f"door{door}_exception_mode"),
        )

    def _mode(self, key: str) -> Mode:
        word = self._configuration[("general", key)]
        return Mode(word) if word in (Mode.EMERGENCY, Mode.LOCK_DOWN) else Mode.NORMAL

    @property
    def device_mode(self) -> Mode:
        """The exception mode of the whole device."""
        return self._mode("exception_mode")

    def turnstile(self) -> TurnstileSettings:
        """The settings of the turnstile's state machine."""
        return TurnstileSettings(
            timeout_ms=self._int("general", "catra_timeout"),
            entrance=Side(self._configuration[("catra", "gateway")]),
            operation=OperationMode(self._configuration[("catra", "operation_mode")]),
        )

    def zone(self, number: int) -> ZoneSettings:
        """The settings of one alarm zone; a zone without a row is off."""
        row = self.snapshot.zones.get(number)
        if row is None:
            return ZoneSettings(AlarmCause(number), enabled=False, active_high=True)
        return ZoneSettings.of_row(*row)

    def tamper(self) -> ZoneSettings:
        """The settings of the case's contact."""
        contact = self._site.tamper
        return ZoneSettings(
            AlarmCause.TAMPER,
            enabled=contact is not None and self._on("alarm", "device_violation_enabled"),
            active_high=contact is not None and contact.idle is Level.LOW,
        )

    def identifies_by(self, kind: CredentialKind) -> bool:
        """Whether credentials of this kind are looked at; the API has no switch for UHF tags."""
        return kind is CredentialKind.UHF_TAG or self._on(
            "identifier", f"{kind.value}_identification_enabled"
        )

    @cached_property
    def admission(self) -> AdmissionSettings:
        """How people are let in, beside the rules."""
        site = self._site.admission
        keypads = (reader for reader in self._site.reader if isinstance(reader, WiegandReader))
        return AdmissionSettings(
            second_factor=self._on("identifier", "multi_factor_authentication"),
            keypads=frozenset(reader.name for reader in keypads if reader.keypad),
            second_factor_ms=site.second_factor_s * 1000,
            next_key_ms=site.next_key_s * 1000,
            persons_ms=site.persons_s * 1000,
            guard=GuardSettings(
                site.wrong_entries, site.wrong_within_s * 1000, site.locked_s * 1000
            ),
            passback=PassbackSettings(self._passback_mode, self._int(*_PASSBACK_MINUTES)),
        )

    @property
    def _passback_mode(self) -> PassbackMode:
        mode = PassbackMode(self._configuration[("identifier", "antipassback_mode")])
        return mode if self._on("identifier", "antipassback_enabled") else PassbackMode.OFF

    @property
    def qr_mode(self) -> QrMode:
        """How the text of a QR code is read."""
        return QrMode(self._int("face_id", "qrcode_legacy_mode_enabled"))

    @property
    def time_zone(self) -> str:
        """The fixed offset that overrides the site's zone, such as `UTC-3`; empty for none."""
        return self._configuration[("ntp", "timezone")]

    def _on(self, module: str, key: str) -> bool:
        return self._configuration[(module, key)] == "1"

    def _int(self, module: str, key: str) -> int:
        return int(self._configuration[(module, key)])
