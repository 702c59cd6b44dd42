"""Reads what the drivers of readers need from configuration."""

from __future__ import annotations

from gateway.credentials.wiegand import WiegandFormat
from gateway.hardware.reading_settings import ReadingSettings, UhfMode, UhfReading
from gateway.objects.reader_keys import WIEGAND_INPUTS
from gateway.settings.configuration import Configuration
from gateway.store.policy.wiegand import last_byte_first


def reading_settings(
    configuration: Configuration, formats: tuple[WiegandFormat, ...]
) -> ReadingSettings:
    """The settings of all readers; `formats` are the site's own card formats."""
    power = configuration["uhf", "transmit_power"]
    return ReadingSettings(
        uhf=UhfReading(
            same_tag_ms=int(configuration["uhf", "read_interval"]),
            other_tag_ms=int(configuration["uhf", "read_interval_diff_tags"]),
            last_byte_first=configuration["uhf", "reader_type"] == "lsb",
            mode=UhfMode(configuration["uhf", "operation_mode"]),
            transmit_centidbm=int(power) if power else None,
        ),
        wiegand_formats=formats,
        last_byte_first=frozenset(
            number + 1 for number in WIEGAND_INPUTS if last_byte_first(configuration, number)
        ),
    )
