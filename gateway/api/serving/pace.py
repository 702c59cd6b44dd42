"""Whether a peer keeps up a lowest rate."""

from __future__ import annotations


class Pace:
    """A peer's credit in seconds: waiting for it uses the credit up, bytes that move restore it.

    It never has more than `grace_s`, so that a fast start buys no long silence.
    """

    def __init__(self, grace_s: float, slowest: int) -> None:
        """`slowest` is the lowest rate in bytes per second."""
        self._grace_s = grace_s
        self._slowest = slowest
        self._credit_s = grace_s

    def late(self, waited_s: float, moved: int) -> bool:
        """Count that `moved` bytes took `waited_s`; True when the credit is used up."""
        self._credit_s = min(self._grace_s, self._credit_s + moved / self._slowest) - waited_s
        return self._credit_s < 0
