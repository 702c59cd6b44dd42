"""Factors by portal and time zone: an object of ours; the vendor's API has one switch for all.

While a row's time zone holds, its mode counts at the portal in place of
`identifier.multi_factor_authentication`. Rows that hold together add up to the stricter mode. A row
whose time zone is empty, or depends on a clock that is not trusted, counts to the stricter side.
"""

from __future__ import annotations

from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Choice, Id, OnDelete, Ref

PORTAL_FACTOR_MODES = ObjectType(
    "portal_factor_modes",
    (
        Id("id"),
        Ref("portal_id", "portals", required=True, joins=False),
        # Deleting the time zone would leave the portal with less.
        Ref(
            "time_zone_id",
            "time_zones",
            required=True,
            on_delete=OnDelete.RESTRICT,
            joins=False,
        ),
        # 0 card or PIN, 1 card, 2 PIN, 3 card and PIN.
        Choice("mode", required=True, choices=(0, 1, 2, 3)),
    ),
    pairs_unique=(("portal_id", "time_zone_id"),),
    policy=True,
)
