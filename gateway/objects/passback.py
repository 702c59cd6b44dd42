"""Anti-passback by area: objects of ours, since the vendor's API has none.

A person who passes a portal of a listed area without being on its entry side is refused, or only
noted. Exempt people are never refused, but their position is kept.
"""

from __future__ import annotations

from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Choice, Ref

ANTIPASSBACK_AREAS = ObjectType(
    "antipassback_areas",
    (
        Ref("area_id", "areas", required=True, joins=False),
        # 1 note violations, 2 refuse them.
        Choice("mode", required=True, choices=(1, 2)),
    ),
    pairs_unique=(("area_id",),),
    policy=True,
)

ANTIPASSBACK_EXEMPTIONS = ObjectType(
    "antipassback_exemptions",
    (Ref("user_id", "users", required=True, joins=False),),
    pairs_unique=(("user_id",),),
)
