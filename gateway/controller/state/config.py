"""Reads the settings of doors, zones and readers out of a snapshot.

The site file owns wires, the database everything the API has a key or a row for; here the two
meet. Door N of the site is N in the API's `relayN_*`, `door_sensorN_*` and `buttonholeN_*`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from gateway.access.actions import Action, SecBoxes, door_of, parse_parameters
from gateway.access.admission_settings import admission_settings
from gateway.access.admission_values import AdmissionSettings
from gateway.access.policy import Portal
from gateway.alarms.causes import DURESS_CAUSES, AlarmCause
from gateway.alarms.door_alarms import DoorAlarmSettings
from gateway.alarms.zones import ZoneSettings
from gateway.controller.state.wiegand_modes import usable_formats
from gateway.credentials.qr import QrMode
from gateway.credentials.totp import TotpSettings
from gateway.credentials.values import CredentialKind
from gateway.doors.interlock import Partners, symmetric
from gateway.doors.turnstile_values import OperationMode, TurnstileSettings, sides_named
from gateway.doors.values import DoorSettings, Mode
from gateway.errors import UNUSABLE, UnusableRules, kind_of
from gateway.hardware.reading_settings import ReadingSettings, UhfMode, UhfReading
from gateway.link.messages import EndedMode
from gateway.objects.configuration_keys import CARD_READERS, WIEGAND_INPUTS
from gateway.objects.modes import DEVICE, mode_key
from gateway.settings import Door, FixedInput, Level, RexMode, SecBox, Side, SiteFile
from gateway.store.objects.mode_rows import ModeRow, mode_facts
from gateway.store.policy.snapshot import SecBoxRow, Snapshot

CATRA_ACTION = "catra"
NORMALLY_CLOSED_BUTTON, NO_BUTTON = 1, 2
"""`sec_boxs.rex_mode`; 0 and all else is a button that closes its contact. The API has the column
and does not say what it means: these numbers are ours."""

_PANIC_KEYS = {
    AlarmCause.PANIC_FINGER: "panic_finger_enabled",
    AlarmCause.PANIC_CARD: "panic_card_enabled",
    AlarmCause.PANIC_PIN: "panic_pin_enabled",
    AlarmCause.PANIC_PASSWORD: "panic_password_enabled",
}


@dataclass(frozen=True, slots=True)
class SoundSettings:
    """What may be heard; by default nothing. Times are milliseconds."""

    siren_enabled: bool = False
    siren_ms: int = 0
    bell_enabled: bool = False
    bell_ms: int = 0


@dataclass(frozen=True, slots=True)
class AlarmSettings:
    """How alarms are configured, beside the inputs; by default only the doors tell any."""

    doors: DoorAlarmSettings = field(default_factory=DoorAlarmSettings)
    tamper_enabled: bool = False
    duress_causes: frozenset[AlarmCause] = frozenset()
    """The threats that set off an alarm."""
    duress_delay_ms: int = 0
    sounds: SoundSettings = field(default_factory=SoundSettings)


class EffectiveConfig:
    """One snapshot, asked in the words of this site."""

    def __init__(
        self, site: SiteFile, snapshot: Snapshot, modes_ended: tuple[EndedMode, ...] = ()
    ) -> None:
        """`modes_ended` are exception modes of `snapshot` that count no more."""
        self._site = site
        self._our_doors = frozenset(door.id for door in site.doors())
        boxes = tuple(box.id for box in site.sec_box)
        self._sec_boxes = SecBoxes(boxes, site.site.sec_box_door)
        self.modes_ended = modes_ended
        self._ended = {mode.door for mode in modes_ended}
        self._configuration = snapshot.configuration
        self.snapshot = snapshot
        self._portal_of_door: dict[int, int] = {}
        self._portals_of_door: dict[int, list[Portal]] = {}
        self._portal_of_side: dict[Side, int] = {}
        for portal_id, portal in sorted(snapshot.policy.portals.items()):
            for door in self.doors_of(portal.actions):
                self._portal_of_door.setdefault(door, portal_id)
                self._portals_of_door.setdefault(door, []).append(portal)
            for side in self.sides_of(portal.actions):
                self._portal_of_side.setdefault(side, portal_id)

    @cached_property
    def reading(self) -> ReadingSettings:
        """What the readers' drivers go by."""
        power = self._configuration[("uhf", "transmit_power")]
        uhf = UhfReading(
            same_tag_ms=self._int("uhf", "read_interval"),
            other_tag_ms=self._int("uhf", "read_interval_diff_tags"),
            last_byte_first=self._configuration[("uhf", "reader_type")] == "lsb",
            mode=UhfMode(self._configuration[("uhf", "operation_mode")]),
            transmit_centidbm=int(power) if power else None,
        )
        formats, _ = usable_formats(self.snapshot.wiegand_modes)
        return ReadingSettings(
            uhf=uhf,
            wiegand_formats=formats,
            last_byte_first=frozenset(
                number + 1 for number in WIEGAND_INPUTS if self._last_byte_first(number)
            ),
        )

    @property
    def unusable_formats(self) -> tuple[str, ...]:
        """What is wrong with the card formats of the site's own that are left aside."""
        _, problems = usable_formats(self.snapshot.wiegand_modes)
        return problems

    def _last_byte_first(self, number: int) -> bool:
        """Unverified: the reference has two keys for one thing, `34` being what a client of the
        vendor's writes for `LSB` in the second. Either counts, for the reader with that index."""
        keys = [(f"w_in{number}", "byte_order")]
        if number in CARD_READERS:
            keys.append((f"card_reader{number}", "type"))
        return any(self._configuration[key] in ("LSB", "34") for key in keys)

    @classmethod
    def proved(cls, site: SiteFile, snapshot: Snapshot) -> EffectiveConfig:
        """`snapshot`, of which every setting was read once.

        Raises UnusableRules for one that cannot be read: no part of the device may go by new rules
        while another cannot.
        """
        try:
            bindings = cls(site, snapshot)
            bindings._read_all()
        except UNUSABLE as error:
            raise UnusableRules(snapshot.version, kind_of(error)) from None
        return bindings

    def _read_all(self) -> None:
        for door in self._site.doors():
            self.door(door)
            self.sensor_idle_high(door.id)
            self.rex_idle_high(door.id)
            for mode in self.modes(door.id):
                self.mode_told(mode, door.id)
                self.mode_until(mode, door.id)
            self.locked_down(door.id)
        if self._site.turnstile is not None:
            self.turnstile()
        for number in self.snapshot.zones:
            self.zone(number)
        for reader in self._site.reader:
            self.door_of_reader(reader.index)
        _ = (self.reading, self.unusable_formats, self.interlock, self.alarms, self.admission)
        _ = (self.qr_mode, self.dynamic_codes, self.uhf_bits)

    def portal_of_reader(self, index: int) -> int:
        """The portal that a reader stands for, 0 for none."""
        return self.snapshot.portal_of_reader.get(index, 0)

    def portal_of_door(self, door: int) -> int:
        """The lowest portal whose actions name `door`, 0 for none."""
        return self._portal_of_door.get(door, 0)

    def portals_of_door(self, door: int) -> Sequence[Portal]:
        """Every portal whose actions name `door`."""
        return self._portals_of_door.get(door, ())

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
        named = dict.fromkeys(door_of(action, self._sec_boxes) for action in actions)
        return (door for door in named if door in self._our_doors)

    def door(self, door: Door | SecBox) -> DoorSettings:
        """The settings of one door's state machine."""
        alarm = "alarm"
        own = self._sec_box(door) if isinstance(door, SecBox) else self._door(door)
        return replace(
            own,
            held_open_enabled=self._on(alarm, "door_sensor_enabled"),
            held_open_delay_ms=self._int(alarm, "door_sensor_delay") * 1000,
            pre_alarm_ms=door.pre_alarm_s * 1000,
            forced_open_enabled=self._on(alarm, "forced_access_enabled"),
            forced_open_debounce_ms=self._int(alarm, "forced_access_debounce"),
            output_limit_ms=door.output_limit_s * 1000,
        )

    def _door(self, door: Door) -> DoorSettings:
        general = "general"
        return DoorSettings(
            relay_enabled=self._on(general, f"relay{door.id}_enabled"),
            dwell_ms=max(1, self._int(general, f"relay{door.id}_timeout")),
            auto_close=self._on(general, f"relay{door.id}_auto_close"),
            sensor_enabled=door.sensor is not None
            and self._on(general, f"door_sensor{door.id}_enabled"),
            rex_enabled=door.rex is not None and self._on(general, f"buttonhole{door.id}_enabled"),
            rex_mode=door.rex.mode if door.rex else RexMode.UNLOCK,
        )

    def _sec_box(self, box: SecBox) -> DoorSettings:
        row = self._sec_box_row(box.id)
        return DoorSettings(
            relay_enabled=bool(row.enabled),
            dwell_ms=max(1, row.relay_timeout),
            auto_close=bool(row.auto_close_enabled),
            sensor_enabled=box.sensor is not None and bool(row.door_sensor_enabled),
            rex_enabled=box.rex is not None and row.rex_mode != NO_BUTTON,
            rex_mode=box.rex.mode if box.rex else RexMode.UNLOCK,
        )

    def _sec_box_row(self, box: int) -> SecBoxRow:
        """What the database says of a SecBox; where its row is gone, what `init` gave it."""
        return self.snapshot.sec_boxes.get(box, SecBoxRow(box))

    def sensor_idle_high(self, door: int) -> bool:
        """The level of the sensor's pin while the door is closed; at a module a contact that is
        open counts as high."""
        if door in self._sec_boxes.fitted:
            return bool(self._sec_box_row(door).door_sensor_idle)
        return self._on("general", f"door_sensor{door}_idle")

    def rex_idle_high(self, door: int) -> bool:
        """The level of the button's pin while nobody presses it; at a module as its sensor's."""
        if door in self._sec_boxes.fitted:
            return self._sec_box_row(door).rex_mode != NORMALLY_CLOSED_BUTTON
        return self._on("general", f"buttonhole{door}_idle")

    @cached_property
    def interlock(self) -> Partners:
        """By door of this site, those that must be free for it to open."""
        return symmetric(
            {
                door.id: [int(other) for other in listed.split(",")] if listed else []
                for door in self._site.door
                for listed in (self._configuration[("general", f"door{door.id}_interlock")],)
            }
        )

    def modes(self, door: int) -> tuple[Mode, Mode]:
        """The exception modes of the device and of one door; a SecBox has none of its own."""
        if door in self._sec_boxes.fitted:
            return self.device_mode, Mode.NORMAL
        return (
            self.device_mode,
            self._mode(door),
        )

    def _mode(self, door: int) -> Mode:
        word = self._configuration[("general", mode_key(door))]
        known = word in (Mode.EMERGENCY, Mode.LOCK_DOWN) and door not in self._ended
        return Mode(word) if known else Mode.NORMAL

    def mode_told(self, mode: Mode, door: int = DEVICE) -> Mapping[str, str]:
        """Who wanted that `door` is in `mode`, and why; nothing where nobody said so."""
        latest = self._mode_row(mode, door)
        return {"login": latest.login, "reason": latest.reason} if latest else {}

    def mode_until(self, mode: Mode, door: int = DEVICE) -> int:
        """When the `mode` of `door` ends, in Unix seconds; 0 for no end."""
        latest = self._mode_row(mode, door)
        return latest.until_utc if latest else 0

    def _mode_row(self, mode: Mode, door: int) -> ModeRow | None:
        rows = (self.snapshot.modes.get(place) for place in {DEVICE, door})
        told = [
            row
            for row in rows
            if row
            and row.door_id not in self._ended
            and row.mode == ("none" if mode is Mode.NORMAL else mode.value)
        ]
        return max(told, key=lambda row: row.since, default=None)

    def locked_down(self, door: int = DEVICE) -> dict[str, int | str]:
        """What is known of the lock-down that `door`, or the device, is in."""
        place = DEVICE if self.device_mode is Mode.LOCK_DOWN else door
        return mode_facts(place, self.snapshot.modes.get(place))

    @property
    def device_mode(self) -> Mode:
        """The exception mode of the whole device."""
        return self._mode(DEVICE)

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
        delays_s = (zone.entry_delay_s for zone in self._site.zone if zone.number == number)
        return ZoneSettings.of_row(*row, entry_delay_ms=next(delays_s, 0) * 1000)

    def tamper(self) -> ZoneSettings:
        """The settings of the case's contact."""
        return self._tamper(self._site.tamper)

    def reader_tamper(self, index: int) -> ZoneSettings:
        """The settings of the tamper contact of a reader."""
        contacts = (reader.tamper for reader in self._site.reader if reader.index == index)
        return self._tamper(next(contacts, None))

    def _tamper(self, contact: FixedInput | None) -> ZoneSettings:
        return ZoneSettings(
            AlarmCause.TAMPER,
            enabled=contact is not None and self.alarms.tamper_enabled,
            active_high=contact is not None and contact.idle is Level.LOW,
        )

    def door_of_reader(self, index: int) -> int:
        """The lowest door that the portal of a reader opens, 0 for none."""
        portal = self.snapshot.policy.portals.get(self.portal_of_reader(index))
        return min(self.doors_of(portal.actions), default=0) if portal else 0

    @cached_property
    def alarms(self) -> AlarmSettings:
        """How alarms are configured, beside the inputs."""
        on = frozenset(cause for cause in DURESS_CAUSES if self._on("alarm", _PANIC_KEYS[cause]))
        return AlarmSettings(
            doors=DoorAlarmSettings(
                held_open_enabled=self._on("alarm", "door_sensor_enabled"),
                held_open_delay_ms=self._int("alarm", "door_sensor_delay") * 1000,
                after_closure_ms=1000
                * self._int("alarm", "door_sensor_alarm_timeout_after_closure"),
            ),
            tamper_enabled=self._on("alarm", "device_violation_enabled"),
            duress_causes=on,
            duress_delay_ms=self._int("alarm", "panic_finger_delay") * 1000,
            sounds=SoundSettings(
                siren_enabled=self._on("alarm", "siren_enabled"),
                siren_ms=self._site.siren.time_s * 1000 if self._site.siren else 0,
                bell_enabled=self._on("general", "bell_enabled"),
                bell_ms=self._int("alarm", "timed_alarm_timeout") * 1000,
            ),
        )

    def identifies_by(self, kind: CredentialKind) -> bool:
        """Whether credentials of this kind are looked at; the API has no switch for UHF tags."""
        return kind is CredentialKind.UHF_TAG or self._on(
            "identifier", f"{kind.value}_identification_enabled"
        )

    @cached_property
    def admission(self) -> AdmissionSettings:
        """How people are let in, beside the rules."""
        return admission_settings(self._configuration, self._site)

    @property
    def forgives_at_midnight(self) -> bool:
        """Whether anti-passback forgets at the site's midnight where everyone is."""
        return self._on("catra", "daily_reset") or self._site.admission.forgive_at_midnight

    @property
    def beeps(self) -> bool:
        """Whether readers may be heard."""
        return self._on("general", "beep_enabled")

    @property
    def qr_mode(self) -> QrMode:
        """How the text of a QR code is read."""
        return QrMode(self._int("face_id", "qrcode_legacy_mode_enabled"))

    @cached_property
    def dynamic_codes(self) -> TotpSettings | None:
        """How QR codes change with the time; None where they do not."""
        settings = TotpSettings(
            self._int("face_id", "totp_window_size"),
            self._int("face_id", "totp_window_num"),
            self._int("face_id", "totp_tz_offset"),
        )
        decimal = self.qr_mode is QrMode.DECIMAL
        return settings if self._on("face_id", "totp_enabled") and decimal else None

    @property
    def single_use_codes(self) -> bool:
        """Whether a card whose codes change lets in once."""
        return self._on("face_id", "totp_single_use")

    @property
    def uhf_bits(self) -> int:
        """How much of a UHF tag is looked up."""
        return self._int("uhf", "identification_bits")

    @property
    def time_zone(self) -> str:
        """The fixed offset that overrides the site's zone, such as `UTC-3`; empty for none."""
        return self._configuration[("ntp", "timezone")]

    def _on(self, module: str, key: str) -> bool:
        return self._configuration[(module, key)] == "1"

    def _int(self, module: str, key: str) -> int:
        return int(self._configuration[(module, key)])
