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
class _Shown:
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
        self._wanted = reader.reader
        self._form = CardFormat(reader.number, reader.byte_order)
        self._clock = loop.clock
        self._post = loop.post
        self._opener = opener
        self._said: DeviceState | None = None
        """What the thread told last."""
        self._hangs = False
        self._thread: DeviceThread[_Shown] = DeviceThread(
            reader.name, self._watch, loop, backoff=backoff
        )

    def turns(self, now_ns: int) -> bool:  # noqa: ARG002 - a thread that hangs counts as well
        # It hangs in pcscd, which a new start of this program would not cure: doors go on.
        return self._thread.alive

    def configure(self, reading: ReadingSettings) -> None:
        """Nothing in the database is about these readers."""

    def service(self, now_ns: int) -> None:
        self._tell_whether_it_hangs(now_ns)
        for heard in self._thread.take():
            if isinstance(heard, DeviceState):
                self._said = heard
                self._post(heard)
            else:
                self._post(self._read(heard))

    def close(self) -> None:
        self._thread.close(_CLOSING_S)

    def _tell_whether_it_hangs(self, now_ns: int) -> None:
        hangs = not self._thread.turns(now_ns)
        if hangs is self._hangs:
            return
        self._hangs = hangs
        if hangs:
            self._post(DeviceState(self.name, Health.OFFLINE, _HANGS, now_ns))
        elif self._said is not None:
            self._post(replace(self._said, at_ns=now_ns))

    def _read(self, shown: _Shown) -> Identification | BadFrame:
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

    def _watch(self, thread: DeviceThread[_Shown]) -> None:
        """Watch the reader until told to stop; raises OSError when pcscd goes."""
        with closing(self._opener()) as service, thread.interrupted_by(service.cancel):
            while not thread.stopping:
                try:
                    self._follow(thread, service, reader_among(self._wanted, service.readers()))
                except NotFound as missing:
                    thread.tell(Health.OFFLINE, str(missing))
                    service.look(None)

    def _follow(self, thread: DeviceThread[_Shown], service: CardService, reader: str) -> None:
        """Hand on every card that is laid on `reader`, as long as it is the one that is meant.

        Raises NotFound when it has gone.
        """
        thread.beat()
        came_ns = self._clock.monotonic_ns()
        last = service.look(reader)
        if last is None:
            thread.pause(_AGAIN_S)
            return
        thread.tell(Health.ONLINE)
        if last.present:
            self._lay_there(thread, last)
        while not thread.stopping and reader_among(self._wanted, service.readers()) == reader:
            view = service.look(reader)
            thread.beat()
            if view is None:
                return
            now_ns = self._clock.monotonic_ns()
            if view.present and not (last.present and last.events == view.events):
                if now_ns - came_ns < service.settling_ns:
                    self._lay_there(thread, view)
                else:
                    thread.hand(self._asked(service, reader, view, now_ns))
            last = view

    def _lay_there(self, thread: DeviceThread[_Shown], view: CardView) -> None:
        """A door must not open because power or pcscd came back under a card that was left."""
        why = "it lay on the reader when that was opened: take it away, then show it again"
        thread.hand(_Shown(view.atr, b"", why, self._clock.monotonic_ns()))

    def _asked(self, service: CardService, reader: str, view: CardView, now_ns: int) -> _Shown:
        try:
            answer = service.transmit(reader, ASK_SERIAL)
        except BrokenFrame as error:
            return _Shown(view.atr, b"", str(error), now_ns)
        return _Shown(view.atr, answer, "", now_ns)
