"""Portals that no rule opens, and settings of clients that this version does not serve."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from gateway.access.policy import Policy
from gateway.cli.doctor.findings import Finding, warn
from gateway.controller.state.config import EffectiveConfig
from gateway.objects.configuration_keys import CONFIGURATION
from gateway.settings import SiteFile
from gateway.store.files import STORE_FILE
from gateway.store.files.database import open_reader

_NOT_SERVED = (
    ("snmp_agent", "snmp_enabled", "no SNMP agent answers"),
    (
        "osdp",
        "enabled",
        "it is no OSDP reader of another controller; readers of its own are in the site file",
    ),
)
"""Keys for functions that this version may lack: module, key, the consequence. A key that this
version declares as live is skipped."""


def closed_portals(data: Path, site: SiteFile, config: EffectiveConfig) -> Iterator[Finding]:
    """Portals with a reader or an action, and floors of lifts, at which no rule lets anybody
    pass."""
    policy = config.snapshot.policy
    letting = _effective_rules(data, policy)
    read = {config.topology.portal_of_reader(reader.index) for reader in site.reader}
    read |= {row.portal_id for row in config.snapshot.floors}
    for portal_id, portal in sorted(policy.portals.items()):
        if not portal.actions and portal_id not in read:
            continue
        tied = portal.own_rules | portal.area_rules
        if not tied.isdisjoint(letting) or portal.unlocks:
            continue
        why = "its rules let nobody pass" if tied else "no rule is tied to it"
        text = (
            f"opens for nobody: {why}; `gateway portal link --data {data} {portal_id}` lets group "
            "1 pass at any time (rule 1)"
        )
        yield warn(f"portal {portal_id} ({portal.name})", text)


def _effective_rules(data: Path, policy: Policy) -> set[int]:
    """The rules that let a group or a person pass at some time."""
    store = open_reader(data / STORE_FILE)
    try:
        own = {row[0] for row in store.execute_sql("SELECT access_rule_id FROM user_access_rules")}
    finally:
        store.close_all()
    held = own.union(*policy.group_rules.values())
    # Without a time zone a rule is in force at no time.
    return {
        rule.id
        for rule in policy.rules.values()
        if rule.id in held and rule.releases and not rule.unknown and rule.when.zones
    }


def unserved(config: EffectiveConfig) -> Iterator[Finding]:
    """Functions that clients have switched on and this version does not serve."""
    for module, key, what in _NOT_SERVED:
        declared = CONFIGURATION.find(module, key)
        value = config.snapshot.configuration.get((module, key), "")
        if declared is None or declared.live or value in {"", "0", declared.default}:
            continue
        order = json.dumps({module: {key: declared.default}}, separators=(",", ":"))
        yield warn(
            f"{module}.{key}",
            f"is {value!r}, but this version does not serve it: {what}; "
            f"`set_configuration` with `{order}` clears it",
        )
