"""Gestures that nobody can make, or that do nothing."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.access.admission_settings import keypads
from gateway.access.gestures import Gesture
from gateway.cli.doctor.findings import Finding, warn
from gateway.controller.state.config import EffectiveConfig
from gateway.settings import SiteFile


def gesture_findings(site: SiteFile, config: EffectiveConfig) -> Iterator[Finding]:
    """Findings of `portal_gestures`."""
    portals, topology = config.snapshot.policy.portals, config.topology
    with_keypad = keypads(site)
    for gesture in config.gestures:
        portal = portals.get(gesture.portal_id)
        subject = f"portal {gesture.portal_id} ({portal.name})" if portal else "portal_gestures"
        if not (gesture.users or gesture.groups):
            yield warn(subject, f"gesture {gesture.gesture.value} lists nobody: add its people")
        if gesture.gesture is Gesture.HOLD and not list(
            topology.doors_of(portal.actions if portal else ())
        ):
            yield warn(subject, "gesture 1 holds its doors, but it opens no door of this device")
        here = [
            it for it in site.reader if topology.portal_of_reader(it.index) == gesture.portal_id
        ]
        if gesture.gesture is Gesture.KEYS and not any(it.name in with_keypad for it in here):
            yield warn(subject, "gesture 3 needs keys, but none of its readers has a keypad")
