"""Text from readers that act as a USB keyboard: decodes key codes with the US layout.

Linux key codes (input-event-codes.h) name key positions, not characters. Readers ship with the US
layout.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.credentials.line_frames import MAX_BYTES
from gateway.errors import BrokenFrame

ENTER = 28
_TAB, _KEYPAD_ENTER = 15, 96
END_KEYS = frozenset({_TAB, ENTER, _KEYPAD_ENTER})
"""Each of these ends a text."""

LEFT_SHIFT = 42
_RIGHT_SHIFT = 54
_CAPS_LOCK = 58
_SHIFTS = frozenset({LEFT_SHIFT, _RIGHT_SHIFT})
_COMMANDS = {29: "Ctrl", 97: "Ctrl", 56: "Alt", 100: "Alt", 125: "Meta", 126: "Meta"}
"""Modifiers with which a key types no character."""
_LOCKS = frozenset({69, 70})
"""Num Lock and Scroll Lock, ignored: keypad keys always type digits here."""


def _row(first: int, plain: str, shifted: str) -> dict[int, tuple[str, str]]:
    """Map consecutive key codes to their characters without and with Shift."""
    return {first + place: pair for place, pair in enumerate(zip(plain, shifted, strict=True))}


_CHARACTERS: dict[int, tuple[str, str]] = {
    **_row(2, "1234567890-=", "!@#$%^&*()_+"),
    **_row(16, "qwertyuiop[]", "QWERTYUIOP{}"),
    **_row(30, "asdfghjkl;'`", 'ASDFGHJKL:"~'),
    **_row(43, "\\zxcvbnm,./", "|ZXCVBNM<>?"),
    **_row(55, "*", "*"),
    **_row(57, " ", " "),
    # Keypad with Num Lock on.
    **_row(71, "789-456+1230.", "789-456+1230."),
    **_row(98, "/", "/"),
    **_row(117, "=", "="),
    **_row(121, ",", ","),
    # The key beside the left Shift that US keyboards lack.
    **_row(86, "<", ">"),
}

_STROKES: dict[str, tuple[int, bool]] = {}
for _code, (_plain, _shifted) in sorted(_CHARACTERS.items()):
    _STROKES.setdefault(_plain, (_code, False))
    _STROKES.setdefault(_shifted, (_code, True))


def strokes(text: str) -> Iterator[tuple[int, bool]]:
    """Yield the keys that type `text`: code, and whether Shift is held.

    Raises ValueError for a character without a key on the US layout.
    """
    for character in text:
        if character not in _STROKES:
            raise ValueError(f"{character!r} has no key on a US keyboard")
        yield _STROKES[character]


@dataclass(frozen=True, slots=True)
class TypedText:
    """A typed text without its end key, complete or with a fault."""

    text: str
    at_ns: int
    """Monotonic nanoseconds of the last key press."""
    fault: str = ""
    """Why the text is not reliable; empty for a complete text."""


class KeyboardCollector:
    """Collects the keys of one reader into texts.

    A text ends at Enter, keypad Enter or Tab. A text that is interrupted for longer than `gap_ns`,
    lost a key, holds a key without a character or is too long gets a fault. It is never shortened:
    a shorter text could be another person's credential.
    """

    def __init__(self, gap_ns: int) -> None:
        self._gap_ns = gap_ns
        self._held: set[int] = set()
        self._capitals = False
        self._text = ""
        self._fault = ""
        self._last_ns = 0

    def press(self, code: int, at_ns: int) -> list[TypedText]:
        """Take a key pressed at `at_ns`; returns the texts that it ends, at most two."""
        ended = self.silence() if self.was_silent(at_ns) else []
        self._last_ns = at_ns
        if code in END_KEYS:
            return ended + self._end()
        if code in _SHIFTS or code in _COMMANDS:
            self._held.add(code)
        elif code == _CAPS_LOCK:
            self._capitals = not self._capitals
        elif code not in _LOCKS:
            self._character(code)
        return ended

    def was_silent(self, at_ns: int) -> bool:
        """Return whether a key at `at_ns` is the first after a silence of more than `gap_ns`."""
        return at_ns - self._last_ns > self._gap_ns

    def release(self, code: int) -> None:
        """Take a released key; only modifiers matter."""
        self._held.discard(code)

    def lost(self, at_ns: int) -> None:
        """Mark the current text as incomplete: keys were lost."""
        self._last_ns = at_ns
        # A release of Shift may be among the lost keys; readers hold Shift for one key only.
        self._held.clear()
        self._fault = self._fault or "keys were lost: the reader typed faster than they were read"

    def silence(self) -> list[TypedText]:
        """End the current text with a fault: no key came for `gap_ns`."""
        if self._text:
            self._fault = self._fault or f"no Enter or Tab within {self._gap_ns // 1_000_000} ms"
        return self._end()

    def reset(self) -> None:
        """Discard all state: the device vanished or was just opened."""
        self._text = self._fault = ""
        self._held.clear()
        self._capitals = False

    def _character(self, code: int) -> None:
        command = next((_COMMANDS[key] for key in sorted(self._held & _COMMANDS.keys())), None)
        if command is not None:
            self._fault = self._fault or f"key {code} with {command} types no character"
        elif code not in _CHARACTERS:
            self._fault = self._fault or f"key {code} types no character"
        elif len(self._text) >= MAX_BYTES:
            self._fault = self._fault or f"more than {MAX_BYTES} characters without Enter or Tab"
        else:
            plain, shifted = _CHARACTERS[code]
            shift = bool(self._held & _SHIFTS)
            # Caps Lock inverts letters only.
            self._text += shifted if shift is not (self._capitals and plain.isalpha()) else plain

    def _end(self) -> list[TypedText]:
        """Return the typed text; an empty one, as between CR and LF, is dropped."""
        ended = TypedText(self._text, self._last_ns, self._fault)
        self._text = self._fault = ""
        return [ended] if ended.text or ended.fault else []


def text_of_typing(typed: TypedText, prefix: str, suffix: str) -> str:
    """Return the typed text without the `prefix` and `suffix` that the reader adds.

    Raises BrokenFrame for a text with a fault, without one of them, or with nothing between them.
    """
    if typed.fault:
        raise BrokenFrame(typed.fault)
    text = typed.text
    if not (text.startswith(prefix) and text.endswith(suffix)):
        raise BrokenFrame(f"the text is not between {prefix!r} and {suffix!r}")
    text = text[len(prefix) : len(text) - len(suffix)]
    if not text:
        raise BrokenFrame("the text is empty between the reader's prefix and suffix")
    return text
