"""Threat levels 1 to 3 of the site: objects of ours, since the vendor's API has none.

A row says what a level does while it is in force; level 0, the ordinary one, has none. Which level
is in force is no row: the controller keeps it, with author, reason and end.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.objects.declaration import ObjectType
from gateway.objects.fields import Choice, Flag, Id, Int, NameText
from gateway.objects.links import link

HIGHEST_LEVEL = 3

THREAT_LEVELS = ObjectType(
    "threat_levels",
    (
        Id("id"),
        Int("level", required=True, minimum=1, maximum=HIGHEST_LEVEL),
        NameText("name", required=True),
        # Only the groups of `threat_level_groups` pass; without any, nobody does.
        Flag("listed_groups_only", default=1),
        Flag("stops_unlock_schedules", default=1),
        Flag("stops_first_cards", default=1),
        # As in `portal_factor_modes`; what the portal asks for otherwise still counts.
        Choice("factor_mode", default=0, choices=(0, 1, 2, 3)),
    ),
    pairs_unique=(("level",),),
    policy=True,
    administered=True,
)
THREAT_LEVEL_GROUPS = replace(
    link("threat_level_groups", "threat_levels", "groups", policy=True, joins=False),
    administered=True,
)
