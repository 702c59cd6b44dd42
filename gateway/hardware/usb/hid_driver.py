"""Keyboard readers: a thread transfers keys, and the loop decodes the text."""

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
from gateway.hardware.captures import ReaderCaptures
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
"""Longest wait for keys."""
_EVENTS_AT_ONCE = 256

_WORDS = {
    errno.ENOTTY: "this is no input device",
    errno.EINVAL: "this is no input device",
    errno.EBUSY: "another program has it for itself",
}
"""Replacements for system error texts."""

_Keys = list[Key | KeysLost]
"""Keys in order of arrival; an empty list is a silence."""


class HidDriver:
    """The driver of one keyboard reader."""

    due_ns = None

    def __init__(
        self,
        reader: HidReader,
        path: str,
        loop: Loop,
        *,
        captures: ReaderCaptures | None = None,
        backoff: Backoff | None = None,
        opener: Callable[[str], int] = open_keyboard,
    ) -> None:
        """Start the thread on the device at `path`; nothing is posted before the first `service`.

        `opener` returns a non-blocking descriptor of an input device.
        """
        self.name = reader.name
        self._reader = reader
        self._form = CardFormat(reader.number, reader.byte_order)
        self._path = path
        self._post = loop.post
        self._captures = captures or ReaderCaptures(lambda: None)
        self._opener = opener
        self._collector = KeyboardCollector(reader.gap_ms * 1_000_000)
        self._burst = BurstFilter(reader.name)
        self._thread: DeviceThread[_Keys] = DeviceThread(
            reader.name, self._carry, loop, backoff=backoff, explain=self._plain
        )

    def responsive(self, now_ns: int) -> bool:
        return self._thread.responsive(now_ns)

    def configure(self, reading: ReadingSettings) -> None:
        """Does nothing: the look-up applies the QR mode."""

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
                self._captures.typed(typed.text, typed.at_ns, str(error))
            else:
                self._captures.typed(typed.text, typed.at_ns)
                read = Identification(reader.name, credential, typed.at_ns)
                for counts in self._burst.take(read):
                    self._post(counts)

    # Called by the thread.

    def _carry(self, thread: DeviceThread[_Keys]) -> None:
        """Open the device and deliver its keys to the loop until `stopping`."""
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
        """Return the device's path and the error."""
        number = error.errno if isinstance(error, OSError) else None
        if number is None:
            return str(error)
        return f"{self._path}: {_WORDS.get(number, os.strerror(number))}"


def _read_events(device: int) -> bytes:
    """Read the device's events; raises OSError when the device is gone."""
    data = os.read(device, EVENT_BYTES * _EVENTS_AT_ONCE)
    if not data:
        raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
    return data
