"""Is this the board that the site file names, and are its pins free for the site?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gateway.cli.doctor.findings import Finding, Grade
from gateway.errors import SettingsError
from gateway.hardware.boards.chips import Chips
from gateway.hardware.boards.profiles import BoardProfile, board_names, load_hats, load_profile
from gateway.host.machine import MachineFiles
from gateway.settings import LockState, Side, SiteFile, Strike


def board_findings(
    profile: BoardProfile, site: SiteFile, machine: MachineFiles, chips: Chips, *, running: bool
) -> Iterator[Finding]:
    """Everything about a real board. `running` says that the controller holds its pins itself."""
    yield _model(profile, machine)
    yield from _chip(profile, site, machine, chips, running=running)
    lines = machine.boot_lines(profile.config_sections)
    if lines is None:
        text = f"{machine.boot_file()} cannot be read: what it switches on was not looked at"
        yield Finding(Grade.WARN, "config.txt", text)
    else:
        yield from _switched_on(profile, site, machine.boot_file(), lines)
    yield from _after_the_end(profile, site, machine, lines or ())


def _model(profile: BoardProfile, machine: MachineFiles) -> Finding:
    told = machine.model()
    if told is None:
        text = "has no device tree that names a Raspberry Pi: it cannot be told from its profile"
        return Finding(Grade.WARN, "board", text)
    model = told.partition(" Rev ")[0]
    if model in profile.models:
        return Finding(Grade.OK, "board", told)
    for name in board_names():
        if model in load_profile(name).models:
            text = f'is a {told}, not a {profile.title}: set board = "{name}" under [site]'
            return Finding(Grade.FAIL, "board", text)
    text = f"is a {told}, not a {profile.title}, and has no profile (there are: {board_names()})"
    return Finding(Grade.FAIL, "board", text)


def _chip(
    profile: BoardProfile, site: SiteFile, machine: MachineFiles, chips: Chips, *, running: bool
) -> Iterator[Finding]:
    label = profile.chip or ""
    for pin, key in site.pins():
        owner = machine.pin_owners(label).get(pin)
        if owner:
            text = f"pin {pin} has been taken by {owner}: take what loads it out of config.txt"
            yield Finding(Grade.FAIL, key, text)
    if not chips.looked:
        text = "the Python package gpiod is not installed: chip and pins in use were not looked at"
        yield Finding(Grade.WARN, "GPIO chip", text)
        return
    chip = chips.labelled(label)
    if chip is None:
        found = ", ".join(f"{chip.path} is {chip.label}" for chip in chips.found) or "none"
        text = f"none has the label {label!r} (found: {found})"
        if chips.refused:
            text += f"; could not be opened: {', '.join(chips.refused)}; run this with sudo"
        yield Finding(Grade.FAIL, "GPIO chip", text)
        return
    yield Finding(Grade.OK, "GPIO chip", f"{label} is {chip.path}")
    if running:
        return  # the pins in use are the controller's own
    for pin, key in site.pins():
        if pin in chip.users:
            user = chip.users[pin] or "somebody without a name"
            text = f"pin {pin} is in use by {user!r}: end that program, or take another pin"
            yield Finding(Grade.FAIL, key, text)


def _switched_on(
    profile: BoardProfile, site: SiteFile, file: str, lines: Sequence[str]
) -> Iterator[Finding]:
    for bus in profile.header.buses:
        on = next((line for line in bus.config if has_line(lines, line)), None)
        for pin, key in site.pins():
            if on and pin in bus.gpios:
                text = f"pin {pin} belongs to {bus.name}, which `{on}` in {file} switches on"
                yield Finding(Grade.WARN, key, f"{text}: take that line out, or take another pin")
    try:
        hats = load_hats(site).all
    except SettingsError:
        return  # told with the site file
    for hat in hats:
        for line in hat.config:
            if not has_line(lines, line):
                yield Finding(Grade.WARN, hat.title, f"needs `{line}` in {file}")


def _after_the_end(
    profile: BoardProfile, site: SiteFile, machine: MachineFiles, lines: Sequence[str]
) -> Iterator[Finding]:
    """What the locks do when the controller is gone: who drives their pins then?"""
    locks = list(_locks(site))
    if not locks:
        return
    persist = machine.outputs_persist()
    if persist is None:
        persist = not has_line(lines, "dtparam=strict_gpiod=on")
    astray = []
    for key, strike, wanted in locks:
        pin = profile.header.pin_of(strike.pin)
        high = pin is not None and pin.pull == "up"
        if strike.level(wanted) is not high:
            level = "high" if high else "low"
            astray.append(f"{key}: its pull takes pin {strike.pin} to {level}, not {wanted}")
    subject = "end of the controller"
    if persist and astray:
        text = "outputs keep their level, and the service puts on_fault when it ends badly"
        yield Finding(Grade.OK, subject, text)
    elif persist:
        text = (
            "outputs keep the level that they had: `dtparam=strict_gpiod` in "
            f"{machine.boot_file()} lets the pulls put every door to its on_fault at once"
        )
        yield Finding(Grade.WARN, subject, text)
    elif astray:
        text = f"strict_gpiod lets go of the outputs; {'; '.join(astray)}"
        yield Finding(Grade.WARN, subject, text)
    else:
        yield Finding(Grade.OK, subject, "the pulls put every door to what the site file says")


def _locks(site: SiteFile) -> Iterator[tuple[str, Strike, LockState]]:
    for door in site.door:
        for state in sorted({door.on_stop, door.on_fault}):
            yield f"door {door.name}", door.strike, state
    if site.turnstile:
        for side in Side:
            for state in sorted({site.turnstile.on_stop, site.turnstile.on_fault}):
                yield f"turnstile {side}", site.turnstile.way(side).relay, state


def has_line(lines: Sequence[str], wanted: str) -> bool:
    """Whether lines of config.txt, the last of each key counting, say what `wanted` says.

    An overlay is there when its line is, whatever parameters follow.
    """
    if wanted.startswith("dtoverlay="):
        return any(line == wanted or line.startswith(f"{wanted},") for line in lines)
    said = {}
    for line in lines:
        for part in _parts(line):
            key, _, value = part.rpartition("=")
            said[key] = value
    key, _, value = wanted.rpartition("=")
    return said.get(key) == value


def _parts(line: str) -> Iterator[str]:
    """`dtparam=a,b=off` is `dtparam=a=on` and `dtparam=b=off`; other lines are one thing."""
    if not line.startswith("dtparam="):
        yield line
        return
    for part in line.removeprefix("dtparam=").split(","):
        yield f"dtparam={part}" if "=" in part else f"dtparam={part}=on"
