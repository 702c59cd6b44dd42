"""Linux input devices (evdev): opens a device exclusively and decodes its events.

Structure and request numbers come from the kernel's `linux/input.h`. The evdev library has no
wheels for ARM and opens real devices only; one structure and two requests suffice here.
"""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from gateway.credentials.keyboard import ENTER, LEFT_SHIFT, strokes
from gateway.hardware.device_files import refuse_plain_file

_EVENT = struct.Struct("@llHHi")
"""`struct input_event`: seconds, microseconds, type, code, value, in native sizes."""
EVENT_BYTES = _EVENT.size

_SYN, _KEY = 0, 1
_SYN_REPORT, _SYN_DROPPED = 0, 3
_UP, _DOWN = 0, 1

_EVIOCGRAB = 0x40044590
_EVIOCSCLOCKID = 0x400445A0
_CLOCK_MONOTONIC = 1


@dataclass(frozen=True, slots=True)
class Key:
    """A key that went down or up."""

    code: int
    down: bool
    at_ns: int
    """Monotonic nanoseconds, by the kernel's stamp."""


@dataclass(frozen=True, slots=True)
class KeysLost:
    """The kernel's buffer was full: keys before `at_ns` are missing."""

    at_ns: int


def open_keyboard(path: str) -> int:
    """Open an input device exclusively and return its descriptor.

    Otherwise a console's login would get the keys too. Raises OSError: the path does not exist, is
    not an input device (ENOTTY), or another program has opened it exclusively (EBUSY).
    """
    refuse_plain_file(path)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.ioctl(descriptor, _EVIOCGRAB, 1)
        fcntl.ioctl(descriptor, _EVIOCSCLOCKID, struct.pack("@i", _CLOCK_MONOTONIC))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


class InputEventStream:
    """Decodes the bytes of one opened device into keys; other events are ignored."""

    def __init__(self) -> None:
        self._rest = b""
        self._skipping = False

    def feed(self, data: bytes) -> list[Key | KeysLost]:
        """Take bytes as read; returns their keys."""
        data = self._rest + data
        whole = len(data) - len(data) % EVENT_BYTES
        self._rest = data[whole:]
        keys: list[Key | KeysLost] = []
        for seconds, micros, kind, code, value in _EVENT.iter_unpack(data[:whole]):
            at_ns = (seconds * 1_000_000 + micros) * 1_000
            if kind == _SYN and code == _SYN_DROPPED:
                self._skipping = True
                keys.append(KeysLost(at_ns))
            elif self._skipping:
                # Events up to the next report belong to the lost ones.
                self._skipping = not (kind == _SYN and code == _SYN_REPORT)
            elif kind == _KEY and value in {_UP, _DOWN}:  # not key repeat
                keys.append(Key(code, value == _DOWN, at_ns))
        return keys


def pack_event(kind: int, code: int, value: int, at_ns: int) -> bytes:
    """Return the bytes of one event, as the kernel writes it."""
    seconds, rest_ns = divmod(at_ns, 1_000_000_000)
    return _EVENT.pack(seconds, rest_ns // 1_000, kind, code, value)


def pack_keys(keys: Iterable[tuple[int, bool]], at_ns: int) -> bytes:
    """Return the bytes of key presses (True) and releases, each with its report."""
    report = pack_event(_SYN, _SYN_REPORT, 0, at_ns)
    return b"".join(
        pack_event(_KEY, code, _DOWN if down else _UP, at_ns) + report for code, down in keys
    )


def pack_text(text: str, at_ns: int) -> bytes:
    """Return the bytes of a text typed on a US keyboard and Enter; raises ValueError for a
    character without a key."""
    keys: list[tuple[int, bool]] = []
    for code, shift in [*strokes(text), (ENTER, False)]:
        stroke = [(code, True), (code, False)]
        keys += [(LEFT_SHIFT, True), *stroke, (LEFT_SHIFT, False)] if shift else stroke
    return pack_keys(keys, at_ns)
