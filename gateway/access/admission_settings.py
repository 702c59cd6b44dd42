"""Reads `AdmissionSettings` from configuration and site file."""

from __future__ import annotations

from gateway.access.admission_values import AdmissionSettings
from gateway.access.guessing import GuardSettings
from gateway.access.passback import PassbackMode, PassbackSettings
from gateway.settings import BitReader, SiteFile, WiegandReader
from gateway.settings.configuration import Configuration, is_on


def admission_settings(configuration: Configuration, site: SiteFile) -> AdmissionSettings:
    """The settings of `site`; `configuration` must hold every key."""
    times = site.admission
    whole = (it.name for it in site.reader if isinstance(it, WiegandReader) and it.whole_pins)
    return AdmissionSettings(
        second_factor=is_on(configuration, "identifier", "multi_factor_authentication"),
        keypads=keypads(site),
        whole_pins=frozenset(whole),
        second_factor_ms=times.second_factor_s * 1000,
        next_key_ms=times.next_key_s * 1000,
        persons_ms=times.persons_s * 1000,
        guard=GuardSettings(
            times.wrong_entries, times.wrong_within_s * 1000, times.locked_s * 1000
        ),
        passback=_passback(configuration),
    )


def keypads(site: SiteFile) -> frozenset[str]:
    """The names of the readers with a keypad."""
    found = (it.name for it in site.reader if isinstance(it, BitReader) and it.keypad)
    return frozenset(found)


def _passback(configuration: Configuration) -> PassbackSettings:
    """The settings of `identifier`, which are more exact, else the turnstile's switch."""
    mode = PassbackMode(configuration["identifier", "antipassback_mode"])
    by_direction = is_on(configuration, "catra", "anti_passback")
    if not is_on(configuration, "identifier", "antipassback_enabled"):
        mode = PassbackMode.BY_DIRECTION if by_direction else PassbackMode.OFF
    return PassbackSettings(mode, int(configuration["identifier", "antipassback_timeout"]))
