"""What a site file alone tells, without its data directory or its board."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.cli.doctor.findings import Finding, Grade
from gateway.cli.doctor.locks import lock_findings
from gateway.credentials.wiegand.formats import FORMATS
from gateway.hardware.boards.profiles import BoardProfile, warnings
from gateway.settings import LockState, SiteFile, WiegandReader


def site_findings(site: SiteFile, profile: BoardProfile) -> Iterator[Finding]:
    """What it has, and what of it works but should be known."""
    parts = [
        f"{len(tables)} {name if len(tables) == 1 else f'{name}s'}"
        for name, tables in (
            ("door", site.doors()),
            ("reader", site.reader),
            ("zone", site.zone),
        )
        if tables
    ]
    has = f": {', '.join(parts)}" if parts else ""
    yield Finding(Grade.OK, "site file", f"{site.site.name!r} on {profile.title}{has}")
    if not (site.doors() or site.turnstile):
        yield Finding(
            Grade.WARN, "site file", "has no door: nothing opens; add a [[door]] table for each"
        )
    for text in warnings(profile, site):
        yield Finding(Grade.WARN, "board", text)
    yield from lock_findings(site)
    yield from _on_start(site)
    yield from _unseen_doors(site)
    yield from _cards_taken_for_pins(site)


def _cards_taken_for_pins(site: SiteFile) -> Iterator[Finding]:
    """Readers at which every card of a known format is a PIN."""
    for reader in site.reader:
        whole = reader.whole_pins if isinstance(reader, WiegandReader) else None
        if not isinstance(reader, WiegandReader) or whole is None:
            continue
        formats = [FORMATS.get(name) for name in reader.formats]
        if all(it is not None and it.bits in (whole, whole + 2) for it in formats):
            yield Finding(
                Grade.WARN,
                f"reader {reader.name}",
                f"whole_pins = {whole} takes every frame of its formats for a PIN: no card can be "
                "read there; add a format of another length, or delete whole_pins",
            )


def _unseen_doors(site: SiteFile) -> Iterator[Finding]:
    for door in site.doors():
        if door.sensor is None:
            yield Finding(
                Grade.WARN,
                f"door {door.name}",
                "has no sensor: nobody is told when it is forced or held open; wire a contact and "
                "add `sensor` to its table",
            )


def _on_start(site: SiteFile) -> Iterator[Finding]:
    """What opens by itself whenever the controller starts."""
    ways = [(f"door {door.name}", door.on_start) for door in site.doors()]
    if site.turnstile:
        ways.append((f"turnstile {site.turnstile.name}", site.turnstile.on_start))
    for subject, on_start in ways:
        if on_start is LockState.UNLOCKED:
            yield Finding(
                Grade.WARN,
                subject,
                'on_start = "unlocked": each start of the controller unlocks it until the rules '
                "are read; then it locks, unless a fire, an emergency or an unlock schedule holds "
                "it. If nobody needs that, delete the line",
            )
