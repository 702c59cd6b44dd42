"""What a person may do at a portal beside opening it, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.access.gestures import KEYS_MS, NEXT_CARD_MS, Gesture, portal_gestures
from gateway.access.person import Person
from gateway.store.policy.snapshot import Snapshot


def gesture_sentences(snapshot: Snapshot, person: Person, portal_id: int) -> Iterator[str]:
    """A sentence for each gesture that lists `person` at the portal."""
    listed = portal_gestures(snapshot.gestures, snapshot.gesture_groups, snapshot.gesture_users)
    for gesture in listed:
        if gesture.portal_id != portal_id or not gesture.allows(person.id, person.group_ids):
            continue
        row = snapshot.zone_sets.get(gesture.zone_set_id)
        called = (
            f"zone set '{row.name}'" if row else f"zone set {gesture.zone_set_id}, which is gone"
        )
        pause = f"each within {NEXT_CARD_MS // 1000} s of the one before"
        match gesture.gesture:
            case Gesture.HOLD:
                yield f"a second card, {pause}, holds the doors unlocked or ends that"
            case Gesture.ZONES:
                yield f"a third card, {pause}, arms {called}, or disarms it if it is armed"
            case Gesture.KEYS:
                yield f"its keys within {KEYS_MS // 1000} s of a card arm {called}"
