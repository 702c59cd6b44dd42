"""Card formats of a site's own, from the rows of the API's `wiegand_modes`."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.credentials.wiegand import ParityCheck, ParityKind, WiegandFormat
from gateway.errors import InvalidRequest
from gateway.objects.wiegand_modes import WiegandMode, mode_of
from gateway.store.policy.snapshot import WiegandModeRow


def usable_formats(
    rows: Iterable[WiegandModeRow],
) -> tuple[tuple[WiegandFormat, ...], tuple[str, ...]]:
    """The formats in the order of the rows, and what is wrong with rows that are none.

    The API refuses such rows; they come from databases of earlier versions.
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
