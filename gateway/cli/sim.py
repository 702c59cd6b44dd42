"""`gateway sim`: drives the pins and ports of the simulated board as a person at the door would.

The controller carries it out, and refuses on any other board.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Literal

import click

from gateway.cli.options import directory_of, group_data_option, json_option
from gateway.cli.outcome import LONGEST_WAIT_S, Outcome
from gateway.cli.running import controller_of, words_in_force
from gateway.errors import StorageError
from gateway.link.messages import Simulate
from gateway.settings import Side, read_running_site

_SIM_TIME_S = 10.0


@click.group()
@group_data_option
@click.pass_context
def sim(ctx: click.Context, data: Path | None) -> None:
    """Drive the simulated board of a running gateway, at pin and byte level."""
    ctx.obj = data


def _ask(ctx: click.Context, command: Simulate) -> dict[str, Any]:
    with controller_of(directory_of(ctx.obj)) as client:
        return client.ask(command, _SIM_TIME_S)


_CREDENTIALS = frozenset({"swipe", "qr", "tag", "type", "present"})
_UNRECORDED = (
    ": the same credential within 2 s counts as one read, an enrolment takes what its reader "
    "reads, and a throttled reader reads once a second"
)


def _do(ctx: click.Context, command: Simulate) -> None:
    """Carry out `command` and print the journal entries that follow from it."""
    data = directory_of(ctx.obj)
    with ExitStack() as stack:
        client = stack.enter_context(controller_of(data))
        try:
            outcome = stack.enter_context(closing(Outcome(data)))
        except StorageError as error:
            click.echo(f"the journal cannot be read, so no result is shown: {error}", err=True)
            outcome = None
        client.ask(command, _SIM_TIME_S)
        if outcome is None:
            return
        try:
            for line in outcome.lines(command):
                click.echo(line)
        except StorageError as error:
            click.echo(f"the journal cannot be read, so the result is not shown: {error}", err=True)
            return
    if not outcome.found:
        why = _UNRECORDED if command.verb in _CREDENTIALS else ""
        click.echo(f"the journal recorded nothing within {LONGEST_WAIT_S:g} s{why}", err=True)


_reader = click.option("--reader", required=True, help="The reader's name in the site file.")
_hold = click.option(
    "--hold", type=click.FloatRange(0.05, 120), default=0.3, show_default=True, help="Seconds."
)


@sim.command()
@_reader
@click.option("--card", required=True, help="123,45678 (facility and number) or a plain number.")
@click.option("--format", "frame", default="w26", show_default=True, help="Wiegand format.")
@click.pass_context
def swipe(ctx: click.Context, reader: str, card: str, frame: str) -> None:
    """Send a card as its reader does, on D0 and D1 or its port."""
    _do(ctx, Simulate(verb="swipe", reader=reader, value=card, format=frame))


@sim.command(name="frame")
@_reader
@click.option(
    "--pulse",
    type=click.IntRange(1, 1_000),
    default=50,
    show_default=True,
    help="Width of the pulses in microseconds; readers send 20 to 100.",
)
@click.argument("bits")
@click.pass_context
def send_frame(ctx: click.Context, reader: str, pulse: int, bits: str) -> None:
    """Send BITS (0 and 1) on D0 and D1, in any format.

    The same bits twice have the timing of a recording, and the journal warns of that.
    """
    _do(ctx, Simulate(verb="frame", reader=reader, value=bits, pulse_us=pulse))


def _at_reader(verb: Literal["key", "qr", "type", "present"], argument: str, text: str) -> None:
    @sim.command(name=verb, help=text)
    @_reader
    @click.argument("value", metavar=argument)
    @click.pass_context
    def act(ctx: click.Context, reader: str, value: str) -> None:
        _do(ctx, Simulate(verb=verb, reader=reader, value=value))


_at_reader("key", "KEYS", "Press KEYS on a reader's keypad, for example 1234#.")
_at_reader("qr", "TEXT", "Show a QR code with TEXT to a serial reader.")
_at_reader("type", "TEXT", "Type TEXT and Enter at a USB reader that types.")
_at_reader("present", "SERIAL", "Put a card on a PC/SC reader; SERIAL is hexadecimal.")


@sim.command()
@_reader
@click.pass_context
def remove(ctx: click.Context, reader: str) -> None:
    """Take the card away from a PC/SC reader."""
    _do(ctx, Simulate(verb="remove", reader=reader))


@sim.command()
@_reader
@_hold
@click.argument("tag")
@click.pass_context
def tag(ctx: click.Context, reader: str, hold: float, tag: str) -> None:
    """Hold TAG (hexadecimal) in front of a UHF reader."""
    _do(ctx, Simulate(verb="tag", reader=reader, value=tag, hold=str(hold)))


@sim.command()
@click.argument("name")
@click.argument("state", type=click.Choice(["open", "closed"]))
@click.pass_context
def door(ctx: click.Context, name: str, state: str) -> None:
    """Open or close the leaf of door NAME: its sensor changes."""
    _do(ctx, Simulate(verb="door", door=name, value=state))


@sim.command()
@click.argument("way", type=click.Choice([side.value for side in Side]))
@click.pass_context
def turn(ctx: click.Context, way: str) -> None:
    """Turn the turnstile once in that direction."""
    _do(ctx, Simulate(verb="turn", value=way))


@sim.command()
@click.argument("name")
@_hold
@click.pass_context
def rex(ctx: click.Context, name: str, hold: float) -> None:
    """Press the exit button of door NAME."""
    _do(ctx, Simulate(verb="rex", door=name, value=str(hold)))


@sim.command()
@click.argument("number", type=click.IntRange(1, 5))
@click.argument("state", type=click.Choice(["active", "idle"]))
@click.pass_context
def zone(ctx: click.Context, number: int, state: str) -> None:
    """Trip or restore alarm zone NUMBER."""
    _do(ctx, Simulate(verb="zone", zone=number, value=state))


@sim.command()
@click.argument("state", type=click.Choice(["on", "off"]))
@click.option("--reader", help="The reader whose contact it is. Default: the contact of the case.")
@click.pass_context
def tamper(ctx: click.Context, state: str, reader: str | None) -> None:
    """Open (on) or close (off) a tamper contact."""
    _do(ctx, Simulate(verb="tamper", reader=reader, value=state))


def _switch(name: Literal["fire", "mains_fail", "battery_low", "under_voltage"], text: str) -> None:
    @sim.command(name=name.replace("_", "-"), help=text)
    @click.argument("state", type=click.Choice(["on", "off"]))
    @click.pass_context
    def switch(ctx: click.Context, state: str) -> None:
        _do(ctx, Simulate(verb=name, value=state))


_switch("fire", "Report a fire by the panel's contact (on) or none (off).")
_switch("mains_fail", "Report that the mains has failed (on) or not (off).")
_switch("battery_low", "Report a low battery (on) or a good one (off).")
_switch("under_voltage", "Report too low a voltage (on) or enough (off).")


@sim.command()
@click.argument("words", nargs=-1, required=True, metavar="{set ISO-TIME|real}")
@click.pass_context
def clock(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Set the wall clock, or follow the machine's clock (real)."""
    match words:
        case ("set", moment):
            pass
        case ("real",):
            moment = "real"
        case _:
            raise click.UsageError("say `clock set ISO-TIME` or `clock real`")
    _do(ctx, Simulate(verb="clock", value=moment))


def _plug(name: Literal["unplug", "plug"], text: str) -> None:
    @sim.command(name=name, help=text)
    @click.argument("reader")
    @click.pass_context
    def plug(ctx: click.Context, reader: str) -> None:
        _do(ctx, Simulate(verb=name, reader=reader))


_plug("unplug", "Unplug the cable of a reader, SecBox or converter.")
_plug("plug", "Plug in the cable of a reader, SecBox or converter again.")


@sim.command(name="osdp")
@click.argument("reader")
@click.argument("what", nargs=-1, required=True, metavar="{reset|wrong-key|input N on|off}")
@click.pass_context
def play_osdp(ctx: click.Context, reader: str, what: tuple[str, ...]) -> None:
    """Change the key or an input of an OSDP reader.

    It forgets its key and waits to be paired (reset), or takes one that the controller does not
    know (wrong-key). Input N, counted from 0, becomes active (on), as when its contact closes, or
    not (off).
    """
    _do(ctx, Simulate(verb="osdp", reader=reader, value=" ".join(what)))


@sim.command(name="adc")
@click.argument("name")
@click.argument("channel", type=click.IntRange(0, 7))
@click.argument("what", metavar="{cut|shorted|OHMS}")
@click.pass_context
def play_adc(ctx: click.Context, name: str, channel: int, what: str) -> None:
    """Cut or short the wires of a supervised input.

    Or give them so many OHMS. CHANNEL of the converter NAME counts from 0. `gateway sim door`,
    `rex`, `zone`, `fire` and `tamper` open and close its contact with the resistors of the site
    file.
    """
    _do(ctx, Simulate(verb="adc", adc=name, channel=channel, value=what))


@sim.command()
@json_option
@click.pass_context
def state(ctx: click.Context, *, as_json: bool) -> None:
    """Show doors, outputs and inputs, and their edges so far."""
    found = _ask(ctx, Simulate(verb="state"))
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for door_ in found["doors"]:
        leaf = "open" if door_["open"] else "closed"
        lock = "unlocked" if door_["unlocked"] else "locked"
        click.echo(f"door {door_['id']} {door_['name']}: {leaf}, {lock}, mode {door_['mode']}")
    turnstile = found["turnstile"]
    if turnstile:
        turns = ", ".join(turnstile["unlocked"]) or "none"
        waits = ", ".join(turnstile["released"]) or "none"
        click.echo(
            f"turnstile {turnstile['name']}: unlocked {turns}, released {waits}, "
            f"mode {turnstile['mode']}, event state {turnstile['event_state']}"
        )
    for fault in found["faults"]:
        click.echo(f"fault {fault['part']} {fault['name']}: {fault['why']}")
    data = directory_of(ctx.obj)
    with controller_of(data) as client:
        status = client.status()
    for subject, text in words_in_force(data, read_running_site(data), status):
        click.echo(f"{subject}: {text}")
    for kind in ("outputs", "inputs"):
        for pin in found[kind]:
            click.echo(
                f"{kind.removesuffix('s')} pin {pin['pin']} {pin['name']}: "
                f"{pin['level']}, {pin['edges']} edges"
            )
    for line in (*_box_lines(found["sec_boxes"]), *adc_lines(found["adcs"])):
        click.echo(line)


def _box_lines(boxes: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The simulated modules of doors."""
    for box in boxes:
        inputs = "".join(f", {key} {box[key]}" for key in ("sensor", "rex") if key in box)
        away = "" if box["plugged"] else ", unplugged"
        yield f"sec_box {box['door']} {box['name']}: relay {box['relay']}{inputs}{away}"


def adc_lines(adcs: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The simulated converters and their loops."""
    for adc in adcs:
        away = "" if adc["plugged"] else ", unplugged"
        yield f"adc {adc['name']} {adc['kind']}{away}"
        for loop in adc["loops"]:
            number = f" {loop['number']}" if loop["number"] else ""
            ohm = "no current" if loop["ohm"] is None else f"{loop['ohm']} ohms"
            yield (
                f"adc {adc['name']} channel {loop['channel']} {loop['kind']}{number}: "
                f"{loop['reading']}, {ohm}"
            )
