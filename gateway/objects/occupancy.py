"""Who may be inside together, and who needs an escort: objects of ours.

`occupancy_limits` belongs to an area: the most people that may be in it, the fewest that may stay
in it alone, and the time of day at which it counts as empty. `outside_areas` says which areas are
not of the site. `escort_rules` belong to a portal: people of one group pass it only with somebody
of another.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.errors import worded
from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Id, Int, NameText, OnDelete, Ref, Stored, invalid_value

MOST_PEOPLE = 100_000
LONGEST_ESCORT_S = 300


def _limits(row: Mapping[str, Stored]) -> None:
    maximum, minimum = row.get("maximum") or 0, row.get("minimum") or 0
    if minimum == 1:
        raise invalid_value("minimum", worded("allowed: 0 for none, or 2 to 10"))
    if maximum and isinstance(minimum, int) and isinstance(maximum, int) and maximum < minimum:
        raise invalid_value("maximum", worded("allowed: 0 for none, or at least the fewest"))


def _escort(row: Mapping[str, Stored]) -> None:
    if row.get("visitor_group_id") == row.get("host_group_id"):
        why = worded("the hosts must be another group than the visitors")
        raise invalid_value("host_group_id", why)


OCCUPANCY_LIMITS = ObjectType(
    "occupancy_limits",
    (
        Ref("area_id", "areas", required=True, joins=False),
        # 0 for no limit.
        Int("maximum", default=0, minimum=0, maximum=MOST_PEOPLE),
        Int("minimum", default=0, minimum=0, maximum=10),
        # Second of the day at which the area is emptied, -1 for never.
        Int("empty_at", default=-1, minimum=-1, maximum=86_399),
    ),
    pairs_unique=(("area_id",),),
    policy=True,
    check=_limits,
)

# What is not of the site: whoever goes there leaves, which neither a threat level nor a full area
# refuses.
OUTSIDE_AREAS = ObjectType(
    "outside_areas",
    (Ref("area_id", "areas", required=True, joins=False),),
    pairs_unique=(("area_id",),),
    policy=True,
    # It takes portals out of the reach of threat levels, which operators may not lower either.
    administered=True,
)

ESCORT_RULES = ObjectType(
    "escort_rules",
    (
        Id("id"),
        NameText("name", required=True),
        Ref("portal_id", "portals", required=True, joins=False),
        Ref("visitor_group_id", "groups", required=True, joins=False),
        # Deleting the hosts would have visitors pass alone.
        Ref(
            "host_group_id",
            "groups",
            required=True,
            on_delete=OnDelete.RESTRICT,
            joins=False,
        ),
        Int("within_s", default=15, minimum=1, maximum=LONGEST_ESCORT_S),
    ),
    policy=True,
    check=_escort,
)
