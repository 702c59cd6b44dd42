"""The interface of the service that runs contactless readers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

WAIT_S = 1.0
"""Longest wait of `look`."""


@dataclass(frozen=True, slots=True)
class CardView:
    """The card state of a reader."""

    present: bool
    events: int
    """Counts insertions and removals, which shows a card exchanged between two looks."""
    atr: bytes = b""
    """The card's answer to reset; empty without a card."""


class CardService(Protocol):
    """One connection to the service. One thread uses it, except for `cancel`."""

    settling_ns: int
    """Time after a reader appears in which a card already on it may first show up."""

    def readers(self) -> list[str]:
        """Return the names of the readers; raises OSError without the service."""

    def look(self, reader: str | None) -> CardView | None:
        """Wait for a change and return the card state of the reader.

        The first look at a reader returns at once; later ones wait for a card, a change of readers
        or `cancel`, at most WAIT_S. Returns None when the reader is gone, and always without a
        reader. Raises OSError when the service is gone.
        """

    def transmit(self, reader: str, command: bytes) -> bytes:
        """Send a command to the card on the reader and return its answer.

        Raises BrokenFrame when the card was removed, does not answer or is used by another program,
        OSError when the reader or the service is gone.
        """

    def cancel(self) -> None:
        """End a `look`; thread-safe."""

    def close(self) -> None:
        """Close the connection."""
