"""Contactless readers that pcscd serves: a thread that watches for cards and asks their number."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace

import structlog

from gateway.credentials.card_number import CardFormat
from gateway.credentials.contactless import (
    ASK_SERIAL,
    card_kind,
    card_of_serial,
    serial_of_answer,
)
from gateway.credentials.values import BadFrame, Credential, CredentialKind, Identification
from gateway.errors import BrokenFrame, NotFound
from gateway.hardware.device_thread import Backoff, DeviceThread
from gateway.hardware.events import DeviceState, Health, Loop
from gateway.hardware.reading_settings import ReadingSettings
from gateway.hardware.usb.card_service import CardService, CardView
from gateway.hardware.usb.pcsc_names import reader_among
from gateway.hardware.usb.pcsc_service import open_pcscd
from gateway.settings import PcscReader

_AGAIN_S = 0.1
"""After a reader that is listed and gone: it is just being taken away."""

_CLOSING_S = 2.0
"""The longest that `close` waits for a call which pcscd does not answer; a service has little time
to stop."""
_HANGS = "pcscd does not answer a call any more: it hangs, or the reader's driver in it does"

log = structlog.get_logger("pcsc")


@dataclass(frozen=True, slots=True)
class _CardRead:
    """A card that was laid on the reader."""

    atr: bytes
    answer: bytes
    """To `ASK_SERIAL`; empty when there is a fault."""
    fault: str
    at_ns: int


class PcscDriver:
    """One reader at pcscd."""

    due_ns = None

    def __init__(
        self,
        reader: PcscReader,
        loop: Loop,
        *,
        backoff: Backoff | None = None,
        opener: Callable[[], CardService] = open_pcscd,
    ) -> None:
        """Start the thread; nothing is posted before the first `service`."""
        self.name = reader.name
        self._requested = reader.reader
        self._form = CardFormat(reader.number, reader.byte_order)
        self._clock = loop.clock
        self._post = loop.post
        self._opener = opener
        self._reported: DeviceState | None = None
        """What the thread told last."""
        self._hangs = False
        self._thread: DeviceThread[_CardRead] = DeviceThread(
            reader.name, self._watch, loop, backoff=backoff
        )

    def responsive(self, now_ns: int) -> bool:  # noqa: ARG002 - a thread that hangs counts as well
        # It hangs in pcscd, which a new start of this program would not cure: doors go on.
        return self._thread.alive

    def configure(self, reading: ReadingSettings) -> None:
        """Nothing in the database is about these readers."""

    def service(self, now_ns: int) -> None:
        self._report_hang(now_ns)
        for item in self._thread.take():
            if isinstance(item, DeviceState):
                self._reported = item
                self._post(item)
            else:
                self._post(self._read(item))

    def close(self) -> None:
        self._thread.close(_CLOSING_S)

    def _report_hang(self, now_ns: int) -> None:
        hangs = not self._thread.responsive(now_ns)
        if hangs is self._hangs:
            return
        self._hangs = hangs
        if hangs:
            self._post(DeviceState(self.name, Health.OFFLINE, _HANGS, now_ns))
        elif self._reported is not None:
            self._post(replace(self._reported, at_ns=now_ns))

    def _read(self, shown: _CardRead) -> Identification | BadFrame:
        kind = card_kind(shown.atr)
        log.info("card shown", reader=self.name, card=kind)
        fault = shown.fault
        if not fault:
            try:
                number = card_of_serial(serial_of_answer(shown.answer), self._form)
            except BrokenFrame as error:
                fault = str(error)
            else:
                card = Credential(CredentialKind.CARD, number)
                return Identification(self.name, card, shown.at_ns)
        return BadFrame(self.name, shown.answer.hex(), f"{kind}: {fault}", shown.at_ns)

    # From here on: the thread.

    def _watch(self, thread: DeviceThread[_CardRead]) -> None:
        """Watch the reader until told to stop; raises OSError when pcscd goes."""
        with closing(self._opener()) as service, thread.interrupted_by(service.cancel):
            while not thread.stopping:
                try:
                    self._follow(thread, service, reader_among(self._requested, service.readers()))
                except NotFound as missing:
                    thread.report(Health.OFFLINE, str(missing))
                    service.look(None)

    def _follow(self, thread: DeviceThread[_CardRead], service: CardService, reader: str) -> None:
        """Hand on every card that is laid on `reader`, as long as it is the one that is meant.

        Raises NotFound when it has gone.
        """
        thread.beat()
        came_ns = self._clock.monotonic_ns()
        last = service.look(reader)
        if last is None:
            thread.pause(_AGAIN_S)
            return
        thread.report(Health.ONLINE)
        if last.present:
            self._deliver_resting(thread, last)
        while not thread.stopping and reader_among(self._requested, service.readers()) == reader:
            view = service.look(reader)
            thread.beat()
            if view is None:
                return
            now_ns = self._clock.monotonic_ns()
            if view.present and not (last.present and last.events == view.events):
                if now_ns - came_ns < service.settling_ns:
                    self._deliver_resting(thread, view)
                else:
                    thread.deliver(self._asked(service, reader, view, now_ns))
            last = view

    def _deliver_resting(self, thread: DeviceThread[_CardRead], view: CardView) -> None:
        """A door must not open because power or pcscd came back under a card that was left."""
        why = "it lay on the reader when that was opened: take it away, then show it again"
        thread.deliver(_CardRead(view.atr, b"", why, self._clock.monotonic_ns()))

    def _asked(self, service: CardService, reader: str, view: CardView, now_ns: int) -> _CardRead:
        try:
            answer = service.transmit(reader, ASK_SERIAL)
        except BrokenFrame as error:
            return _CardRead(view.atr, b"", str(error), now_ns)
        return _CardRead(view.atr, answer, "", now_ns)
