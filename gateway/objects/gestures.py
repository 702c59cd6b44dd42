"""Gestures at readers: objects of ours, since the vendor's API has none.

What listed people do at a portal beside opening it: hold its doors open or end that by a second
card, arm or disarm a set of zones by a third one, or arm it by keys after a card.
"""

from __future__ import annotations

from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Choice, Id, Int, Ref, Text
from gateway.objects.links import link

HOLD, ZONES, KEYS = 1, 2, 3
"""`portal_gestures.gesture`."""
LONGEST_EXIT_S = 600


PORTAL_GESTURES = ObjectType(
    "portal_gestures",
    (
        Id("id"),
        Ref("portal_id", "portals", required=True, joins=False),
        # 1 the second card holds the doors or ends that, 2 the third one arms or disarms the set,
        # 3 keys after a card arm it.
        Choice("gesture", required=True, choices=(HOLD, ZONES, KEYS)),
        Ref("zone_set_id", "zone_sets", nullable=True, joins=False),
        # Digits; the keypad's end key follows them.
        Text("keys", default="", max_length=16),
        # Seconds to leave before the set is armed.
        Int("exit_delay_s", default=0, minimum=0, maximum=LONGEST_EXIT_S),
    ),
    pairs_unique=(("portal_id", "gesture"),),
    policy=True,
)

PORTAL_GESTURE_GROUPS = link(
    "portal_gesture_groups", "portal_gestures", "groups", policy=True, joins=False
)
PORTAL_GESTURE_USERS = link(
    "portal_gesture_users", "portal_gestures", "users", policy=True, joins=False
)
