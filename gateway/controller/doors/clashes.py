"""Finds portals that never open because their doors are interlocked with each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations

from gateway.access.policy import Portal
from gateway.controller.state.config import EffectiveConfig
from gateway.objects.modes import has_mode_key
from gateway.settings import SiteFile

_BY_PORTAL = "the portal"


def interlock_clashes(site: SiteFile, config: EffectiveConfig) -> Iterator[tuple[Portal, str]]:
    """Each portal whose grant would open two interlocked doors, with a remedy.

    The portal's own actions and those of its rules may open doors; a grant opens all or none.
    """
    if not any(config.interlock.values()):
        return
    names = {door.id: door.name for door in site.doors()}
    policy = config.snapshot.policy
    by_rule = {
        rule.id: (f"rule {rule.id} ({rule.name})", doors)
        for rule in policy.rules.values()
        if rule.releases
        and rule.actions
        and (doors := tuple(config.topology.doors_of(rule.actions)))
    }
    for _, portal in sorted(policy.portals.items()):
        opened_by: dict[int, str] = {}
        for source, doors in _sources(config, portal, by_rule):
            for door in doors:
                opened_by.setdefault(door, source)
        for one, other in combinations(sorted(opened_by), 2):
            if other in config.interlock.get(one, ()):
                why = (
                    f"a grant opens door {names[one]} (by {opened_by[one]}) and door "
                    f"{names[other]} (by {opened_by[other]}), which are interlocked, so both stay "
                    "locked: take one of the two actions away, or the doors out of "
                    f"{_list_of(one)} and {_list_of(other)}"
                )
                yield portal, why


def _list_of(door: int) -> str:
    """Where the interlock of a door is."""
    return f"general.door{door}_interlock" if has_mode_key(door) else "sec_boxs.interlock"


def _sources(
    config: EffectiveConfig, portal: Portal, by_rule: Mapping[int, tuple[str, tuple[int, ...]]]
) -> Iterator[tuple[str, tuple[int, ...]]]:
    """What opens doors when the portal grants, in words, with the doors."""
    yield _BY_PORTAL, tuple(config.topology.doors_of(portal.actions))
    for rule_id in sorted(by_rule.keys() & (portal.own_rules | portal.area_rules)):
        yield by_rule[rule_id]
    for rule in portal.portal_rules:
        yield f"portal rule {rule.id} ({rule.name})", tuple(config.topology.doors_of(rule.actions))
