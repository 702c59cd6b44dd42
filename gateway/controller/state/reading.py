"""Reads what the drivers of readers need from configuration and rows."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.credentials.wiegand import ParityCheck, ParityKind, WiegandFormat
from gateway.errors import InvalidRequest
from gateway.hardware.reading_settings import ReadingSettings, UhfMode, UhfReading
from gateway.objects.configuration_keys import CARD_READERS, WIEGAND_INPUTS
from gateway.objects.wiegand_modes import WiegandMode, mode_of
from gateway.settings.configuration import Configuration
from gateway.store.policy.snapshot import WiegandModeRow


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
            number + 1 for number in WIEGAND_INPUTS if _last_byte_first(configuration, number)
        ),
    )


def _last_byte_first(configuration: Configuration, number: int) -> bool:
    """Whether either of the two keys that the API has for this says so.

    Unverified: `34` is what one client of the vendor's writes for `LSB` in the second key.
    """
    keys = [(f"w_in{number}", "byte_order")]
    if number in CARD_READERS:
        keys.append((f"card_reader{number}", "type"))
    return any(configuration[key] in ("LSB", "34") for key in keys)


def usable_formats(
    rows: Iterable[WiegandModeRow],
) -> tuple[tuple[WiegandFormat, ...], tuple[str, ...]]:
    """The card formats in `rows` of `wiegand_modes`, in order, and what is wrong with the others.

    The API refuses wrong rows; they come from databases of earlier versions.
    """
    formats, problems = [], []
    for row in rows:
        try:
            formats.append(_format(mode_of(row._asdict())))
        except InvalidRequest as error:
            problems.append(f"wiegand_modes {row.name!r}: {error}")
    return tuple(formats), tuple(problems)


def _format(mode: WiegandMode) -> WiegandFormat:
    return WiegandFormat(
        name=mode.name,
        bits=mode.bits,
        facility=mode.facility,
        number=mode.card,
        parities=tuple(
            ParityCheck(
                parity.bit, ParityKind.EVEN if parity.even else ParityKind.ODD, parity.covered
            )
            for parity in mode.parities
        ),
    )
