"""Contactless readers at pcscd: a thread waits for cards and reads their serial numbers."""

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
from gateway.hardware.captures import ReaderCaptures
from gateway.hardware.device_thread import Backoff, DeviceThread
from gateway.hardware.events import DeviceState, Health, Loop
from gateway.hardware.reading_settings import ReadingSettings
from gateway.hardware.usb.card_service import CardService, CardView
from gateway.hardware.usb.pcsc_names import reader_among
from gateway.hardware.usb.pcsc_service import open_pcscd
from gateway.settings import PcscReader

_AGAIN_S = 0.1
"""Pause after a reader that is listed but gone: it is being removed."""

_CLOSING_S = 2.0
"""Longest wait of `close` for a call that pcscd does not answer."""
_HANGS = "pcscd does not answer: it or its driver for the reader hangs; restart pcscd"

log = structlog.get_logger("pcsc")


@dataclass(frozen=True, slots=True)
class _CardRead:
    """A card that was presented at the reader."""

    atr: bytes
    answer: bytes
    """Answer to `ASK_SERIAL`; empty with a fault."""
    fault: str
    at_ns: int


class PcscDriver:
    """The driver of one reader at pcscd."""

    due_ns = None

    def __init__(
        self,
        reader: PcscReader,
        loop: Loop,
        *,
        captures: ReaderCaptures | None = None,
        backoff: Backoff | None = None,
        opener: Callable[[], CardService] = open_pcscd,
    ) -> None:
        """Start the thread; nothing is posted before the first `service`."""
        self.name = reader.name
        self._requested = reader.reader
        self._form = CardFormat(reader.number, reader.byte_order)
        self._clock = loop.clock
        self._post = loop.post
        self._captures = captures or ReaderCaptures(lambda: None)
        self._opener = opener
        self._reported: DeviceState | None = None
        """The last state from the thread."""
        self._hangs = False
        self._thread: DeviceThread[_CardRead] = DeviceThread(
            reader.name, self._watch, loop, backoff=backoff
        )

    def responsive(self, now_ns: int) -> bool:  # noqa: ARG002 - a hanging thread counts as responsive
        # It hangs in pcscd, which a restart of this program would not repair.
        return self._thread.alive

    def configure(self, reading: ReadingSettings) -> None:
        """Does nothing: these readers have no settings in the database."""

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
                self._captures.card(shown.atr, shown.answer, shown.at_ns)
                card = Credential(CredentialKind.CARD, number)
                return Identification(self.name, card, shown.at_ns)
        why = f"{kind}: {fault}"
        self._captures.card(shown.atr, shown.answer, shown.at_ns, why)
        return BadFrame(self.name, shown.answer.hex(), why, shown.at_ns)

    # Called by the thread.

    def _watch(self, thread: DeviceThread[_CardRead]) -> None:
        """Watch the reader until `stopping`; raises OSError when pcscd is gone."""
        with closing(self._opener()) as service, thread.interrupted_by(service.cancel):
            while not thread.stopping:
                try:
                    self._follow(thread, service, reader_among(self._requested, service.readers()))
                except NotFound as missing:
                    thread.report(Health.OFFLINE, str(missing))
                    service.look(None)

    def _follow(self, thread: DeviceThread[_CardRead], service: CardService, reader: str) -> None:
        """Deliver every card presented at `reader`, while it is the requested one.

        Raises NotFound when it is gone.
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
        """Deliver a card that lay on the reader as a fault: a return of power or pcscd must not
        open a door."""
        why = "the card lay on the reader when it was opened: remove it, then present it again"
        thread.deliver(_CardRead(view.atr, b"", why, self._clock.monotonic_ns()))

    def _asked(self, service: CardService, reader: str, view: CardView, now_ns: int) -> _CardRead:
        try:
            answer = service.transmit(reader, ASK_SERIAL)
        except BrokenFrame as error:
            return _CardRead(view.atr, b"", str(error), now_ns)
        return _CardRead(view.atr, answer, "", now_ns)
