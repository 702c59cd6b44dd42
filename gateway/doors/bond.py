"""The feedback contact of a lock: is it unlocked although it is commanded to lock?"""

from __future__ import annotations

from dataclasses import replace

from gateway.doors.state import DoorState

WELDED_AFTER_MS = 1_000
"""A lock may take so long to follow its command."""


def due_ms(state: DoorState) -> int | None:
    """When the lock counts as welded; None while it follows its command, or once it does."""
    if state.bond_since_ms is None or state.welded:
        return None
    return state.bond_since_ms + WELDED_AFTER_MS


def elapse(state: DoorState, now_ms: int) -> DoorState:
    """What time alone does."""
    due = due_ms(state)
    return replace(state, welded=True) if due is not None and due <= now_ms else state


def settle(state: DoorState, now_ms: int) -> DoorState:
    """What follows from the contact and the command, whichever of them changed.

    Only a lock that is seen to lock is not welded: that it is commanded to unlock proves nothing.
    """
    if state.bond_unlocked is False:
        state = replace(state, welded=False)
    if not state.bond_unlocked or state.unlocked:
        return replace(state, bond_since_ms=None)
    return replace(state, bond_since_ms=now_ms) if state.bond_since_ms is None else state
