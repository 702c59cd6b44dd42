"""Whether the devices of a network interlock let this one open a door."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Clearance:
    """What the peers say to an opening."""

    free: bool
    peer: str = ""
    """The one in the way, where it is known."""
    why: str = ""
    within_s: float | None = None
    """For how long they keep their doors locked; None where they were not asked."""

    @property
    def refusal(self) -> str:
        """Why nothing opens, in words."""
        return " ".join(filter(None, ("refused: interlock,", self.peer, self.why)))


class Peers(Protocol):
    """The other devices of the network interlock. Any thread may call it."""

    def clear(self) -> Clearance:
        """Announce an opening of this device to every peer; takes some time."""

    def announced(self, device: int) -> str:
        """What this device answers to the announcement of `device`."""


class NoPeers:
    """For a process that asks nobody."""

    def clear(self) -> Clearance:
        return Clearance(free=True)

    def announced(self, device: int) -> str:
        del device
        return "occupied"
