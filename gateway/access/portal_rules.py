"""Rules about a portal: how many people of which departments have to identify together.

A portal rule without a time zone is always in force, as is every restricting rule. A rule without
a department has no effect. A rule with a condition that this build cannot evaluate is never
complete: it keeps the portal locked while it is in force.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.access.actions import Action
from gateway.access.calendar import ScheduleInstant
from gateway.access.condition import Condition, restricting
from gateway.access.rows import LinkRow, PortalRuleGroupRow, PortalRuleRow
from gateway.access.schedule import NO_ZONE, CompiledZone
from gateway.access.slices import sliced
from gateway.access.trace import TimeVerdict

KNOWN_TYPE = 1
"""`portal_rules.type` of a rule that lets people pass together. The reference gives no values:
1 is what clients send, and by the analogy of `access_rules` the type that releases (unverified)."""


@dataclass(frozen=True, slots=True)
class PortalRule:
    """A compiled row of `portal_rules`."""

    id: int
    name: str
    needs: Mapping[int, int]
    """Department -> how many of its people (`portal_rule_groups.quantity`)."""
    when: Condition
    actions: tuple[Action, ...]
    unknown: tuple[str, ...] = ()
    """Its conditions that this build cannot evaluate, by table or column."""

    def in_force(self, instant: ScheduleInstant) -> bool:
        """True unless its time zones say for certain that it is not."""
        return self.when.at(instant) is not TimeVerdict.OUT_OF_TIME


def compile_portal_rules(
    rows: Iterable[PortalRuleRow],
    groups: Iterable[PortalRuleGroupRow],
    zones: Mapping[int, tuple[CompiledZone, ...]],
    actions: Mapping[int, tuple[Action, ...]],
    unknown: Mapping[int, tuple[str, ...]],
) -> Generator[None, None, dict[int, PortalRule]]:
    """The portal rules by id; `zones`, `actions` and `unknown` are those of each rule."""
    needs: dict[int, dict[int, int]] = {}
    for part in sliced(groups):
        for row in part:
            needs.setdefault(row.portal_rule_id, {})[row.group_id] = max(1, row.quantity)
        yield
    found: dict[int, PortalRule] = {}
    for rule_rows in sliced(rows):
        for rule in rule_rows:
            its_unknown = unknown.get(rule.id, ())
            if rule.type != KNOWN_TYPE:
                its_unknown = (*its_unknown, f"portal_rules.type {rule.type}")
            if rule.id in needs or its_unknown:
                found[rule.id] = PortalRule(
                    id=rule.id,
                    name=rule.name,
                    needs=MappingProxyType(needs.get(rule.id, {})),
                    when=restricting(zones.get(rule.id, ())),
                    actions=actions.get(rule.id, ()),
                    unknown=its_unknown,
                )
        yield
    return found


def zones_of(
    links: Iterable[LinkRow], zones: Mapping[int, CompiledZone]
) -> Generator[None, None, dict[int, tuple[CompiledZone, ...]]]:
    """Left side of a link -> its time zones; a missing one counts as empty."""
    found: dict[int, tuple[CompiledZone, ...]] = {}
    for part in sliced(links):
        for left, right in part:
            found[left] = (*found.get(left, ()), zones.get(right, NO_ZONE))
        yield
    return found
