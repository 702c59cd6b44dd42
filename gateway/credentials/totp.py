"""Dynamic QR codes: 64-bit numbers that contain a time-based one-time password.

The vendor documents "24 bits of OTP and 40 bits of card" and "RFC 6238". Unverified assumptions,
all made in this module: the OTP is in the high bits; it is the truncated HMAC-SHA-1 of RFC 4226,
5.3, modulo 2^24; the time is UTC plus the configured offset; the key is the card's secret, either
decoded as base32, as authenticator apps do, or as plain bytes. Both keys are accepted.
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
    """Length of a window: how long a code is shown."""
    windows: int = 5
    """Number of windows accepted: with 5 the current one, two before and two after; an even number
    accepts one more before than after."""
    offset_s: int = 0
    """Added to UTC."""

    def step(self, utc_s: int) -> int:
        """Return the number of the window that contains `utc_s`."""
        return (utc_s + self.offset_s) // self.window_s

    def accepted(self, utc_s: int) -> range:
        """Return the windows whose codes are accepted at `utc_s`."""
        now = self.step(utc_s)
        return range(now - self.windows // 2, now + (self.windows - 1) // 2 + 1)


@dataclass(frozen=True, slots=True)
class DynamicCode:
    """The two parts of a dynamic code."""

    otp: int
    card: int
    """`cards.value`."""

    @classmethod
    def of(cls, number: int) -> DynamicCode:
        """Split an unsigned 64-bit `number`."""
        return cls(number >> CARD_BITS, number & ((1 << CARD_BITS) - 1))

    @property
    def number(self) -> int:
        """The 64-bit number that the code shows."""
        return self.otp << CARD_BITS | self.card


def otp(key: bytes, step: int) -> int:
    """Return the one-time password of `key` in window `step`."""
    digest = hmac.digest(key, step.to_bytes(8, "big"), "sha1")
    start = digest[-1] & 0x0F
    truncated = int.from_bytes(digest[start : start + 4], "big") & 0x7FFF_FFFF
    return truncated % (1 << OTP_BITS)


def window_of(
    code: DynamicCode, secret: str, utc_s: int, settings: TotpSettings, used: Collection[int] = ()
) -> int | None:
    """Return the accepted window, not in `used`, whose password `code` shows; None without one."""
    keys = list(_keys(secret))
    for step in settings.accepted(utc_s):
        if step >= 0 and step not in used and any(otp(key, step) == code.otp for key in keys):
            return step
    return None


def _keys(secret: str) -> Iterator[bytes]:
    """Yield the possible keys: `secret` decoded as base32, and its plain bytes."""
    compact = "".join(secret.split()).rstrip("=").upper()
    try:
        key = base64.b32decode(compact + "=" * (-len(compact) % 8))
    except (binascii.Error, ValueError):
        key = b""
    if key:
        yield key
    if secret:
        yield secret.encode("utf-8", "surrogatepass")
