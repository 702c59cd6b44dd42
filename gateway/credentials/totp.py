"""Dynamic QR codes: a number of 64 bits, of which a part changes with the time.

The vendor says "24 bits of OTP and 40 bits of card" and "RFC 6238". Unverified, and decided here
alone: the OTP stands in the high part; it is the truncated HMAC-SHA-1 of RFC 4226, 5.3, modulo
2^24; the time is UTC plus the offset of the configuration; the key is the card's secret read as
base32, as authenticator apps have it, or taken as it stands. Which of the two a client means
cannot be told, so either fits.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Collection, Iterator
from dataclasses import dataclass

CARD_BITS = 40
OTP_BITS = 24


@dataclass(frozen=True, slots=True)
class TotpSettings:
    """The keys `totp_*` of the configuration."""

    window_s: int = 30
    """How long a code is shown."""
    windows: int = 5
    """How many are accepted: with 5 the present one, two before and two after; of an even number
    one more before than after."""
    offset_s: int = 0
    """Added to UTC."""

    def step(self, utc_s: int) -> int:
        """The number of the window in which `utc_s` lies."""
        return (utc_s + self.offset_s) // self.window_s

    def accepted(self, utc_s: int) -> range:
        """The windows whose codes are accepted at `utc_s`."""
        now = self.step(utc_s)
        return range(now - self.windows // 2, now + (self.windows - 1) // 2 + 1)


@dataclass(frozen=True, slots=True)
class DynamicCode:
    """The two parts of a number."""

    otp: int
    card: int
    """`cards.value`."""

    @classmethod
    def of(cls, number: int) -> DynamicCode:
        """The parts of an unsigned 64-bit `number`."""
        return cls(number >> CARD_BITS, number & ((1 << CARD_BITS) - 1))

    @property
    def number(self) -> int:
        """What the code shows."""
        return self.otp << CARD_BITS | self.card


def otp(key: bytes, step: int) -> int:
    """The one-time password of `key` in the window `step`."""
    digest = hmac.digest(key, step.to_bytes(8, "big"), "sha1")
    start = digest[-1] & 0x0F
    truncated = int.from_bytes(digest[start : start + 4], "big") & 0x7FFF_FFFF
    return truncated % (1 << OTP_BITS)


def window_of(
    code: DynamicCode, secret: str, utc_s: int, settings: TotpSettings, used: Collection[int] = ()
) -> int | None:
    """The accepted window, not among the `used`, whose password `code` shows; None for none."""
    keys = list(_keys(secret))
    for step in settings.accepted(utc_s):
        if step >= 0 and step not in used and any(otp(key, step) == code.otp for key in keys):
            return step
    return None


def _keys(secret: str) -> Iterator[bytes]:
    """What `secret` may mean."""
    compact = "".join(secret.split()).rstrip("=").upper()
    try:
        key = base64.b32decode(compact + "=" * (-len(compact) % 8))
    except (binascii.Error, ValueError):
        key = b""
    if key:
        yield key
    if secret:
        yield secret.encode("utf-8", "surrogatepass")
