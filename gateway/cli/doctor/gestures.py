"""Gestures that nobody can make, or that do nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from gateway.access.admission_settings import keypads
from gateway.access.gestures import Gesture, PortalGesture
from gateway.access.policy import Policy, Portal
from gateway.cli.doctor.findings import Finding, warn
from gateway.controller.state.config import EffectiveConfig
from gateway.settings import SiteFile

_WHAT: Mapping[Gesture, str] = MappingProxyType(
    {
        Gesture.HOLD: "a second card is to hold its doors unlocked (gesture 1)",
        Gesture.ZONES: "a third card is to arm or disarm zones (gesture 2)",
        Gesture.KEYS: "keys after a card are to arm zones (gesture 3)",
    }
)


def gesture_findings(site: SiteFile, config: EffectiveConfig) -> Iterator[Finding]:
    """Findings of `portal_gestures`."""
    portals = config.snapshot.policy.portals
    for gesture in config.gestures:
        portal = portals.get(gesture.portal_id)
        subject = f"portal {gesture.portal_id} ({portal.name})" if portal else "portal_gestures"
        what = _WHAT[gesture.gesture]
        for why in (
            *_without_people(config.snapshot.policy, gesture, portal),
            *_without_reader(site, config, gesture),
            *_without_effect(site, config, gesture, portal),
        ):
            yield warn(subject, f"{what}, but {why}")


def _without_people(policy: Policy, gesture: PortalGesture, portal: Portal | None) -> Iterator[str]:
    if not (gesture.users or gesture.groups):
        yield ("nobody is listed for it: add people (portal_gesture_groups, portal_gesture_users)")
    elif portal is not None and not gesture.users:
        here = portal.own_rules | portal.area_rules
        tied = (policy.group_rules.get(group, {}).keys() & here for group in gesture.groups)
        if not any(policy.rules[rule].releases for rules in tied for rule in rules):
            yield (
                "no rule lets its groups pass there, and only cards that open count: tie a rule "
                "of theirs to the portal"
            )


def _without_reader(
    site: SiteFile, config: EffectiveConfig, gesture: PortalGesture
) -> Iterator[str]:
    of = config.topology.portal_of_reader
    here = [reader for reader in site.reader if of(reader.index) == gesture.portal_id]
    if not here:
        yield "no reader stands for this portal, so nobody can show a card there"
    elif gesture.gesture is Gesture.KEYS and keypads(site).isdisjoint(it.name for it in here):
        names = ", ".join(it.name for it in here)
        yield (f"{names} has no keypad: use a third card (gesture 2), or a reader with a keypad")


def _without_effect(
    site: SiteFile, config: EffectiveConfig, gesture: PortalGesture, portal: Portal | None
) -> Iterator[str]:
    if gesture.gesture is not Gesture.HOLD:
        there = {zone.number for zone in site.zone}
        filled = {owner for owner, zone in config.snapshot.zones_of_sets if zone in there}
        if gesture.zone_set_id and gesture.zone_set_id not in filled:
            yield "its set has no zone of this device: the reader shows an error each time"
        return
    if not list(config.topology.doors_of(portal.actions if portal else ())):
        yield "it opens no door of this device"
    elif config.network_interlock.enabled:
        yield "an interlock with other devices allows no hold: the reader shows an error each time"
