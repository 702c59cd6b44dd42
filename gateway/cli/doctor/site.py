"""Findings from the site file and the board profile alone."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.cli.doctor.findings import Finding, ok, warn
from gateway.cli.doctor.locks import lock_findings
from gateway.credentials.wiegand.formats import FORMATS
from gateway.hardware.boards.profiles import BoardProfile, warnings
from gateway.settings import (
    LockState,
    LoopBands,
    LoopReading,
    OsdpReader,
    SiteFile,
    WiegandReader,
)


def site_findings(site: SiteFile, profile: BoardProfile) -> Iterator[Finding]:
    """A summary of the site file, and warnings about what it declares."""
    parts = [
        f"{len(tables)} {name if len(tables) == 1 else f'{name}s'}"
        for name, tables in (("door", site.doors()), ("reader", site.reader), ("zone", site.zone))
        if tables
    ]
    has = f": {', '.join(parts)}" if parts else ""
    yield ok("site file", f"{site.site.name!r} on {profile.title}{has}")
    if not (site.doors() or site.turnstile):
        yield warn("site file", "has no door: nothing opens; add a [[door]] table for each")
    for text in site.ignored:
        yield warn("site file", text)
    for text in warnings(profile, site):
        yield warn("board", text)
    yield from lock_findings(site)
    yield from _on_start(site)
    yield from _unseen_doors(site)
    yield from _cards_read_as_pins(site)
    yield from _in_clear_text(site)
    yield from _half_supervised(site)


def _in_clear_text(site: SiteFile) -> Iterator[Finding]:
    for reader in site.reader:
        if isinstance(reader, OsdpReader) and reader.clear_text:
            contacts = [key for wire, key in site.reader_inputs() if wire.reader == reader.name]
            forged = " and ".join(["cards", *(key.replace("'", "") for key in contacts)])
            yield warn(
                f"reader {reader.name}",
                f"clear_text = true: whoever reaches its cable can forge {forged}; pair it if it"
                " can encrypt, and delete the line",
            )


def _half_supervised(site: SiteFile) -> Iterator[Finding]:
    """Supervised inputs with one resistor, which cannot tell all states of their wires."""
    adcs = {adc.name: adc for adc in site.adc}
    for wire, key in site.adc_inputs():
        told = LoopBands.of(adcs[wire.adc], wire).told
        for reading, contact in ((LoopReading.CUT, "an open"), (LoopReading.SHORTED, "a closed")):
            if reading not in told:
                resistor = "parallel" if reading is LoopReading.CUT else "series"
                yield warn(
                    key.replace("'", ""),
                    f"without a {resistor} resistor, {reading} wires look like {contact} contact:"
                    f" fit it at the contact, and set {resistor}_ohm",
                )


def _cards_read_as_pins(site: SiteFile) -> Iterator[Finding]:
    """Readers whose `whole_pins` makes a PIN of every card."""
    for reader in site.reader:
        whole = reader.whole_pins if isinstance(reader, WiegandReader) else None
        if not isinstance(reader, WiegandReader) or whole is None:
            continue
        formats = [FORMATS.get(name) for name in reader.formats]
        if all(it is not None and it.bits in (whole, whole + 2) for it in formats):
            yield warn(
                f"reader {reader.name}",
                f"whole_pins = {whole} makes a PIN of every frame of its formats: it reads no "
                "card; add a format of another length, or delete whole_pins",
            )


def _unseen_doors(site: SiteFile) -> Iterator[Finding]:
    for door in site.doors():
        if door.sensor is None:
            yield warn(
                f"door {door.name}",
                "has no sensor, so no alarm reports it forced or held open: wire a contact and "
                "add `sensor` to its table",
            )


def _on_start(site: SiteFile) -> Iterator[Finding]:
    """Doors and turnstiles that unlock at each start of the controller."""
    ways = [(f"door {door.name}", door.on_start) for door in site.doors()]
    if site.turnstile:
        ways.append((f"turnstile {site.turnstile.name}", site.turnstile.on_start))
    for subject, on_start in ways:
        if on_start is LockState.UNLOCKED:
            yield warn(
                subject,
                'on_start = "unlocked": each start of the controller unlocks it until the rules '
                "are read; then it locks, unless a fire, an emergency or an unlock schedule holds "
                "it. If nobody needs that, delete the line",
            )
