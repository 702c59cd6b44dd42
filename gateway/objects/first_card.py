"""First-card unlock: objects of ours, since the vendor's API has none.

Within the time zone, the first entry of a person of a listed group unlocks the portal's doors until
the end of the time zone's span. A portal without such a row is not affected.
"""

from __future__ import annotations

from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Id, NameText, Ref
from gateway.objects.links import link

FIRST_CARD_UNLOCKS = ObjectType(
    "first_card_unlocks",
    (
        Id("id"),
        NameText("name", required=True),
        Ref("portal_id", "portals", required=True, joins=False),
        Ref("time_zone_id", "time_zones", required=True, joins=False),
    ),
    policy=True,
)
FIRST_CARD_UNLOCK_GROUPS = link(
    "first_card_unlock_groups", "first_card_unlocks", "groups", policy=True, joins=False
)
