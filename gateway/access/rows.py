"""The rows that a policy is compiled from, named and typed as the API's tables.

Rows may be wrong in any way that integers and texts can be (references to nothing, unknown
types, times out of range): compiling them reads such rows to the safe side.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


class PortalRow(NamedTuple):
    """A row of `portals`: a one-way passage between two areas."""

    id: int
    name: str
    area_from_id: int
    area_to_id: int


class RuleRow(NamedTuple):
    """A row of `access_rules`; `type` 0 blocks, 1 releases."""

    id: int
    name: str
    type: int


class LinkRow(NamedTuple):
    """A row of a table that ties two objects, in the order of the table's name."""

    left: int
    right: int


class TimeZoneRow(NamedTuple):
    """A row of `time_zones`: a named set of spans."""

    id: int
    name: str


class TimeSpanRow(NamedTuple):
    """A row of `time_spans`: seconds from midnight, both ends included, and 0/1 flags of days."""

    id: int
    time_zone_id: int
    start: int
    end: int
    sun: int
    mon: int
    tue: int
    wed: int
    thu: int
    fri: int
    sat: int
    hol1: int
    hol2: int
    hol3: int


class HolidayRow(NamedTuple):
    """A row of `holidays`: device time in seconds, 0/1 flags of groups, 1 = every year."""

    id: int
    name: str
    start: int
    end: int
    hol1: int
    hol2: int
    hol3: int
    repeats: int


class ActionRow(NamedTuple):
    """A row of `actions`: script and parameters; `run_at` 0 here, 1 everywhere, 2 at the server."""

    id: int
    name: str
    action: str
    parameters: str
    run_at: int


class PortalRuleRow(NamedTuple):
    """A row of `portal_rules`; of its types only 1 is known."""

    id: int
    name: str
    type: int = 1


class PortalRuleGroupRow(NamedTuple):
    """A row of `portal_rule_groups`: how many people of a department a portal rule needs."""

    portal_rule_id: int
    group_id: int
    quantity: int


class ScheduledUnlockRow(NamedTuple):
    """A row of `scheduled_unlocks`."""

    id: int
    name: str


class FirstCardRow(NamedTuple):
    """A row of `first_card_unlocks`."""

    id: int
    name: str
    portal_id: int
    time_zone_id: int


class ValidationRow(NamedTuple):
    """A row of `validations`: a condition of rules, most of which no build of this device knows."""

    id: int
    validation: str
    parameters: str


class FactorModeRow(NamedTuple):
    """A row of `portal_factor_modes`; `mode` is a `FactorMode`."""

    id: int
    portal_id: int
    time_zone_id: int
    mode: int


class ThreatLevelRow(NamedTuple):
    """A row of `threat_levels`, with 0/1 flags; `factor_mode` is a `FactorMode`."""

    id: int
    level: int
    name: str
    listed_groups_only: int
    stops_unlock_schedules: int
    stops_first_cards: int
    factor_mode: int = 0


class OccupancyLimitsRow(NamedTuple):
    """A row of `occupancy_limits`."""

    area_id: int
    maximum: int
    minimum: int
    empty_at: int


class EscortRuleRow(NamedTuple):
    """A row of `escort_rules`."""

    id: int
    name: str
    portal_id: int
    visitor_group_id: int
    host_group_id: int
    within_s: int


@dataclass(frozen=True, slots=True)
class PolicyRows:
    """Everything a policy is compiled from.

    Each table is iterated once, so a lazy cursor will do. The order of rows matters for
    `portal_actions` and `access_rule_actions` alone: actions run in it.
    """

    version: int
    """The store's policy version that these rows belong to."""
    portals: Iterable[PortalRow] = ()
    access_rules: Iterable[RuleRow] = ()
    portal_access_rules: Iterable[LinkRow] = ()
    """(portal, rule)"""
    area_access_rules: Iterable[LinkRow] = ()
    """(area, rule)"""
    group_access_rules: Iterable[LinkRow] = ()
    """(group, rule)"""
    access_rule_time_zones: Iterable[LinkRow] = ()
    """(rule, time zone)"""
    validations: Iterable[ValidationRow] = ()
    access_rule_validations: Iterable[LinkRow] = ()
    """(rule, validation)"""
    user_identification_rules: Iterable[LinkRow] = ()
    """(user, identification rule)"""
    group_identification_rules: Iterable[LinkRow] = ()
    """(group, identification rule)"""
    portal_actions: Iterable[LinkRow] = ()
    """(portal, action)"""
    access_rule_actions: Iterable[LinkRow] = ()
    """(rule, action)"""
    time_zones: Iterable[TimeZoneRow] = ()
    time_spans: Iterable[TimeSpanRow] = ()
    holidays: Iterable[HolidayRow] = ()
    actions: Iterable[ActionRow] = ()
    portal_rules: Iterable[PortalRuleRow] = ()
    portal_portal_rules: Iterable[LinkRow] = ()
    """(portal, portal rule)"""
    portal_rule_groups: Iterable[PortalRuleGroupRow] = ()
    portal_rule_time_zones: Iterable[LinkRow] = ()
    """(portal rule, time zone)"""
    portal_rule_actions: Iterable[LinkRow] = ()
    """(portal rule, action)"""
    portal_rule_users: Iterable[LinkRow] = ()
    """(portal rule, user)"""
    portal_rule_validations: Iterable[LinkRow] = ()
    """(portal rule, validation)"""
    scheduled_unlocks: Iterable[ScheduledUnlockRow] = ()
    scheduled_unlock_access_rules: Iterable[LinkRow] = ()
    """(scheduled unlock, rule)"""
    first_card_unlocks: Iterable[FirstCardRow] = ()
    first_card_unlock_groups: Iterable[LinkRow] = ()
    """(first card unlock, group)"""
    portal_factor_modes: Iterable[FactorModeRow] = ()
    occupancy_limits: Iterable[OccupancyLimitsRow] = ()
    escort_rules: Iterable[EscortRuleRow] = ()
    threat_levels: Iterable[ThreatLevelRow] = ()
    threat_level_groups: Iterable[LinkRow] = ()
    """(threat level, group)"""
    contingency_rules: Iterable[int] = ()
    """The rules of every contingency card (`contingency_card_access_rules`)."""
    outside_areas: Iterable[int] = ()
    passback_areas: Iterable[LinkRow] = ()
    """(area, how strictly: 1 soft, 2 hard)"""
