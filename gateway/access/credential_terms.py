"""The status and validity of one credential, beside those of its owner. Pure.

A credential that is lost, stolen or disabled opens nothing, whatever its owner may do; nor does one
before its begin, after its end, or once it has been used for as many entries as it is good for. An
entry counts when the door opens in the time of the grant.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from gateway.access.reasons import Reason
from gateway.clock import Moment


class CredentialStatus(IntEnum):
    """What has become of a credential; the numbers are those of the API."""

    ACTIVE = 0
    LOST = 1
    STOLEN = 2
    """As LOST, and it raises the silent alarm of a panic card or PIN where that is switched on."""
    DISABLED = 3


class CredentialKey(IntEnum):
    """The tables of credentials; the numbers are those of the controller's file."""

    CARDS = 1
    QRCODES = 2
    UHF_TAGS = 3
    PINS = 4

    @property
    def table(self) -> str:
        """The name of the object."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class CredentialTerms:
    """A row of `cards`, `qrcodes`, `uhf_tags` or `pins` that a person presented."""

    kind: CredentialKey
    row_id: int
    status: int = CredentialStatus.ACTIVE
    """A `CredentialStatus`; any other number opens nothing."""
    begin_time: int | None = None
    """Device time in seconds from which it counts; 0 or None for no begin."""
    end_time: int | None = None
    """The last second in which it counts; 0 or None for no end."""
    uses: int = 0
    """The entries that it is good for, 0 for any number."""
    used: int = 0
    """The entries made with it, and those under way at other portals."""

    @property
    def left(self) -> int | None:
        """The entries that are left, never below 0; None for any number."""
        return max(self.uses - self.used, 0) if self.uses else None

    @property
    def dated(self) -> bool:
        """True if it has a begin or an end."""
        return bool(self.begin_time or self.end_time)

    @property
    def limited(self) -> bool:
        """True if it may be refused for its own sake."""
        return self.status != CredentialStatus.ACTIVE or self.dated or bool(self.uses)

    def refusal(self, moment: Moment) -> Reason | None:
        """Why it opens nothing at `moment`; None if it may."""
        if self.status != CredentialStatus.ACTIVE:
            return _REFUSALS.get(self.status, Reason.CREDENTIAL_DISABLED)
        if self.dated:
            if not moment.trusted:
                return Reason.CLOCK_NOT_TRUSTED
            if self.begin_time and moment.stamp < self.begin_time:
                return Reason.CREDENTIAL_NOT_YET_VALID
            if self.end_time and moment.stamp > self.end_time:
                return Reason.CREDENTIAL_EXPIRED
        return Reason.CREDENTIAL_USED_UP if self.left == 0 else None


_REFUSALS: dict[int, Reason] = {
    CredentialStatus.LOST: Reason.CREDENTIAL_LOST,
    CredentialStatus.STOLEN: Reason.CREDENTIAL_STOLEN,
}
