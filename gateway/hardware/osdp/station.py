"""One reader of a bus: its keys, supervision and what it may report. Only the thread uses it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Any

import structlog

from gateway.errors import BrokenFrame
from gateway.hardware.events import DeviceState, Health
from gateway.hardware.osdp.keys import KeyFile, ReaderKeys, new_key
from gateway.hardware.osdp.library import (
    CAPABILITY_BUZZER,
    CAPABILITY_INPUTS,
    CAPABILITY_LED,
    COMSET,
    KEYSET,
    STATUS_INPUTS,
    STATUS_LOCAL,
    PanelContext,
    Station,
)
from gateway.hardware.osdp.messages import (
    CardBits,
    ChannelChanged,
    InputReport,
    KeysTyped,
    LocalStatus,
    PresenceChanged,
    ReaderMessage,
    message_of,
)
from gateway.hardware.osdp.patterns import Command
from gateway.hardware.osdp.reports import (
    PAIRING_S,
    Broken,
    BusReport,
    KeyFailure,
    KeyPhase,
    KeyProgress,
    MoveReader,
    ReaderFacts,
    ReaderIdentity,
    ReaderRead,
    TamperChanged,
)
from gateway.hardware.osdp.station_inputs import StationInputs
from gateway.hardware.osdp.supervision import (
    CONNECTING,
    MISSED_POLLS,
    PAIRED_NOW,
    UNPAIRED,
    LinkEffect,
    LinkEvent,
    LinkState,
    Protection,
    supervise,
)
from gateway.settings import OsdpReader

CHANNEL_LOST = "what came outside its secure channel was dropped"
_POWER = "it reports a fault of its supply"
_NEW_SERIAL = "its serial number is another one: the reader was exchanged"
_CAPABILITIES = {2: CAPABILITY_LED, 3: CAPABILITY_BUZZER}
"""Command -> the capability without which the reader refuses it, and loses its channel by that."""
_NEW_KEY_TRY_MS = 3_000
"""A reader that answers for so long without its channel may have the other key."""
_MOVE_MS = 5_000
"""Longest time until a reader has taken another address and speed."""
_FOUND_MS = 10_000
"""Longest time until it is found there."""

log = structlog.get_logger("osdp")


class ReaderStation:
    """A reader. `number` is its place in the library's context, None outside of it."""

    def __init__(
        self,
        reader: OsdpReader,
        keys: KeyFile,
        deliver: Callable[[BusReport], None],
        clock_ns: Callable[[], int],
        counts: Counter[str],
        inputs: Collection[int],
        idle: Callable[[], Command],
    ) -> None:
        """Counts on in `counts`; the site uses `inputs`, and `idle` is the light that the reader
        is to show while nothing else is shown. Raises OSError for a file of keys that cannot be
        used."""
        self.reader = reader
        self.rebuild = False
        """The context no longer fits, and must be made anew."""
        self.number: int | None = None
        self.counts = counts
        self._file = keys
        self._keys: ReaderKeys = keys.of(reader.name)
        self._key = next(iter(self._keys.candidates), None)
        self._deliver = deliver
        self._clock_ns = clock_ns
        self._context: PanelContext | None = None
        self._state = LinkState(reader.clear_text)
        self._pairing_until_ms: int | None = None
        self._factory_seen = False
        self._exchanging = False
        self._move: MoveReader | None = None
        """What was sent to it, and it has not taken yet."""
        self._former: OsdpReader | None = None
        """Its settings before it took others, until it is found."""
        self._move_until_ms: int | None = None
        self._goes_back = True
        """Its former settings are tried if it is not found."""
        self._left_out = ""
        """Why it is not asked."""
        self._met = False
        """Its secure channel is up and was looked at."""
        self._open = False
        """The reader's tamper contact."""
        self._starved = False
        """Its supply is faulty."""
        self._inputs = StationInputs(reader.name, inputs, deliver, clock_ns)
        self._idle = idle
        self._idle_shown: Command | None = None
        """None for a reader that has not been told since it is reached."""
        self._suspicions: set[str] = set()
        self._tampered = False
        self._health: tuple[Health, str] | None = None
        self._identity: ReaderIdentity | None = None
        self._facts: ReaderFacts | None = None

    @property
    def pairing(self) -> bool:
        """Whether it is being paired: what it reads does not count."""
        return self._pairing_until_ms is not None

    @property
    def moving(self) -> bool:
        """Whether another address and speed were sent to it, and it has not taken them yet."""
        return self._move is not None

    def told(self) -> Station | None:
        """As the library is to know it; None for a reader that is not to be asked."""
        address = self.reader.address
        if self.pairing:
            return Station(address, self._key, enforce=False)
        if self.reader.clear_text:
            return Station(address, None, enforce=False)
        return Station(address, self._key, enforce=True) if self._key else None

    def begin(self, context: PanelContext | None, number: int | None) -> None:
        """A new context begins."""
        self._context, self.number, self.rebuild = context, number, False
        if self._move is not None:
            self._moved(done=False)
        self._state = LinkState(self.reader.clear_text)
        self._met, self._idle_shown = False, None

    # What comes

    def event(self, event: Mapping[str, Any], now_ms: int, *, secure: bool) -> None:
        """Take an event of the library; `secure` is what the library says of the channel now."""
        try:
            message = message_of(event)
        except BrokenFrame as error:
            if self._counts_now(secure=secure):
                self._deliver(Broken(self.reader.name, str(error), self._clock_ns()))
            return
        match message:
            case ChannelChanged() | PresenceChanged():
                before = self._state.channel
                self.link(message, now_ms)
                self._channel_changed(before)
            case None:
                pass
            case _ if self._counts_now(secure=secure):
                self._accept(message, now_ms)
            case _:
                self.drop()

    def _counts_now(self, *, secure: bool) -> bool:
        """The lock of our own, beside the library's."""
        if self.pairing:
            return False
        return self._state.reached and (secure or self.reader.clear_text)

    def _accept(self, message: ReaderMessage, now_ms: int) -> None:
        match message:
            case InputReport(active=active):
                self._inputs.reported(active, now_ms)
            case CardBits() | KeysTyped():
                self._deliver(ReaderRead(self.reader.name, message, self._clock_ns()))
            case LocalStatus(tamper=tamper, power=power):
                self._open, self._starved = tamper, power
                self._report_tamper()

    def drop(self) -> None:
        """Note that a message outside the secure channel was dropped."""
        if self.pairing:
            return
        self.counts["dropped_messages"] += 1
        self._suspicions.add(CHANNEL_LOST)
        log.warning("a message outside the secure channel was dropped", reader=self.reader.name)
        self._deliver(Broken(self.reader.name, CHANNEL_LOST, self._clock_ns()))
        self._report_tamper()

    def _channel_changed(self, before: Protection) -> None:
        if self._state.channel is not before:
            shown = self._state.channel.value
            log.info("the reader's channel changed", reader=self.reader.name, channel=shown)
        if self.pairing and self._state.channel is Protection.DEFAULT:
            # The library now sends the new key by itself.
            self._factory_seen = True
        if self._state.channel is not Protection.OWN or self._key is None:
            self._met, self._idle_shown = False, None
            return
        if self._state.online and not self._met:
            self._met = True
            self.counts["channels"] += 1
            self._suspicions.discard(CHANNEL_LOST)
            self._proved(self._key)
            self.submit([STATUS_LOCAL])

    def _proved(self, key: bytes) -> None:
        """The reader is here with `key`."""
        new = key == self._keys.following
        keys = self._keys.proved(key)
        self._identity = self._identify()
        serial = self._identity.serial if self._identity else None
        if keys.serial is None or self.pairing:
            keys = ReaderKeys(keys.current, keys.following, serial)
            self._suspicions.discard(_NEW_SERIAL)
        elif serial != keys.serial:
            self._suspicions.add(_NEW_SERIAL)
            log.warning("the reader's serial number changed", reader=self.reader.name)
        if keys != self._keys:
            self._keys = keys
            self._store()
        if self._former is not None:
            self._former = None
            self._progress(KeyPhase.MOVED)
        if new and self.pairing:
            # The channel that counts is one that enforces the key.
            self._pairing_until_ms, self._exchanging, self.rebuild = None, True, True
        elif new or (self._exchanging and keys.following is None):
            self._exchanging = False
            self._progress(KeyPhase.DONE)
        elif self._exchanging:
            self._rotated(done=False)
        self._report_tamper()

    def _identify(self) -> ReaderIdentity | None:
        if self._context is None or self.number is None:
            return None
        told = self._context.get_pd_id(self.number)
        if "serial_number" not in told:
            return None
        # The library's numbers are signed.
        return ReaderIdentity(
            vendor=told.get("vendor_code", 0) & 0xFFFFFF,
            model=told.get("model", 0) & 0xFF,
            version=told.get("version", 0) & 0xFF,
            serial=told["serial_number"] & 0xFFFFFFFF,
            firmware=told.get("firmware_version", 0) & 0xFFFFFF,
        )

    # What is due

    def link(self, event: LinkEvent, now_ms: int) -> None:
        """Take an event of supervision."""
        if self.number is None or self._context is None:
            return
        jitter = random.random()  # noqa: S311 - no secret
        let_go = self._state.enable_ms is None or not self._context.is_pd_enabled(self.number)
        self._state, effects = supervise(self._state, event, now_ms, jitter, let_go=let_go)
        for effect in effects:
            if effect is LinkEffect.DISABLE:
                self.counts["retries"] += 1
                self._context.disable_pd(self.number)
                if self._exchanging and self._keys.following not in {None, self._key}:
                    # The library forgets the command, and says nothing more of it.
                    self._rotated(done=False)
                if self.moving:
                    self._moved(done=False)
            else:
                self._context.enable_pd(self.number)

    def tick(self, now_ms: int) -> None:
        """Do what is due, and report what has changed."""
        if self.pairing and now_ms >= (self._pairing_until_ms or 0):
            self.stop_pairing(KeyFailure.NOBODY)
        if not self.pairing:
            self._try_other_key(now_ms)
        reached = self._state.reached and self._state.missed < MISSED_POLLS
        self._inputs.look(now_ms, reached=reached and not self.pairing, ask=self._ask_inputs)
        self._find(now_ms)
        self._show_idle()
        self._report_health(now_ms)
        self._report_tamper(suspect=self._state.suspect(now_ms) and not self.pairing)
        self.report_facts()

    def _show_idle(self) -> None:
        idle = self._idle() if self._state.reached else None
        if idle is not None and idle != self._idle_shown:
            self.submit([idle])
        self._idle_shown = idle

    def _ask_inputs(self) -> int:
        """Have the reader report its inputs, and return how many it has."""
        if self._context is None or self.number is None:
            return 0
        _level, there = self._context.check_capability(self.number, CAPABILITY_INPUTS)
        if there > 0:  # a reader without inputs refuses, and loses its channel by that
            self.submit([STATUS_INPUTS])
        return there

    def _try_other_key(self, now_ms: int) -> None:
        """An exchange of keys was interrupted: the reader may have the old one or the new one."""
        since_ms = self._state.plain_since_ms
        others = [key for key in self._keys.candidates if key != self._key]
        if others and since_ms is not None and now_ms - since_ms >= _NEW_KEY_TRY_MS:
            self._key, self.rebuild = others[0], True

    def _report_health(self, now_ms: int) -> None:
        if self.rebuild:
            return
        if self.pairing:
            health = Health.OFFLINE, PAIRED_NOW
        elif self.number is None:
            health = Health.OFFLINE, self._left_out or UNPAIRED
        else:
            health = self._state.health(now_ms)
            faults = sorted(self._suspicions) + [_POWER] * self._starved + self._inputs.lacking()
            if health[0] is Health.ONLINE and faults:
                health = Health.DEGRADED, "; ".join(faults)
        if health[1] == CONNECTING and self._health and self._health[0] is not Health.OFFLINE:
            return  # a new context, for another reader's sake: soon known
        if health != self._health:
            self._health = health
            self._deliver(DeviceState(self.reader.name, *health, self._clock_ns()))

    def _report_tamper(self, *, suspect: bool = False) -> None:
        active = self._open or bool(self._suspicions) or suspect
        if active is not self._tampered:
            self._tampered = active
            self._deliver(TamperChanged(self.reader.name, active, self._clock_ns()))

    def report_facts(self) -> None:
        """Report what is known of the reader, if it has changed."""
        facts = ReaderFacts(
            self.reader.name,
            paired=self._keys.current is not None,
            tamper=self._open,
            power_fault=self._starved,
            new_serial=_NEW_SERIAL in self._suspicions,
            dropped=CHANNEL_LOST in self._suspicions,
            identity=self._identity,
        )
        if facts != self._facts:
            self._facts = facts
            self._deliver(facts)

    # Orders

    def submit(self, commands: list[Command] | tuple[Command, ...]) -> None:
        """Send commands that the reader can carry out; nothing if it is not reached."""
        if self._context is None or self.number is None or not self._state.reached:
            return
        for command in commands:
            needed = _CAPABILITIES.get(int(str(command["command"])))
            if needed is None or self._context.check_capability(self.number, needed)[0] > 0:
                self._context.submit_command(self.number, dict(command))

    def pair(self, now_ms: int) -> None:
        """Begin to pair: for a while any reader in installation mode gets a new key."""
        self._put(self._keys.withdrawn().offered(new_key()))
        self._key = self._keys.following
        self._pairing_until_ms = now_ms + PAIRING_S * 1000
        self._factory_seen, self._exchanging, self.rebuild = False, False, True
        self._progress(KeyPhase.PAIRING, until_ms=self._pairing_until_ms)

    def stop_pairing(self, failure: KeyFailure) -> None:
        """End a pairing without success; the old key stays in force."""
        if not self.pairing:
            return
        if not self._factory_seen:
            self._keys = self._keys.withdrawn()
            self._store()
        self._key = next(iter(self._keys.candidates), None)
        self._pairing_until_ms, self.rebuild = None, True
        self._progress(KeyPhase.FAILED, failure)

    def rotate(self) -> None:
        """Send a new key over the channel of the present one."""
        if not self._met or self._state.silent or self.pairing or self._context is None:
            self._progress(KeyPhase.FAILED, KeyFailure.NO_CHANNEL)
            return
        key = new_key()
        self._put(self._keys.offered(key))
        self._exchanging = True
        self._progress(KeyPhase.ROTATING)
        if not self._context.submit_command(self.number or 0, {**KEYSET, "data": key}):
            self._rotated(done=False)

    def move(self, order: MoveReader, *, alone: bool) -> None:
        """Send another address and speed over the secure channel. Unless it is alone on its bus,
        all readers must have another speed before it is found again."""
        ready = self._met and not self._state.silent and not self.pairing and not self._exchanging
        if not ready or self.moving or self._former is not None or self._context is None:
            self._progress(KeyPhase.FAILED, KeyFailure.NO_CHANNEL)
            return
        self._move, self._goes_back = order, alone or order.baud == self.reader.baud
        self._progress(KeyPhase.MOVING)
        settings = {"address": order.address, "baud_rate": order.baud}
        if not self._context.submit_command(self.number or 0, {**COMSET, **settings}):
            self._moved(done=False)

    def _moved(self, *, done: bool) -> None:
        order, self._move, self._move_until_ms = self._move, None, None
        if order is None:
            return
        if not done:
            self._progress(KeyPhase.FAILED, KeyFailure.NOT_MOVED)
            return
        self._former, self.rebuild = self.reader, True
        settings = {"address": order.address, "baud": order.baud}
        self.reader = self.reader.model_copy(update=settings)

    def left_out(self, others: str) -> None:
        """It has another speed than its bus, where `others` do not have it yet; empty when all
        have."""
        self._left_out = others and (
            f"it has {self.reader.baud} Bd, and is asked again when {others} of its bus, too, have"
        )
        if others and self._former is not None:
            self._former = None
            self._progress(KeyPhase.MOVED, detail=self._left_out)

    def _find(self, now_ms: int) -> None:
        """Give up on a reader that does not take another address, or is not found there."""
        if self._move is None and self._former is None:
            self._move_until_ms = None
            return
        if self._move_until_ms is None:
            self._move_until_ms = now_ms + (_MOVE_MS if self.moving else _FOUND_MS)
        if now_ms < self._move_until_ms:
            return
        self._move_until_ms = None
        if self.moving:
            self._moved(done=False)
        elif self._former is not None:
            former, self._former = self._former, None
            if self._goes_back:
                self.reader, self.rebuild = former, True
            self._progress(KeyPhase.FAILED, KeyFailure.LOST)

    def paused(self, why: str) -> None:
        """Its bus does something else for a while."""
        self._inputs.look(0, reached=False, ask=self._ask_inputs)
        self.begin(None, None)
        self._health = Health.OFFLINE, why
        self._deliver(DeviceState(self.reader.name, *self._health, self._clock_ns()))

    def completed(self, command: int, status: int) -> None:
        """A command was carried out (`status` 0) or not."""
        if command == COMSET["command"]:
            self._moved(done=status == 0)
        if command == KEYSET["command"] and self._exchanging:
            self._rotated(done=status == 0)

    def _rotated(self, *, done: bool) -> None:
        if done:
            # The running channel would stay up; only a new one proves the key.
            self._key, self.rebuild = self._keys.following, True
        else:
            self._exchanging = False
            self._progress(KeyPhase.FAILED, KeyFailure.NOT_TAKEN)

    def retry(self, now_ms: int) -> None:
        """Reach it now, instead of at the next attempt."""
        self._state = self._state.at_once(now_ms)

    def _put(self, keys: ReaderKeys) -> None:
        self._file.put(self.reader.name, keys)
        self._keys = keys

    def _store(self) -> None:
        """Store the keys as they are now; if that fails, doors go on: the file has both keys, and
        the next start tries them again."""
        try:
            self._put(self._keys)
        except OSError as error:
            log.error("the key cannot be stored", reader=self.reader.name, why=str(error))  # noqa: TRY400 - no traceback

    def not_stored(self, why: str) -> None:
        """An order could not be carried out; the keys are as they were."""
        self._progress(KeyPhase.FAILED, KeyFailure.NOT_STORED, why)

    def _progress(
        self,
        phase: KeyPhase,
        failure: KeyFailure | None = None,
        detail: str = "",
        *,
        until_ms: int | None = None,
    ) -> None:
        now = KeyProgress(self.reader.name, phase, failure, detail, until_ms)
        log.info("the reader's key", reader=self.reader.name, phase=phase.value, why=now.why)
        self._deliver(now)

    def gone(self) -> None:
        """The port has failed; who pairs may begin again."""
        self.stop_pairing(KeyFailure.PORT)
        self._inputs.look(0, reached=False, ask=self._ask_inputs)
        self._health = None
        self.begin(None, None)
