"""What a reader that works as a USB keyboard types: key codes to text, with the US layout.

Key codes are those of Linux (input-event-codes.h), which are the positions of the keys and not the
letters on them. Readers are built for the US layout unless they are set to another one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.credentials.line_frames import MAX_BYTES
from gateway.errors import BrokenFrame

ENTER = 28
_TAB, _KEYPAD_ENTER = 15, 96
END_KEYS = frozenset({_TAB, ENTER, _KEYPAD_ENTER})
"""Any of these ends a text."""

LEFT_SHIFT = 42
_RIGHT_SHIFT = 54
_CAPS_LOCK = 58
_SHIFTS = frozenset({LEFT_SHIFT, _RIGHT_SHIFT})
_COMMANDS = {29: "Ctrl", 97: "Ctrl", 56: "Alt", 100: "Alt", 125: "Meta", 126: "Meta"}
"""Keys that make something else of a key than its character."""
_LOCKS = frozenset({69, 70})
"""Num Lock and Scroll Lock: a keypad's digits are digits here in any case."""


def _row(first: int, plain: str, shifted: str) -> dict[int, tuple[str, str]]:
    """Keys with codes that follow each other: code -> characters without and with Shift."""
    return {first + place: pair for place, pair in enumerate(zip(plain, shifted, strict=True))}


_CHARACTERS: dict[int, tuple[str, str]] = {
    **_row(2, "1234567890-=", "!@#$%^&*()_+"),
    **_row(16, "qwertyuiop[]", "QWERTYUIOP{}"),
    **_row(30, "asdfghjkl;'`", 'ASDFGHJKL:"~'),
    **_row(43, "\\zxcvbnm,./", "|ZXCVBNM<>?"),
    **_row(55, "*", "*"),
    **_row(57, " ", " "),
    # The keypad, as it types with Num Lock on.
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
    """The keys that type `text`: code, and whether Shift is held.

    Raises ValueError for a character that the US layout has no key for.
    """
    for character in text:
        if character not in _STROKES:
            raise ValueError(f"{character!r} has no key on a US keyboard")
        yield _STROKES[character]


@dataclass(frozen=True, slots=True)
class TypedText:
    """A text that was typed, up to its end key; or one that broke off."""

    text: str
    at_ns: int
    """When its last key was pressed."""
    fault: str = ""
    """Why it is not what the reader read; empty when it is."""


class KeyboardCollector:
    """Collects the keys of one reader into texts.

    A text ends at Enter, the keypad's Enter, or Tab. One that a silence longer than `gap_ns`
    interrupts, that lost a key, that holds a key without a character or that is longer than any
    code is handed out with its fault, never as something shorter: that could be somebody else's.
    """

    def __init__(self, gap_ns: int) -> None:
        self._gap_ns = gap_ns
        self._held: set[int] = set()
        self._capitals = False
        self._text = ""
        self._fault = ""
        self._last_ns = 0

    def press(self, code: int, at_ns: int) -> list[TypedText]:
        """Take a key that went down at `at_ns`; the texts that ended by it, at most two."""
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
        """Whether a key at `at_ns` is the first one after a silence."""
        return at_ns - self._last_ns > self._gap_ns

    def release(self, code: int) -> None:
        """Take a key that went up: only Shift and its like matter then."""
        self._held.discard(code)

    def lost(self, at_ns: int) -> None:
        """Keys were lost: the text that is being typed is not whole."""
        self._last_ns = at_ns
        # Whether a Shift was let go meanwhile is not known; readers hold none for long.
        self._held.clear()
        self._fault = self._fault or "keys were lost: they came faster than they were taken"

    def silence(self) -> list[TypedText]:
        """No key came for `gap_ns`: what was begun is given up."""
        if self._text:
            self._fault = self._fault or f"no Enter or Tab within {self._gap_ns // 1_000_000} ms"
        return self._end()

    def reset(self) -> None:
        """Forget everything: the device went away, or has just been opened."""
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
            # Caps Lock turns letters round and leaves digits and signs alone.
            self._text += shifted if shift is not (self._capitals and plain.isalpha()) else plain

    def _end(self) -> list[TypedText]:
        """Hand out what was typed; nothing where that is nothing, as with CR and LF."""
        ended = TypedText(self._text, self._last_ns, self._fault)
        self._text = self._fault = ""
        return [ended] if ended.text or ended.fault else []


def text_of_typing(typed: TypedText, prefix: str, suffix: str) -> str:
    """What was typed, without the `prefix` and `suffix` that the reader adds.

    Raises BrokenFrame when it is not whole, lacks one of them, or is nothing beside them.
    """
    if typed.fault:
        raise BrokenFrame(typed.fault)
    text = typed.text
    if not (text.startswith(prefix) and text.endswith(suffix)):
        raise BrokenFrame(f"the text is not between {prefix!r} and {suffix!r}")
    text = text[len(prefix) : len(text) - len(suffix)]
    if not text:
        raise BrokenFrame("there is nothing but what the reader adds to a code")
    return text
