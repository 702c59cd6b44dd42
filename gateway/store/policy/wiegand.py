"""What the database says about Wiegand readers: the site's own card formats, and byte orders."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.credentials.wiegand import ParityCheck, ParityKind, WiegandFormat
from gateway.errors import InvalidRequest
from gateway.objects.reader_keys import CARD_READERS, WIEGAND_INPUTS
from gateway.objects.wiegand_modes import WiegandMode, mode_of
from gateway.settings.configuration import Configuration
from gateway.store.policy.snapshot import WiegandModeRow


def last_byte_first(configuration: Configuration, number: int) -> bool:
    """Whether Wiegand input `number` (from 0) gets a card's last byte first, by either of the two
    keys that the API has for this.

    Unverified: `34` is what one client of the vendor's writes for `LSB` in the second key.
    """
    return any(configuration[key] in ("LSB", "34") for key in byte_order_keys(number))


def byte_order_keys(number: int) -> list[tuple[str, str]]:
    """The keys with the byte order of Wiegand input `number`, from 0; none for a higher number."""
    keys = [(f"w_in{number}", "byte_order")] if number in WIEGAND_INPUTS else []
    return [*keys, (f"card_reader{number}", "type")] if number in CARD_READERS else keys


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
