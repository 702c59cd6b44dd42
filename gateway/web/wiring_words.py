"""What the wiring bench says about frames, inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from gateway.settings import SiteFile
from gateway.web.languages import gettext as _
from gateway.web.languages import noted
from gateway.web.waveform import DrawnPulse

_FINDINGS: Mapping[str, str] = {
    "lines_touch": noted(
        "D0 and D1 pulse at the same time: the lines touch, or noise gets into the cable. Check "
        "the terminals and the shield."
    ),
    "line_silent": noted(
        "%(line)s is silent: every pulse came on the other line. Check the wire of %(line)s."
    ),
    "pulses_short": noted(
        "Pulses of %(measured)s µs, expected %(least)s to %(most)s µs. The cable may be too long, "
        "or the supply of the reader too weak."
    ),
    "pulses_long": noted(
        "Pulses of %(measured)s µs, expected %(least)s to %(most)s µs. Set the reader to shorter "
        "pulses, or check the pull-up of the lines."
    ),
    "intervals_short": noted(
        "Only %(measured)s µs between two pulses, expected %(least)s to %(most)s µs. Noise, or a "
        "reader that sends too fast."
    ),
    "intervals_long": noted(
        "A pause of %(measured)s µs within the frame, expected %(least)s to %(most)s µs. A bit may "
        "be missing there."
    ),
    "lines_swapped": noted(
        "D0 and D1 look swapped: with the lines exchanged this is a right frame of %(format)s."
    ),
    "bit_missing": noted(
        "A bit seems to be missing: with one more this would be %(format)s. Check the contacts and "
        "the cable."
    ),
    "format_not_set": noted(
        "This is a right frame of %(format)s, but the reader is not set to that format. Choose it "
        "below."
    ),
    "parity_wrong": noted(
        "The parity is wrong in every format of this length. Noise, or a format that this device "
        "does not know."
    ),
    "length_unknown": noted(
        "No known format has %(bits)s bits. Show the card again; if it repeats, add the format."
    ),
}
"""By `fault` of `wiring_watch`."""

_SENT: Mapping[str, str] = {
    "as_sent": noted("as sent"),
    "inverted": noted("lines exchanged"),
    "backwards": noted("last bit first"),
}

_INPUTS: Mapping[str, str] = {
    "door_sensor": noted("Contact of %(door)s"),
    "rex": noted("Exit button of %(door)s"),
    "bond": noted("Lock feedback of %(door)s"),
    "zone": noted("Alarm zone %(number)s"),
    "tamper": noted("Tamper contact of the case"),
    "fire": noted("Fire alarm"),
    "reader_tamper": noted("Tamper contact of reader %(reader)s"),
    "mains_fail": noted("Mains failure"),
    "battery_low": noted("Low battery"),
    "under_voltage": noted("Low voltage"),
    "turn_clockwise": noted("Turn to the right"),
    "turn_anticlockwise": noted("Turn to the left"),
    "wiegand_d0": noted("D0 of reader %(reader)s"),
    "wiegand_d1": noted("D1 of reader %(reader)s"),
}


_READINGS: Mapping[str, str] = {
    "open": noted("open"),
    "closed": noted("closed"),
    "cut": noted("wires cut"),
    "shorted": noted("wires shorted"),
    "fault": noted("wrong resistance"),
}
"""By `reading` of a supervised line."""


def finding_words(finding: Mapping[str, Any], bits: int) -> str:
    """The sentence for a finding about a frame of so many bits."""
    return _(
        _FINDINGS[finding["fault"]],
        line=finding["line"],
        format=finding["format"],
        measured=finding["measured_us"],
        least=finding["least_us"],
        most=finding["most_us"],
        bits=bits,
    )


def length_of(frame: Mapping[str, Any]) -> int:
    """How many bits a frame has; 0 if it has no timing and its bits are hidden."""
    return len(frame["starts_us"] or frame["bits"])


def frame_words(frame: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether all is well with a frame, and the sentence about it."""
    if frame["findings"]:
        return False, finding_words(frame["findings"][0], length_of(frame))
    if frame["keys"]:
        if not frame["starts_us"]:
            return True, _("A key of the keypad.")
        return True, _("A key of the keypad, or a code: its timing is good.")
    if frame["refused"]:
        return False, _("The reader refused this frame.")
    chosen = next((reading for reading in frame["readings"] if reading["chosen"]), None)
    if chosen is None:
        return True, _("The timing of this frame is good.")
    number = chosen["card"]["facility_number" if chosen["facility"] is not None else "decimal"]
    return True, _(
        "A good frame of %(format)s: card %(number)s.", format=chosen["format"], number=number
    )


def timing_words(frame: Mapping[str, Any]) -> str:
    """The widths and intervals of all pulses of a frame."""
    widths = [it for it in frame["widths_us"] if it is not None]
    intervals = [after - before for before, after in pairwise(frame["starts_us"])]
    if not intervals:
        return ""
    if not widths:
        return _("Intervals of %(intervals)s µs.", intervals=_range(intervals))
    return _(
        "Pulses of %(widths)s µs, intervals of %(intervals)s µs.",
        widths=_range(widths),
        intervals=_range(intervals),
    )


def _range(values: Sequence[int]) -> str:
    least, most = min(values), max(values)
    return str(least) if least == most else f"{least}–{most}"  # noqa: RUF001 - a dash between numbers


def sent_words(reading: Mapping[str, Any]) -> str:
    """How the bits of a reading were taken."""
    if reading["last_byte_first"]:
        return _("last byte first")
    return _(_SENT[reading["sent"]])


def pulse_words(pulse: DrawnPulse) -> str:
    """What to say about the pulse under a finger."""
    bit = "" if pulse.line is None else f" = {pulse.line} (D{pulse.line})"
    width = (
        _("width not measured")
        if pulse.width_us is None
        else _("%(us)s µs wide", us=pulse.width_us)
    )
    after = (
        _("first pulse")
        if pulse.interval_us is None
        else _("%(us)s µs after the one before", us=pulse.interval_us)
    )
    place = _("Bit %(place)s", place=pulse.place)
    return f"{place}{bit}: {width}, {after}"


def level_words(line: Mapping[str, Any]) -> str:
    """What an input line is now."""
    if line["reading"]:
        return _(_READINGS[line["reading"]])
    if line["high"] is None:
        return _("unknown")
    return _("high") if line["high"] else _("low")


def resistance_words(line: Mapping[str, Any]) -> str:
    """What was measured on a supervised line; empty for others."""
    if not line["reading"]:
        return ""
    return _("endless resistance") if line["ohm"] is None else f"{line['ohm']} Ω"


def input_name(site: SiteFile, kind: str, number: int) -> str:
    """What an input line is called."""
    door = next((it for it in site.doors() if it.id == number), None)
    reader = next((it.shown for it in site.reader if it.index == number), str(number))
    shown = number if door is None else door.shown
    return _(_INPUTS.get(kind, kind), door=shown, number=number, reader=reader)


def output_name(site: SiteFile, output: Mapping[str, Any]) -> str:
    """What an output is called."""
    if output["kind"] == "lock":
        door = next(it for it in site.doors() if it.id == output["door"])
        return _("Lock of %(door)s", door=door.shown)
    return str(output["output"])
