"""Whether the machine is the board of the site file, and its pins are free for the site."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gateway.cli.doctor.findings import Finding, fail, ok, warn
from gateway.errors import SettingsError
from gateway.hardware.boards.chips import Chips
from gateway.hardware.boards.profiles import (
    BoardProfile,
    board_names,
    bus_of,
    load_hats,
    load_profile,
)
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
        text = f"{machine.boot_file()} cannot be read: what it switches on was not checked"
        yield warn("config.txt", text)
    else:
        yield from _switched_on(profile, site, machine.boot_file(), lines)
    yield from _after_the_end(profile, site, machine, lines or ())


def _model(profile: BoardProfile, machine: MachineFiles) -> Finding:
    full_name = machine.model()
    if full_name is None:
        text = "has no device tree that names a Raspberry Pi, so its model was not checked"
        return warn("board", text)
    model = full_name.partition(" Rev ")[0]
    if model in profile.models:
        return ok("board", full_name)
    for name in board_names():
        if model in load_profile(name).models:
            text = f'is a {full_name}, not a {profile.title}: set board = "{name}" under [site]'
            return fail("board", text)
    known = f"and has no profile (available: {', '.join(board_names())})"
    return fail("board", f"is a {full_name}, not a {profile.title}, {known}")


def _chip(
    profile: BoardProfile, site: SiteFile, machine: MachineFiles, chips: Chips, *, running: bool
) -> Iterator[Finding]:
    label = profile.chip or ""
    for pin, key in site.pins():
        owner = machine.pin_owners(label).get(pin)
        if owner:
            text = f"{owner} uses pin {pin}: remove the line that loads it from config.txt"
            yield fail(key, text)
    if not chips.looked:
        text = "the Python package gpiod is not installed: chip and pins in use were not checked"
        yield warn("GPIO chip", text)
        return
    chip = chips.labelled(label)
    if chip is None:
        found = ", ".join(f"{chip.path} is {chip.label}" for chip in chips.found) or "none"
        text = f"none has the label {label!r} (found: {found})"
        if chips.refused:
            text += f"; could not be opened: {', '.join(chips.refused)}; run this with sudo"
        yield fail("GPIO chip", text)
        return
    yield ok("GPIO chip", f"{label} is {chip.path}")
    if running:
        return  # the pins in use are the controller's own
    for pin, key in site.pins():
        if pin in chip.users:
            user = chip.users[pin] or "an unnamed program"
            text = f"pin {pin} is in use by {user!r}: end that program, or use another pin"
            yield fail(key, text)


def _switched_on(
    profile: BoardProfile, site: SiteFile, file: str, lines: Sequence[str]
) -> Iterator[Finding]:
    for adc in site.adc:
        wanted = next((it for it in profile.header.buses if it.name == bus_of(adc.device)), None)
        if wanted and not any(has_line(lines, line) for line in wanted.config):
            yield warn(f"adc {adc.name}", f"needs `{wanted.config[0]}` in {file}")
    for bus in profile.header.buses:
        on = next((line for line in bus.config if has_line(lines, line)), None)
        for pin, key in site.pins():
            if on and pin in bus.gpios:
                text = f"pin {pin} belongs to {bus.name}, which `{on}` in {file} switches on"
                yield warn(key, f"{text}: remove that line, or use another pin")
    try:
        hats = load_hats(site).all
    except SettingsError:
        return  # reported as a finding about the site file
    for hat in hats:
        for line in hat.config:
            if not has_line(lines, line):
                yield warn(hat.title, f"needs `{line}` in {file}")


def _after_the_end(
    profile: BoardProfile, site: SiteFile, machine: MachineFiles, lines: Sequence[str]
) -> Iterator[Finding]:
    """The state of the locks after the controller has ended, when only pulls drive their pins."""
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
        yield ok(subject, text)
    elif persist:
        text = (
            "outputs keep their last level; with `dtparam=strict_gpiod` in "
            f"{machine.boot_file()} the pulls put every door to its on_fault at once"
        )
        yield warn(subject, text)
    elif astray:
        text = f"strict_gpiod releases the outputs; {'; '.join(astray)}"
        yield warn(subject, text)
    else:
        yield ok(subject, "the pulls put every door to its declared state")


def _locks(site: SiteFile) -> Iterator[tuple[str, Strike, LockState]]:
    for door in site.door:
        for state in sorted({door.on_stop, door.on_fault}):
            yield f"door {door.name}", door.strike, state
    if site.turnstile:
        for side in Side:
            for state in sorted({site.turnstile.on_stop, site.turnstile.on_fault}):
                yield f"turnstile {side}", site.turnstile.way(side).relay, state


def has_line(lines: Sequence[str], wanted: str) -> bool:
    """Whether `lines` of config.txt, where the last of each key counts, set what `wanted` sets.

    A line of an overlay counts with any parameters.
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
    """`dtparam=a,b=off` sets `dtparam=a=on` and `dtparam=b=off`; other lines set one key."""
    if not line.startswith("dtparam="):
        yield line
        return
    for part in line.removeprefix("dtparam=").split(","):
        yield f"dtparam={part}" if "=" in part else f"dtparam={part}=on"
