"""Sets of alarm zones that arm nothing, and chimes that nobody hears."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.alarms.alarm_settings import ZoneOfSet, zone_of_set_problems
from gateway.cli.doctor.findings import Finding, warn
from gateway.controller.state.config import EffectiveConfig
from gateway.settings import OsdpReader, SiteFile


def zone_set_findings(site: SiteFile, config: EffectiveConfig) -> Iterator[Finding]:
    """Findings of `zone_sets`, and of what chimes."""
    snapshot = config.snapshot
    for pair in snapshot.zones_of_sets:
        for field, why in zone_of_set_problems(site, ZoneOfSet(*pair)):
            yield warn("zone_set_zones", f"{field}: {why}; delete the row")
    there = {zone.number for zone in site.zone}
    filled = {owner for owner, zone in snapshot.zones_of_sets if zone in there}
    for number, row in sorted(snapshot.zone_sets.items()):
        if number not in filled:
            yield warn(f"zone set {row.name}", "has no zone: arming it is refused; add its zones")
    chimes = [f"zone {zone}" for zone, row in sorted(snapshot.zones.items()) if row.chime]
    chimes += [f"door {door}" for door, own in sorted(snapshot.door_rows.items()) if own.chime]
    heard = any(reader.buzzer or isinstance(reader, OsdpReader) for reader in site.reader)
    if chimes and not heard:
        yield warn("chime", f"{', '.join(chimes)}: no reader has a buzzer, so nobody hears it")
