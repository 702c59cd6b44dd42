"""The wiring bench: what readers send and inputs do, tests of outputs. The commands are ours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Literal

from pydantic import Field, ValidationError
from typing_extensions import TypedDict

from gateway.commands.answers import DONE, Done
from gateway.commands.command import Audit, Command
from gateway.commands.configuration import set_configuration
from gateway.commands.context import Call, CommandContext
from gateway.commands.doors import execute_actions
from gateway.commands.requests import (
    ActionItem,
    ActionsRequest,
    ConfigurationChange,
    RequestModel,
)
from gateway.commands.rights import Right
from gateway.credentials.captures import FrameCapture
from gateway.credentials.card_number import format_card
from gateway.credentials.wiegand import FORMATS, WiegandFormat
from gateway.credentials.wiegand.codec import has_whole_bytes
from gateway.credentials.wiegand.diagnosis import WiringFinding, diagnose
from gateway.credentials.wiegand.readings import FrameReading, Sent, frame_readings
from gateway.errors import (
    ControllerUnavailable,
    DeviceUnavailable,
    InvalidRequest,
    NotFound,
    NotPermitted,
    TooBusy,
)
from gateway.link.wiring import LONGEST_PULSE_MS, PulseOutput, WatchWiring, WiringCaptures
from gateway.settings import BitReader, Reader, Side, SiteFile
from gateway.settings.edit import formats_line
from gateway.store.policy.snapshot import WiegandModeRow
from gateway.store.policy.wiegand import byte_order_keys, usable_formats
from gateway.store.policy.wiegand import last_byte_first as sends_last_byte_first

SHORTEST_PULSE_MS = 100
USUAL_PULSE_MS = 1_000
_MS_NS = 1_000_000

ReaderName = Annotated[str, Field(max_length=64)]


class WiringRequest(RequestModel):
    """`wiring_watch`."""

    reader: ReaderName | None = None
    """None watches the inputs alone."""
    after: Annotated[int, Field(ge=0)] = 0
    """Omit captures up to this number."""
    keys: bool = False
    """Show the keys of a keypad; only for callers who see secrets."""
    pulse_widths: bool = False
    """Measure them. On a board, a frame may be lost meanwhile, and the card must be shown again."""


class FindingShown(TypedDict):
    """What is wrong with a frame; members that do not apply are empty or null."""

    fault: str
    line: str
    format: str
    measured_us: int | None
    least_us: int | None
    most_us: int | None


class ParityShown(TypedDict):
    """A parity bit, from 1 in the order of the reading."""

    bit: int
    kind: str
    right: bool


class ReadingShown(TypedDict):
    """A frame read by one format."""

    format: str
    sent: Literal["as_sent", "inverted", "backwards"]
    last_byte_first: bool
    facility: int | None
    number: int
    card: dict[str, str]
    """The card's value in its common forms, as in `gateway card`."""
    parities: list[ParityShown]
    right: bool
    """Whether every parity bit is right."""
    chosen: bool
    """Whether the reader is set to this reading."""


class FrameShown(TypedDict):
    """A Wiegand frame; one of an OSDP reader has no timing. `bits` is empty while it may be keys
    and those are hidden."""

    number: int
    age_ms: int
    bits: str
    keys: bool
    starts_us: list[int]
    widths_us: list[int | None]
    refused: str
    """Why the reader refused it; empty if it did not."""
    findings: list[FindingShown]
    readings: list[ReadingShown]


class BytesShown(TypedDict):
    """Bytes of a serial reader, hexadecimal."""

    number: int
    age_ms: int
    data: str


class TypedShown(TypedDict):
    """A text that a USB reader typed."""

    number: int
    age_ms: int
    text: str
    refused: str


class CardShown(TypedDict):
    """A card at a PC/SC reader, hexadecimal."""

    number: int
    age_ms: int
    atr: str
    answer: str
    refused: str


class InputShown(TypedDict):
    """An input line; edges and age are not counted for data lines."""

    kind: str
    number: int
    high: bool | None
    """Null of a supervised line while its contact cannot be told."""
    age_ms: int | None
    changes: int
    bounces: int
    ohm: int | None
    """Of a supervised line: measured now; null for an open circuit."""
    reading: str
    """Of a supervised line: open, closed, cut, shorted or fault. Empty for others."""


class OutputShown(TypedDict):
    """An output that `output_test` can switch."""

    output: str
    kind: Literal["lock", "turnstile", "switch"]
    door: int


class WiringState(TypedDict):
    """Answer to `wiring_watch`. A reader sends what one of the first four lists has."""

    frames: list[FrameShown]
    chunks: list[BytesShown]
    texts: list[TypedShown]
    cards: list[CardShown]
    inputs: list[InputShown]
    outputs: list[OutputShown]


class ReadingChoice(RequestModel):
    """`wiring_choose`: the reading of `wiring_watch` that is right."""

    reader: ReaderName
    format: Annotated[str, Field(max_length=64)]
    last_byte_first: bool = False


class ChosenReading(TypedDict):
    """Answer to `wiring_choose`."""

    formats: list[str]
    """The formats of the reader with the chosen one."""
    site_line: str
    """The line for the reader's table in the site file; empty if it says so already."""


class OutputRequest(RequestModel):
    """`output_test`."""

    output: Annotated[str, Field(max_length=128)]
    """As `wiring_watch` names it."""
    for_ms: Annotated[int, Field(ge=SHORTEST_PULSE_MS, le=LONGEST_PULSE_MS)] = USUAL_PULSE_MS


def wiring_watch(call: Call[WiringRequest]) -> WiringState:
    """What a reader sent and the inputs did, as it came, with readings and a diagnosis of frames.

    The controller keeps it only while somebody asks: repeat the command at least every four
    seconds.
    """
    request, site = call.request, call.context.site
    if request.keys and not call.caller.sees_secrets:
        raise NotPermitted("Invalid access level")
    reader = None if request.reader is None else _reader(site, request.reader)
    body = call.context.controller.ask(
        WatchWiring(
            reader=request.reader,
            after=request.after,
            keys=request.keys,
            widths=request.pulse_widths,
        )
    )
    try:
        found = WiringCaptures.model_validate(body)
    except ValidationError as error:
        raise ControllerUnavailable("the controller's answer cannot be read") from error
    shown = _Shown(call.context, reader, found.now_ns)
    return {
        "frames": [shown.frame(frame) for frame in found.frames],
        "chunks": [
            {"number": it.number, "age_ms": shown.age_ms(it.at_ns), "data": it.data}
            for it in found.chunks
        ],
        "texts": [
            {
                "number": it.number,
                "age_ms": shown.age_ms(it.at_ns),
                "text": it.text,
                "refused": it.why,
            }
            for it in found.texts
        ],
        "cards": [
            {
                "number": it.number,
                "age_ms": shown.age_ms(it.at_ns),
                "atr": it.atr,
                "answer": it.answer,
                "refused": it.why,
            }
            for it in found.cards
        ],
        "inputs": [
            {
                "kind": it.kind,
                "number": it.number,
                "high": it.high,
                "age_ms": None if it.changed_ns is None else shown.age_ms(it.changed_ns),
                "changes": it.changes,
                "bounces": max(it.edges - it.changes, 0),
                "ohm": it.ohm,
                "reading": it.reading,
            }
            for it in found.inputs
        ],
        "outputs": outputs_of(site),
    }


def wiring_choose(call: Call[ReadingChoice]) -> ChosenReading:
    """Set a Wiegand or OSDP reader to the reading that is right.

    The order of bytes is stored at once. The format belongs to the site file: the answer has the
    line for it, which `apply_site_file` can try.
    """
    request = call.request
    reader = _reader_of_bits(call.context.site, request.reader)
    own = own_formats(call.context)
    known = [*FORMATS.values(), *own]
    chosen = next((layout for layout in known if layout.name == request.format), None)
    if chosen is None:
        there = ", ".join(layout.name for layout in known)
        raise InvalidRequest(f"format: there is no {request.format!r}; there are: {there}")
    keys = byte_order_keys(reader.index - 1)
    if _last_byte_first(call.context, reader) is not request.last_byte_first:
        if not keys:
            raise InvalidRequest(f"reader {reader.name!r}: its order of bytes cannot be set")
        order = {keys[0]: "LSB" if request.last_byte_first else "MSB"}
        order |= dict.fromkeys(keys[1:], "LSB" if request.last_byte_first else "")
        values: dict[str, dict[str, str]] = {}
        for (module, key), value in order.items():
            values.setdefault(module, {})[key] = value
        change = ConfigurationChange.model_validate(values)
        set_configuration(Call(call.context, call.caller, change))
    formats = reader.formats if chosen in own else formats_with(reader.formats, chosen)
    line = "" if formats == reader.formats else formats_line(formats)
    return {"formats": list(formats), "site_line": line}


def formats_with(formats: Sequence[str], chosen: WiegandFormat) -> tuple[str, ...]:
    """The names `formats` of a reader with `chosen` in place of those with its length."""
    others = [name for name in formats if FORMATS[name].bits != chosen.bits]
    if len(others) == len(formats):
        return (*formats, chosen.name)
    at = next(at for at, name in enumerate(formats) if FORMATS[name].bits == chosen.bits)
    return (*others[:at], chosen.name, *others[at:])


def output_test(call: Call[OutputRequest]) -> Done:
    """Switch an output on for a moment, so that somebody can see or hear it.

    A lock is opened as by `execute_actions`, so all that refuses an opening refuses this: a
    lock-down, an interlock. A lock that is unlocked already is refused, since its relay would not
    move.
    """
    name, context = call.request.output, call.context
    output = next((it for it in outputs_of(context.site) if it["output"] == name), None)
    if output is None:
        there = ", ".join(it["output"] for it in outputs_of(context.site)) or "none"
        raise NotFound(f"there is no output {name!r}; this site has: {there}")
    if output["kind"] == "switch":
        context.controller.ask(PulseOutput(output=name, for_ms=call.request.for_ms))
        return DONE
    status = context.controller.status()
    if output["kind"] == "turnstile":
        side = name.removeprefix(_TURNSTILE)
        unlocked = status.turnstile is not None and side in status.turnstile.unlocked
        action = ActionItem(action="catra", parameters=f"allow={side}")
    else:
        door = output["door"]
        unlocked = any(it.unlocked for it in status.doors if it.id == door)
        action = _opening(context.site, door, call.request.for_ms)
    if unlocked:
        raise NotPermitted(f"{name} is unlocked already: its relay would not move")
    answer = execute_actions(Call(context, call.caller, ActionsRequest(actions=[action])))
    if any(it["status"] == "denied" for it in answer.get("actions", ())):
        raise NotPermitted(f"{name}: another device of the interlock is in the way")
    return DONE


_TURNSTILE = "turnstile "


def outputs_of(site: SiteFile) -> list[OutputShown]:
    """The outputs of the site that can be tested."""
    found: list[OutputShown] = [
        {"output": f"door {door.id}", "kind": "lock", "door": door.id} for door in site.doors()
    ]
    if site.turnstile:
        found += [
            {"output": f"{_TURNSTILE}{side.value}", "kind": "turnstile", "door": 0} for side in Side
        ]
    found += [{"output": name, "kind": "switch", "door": 0} for name, _output in site.switches()]
    return found


def own_formats(context: CommandContext) -> tuple[WiegandFormat, ...]:
    """The site's own card formats, from the rows of `wiegand_modes`. Raises StorageError."""
    rows = context.store.load({"object": "wiegand_modes"}).rows
    fields = WiegandModeRow._fields
    return usable_formats(WiegandModeRow._make(row[it] for it in fields) for row in rows)[0]


class _Shown:
    """Puts captures of one reader into the answer."""

    def __init__(self, context: CommandContext, reader: Reader | None, now_ns: int) -> None:
        self._now_ns = now_ns
        self._formats: tuple[WiegandFormat, ...] = ()
        self._known: tuple[WiegandFormat, ...] = ()
        self._last_byte_first = False
        if isinstance(reader, BitReader):
            own = own_formats(context)
            self._formats = (*(FORMATS[name] for name in reader.formats), *own)
            self._known = (*FORMATS.values(), *own)
            self._last_byte_first = _last_byte_first(context, reader)

    def age_ms(self, at_ns: int) -> int:
        return max(self._now_ns - at_ns, 0) // _MS_NS

    def frame(self, frame: FrameCapture) -> FrameShown:
        findings = diagnose(
            frame.bits,
            frame.starts_us,
            frame.widths_us,
            self._formats,
            on_wires=bool(frame.starts_us),
        )
        return {
            "number": frame.number,
            "age_ms": self.age_ms(frame.at_ns),
            "bits": frame.bits,
            "keys": frame.keys,
            "starts_us": list(frame.starts_us),
            "widths_us": list(frame.widths_us),
            "refused": frame.why,
            "findings": [_finding(finding) for finding in findings],
            "readings": self._readings(frame),
        }

    def _readings(self, frame: FrameCapture) -> list[ReadingShown]:
        readings = frame_readings(frame.bits, self._known)
        chosen = next(filter(None, (self._chosen(it, readings) for it in self._formats)), None)
        return [_reading(reading, chosen=reading is chosen) for reading in readings]

    def _chosen(
        self, layout: WiegandFormat, readings: Sequence[FrameReading]
    ) -> FrameReading | None:
        """The reading that the driver takes in this format, if its parity is right."""
        turned = self._last_byte_first and has_whole_bytes(layout)
        return next(
            (
                reading
                for reading in readings
                if reading.format == layout.name
                and reading.right
                and reading.sent is Sent.AS_SENT
                and reading.last_byte_first is turned
            ),
            None,
        )


def _finding(finding: WiringFinding) -> FindingShown:
    return {
        "fault": finding.fault.value,
        "line": finding.line,
        "format": finding.format,
        "measured_us": finding.measured_us,
        "least_us": finding.least_us,
        "most_us": finding.most_us,
    }


def _reading(reading: FrameReading, *, chosen: bool) -> ReadingShown:
    return {
        "format": reading.format,
        "sent": reading.sent.value,
        "last_byte_first": reading.last_byte_first,
        "facility": reading.facility,
        "number": reading.number,
        "card": asdict(format_card(reading.value)),
        "parities": [
            {"bit": it.bit, "kind": it.kind.value, "right": it.right} for it in reading.parities
        ],
        "right": reading.right,
        "chosen": chosen,
    }


def _reader(site: SiteFile, name: str) -> Reader:
    reader = next((it for it in site.reader if it.name == name), None)
    if reader is None:
        there = ", ".join(it.name for it in site.reader) or "none"
        raise NotFound(f"there is no reader {name!r}; this site has: {there}")
    return reader


def _reader_of_bits(site: SiteFile, name: str) -> BitReader:
    reader = _reader(site, name)
    if not isinstance(reader, BitReader):
        raise InvalidRequest(f"reader {name!r} sends no bits, its kind is {reader.kind}")
    return reader


def _last_byte_first(context: CommandContext, reader: BitReader) -> bool:
    keys = byte_order_keys(reader.index - 1)
    return sends_last_byte_first({key: context.setting(*key) for key in keys}, reader.index - 1)


def _opening(site: SiteFile, door: int, for_ms: int) -> ActionItem:
    if any(box.id == door for box in site.sec_box):
        return ActionItem(action="sec_box", parameters=f"id={door}, timeout={for_ms}, reason=3")
    return ActionItem(action="door", parameters=f"door={door}, timeout={for_ms}, reason=3")


def _watched(request: WiringRequest) -> str:
    return f": reader {request.reader or 'none'}{', with keys' if request.keys else ''}"


_AWAY = (ControllerUnavailable, DeviceUnavailable)

COMMANDS = (
    Command(
        wiring_watch,
        Right.ADMINISTRATOR,
        errors=(ControllerUnavailable, NotFound),
        example={"reader": "front", "pulse_widths": True},
        audit=Audit(_watched, throttled=True),
    ),
    Command(
        wiring_choose,
        Right.ADMINISTRATOR,
        errors=(NotFound,),
        example={"reader": "front", "format": "w26"},
        answered={"formats": ["w26"], "site_line": 'formats = ["w26"]'},
    ),
    Command(
        output_test,
        Right.ADMINISTRATOR,
        errors=(*_AWAY, NotFound, TooBusy),
        example={"output": "door 1", "for_ms": 500},
        audit=Audit(lambda request: f": {request.output}", refusals=True),
    ),
)
