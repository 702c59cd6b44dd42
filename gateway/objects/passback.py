"""Anti-passback by area: objects of our own, since the vendor's API has none.

An area that is watched refuses (or only notes) who enters or leaves it without having come the
way the portal leads. Exempt people are never refused, and their position is kept all the same.
"""

from __future__ import annotations

from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Choice, Ref

ANTIPASSBACK_AREAS = ObjectType(
    "antipassback_areas",
    (
        Ref("area_id", "areas", required=True, joins=False),
        # 1 a violation is noted, 2 it is refused.
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
