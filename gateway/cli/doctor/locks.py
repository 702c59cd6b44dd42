"""How the locks of a site are wired, and whether people can always leave."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.cli.doctor.findings import Finding, fail, warn
from gateway.hardware.boards.hats import strikes_of
from gateway.hardware.boards.profiles import load_hats
from gateway.settings import Door, Egress, Side, SiteFile
from gateway.settings.wires import Contact, LockKind


def lock_findings(site: SiteFile) -> Iterator[Finding]:
    """Locks that are wired the wrong way round, and doors that could lock people in."""
    hats = load_hats(site)
    for key, text in hats.inverted(site):
        yield fail(key, text)
    yield from _on_contacts_that_stay_closed(site)
    for door in site.doors():
        locks = hats.power_locks(door.strike) if isinstance(door, Door) else door.power_locks
        if locks and door.egress is Egress.SOFTWARE:
            yield fail(
                f"door {door.name}",
                "power keeps its lock shut, so people need a way out without this device: "
                "egress must be mechanical or direct_cut",
            )
        lock = door.strike if isinstance(door, Door) else door.lock
        if lock and lock.kind is LockKind.MAGNET and door.egress is Egress.MECHANICAL:
            yield warn(
                f"door {door.name}",
                'egress = "mechanical" needs a handle that opens the lock, and no handle opens a '
                "magnet: put a release button and the fire contact into the magnet's wire and set "
                'egress = "direct_cut"',
            )
        if not door.rex_bypasses_interlock and door.egress is Egress.SOFTWARE:
            yield fail(
                f"door {door.name}",
                "its exit button is the only way out and does not bypass the interlock: another "
                "door that stays open locks people in",
            )
    turnstile = site.turnstile
    if turnstile and turnstile.egress is Egress.SOFTWARE:
        for side in Side:
            if hats.power_locks(turnstile.way(side).relay):
                yield fail(
                    f"turnstile {turnstile.name}",
                    f"power keeps the {side} side shut, so people need a way out without this "
                    "device: egress must be mechanical or direct_cut",
                )


def _on_contacts_that_stay_closed(site: SiteFile) -> Iterator[Finding]:
    """Locks that get power through the NC contact, which is closed while the relay is off."""
    wired = [(key, strike.kind, strike.contact) for key, strike in strikes_of(site)]
    wired += [
        (f"sec_box {box.name!r} lock", box.lock.kind, box.lock.contact)
        for box in site.sec_box
        if box.lock
    ]
    for key, kind, contact in wired:
        if kind and contact is Contact.NC:
            then = "stays locked" if kind is LockKind.MAGNET else "opens"
            text = (
                f"a {kind} on the NC contact {then} when this device or its relay fails; move its "
                'wire to NO and set contact = "NO"'
            )
            yield warn(key, text)
