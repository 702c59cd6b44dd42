"""Who hears whether somebody who was let in went through."""

from __future__ import annotations

from typing import Protocol


class PassageSink(Protocol):
    """What a door or turnstile tells of its grants; a number that means nothing is no error."""

    def entered(self, grant: int) -> None:
        """Somebody went through, or the door cannot tell."""

    def not_entered(self, grant: int, door: int) -> None:
        """The time of the grant is over and nobody went through; `door` is 0 for a turnstile."""
