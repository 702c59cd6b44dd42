"""The card service of pcscd, through pyscard's PC/SC functions (`smartcard.scard`).

pyscard's classes watch readers in threads that end unnoticed when pcscd restarts. Here the driver's
thread makes every call and checks its result. Only this module imports pyscard, and late: a site
without such a reader does not need it.
"""

from __future__ import annotations

import threading
import time
from importlib import import_module, metadata
from typing import Any

from gateway.errors import BrokenFrame, DeviceUnavailable
from gateway.hardware.usb.card_service import WAIT_S, CardView
from gateway.hardware.usb.pcsc_rights import Access, access, refusal

OLDEST = 2
"""Oldest supported major version of pyscard. Debian 12 has 2.0; older ones were not tested."""

_NEW_READERS = "\\\\?PnP?\\Notification"
"""The pseudo-reader that signals new and removed readers (PC/SC part 5, pcsclite)."""
_ATTEMPTS = 3
_AGAIN_S = 0.05
"""Pause between attempts while another program uses the card."""


def open_pcscd() -> PcscService:
    """Connect to pcscd.

    Raises DeviceUnavailable when pyscard is missing or too old, or pcscd does not answer.
    """
    requirement = f"the Python package pyscard (>= {OLDEST}.0)"
    try:
        scard = import_module("smartcard.scard")
        release = metadata.version("pyscard")
    except (ImportError, OSError) as error:
        raise DeviceUnavailable(f"PC/SC readers need {requirement}: {error}") from error
    if int(release.partition(".")[0]) < OLDEST:
        raise DeviceUnavailable(f"PC/SC readers need {requirement}, found {release}")
    return PcscService(scard)


class PcscService:
    """One context at pcscd."""

    settling_ns = 1_000_000_000

    def __init__(self, scard: Any) -> None:
        """`scard` is pyscard's module of functions; raises DeviceUnavailable without pcscd."""
        self._scard = scard
        self._known: dict[str, int] = {}
        """Reader -> its last known state."""
        (self._context,) = self._asked(scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM))

    def readers(self) -> list[str]:
        scard = self._scard
        code, names = scard.SCardListReaders(self._context, [])
        if _same(code, scard.SCARD_E_NO_READERS_AVAILABLE):
            return []
        self._check(code)
        return list(names)

    def look(self, reader: str | None) -> CardView | None:
        scard = self._scard
        first = reader is not None and reader not in self._known
        names = [_NEW_READERS] if reader is None else [reader, _NEW_READERS]
        asked = [(name, self._known.get(name, scard.SCARD_STATE_UNAWARE)) for name in names]
        code, states = scard.SCardGetStatusChange(
            self._context, 0 if first else round(WAIT_S * 1000), asked
        )
        if _same(code, scard.SCARD_E_UNKNOWN_READER):
            self._known.clear()
            return None
        if not _same(code, scard.SCARD_E_TIMEOUT) and not _same(code, scard.SCARD_E_CANCELLED):
            self._check(code)
        for name, state, _ in states:
            self._known[name] = state & ~scard.SCARD_STATE_CHANGED
        gone = scard.SCARD_STATE_UNKNOWN | scard.SCARD_STATE_UNAVAILABLE | scard.SCARD_STATE_IGNORE
        if reader is None or states[0][1] & gone:
            self._known.pop(reader or "", None)
            return None
        _, state, atr = states[0]
        return CardView(
            present=bool(state & scard.SCARD_STATE_PRESENT),
            events=state >> 16,
            atr=bytes(atr),
        )

    def transmit(self, reader: str, command: bytes) -> bytes:
        scard = self._scard
        retried = (scard.SCARD_W_RESET_CARD, scard.SCARD_E_SHARING_VIOLATION)
        code, answer = self._exchange(reader, command)
        for _ in range(_ATTEMPTS - 1):
            if not any(_same(code, other) for other in retried):
                break
            time.sleep(_AGAIN_S)
            code, answer = self._exchange(reader, command)
        fault = self._card_faults().get(code & 0xFFFF_FFFF)
        if fault is not None:
            raise BrokenFrame(fault)
        self._check(code, of_card=True)
        return answer

    def cancel(self) -> None:
        # pcsclite waits for the daemon's answer, which may hang, so the call has its own thread.
        # Its result does not matter: a wait that misses it times out.
        ask, context = self._scard.SCardCancel, self._context
        threading.Thread(target=ask, args=(context,), name="pcsc-cancel", daemon=True).start()

    def close(self) -> None:
        # The result is ignored: pcscd may not know the context any more.
        self._scard.SCardReleaseContext(self._context)

    def _exchange(self, reader: str, command: bytes) -> tuple[int, bytes]:
        """Connect, transmit and disconnect; returns the code of the first failed call and the
        answer."""
        scard = self._scard
        code, card, protocol = scard.SCardConnect(
            self._context,
            reader,
            scard.SCARD_SHARE_SHARED,
            scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1,
        )
        if not _same(code, scard.SCARD_S_SUCCESS):
            return code, b""
        header = scard.SCARD_PCI_T0 if protocol == scard.SCARD_PROTOCOL_T0 else scard.SCARD_PCI_T1
        try:
            code, answer = scard.SCardTransmit(card, header, list(command))
        finally:
            scard.SCardDisconnect(card, scard.SCARD_LEAVE_CARD)
        return code, bytes(answer)

    def _card_faults(self) -> dict[int, str]:
        """Return the error codes that concern the card, not the reader or the service."""
        scard = self._scard
        early = "the card was removed before it was read: hold it longer"
        silent = "the card does not answer: hold it flat and still, and one card at a time"
        faults = {
            scard.SCARD_W_REMOVED_CARD: early,
            scard.SCARD_E_NO_SMARTCARD: early,
            scard.SCARD_W_RESET_CARD: "another program resets the card again and again",
            scard.SCARD_E_SHARING_VIOLATION: "another program uses the card exclusively",
            scard.SCARD_W_UNRESPONSIVE_CARD: silent,
            scard.SCARD_W_UNPOWERED_CARD: silent,
            scard.SCARD_E_NOT_TRANSACTED: silent,
            scard.SCARD_E_PROTO_MISMATCH: "the card speaks neither T=0 nor T=1",
        }
        return {code & 0xFFFF_FFFF: words for code, words in faults.items()}

    def _asked(self, result: tuple[int, Any]) -> tuple[Any]:
        code, value = result
        self._check(code)
        return (value,)

    def _check(self, code: int, *, of_card: bool = False) -> None:
        """Raise DeviceUnavailable for a call that failed."""
        scard = self._scard
        if _same(code, scard.SCARD_S_SUCCESS):
            return
        refused = _same(code, scard.SCARD_W_SECURITY_VIOLATION)
        away = (scard.SCARD_E_NO_SERVICE, scard.SCARD_E_SERVICE_STOPPED)
        if refused or any(_same(code, other) for other in away):
            found = access()
            # polkit has separate rights for connecting to pcscd and for using a card.
            if found is Access.REFUSED or (found is Access.ALLOWED and refused and of_card):
                raise DeviceUnavailable(refusal())
            raise DeviceUnavailable("pcscd does not answer: is it installed and running?")
        words = scard.SCardGetErrorMessage(code).strip().rstrip(".")
        raise DeviceUnavailable(f"pcscd: {words} (0x{code & 0xFFFF_FFFF:08X})")


def _same(code: int, other: int) -> bool:
    """Return whether two codes are equal; pyscard returns them signed on some machines."""
    return (code ^ other) & 0xFFFF_FFFF == 0
