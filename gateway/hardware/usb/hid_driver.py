"""Readers that work as a USB keyboard: a thread that carries keys, and their text in the loop."""

from __future__ import annotations

import errno
import os
import select
from collections.abc import Callable

from gateway.credentials.burst_filter import BurstFilter
from gateway.credentials.card_number import CardFormat
from gateway.credentials.keyboard import KeyboardCollector, TypedText, text_of_typing
from gateway.credentials.texts import credential_of_text
from gateway.credentials.values import BadFrame, Identification
from gateway.errors import BrokenFrame
from gateway.hardware.device_thread import Backoff, DeviceThread
from gateway.hardware.events import DeviceState, Health, Loop
from gateway.hardware.reading_settings import ReadingSettings
from gateway.hardware.usb.input_events import (
    EVENT_BYTES,
    InputEventStream,
    Key,
    KeysLost,
    open_keyboard,
)
from gateway.settings import HidReader

_IDLE_MS = 500
"""The longest a wait for keys is."""
_EVENTS_AT_ONCE = 256

_WORDS = {
    errno.ENOTTY: "this is no input device",
    errno.EINVAL: "this is no input device",
    errno.EBUSY: "another program has it for itself",
}
"""Errors that the system words for somebody else than a technician."""

_Keys = list[Key | KeysLost]
"""Keys in the order in which they came; none when a silence is what was heard."""


class HidDriver:
    """One reader that types."""

    due_ns = None

    def __init__(
        self,
        reader: HidReader,
        path: str,
        loop: Loop,
        *,
        backoff: Backoff | None = None,
        opener: Callable[[str], int] = open_keyboard,
    ) -> None:
        """Start the thread on the device at `path`; nothing is posted before the first `service`.

        `opener` gives a non-blocking descriptor that reads as an input device does.
        """
        self.name = reader.name
        self._reader = reader
        self._form = CardFormat(reader.number, reader.byte_order)
        self._path = path
        self._post = loop.post
        self._opener = opener
        self._collector = KeyboardCollector(reader.gap_ms * 1_000_000)
        self._burst = BurstFilter(reader.name)
        self._thread: DeviceThread[_Keys] = DeviceThread(
            reader.name, self._carry, loop, backoff=backoff, explain=self._plain
        )

    def responsive(self, now_ns: int) -> bool:
        return self._thread.responsive(now_ns)

    def configure(self, reading: ReadingSettings) -> None:
        """What a code stands for is decided by who looks it up."""

    def service(self, now_ns: int) -> None:  # noqa: ARG002 - keys have stamps of their own
        for keys in self._thread.take():
            if isinstance(keys, DeviceState):
                self._collector.reset()
                self._burst.silence()
                self._post(keys)
                continue
            if not keys:
                self._silence()
            for key in keys:
                self._take(key)

    def close(self) -> None:
        self._thread.close()

    def _take(self, key: Key | KeysLost) -> None:
        if isinstance(key, KeysLost):
            self._collector.lost(key.at_ns)
        elif key.down:
            if self._collector.was_silent(key.at_ns):
                self._silence()
            self._read(self._collector.press(key.code, key.at_ns))
        else:
            self._collector.release(key.code)

    def _silence(self) -> None:
        self._read(self._collector.silence())
        for refused in self._burst.silence():
            self._post(refused)

    def _read(self, ended: list[TypedText]) -> None:
        reader = self._reader
        for typed in ended:
            try:
                text = text_of_typing(typed, reader.prefix, reader.suffix)
                credential = credential_of_text(text, reader.shows, self._form)
            except BrokenFrame as error:
                shown = typed.text.encode().hex()
                self._post(BadFrame(reader.name, shown, str(error), typed.at_ns))
            else:
                read = Identification(reader.name, credential, typed.at_ns)
                for counts in self._burst.take(read):
                    self._post(counts)

    # From here on: the thread.

    def _carry(self, thread: DeviceThread[_Keys]) -> None:
        """Open the device and carry its keys to the loop until told to stop."""
        device = self._opener(self._path)
        try:
            wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            try:
                with thread.interrupted_by(lambda: os.eventfd_write(wake, 1)):
                    self._carry_keys(thread, device, wake)
            finally:
                os.close(wake)
        finally:
            os.close(device)

    def _carry_keys(self, thread: DeviceThread[_Keys], device: int, wake: int) -> None:
        ready = select.poll()
        ready.register(device, select.POLLIN)
        ready.register(wake, select.POLLIN)
        stream = InputEventStream()
        unfinished = False
        thread.report(Health.ONLINE)
        while not thread.stopping:
            found = ready.poll(self._reader.gap_ms if unfinished else _IDLE_MS)
            thread.beat()
            if device in (descriptor for descriptor, _ in found):
                keys = stream.feed(_read_events(device))
                if keys:
                    thread.deliver(keys)
                    unfinished = True
            elif unfinished and not found:
                thread.deliver([])
                unfinished = False

    def _plain(self, error: Exception) -> str:
        """What is wrong with the device, with its path."""
        number = error.errno if isinstance(error, OSError) else None
        if number is None:
            return str(error)
        return f"{self._path}: {_WORDS.get(number, os.strerror(number))}"


def _read_events(device: int) -> bytes:
    """What the device has to say; raises OSError when it has gone."""
    data = os.read(device, EVENT_BYTES * _EVENTS_AT_ONCE)
    if not data:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
    return data
