"""The wiring bench: frames as waveforms, what they may mean, inputs live, tests of outputs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response

from gateway.commands.rights import Right
from gateway.errors import InvalidRequest, NotFound
from gateway.settings import Reader
from gateway.settings.edit import with_reader_formats
from gateway.web.languages import gettext as _
from gateway.web.visit import View, Visit
from gateway.web.waveform import CELL, HEIGHT, DrawnPulse, document, piece, pieces_of, pulses_of
from gateway.web.wiring_words import (
    finding_words,
    frame_words,
    input_name,
    length_of,
    level_words,
    output_name,
    pulse_words,
    resistance_words,
    sent_words,
    timing_words,
)

_STATUS_BYTES = 2
"""At the end of a card's answer."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A frame with its drawing."""

    frame: Mapping[str, Any]
    pieces: Sequence[Sequence[DrawnPulse]]
    words: Sequence[Sequence[str]]
    parities: frozenset[int]


def bench(visit: Visit) -> Response:
    """The whole page."""
    return visit.page("wiring/wiring.html", **_values(visit))


def part(visit: Visit) -> Response:
    """What changes on it, for a page that is open. Asking for it renews the watch."""
    return visit.page("wiring/_bench.html", **_values(visit))


def choose(visit: Visit) -> Response:
    """Set the reader to the reading that is right."""
    form = visit.form
    chosen = visit.run(
        "wiring_choose",
        reader=form.get("reader", ""),
        format=form.get("format", ""),
        last_byte_first="last_byte_first" in form,
    )
    return visit.page(
        "wiring/_chosen.html",
        reader=form.get("reader", ""),
        format=form.get("format", ""),
        line=chosen["site_line"],
    )


def try_format(visit: Visit) -> Response:
    """Put the chosen format on trial in the site file."""
    form = visit.form
    reader = form.get("reader", "")
    chosen = visit.run("wiring_choose", reader=reader, format=form.get("format", ""))
    text = with_reader_formats(visit.run("site_file")["text"], reader, chosen["formats"])
    digest = visit.run("apply_site_file", text=text)["digest"]
    return visit.page("wiring/_trial.html", digest=digest, kept=False)


def keep_format(visit: Visit) -> Response:
    """Keep the site file that is on trial."""
    digest = visit.form.get("digest", "")
    visit.run("confirm_site_file", digest=digest)
    return visit.page("wiring/_trial.html", digest=digest, kept=True)


def confirm(visit: Visit) -> Response:
    """Ask before an output is switched on."""
    return visit.page("wiring/_confirm.html", output=_output(visit, visit.query.get("output", "")))


def test(visit: Visit) -> Response:
    """Switch an output on for a moment, and ask what happened."""
    output = _output(visit, visit.form.get("output", ""))
    visit.run("output_test", output=output["output"])
    return visit.page("wiring/_heard.html", output=output)


def drawing(visit: Visit) -> Response:
    """The waveform of one frame as an SVG file."""
    reader, found = _watched(visit)
    drawn = _drawn(_frame(visit, found["frames"]))
    if drawn is None:
        raise NotFound(_("This frame is gone: the device keeps the last ones while you watch."))
    good, words = frame_words(drawn.frame)
    caption = f"{visit.context.site.site.name}, {reader}: {words}" if good else f"{reader}: {words}"
    text = document(drawn.pieces, drawn.parities, drawn.words, caption)
    return _file(text, "image/svg+xml", f"wiring-{reader}-{drawn.frame['number']}.svg")


def export(visit: Visit, form: str) -> Response:
    """Everything that is known of a reader's wires, for support; keys of a keypad are left out."""
    reader, found = _watched(visit, keys=False)
    site = visit.context.site
    known: dict[str, Any] = {
        "device": visit.context.identity.serial,
        "version": visit.context.version,
        "site": site.site.name,
        "board": site.site.board,
        "at": visit.local_now.isoformat(timespec="seconds"),
        "reader": _chosen_reader(visit).model_dump(mode="json", exclude_none=True),
        **found,
    }
    if form == "json":
        text = json.dumps(known, indent=1, ensure_ascii=False)
        return _file(text, "application/json", f"wiring-{reader}.json")
    text = "\n".join([*_lines(visit, known), ""])
    return _file(text, "text/plain; charset=utf-8", f"wiring-{reader}.txt")


def _lines(visit: Visit, known: Mapping[str, Any]) -> list[str]:
    """The export as text that a person reads."""
    lines = [f"{key}: {known[key]}" for key in ("site", "board", "version", "at")]
    lines += [f"reader: {json.dumps(known['reader'])}"]
    for frame in known["frames"]:
        lines += ["", f"frame {frame['number']}, {frame['age_ms'] / 1000:.1f} s ago"]
        lines += [f"  {length_of(frame)} bits: {frame['bits'] or '(hidden)'}"]
        lines += [f"  {finding_words(it, length_of(frame))}" for it in frame["findings"]]
        lines += [f"  refused: {frame['refused']}"] if frame["refused"] else []
        lines += [f"  starts (us): {frame['starts_us']}", f"  widths (us): {frame['widths_us']}"]
        lines += [
            f"  {it['format']} {it['sent']}{' last byte first' if it['last_byte_first'] else ''}: "
            f"{it['card']['facility_number']}, parity {'right' if it['right'] else 'wrong'}"
            for it in frame["readings"]
        ]
    lines += [f"bytes {it['number']}: {it['data']}" for it in known["chunks"]]
    lines += [f"text {it['number']}: {it['text']!r} {it['refused']}" for it in known["texts"]]
    lines += [
        f"card {it['number']}: ATR {it['atr']}, answer {it['answer']} {it['refused']}"
        for it in known["cards"]
    ]
    lines += ["", "inputs"]
    lines += [
        f"  {input_name(visit.context.site, it['kind'], it['number'])}: "
        f"{_exported_level(it)}, {it['changes']} changes, {it['bounces']} bounces"
        for it in known["inputs"]
    ]
    return lines


def _exported_level(line: Mapping[str, Any]) -> str:
    level = {True: "high", False: "low", None: "unknown"}[line["high"]]
    if not line["reading"]:
        return level
    ohm = "endless" if line["ohm"] is None else line["ohm"]
    return f"{level}, {line['reading']} ({ohm} ohms)"


def _values(visit: Visit) -> dict[str, Any]:
    reader, found = _watched(visit)
    site = visit.context.site
    frames = found["frames"]
    frame = _frame(visit, frames)
    numbers = [it["number"] for it in frames]
    at = numbers.index(frame["number"]) if frame else 0
    return {
        "reader": reader,
        "kind": _chosen_reader(visit).kind if reader else "",
        "readers": site.reader,
        "drawn": _drawn(frame),
        "words": frame_words(frame) if frame else None,
        "timing": timing_words(frame) if frame else "",
        "others": [finding_words(it, length_of(frame)) for it in frame["findings"][1:]]
        if frame
        else [],
        "older": numbers[at - 1] if at > 0 else None,
        "newer": numbers[at + 1] if at + 1 < len(numbers) else None,
        "latest": at + 1 == len(numbers),
        "following": not visit.query.get("frame"),
        "place": (at + 1, len(numbers)),
        "chunks": [{**it, "text": _printable(it["data"])} for it in found["chunks"]],
        "texts": found["texts"],
        "cards": [{**it, "uid": _serial(it["answer"])} for it in found["cards"]],
        "inputs": [
            {
                **it,
                "name": input_name(site, it["kind"], it["number"]),
                "level": level_words(it),
                "measured": resistance_words(it),
            }
            for it in found["inputs"]
        ],
        "outputs": [{**it, "name": output_name(site, it)} for it in found["outputs"]],
        "widths": _wants_widths(visit),
        "keys": "keys" in visit.query,
        "sent_words": sent_words,
        "length_of": length_of,
        "draw": piece,
        "cell": CELL,
        "height": HEIGHT,
    }


def _watched(visit: Visit, *, keys: bool | None = None) -> tuple[str, Mapping[str, Any]]:
    """The name of the reader, and what was captured of it."""
    reader = _chosen_reader(visit).name if visit.context.site.reader else ""
    wants_keys = "keys" in visit.query if keys is None else keys
    found = visit.run(
        "wiring_watch",
        reader=reader or None,
        keys=wants_keys,
        pulse_widths=_wants_widths(visit),
    )
    return reader, found


def _wants_widths(visit: Visit) -> bool:
    # A box that is not ticked is not sent: `open` tells such a form from an address.
    return "widths" in visit.query or "open" not in visit.query


def _chosen_reader(visit: Visit) -> Reader:
    readers = visit.context.site.reader
    name = visit.query.get("reader", "")
    found = next((it for it in readers if it.name == name), None)
    if found is None and (name or not readers):
        raise NotFound(_("This site has no reader %(name)s.", name=name))
    return found or readers[0]


def _frame(visit: Visit, frames: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The frame that is asked for, else the newest."""
    asked = visit.query.get("frame", "")
    if asked and not (asked.isascii() and asked.isdecimal() and len(asked) <= 18):
        raise InvalidRequest(f"frame: must be a number (found {asked[:20]!r})")
    found = next((it for it in frames if str(it["number"]) == asked), None)
    return found or (frames[-1] if frames else None)


def _drawn(frame: Mapping[str, Any] | None) -> Drawn | None:
    if frame is None:
        return None
    pieces = pieces_of(pulses_of(frame["bits"], frame["starts_us"], frame["widths_us"]))
    readings = [it for it in frame["readings"] if it["sent"] == "as_sent"]
    reading = next((it for it in readings if it["chosen"]), None)
    reading = reading or next((it for it in readings if it["right"] and it["parities"]), None)
    parities = frozenset(it["bit"] for it in reading["parities"]) if reading else frozenset()
    words = [[pulse_words(pulse) for pulse in group] for group in pieces]
    return Drawn(frame, pieces, words, parities)


def _output(visit: Visit, name: str) -> Mapping[str, Any]:
    found = visit.run("wiring_watch")["outputs"]
    output = next((it for it in found if it["output"] == name), None)
    if output is None:
        raise NotFound(_("This site has no output %(name)s.", name=name))
    return {**output, "name": output_name(visit.context.site, output)}


def _printable(data: str) -> str:
    return "".join(chr(it) if 32 <= it < 127 else "·" for it in bytes.fromhex(data))


def _serial(answer: str) -> str:
    data = bytes.fromhex(answer)
    return data[:-_STATUS_BYTES].hex(" ").upper()


def _file(text: str, content_type: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text, content_type=content_type, headers=headers)


VIEWS = (
    View("/wiring", bench, Right.ADMINISTRATOR),
    View("/wiring/part", part, Right.ADMINISTRATOR),
    View("/wiring/choose", choose, Right.ADMINISTRATOR, "POST"),
    View("/wiring/try", try_format, Right.OWNER, "POST"),
    View("/wiring/keep", keep_format, Right.OWNER, "POST"),
    View("/wiring/test", confirm, Right.ADMINISTRATOR),
    View("/wiring/test", test, Right.ADMINISTRATOR, "POST"),
    View("/wiring/frame.svg", drawing, Right.ADMINISTRATOR),
    View("/wiring/export.<any(json, txt):form>", export, Right.ADMINISTRATOR),
)
