"""What a driver of contactless readers asks of the service that runs them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

WAIT_S = 1.0
"""The longest that `look` waits."""


@dataclass(frozen=True, slots=True)
class CardView:
    """What lies on a reader."""

    present: bool
    events: int
    """Counts the cards that came and went: a card that was changed between two looks shows."""
    atr: bytes = b""
    """The card's answer to reset; empty without a card."""


class CardService(Protocol):
    """One connection to the service. A thread of its own uses it, but for `cancel`."""

    settling_ns: int
    """For so long after a reader came, a card that was lying on it may first be noticed."""

    def readers(self) -> list[str]:
        """The names of the readers that are there; raises OSError when the service is not."""

    def look(self, reader: str | None) -> CardView | None:
        """Wait until something changes, and say what lies on the reader.

        The first look at a reader answers at once; the others wait for a card, for readers that
        come or go, for `cancel`, and never longer than `WAIT_S`. None says that the reader is
        gone; without a reader, it is only waited. Raises OSError when the service is gone.
        """

    def transmit(self, reader: str, command: bytes) -> bytes:
        """The answer of the card on the reader to a command.

        Raises BrokenFrame when it was taken away, does not answer or is in another program's
        hands, OSError when the reader or the service is gone.
        """

    def cancel(self) -> None:
        """End a `look`; from any thread."""

    def close(self) -> None:
        """Give the connection back."""
