"""Messages for a technician who watches the wires."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.credentials.captures import BytesCapture, CardCapture, FrameCapture, TypedCapture

LONGEST_PULSE_MS = 5_000
"""Longest test of an output."""


class _WiringMessage(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WatchWiring(_WiringMessage):
    """Watch the inputs, and what a reader sends; answer with a WiringCaptures.

    The watch ends by itself after a few seconds unless the command is repeated.
    """

    kind: Literal["watch_wiring"] = "watch_wiring"
    reader: Annotated[str, Field(max_length=64)] | None = None
    """None watches the inputs alone."""
    after: Annotated[int, Field(ge=0)] = 0
    """Omit captures up to this number."""
    keys: bool = False
    """Keep the keys of a keypad, too."""
    widths: bool = False
    """Measure the widths of pulses. On a board, more frames are lost meanwhile."""


class InputLine(_WiringMessage):
    """An input line and its edges."""

    kind: str
    """As in LineLevel."""
    number: int
    high: bool | None
    """None of a supervised line while its contact cannot be told."""
    changed_ns: int | None = None
    """Monotonic nanoseconds of the last change; None before the first, and for data lines."""
    changes: int = 0
    """Of the debounced level, since the controller started."""
    edges: int = 0
    """All edges; more than `changes` are bounces."""
    ohm: int | None = None
    """Of a supervised line; None of others, while nothing is measured, and of an open circuit."""
    reading: str = ""
    """What the resistance of a supervised line says; empty of others."""


class WiringCaptures(_WiringMessage):
    """The answer to WatchWiring. Captures are of the named reader, oldest first; a reader makes
    those of one kind."""

    now_ns: int
    """Monotonic nanoseconds of the answer."""
    frames: tuple[FrameCapture, ...] = ()
    chunks: tuple[BytesCapture, ...] = ()
    texts: tuple[TypedCapture, ...] = ()
    cards: tuple[CardCapture, ...] = ()
    inputs: tuple[InputLine, ...] = ()


class PulseOutput(_WiringMessage):
    """Switch on a siren, a bell, a light or a buzzer for a test."""

    kind: Literal["pulse_output"] = "pulse_output"
    output: Annotated[str, Field(max_length=128)]
    """Its name in `SiteFile.switches`."""
    for_ms: Annotated[int, Field(ge=1, le=LONGEST_PULSE_MS)]
