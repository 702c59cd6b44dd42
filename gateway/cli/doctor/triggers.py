"""Triggers that cannot do what they are for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.cli.doctor.findings import Finding, warn
from gateway.controller.state.config import EffectiveConfig
from gateway.objects.catalogue import REGISTRY
from gateway.objects.models import Models
from gateway.settings import SiteFile
from gateway.store.files import STORE_FILE, database
from gateway.triggers.loops import loops
from gateway.triggers.site_fit import trigger_problems
from gateway.triggers.values import Trigger, TriggerRow
from gateway.triggers.words import MessageDestination, TriggerAction


def trigger_findings(data: Path, site: SiteFile, config: EffectiveConfig) -> Iterator[Finding]:
    """Findings of `triggers`: what the site cannot do, loops, and messages that nobody gets."""
    for row in _rows(data):
        for field, why in trigger_problems(site, row):
            yield warn(_subject(row), f"{field}: {why}; correct or delete it")
    triggers = [trigger for trigger in config.snapshot.triggers if trigger.enabled]
    for circle in loops(triggers):
        names = " -> ".join(f"{it.id} ({it.name})" for it in (*circle, circle[0]))
        yield warn(
            f"trigger {circle[0].id}",
            f"it sets itself off: {names}; the controller stops it after one round each time",
        )
    for trigger in triggers:
        if trigger.when is not None and not trigger.when.zones:
            yield warn(_subject(trigger), "its time zone is empty: it never begins")
        yield from _unheard(site, config, trigger)
        if trigger.action is TriggerAction.SIREN and not config.alarms.sounds.siren_enabled:
            yield warn(_subject(trigger), "alarm.siren_enabled is 0: its siren is refused")


def _unheard(site: SiteFile, config: EffectiveConfig, trigger: Trigger) -> Iterator[Finding]:
    if not trigger.message:
        return
    to = trigger.destination
    if to in (MessageDestination.MQTT, MessageDestination.ALL) and site.mqtt is None:
        yield warn(_subject(trigger), "its message goes to MQTT, and the site file has no [mqtt]")
    monitor = config.snapshot.configuration["monitor", "hostname"].strip()
    if to in (MessageDestination.MONITOR, MessageDestination.ALL) and not monitor:
        yield warn(
            _subject(trigger), "its message goes to the monitor, and monitor.hostname is empty"
        )


def _subject(trigger: Trigger | TriggerRow) -> str:
    return f"trigger {trigger.id} ({trigger.name})"


def _rows(data: Path) -> list[TriggerRow]:
    store = database.open_reader(data / STORE_FILE)
    try:
        models = Models(REGISTRY, store)
        columns = [models.column("triggers", name) for name in TriggerRow._fields]
        found: Any = models["triggers"].select(*columns).tuples()
        return [TriggerRow(*row) for row in found]
    finally:
        store.close_all()
