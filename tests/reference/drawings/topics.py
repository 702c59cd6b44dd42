"""One question a drawing: how is a strike, a magnet, a reader, a bus or a contact wired?

Pins and names are those of an example site on a board, so that they cannot differ from profiles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from gateway.hardware.boards.headers import Header
from gateway.hardware.drawing.canvas import Anchor, Canvas, Colour, Point
from gateway.settings import Door, Input, SiteFile, WiegandReader
from gateway.settings.wires import LockKind

_LOCK, _POWER, _GROUND = Colour.LOCK, Colour.POWER_5V, Colour.GROUND


def _sheet(title: str, height: int, *under: str) -> Canvas:
    sheet = Canvas(1080, height, title)
    sheet.text((30, 38), title, size=20, bold=True)
    sheet.lines((30, 64), under)
    return sheet


def _pin(sheet: Canvas, header: Header, gpio: int, at: Point, *, colour: str = _GROUND) -> None:
    """The edge of the board at a GPIO: its place, its name, and a terminal at `at`."""
    pin = header.pin_of(gpio)
    if pin is None:
        raise ValueError(f"{header.name} has no pin {gpio}")
    _terminal(sheet, at, pin.at, pin.name, colour)


def _supply_pin(sheet: Canvas, header: Header, kind: str, at: Point, colour: str) -> None:
    """The same for the first pin of a supply."""
    pin = next(pin for pin in header.pins if pin.kind == kind)
    _terminal(sheet, at, pin.at, pin.name, colour)


def _terminal(sheet: Canvas, at: Point, place: int, name: str, colour: str) -> None:
    sheet.dot(at, colour, radius=11)
    middle = (at[0], at[1] + 4)
    sheet.text(middle, str(place), size=11, colour=Colour.PAPER, anchor="middle", bold=True)
    left = (at[0] - 18, at[1] + 5)
    sheet.text(left, name, anchor="end", bold=True, colour=colour, pin=place)


def _port(sheet: Canvas, at: Point, name: str, colour: str, *, anchor: Anchor = "start") -> None:
    """A terminal of a module, named inside of it."""
    sheet.dot(at, colour)
    shift = 12 if anchor == "start" else -12
    sheet.text((at[0] + shift, at[1] + 5), name, anchor=anchor)


def _relay(sheet: Canvas, header: Header, door: Door, contact_x: float) -> Point:
    """The board, and a relay board beside it; returns its terminal NO. COM is at its lower edge."""
    right = contact_x + 130
    sheet.module((30, 130), (170, 190), "Raspberry Pi")
    sheet.module((300, 130), (right - 300, 190), "relay board, high switches on")
    rows = (("5v", "VCC", _POWER, 190), ("gnd", "GND", _GROUND, 280))
    for kind, name, colour, y in rows:
        _supply_pin(sheet, header, kind, (200, y), colour)
        sheet.wire([(211, y), (300, y)], colour)
        _port(sheet, (300, y), name, colour)
    _pin(sheet, header, door.strike.pin, (200, 235), colour=Colour.DATA)
    sheet.wire([(211, 235), (300, 235)], Colour.DATA)
    _port(sheet, (300, 235), "IN", Colour.DATA)
    sheet.wire([(contact_x - 20, 320), (contact_x - 20, 220), (contact_x, 220)], _POWER)
    sheet.dot((contact_x - 20, 320), _POWER)
    sheet.text((contact_x - 8, 310), "COM", bold=True)
    end = sheet.contact((contact_x, 220), _LOCK, "contact at rest", closed=False)
    sheet.wire([end, (right, 220)], _LOCK)
    sheet.dot((right, 220), _LOCK)
    sheet.text((right - 12, 240), "NO", anchor="end", bold=True)
    sheet.dot((right, 280), Colour.IDLE)
    sheet.text((right - 12, 285), "NC (free)", anchor="end")
    return right, 220


_OPTO = (
    "A board with opto-couplers that low switches on has VCC at 3.3 V, see its drawing, and is "
    "named in hats."
)


def _line(door: Door, kind: LockKind) -> str:
    """The line of the site file."""
    return f'In the site file: lock = {{ pin = {door.strike.pin}, kind = "{kind}" }}'


def _lock(sheet: Canvas, start: Point, name: str, diode: Sequence[str]) -> None:
    """Coil and diode from the relay's terminal down to the supply's 0 V."""
    sheet.wire([start, (920, 220), (920, 270)], _LOCK)
    sheet.wire([(920, 245), (840, 245), (840, 270)], _LOCK)
    sheet.dot((920, 245), _LOCK)
    bottom = sheet.coil((920, 270), _LOCK, name)
    sheet.diode((840, 350), _LOCK)
    sheet.wire([(840, 350), (840, 380), (920, 380)], _LOCK)
    for number, words in enumerate(diode):
        sheet.text((820, 348 + number * 17), words, size=12, anchor="end")
    sheet.wire([bottom, (920, 470), (200, 470)], _GROUND)
    sheet.dot((920, 380), _GROUND)


def draw_strike(header: Header, site: SiteFile) -> str:
    """A fail-secure strike: power opens."""
    door = site.door[0]
    sheet = _sheet(
        "A strike that power opens (fail-secure)",
        620,
        "Without power it is locked; the handle inside opens it at any time: egress = mechanical.",
    )
    sheet.text(
        (30, 96), "Contact: COM and NO. The relay is off while the door is locked.", bold=True
    )
    no = _relay(sheet, header, door, 530)
    sheet.module((30, 390), (170, 100), "supply of the lock")
    _port(sheet, (200, 430), "+12 V", _POWER, anchor="end")
    _port(sheet, (200, 470), "0 V", _GROUND, anchor="end")
    sheet.wire([(200, 430), (250, 430)], _POWER)
    right = sheet.fuse((250, 430), _POWER, "fuse 1 A")
    sheet.wire([right, (510, 430), (510, 320)], _POWER)
    _lock(sheet, no, "strike 12 V", ("1N4007 at the", "lock, stripe to +"))
    sheet.lines(
        (30, 520),
        (
            _line(door, LockKind.STRIKE),
            "The lock has a supply of its own: its current never flows through the board.",
            "An AC strike takes a varistor instead of the diode.",
            _OPTO,
        ),
    )
    return sheet.svg()


def draw_magnet(header: Header, site: SiteFile) -> str:
    """A magnet: power locks, so that fire panel and release button cut its power."""
    sheet = _sheet(
        "A magnet that power keeps shut (fail-safe)",
        640,
        "Fire panel and release button stand in the lock's own power: they open the door whatever",
        "this device does. No software is in that path: egress = direct_cut.",
    )
    words = (
        "Contact: COM and NO. The relay is on while the door is locked: without power it is free."
    )
    sheet.text((30, 114), words, bold=True)
    no = _relay(sheet, header, site.door[0], 610)
    sheet.module((30, 390), (170, 100), "supply of the lock")
    _port(sheet, (200, 430), "+12 V", _POWER, anchor="end")
    _port(sheet, (200, 470), "0 V", _GROUND, anchor="end")
    sheet.wire([(200, 430), (240, 430)], _POWER)
    right = sheet.fuse((240, 430), _POWER, "fuse 2 A")
    sheet.wire([right, (340, 430)], _POWER)
    right = sheet.contact((340, 430), Colour.ALARM, "fire panel, NC", closed=True)
    sheet.wire([right, (480, 430)], _POWER)
    right = sheet.contact((480, 430), Colour.CONTACT, "release button, NC", closed=True)
    sheet.wire([right, (590, 430), (590, 320)], _POWER)
    _lock(sheet, no, "magnet 12 V", ("1N4007, unless", "the magnet has one"))
    sheet.lines(
        (30, 525),
        (
            _line(site.door[0], LockKind.MAGNET),
            "A dead device, a dead relay, a cut wire and each start of the board open the door.",
            "On NC it would stay locked when this device fails: never use NC for a magnet.",
            "A diode delays the release a little; a varistor across the magnet does not.",
            _OPTO,
        ),
    )
    return sheet.svg()


def draw_wiegand(header: Header, site: SiteFile) -> str:
    """A reader whose data lines rest at 5 V."""
    (reader,) = (reader for reader in site.reader if isinstance(reader, WiegandReader))
    sheet = _sheet(
        "A Wiegand reader with 5 V data lines",
        520,
        "A pin tolerates 3.3 V only: without the level shifter the reader destroys the board.",
    )
    sheet.module((30, 110), (170, 300), "Raspberry Pi")
    sheet.module((400, 110), (220, 300), "level shifter")
    sheet.module((820, 110), (200, 300), "reader")
    for kind, low, high, colour, y in (
        ("5v", "", "HV", _POWER, 170),
        ("3v3", "LV", "", Colour.POWER_3V3, 210),
        ("gnd", "GND", "GND", _GROUND, 330),
    ):
        _supply_pin(sheet, header, kind, (200, y), colour)
        if low:
            sheet.wire([(211, y), (400, y)], colour)
            _port(sheet, (400, y), low, colour)
        if high:
            _port(sheet, (620, y), high, colour, anchor="end")
    # Around the module, and above every other wire: none of them crosses it.
    sheet.wire([(211, 170), (360, 170), (360, 96), (660, 96), (660, 170), (620, 170)], _POWER)
    for number, (name, gpio) in enumerate((("D0", reader.d0), ("D1", reader.d1))):
        y = 250 + number * 40
        _pin(sheet, header, gpio, (200, y), colour=Colour.DATA)
        sheet.wire([(211, y), (400, y)], Colour.DATA)
        _port(sheet, (400, y), f"LV{number + 1}", Colour.DATA)
        _port(sheet, (620, y), f"HV{number + 1}", Colour.DATA, anchor="end")
        sheet.wire([(620, y), (820, y)], Colour.DATA)
        insulation = "green" if name == "D0" else "white"
        _port(sheet, (820, y), f"{name} ({insulation})", Colour.DATA)
    sheet.wire([(620, 330), (820, 330)], _GROUND)
    _port(sheet, (820, 330), "GND (black)", _GROUND)
    sheet.wire([(780, 370), (820, 370)], _POWER)
    _port(sheet, (820, 370), "+12 V (red)", _POWER)
    sheet.text((772, 375), "own 12 V supply,", size=12, anchor="end")
    sheet.text((772, 392), "0 V joined to GND", size=12, anchor="end")
    sheet.lines(
        (30, 440),
        (
            "Shielded cable, at most 150 m, its shield on GND at this end only.",
            "The colours are usual ones: the reader's manual counts.",
            "Lines of an open-collector reader need no shifter: 2.2 kOhm from D0 and D1 to 3V3.",
            "Suppressor diodes (5 V) on D0 and D1 belong where a line leaves the building.",
        ),
    )
    return sheet.svg()


def draw_light(header: Header, site: SiteFile) -> str:
    """The LED and buzzer wires of a reader: 5 V, on when they are pulled to ground."""
    (reader,) = (reader for reader in site.reader if isinstance(reader, WiegandReader))
    (light,) = (output for key, output in reader.outputs() if key == "green")
    sheet = _sheet(
        "The LED and buzzer wires of a reader",
        520,
        "The reader pulls such a wire to 5 V and lights when it is pulled to ground (active low):",
        "never wire a pin to it. A transistor pulls it down, one for each wire.",
    )
    sheet.module((30, 120), (170, 250), "Raspberry Pi")
    sheet.module((800, 120), (220, 250), "reader")
    _pin(sheet, header, light.pin, (200, 230), colour=Colour.DATA)
    sheet.wire([(211, 230), (300, 230)], Colour.DATA)
    sheet.box((300, 223), (44, 14), colour=Colour.DATA)
    sheet.text((322, 211), "1 kOhm", size=12, anchor="middle")
    sheet.wire([(344, 230), (480, 230)], Colour.DATA)
    sheet.text((470, 222), "B", size=12, anchor="end")
    # An NPN transistor: base, collector above, emitter below.
    sheet.wire([(480, 200), (480, 260)], Colour.TEXT, width=4)
    sheet.wire([(480, 215), (520, 185), (520, 170), (800, 170)], Colour.DATA)
    sheet.wire([(480, 245), (520, 275), (520, 320)], _GROUND)
    sheet.text((532, 192), "C", size=12)
    sheet.text((532, 276), "E", size=12)
    sheet.text((560, 228), "BC547B or 2N3904 (NPN)", bold=True)
    sheet.text((560, 247), "ULN2003A: seven in one case,", size=12)
    sheet.text((560, 264), "without the 1 kOhm", size=12)
    _port(sheet, (800, 170), "LED green (orange)", Colour.DATA)
    _supply_pin(sheet, header, "gnd", (200, 320), _GROUND)
    sheet.wire([(211, 320), (800, 320)], _GROUND)
    sheet.dot((520, 320), _GROUND)
    _port(sheet, (800, 320), "GND (black)", _GROUND)
    sheet.lines(
        (30, 404),
        (
            f'In the site file: green = {{ pin = {light.pin}, active = "{light.active}" }}.',
            "The transistor inverts: a high pin pulls the wire low. Red LED (brown) and buzzer",
            "(yellow) the same way. The colours are usual ones, not verified: the manual counts.",
            "Measure the wire against GND with the reader at rest: 5 V is usual, 12 V is no harm.",
            "A pin that is low while the board boots keeps light and buzzer off.",
        ),
    )
    return sheet.svg()


def draw_rs485(header: Header, site: SiteFile) -> str:
    """Modules or readers on a bus."""
    del header, site  # the adapter hangs on USB
    sheet = _sheet(
        "Modules or OSDP readers on RS-485",
        590,
        "One line from module to module, no star; 120 Ohm at its two ends and nowhere else.",
    )
    sheet.module((30, 120), (150, 190), "Raspberry Pi")
    sheet.module((250, 120), (170, 190), "USB adapter")
    sheet.wire([(180, 215), (250, 215)], _GROUND, width=5)
    sheet.text((215, 204), "USB", size=12, anchor="middle")
    lines = (("A (D+)", Colour.DATA, 175), ("B (D-)", Colour.CONTACT, 245), ("GND", _GROUND, 280))
    for name, colour, y in lines:
        _port(sheet, (420, y), name, colour, anchor="end")
        sheet.wire([(420, y), (985, y)], colour)
    for number, x in enumerate((600, 830)):
        sheet.box((x, 340), (150, 90), fill="#f7f8fa")
        for offset, (name, colour, y) in enumerate(lines):
            drop = x + 30 + offset * 45
            sheet.wire([(drop, y), (drop, 340)], colour)
            sheet.dot((drop, y), colour)
            sheet.dot((drop, 340), colour)
            sheet.text((drop, 362), name.partition(" ")[0], size=12, anchor="middle")
        sheet.text((x + 75, 390), f"station {number + 1}", anchor="middle", bold=True)
        sheet.text((x + 75, 412), f"address {number + 1}", size=12, anchor="middle")
    for x in (480, 985):
        sheet.wire([(x, 175), (x, 190)], Colour.DATA)
        sheet.resistor((x, 190), Colour.TEXT, "120 Ohm", length=40)
        sheet.wire([(x, 230), (x, 245)], Colour.CONTACT)
        sheet.dot((x, 175), Colour.DATA)
        sheet.dot((x, 245), Colour.CONTACT)
    sheet.lines(
        (30, 470),
        (
            "A station is a SecBox module or an OSDP reader; a bus has one kind only.",
            "A twisted pair for A and B, a third wire for GND; 1,200 m at 9,600 to 19,200 baud.",
            "No answer, or only broken ones: change A and B, makers do not agree on the letters.",
            "Bias at one place, mostly in the adapter: A is 0.2 V or more above B at rest.",
            "The supply of the stations (12 V) is not drawn: its 0 V is the GND of the bus.",
        ),
    )
    return sheet.svg()


def draw_contacts(header: Header, site: SiteFile) -> str:
    """Sensor, button and tamper contact, with and without opto-coupler."""
    door = site.door[0]
    sheet = _sheet(
        "Door sensor, exit button and other contacts",
        500,
        "Up to 10 m a contact may hang on the pin itself; beyond, or outside, on an opto-coupler.",
    )
    sheet.module((30, 110), (170, 290), "Raspberry Pi")
    for y, name, wire in _contact_rows(door):
        _pin(sheet, header, wire, (200, y), colour=Colour.CONTACT)
        sheet.wire([(211, y), (300, y)], Colour.CONTACT)
        sheet.box((300, y - 7), (44, 14), colour=Colour.CONTACT)
        sheet.text((322, y - 13), "1 kOhm", size=12, anchor="middle")
        sheet.wire([(344, y), (480, y)], Colour.CONTACT)
        end = sheet.contact((480, y), Colour.CONTACT, name, closed=name.startswith("door"))
        sheet.wire([end, (640, y)], _GROUND)
        sheet.dot((640, y), _GROUND)
    _supply_pin(sheet, header, "gnd", (200, 350), _GROUND)
    sheet.wire([(211, 350), (640, 350), (640, 180)], _GROUND)
    sheet.module((730, 130), (300, 230), "input board (opto-coupler)")
    sheet.lines(
        (750, 180),
        (
            "field side: 12 or 24 V,",
            "contact between + and IN",
            "",
            "board side: VCC to 3.3 V, OUT",
            "to the pin, GND to GND, pull = up",
            "",
            "inverts; too slow for Wiegand",
        ),
    )
    sheet.lines(
        (30, 440),
        (
            "The pin's own pull-up (some 50 kOhm) is for short wires; 1 kOhm saves the pin from a",
            "wrong wire. Contacts that report an alarm are closed at rest (NC): a cut wire is one.",
        ),
    )
    return sheet.svg()


def _contact_rows(door: Door) -> Iterator[tuple[float, str, int]]:
    if isinstance(door.sensor, Input):
        yield 180, "door sensor", door.sensor.pin
    if isinstance(door.rex, Input):
        yield 270, "exit button", door.rex.pin


def draw_supervised(header: Header, site: SiteFile) -> str:
    """A contact with end-of-line resistors at a converter."""
    del site
    sheet = _sheet(
        "A supervised contact (end-of-line resistors)",
        560,
        "Both resistors sit at the contact, never in the box: only there do they watch the cable.",
    )
    sheet.module((30, 110), (170, 290), "Raspberry Pi")
    for kind, y, colour in (("3v3", 190, Colour.POWER_3V3), ("gnd", 350, _GROUND)):
        _supply_pin(sheet, header, kind, (200, y), colour)
    sheet.module((330, 140), (190, 260), "MCP3208 on SPI")
    sheet.wire([(211, 190), (330, 190)], Colour.POWER_3V3)
    _port(sheet, (330, 190), "VDD and VREF", Colour.POWER_3V3)
    sheet.wire([(211, 350), (330, 350)], _GROUND)
    _port(sheet, (330, 350), "GND", _GROUND)
    _port(sheet, (520, 280), "CH0", Colour.CONTACT, anchor="end")
    sheet.wire([(270, 190), (270, 115), (570, 115), (570, 180)], Colour.POWER_3V3)
    sheet.dot((270, 190), Colour.POWER_3V3)
    bottom = sheet.resistor((570, 180), Colour.CONTACT, "bias 4.7 kOhm")
    sheet.wire([bottom, (570, 280)], Colour.CONTACT)
    sheet.dot((570, 280), Colour.CONTACT)
    sheet.wire([(520, 280), (740, 280)], Colour.CONTACT)
    sheet.box((740, 273), (44, 14), colour=Colour.CONTACT)
    sheet.text((762, 262), "series 4.7 kOhm", size=12, anchor="middle")
    sheet.wire([(784, 280), (860, 280)], Colour.CONTACT)
    end = sheet.contact((860, 280), Colour.CONTACT, "contact", closed=True)
    sheet.wire([(860, 280), (860, 320), (868, 320)], Colour.CONTACT)
    sheet.box((868, 313), (44, 14), colour=Colour.CONTACT)
    sheet.wire([(912, 320), (920, 320), end], Colour.CONTACT)
    sheet.text((890, 344), "parallel 4.7 kOhm", size=12, anchor="middle")
    sheet.wire([end, (1000, 280), (1000, 380), (520, 380)], _GROUND)
    _port(sheet, (520, 380), "GND", _GROUND, anchor="end")
    sheet.text((650, 300), "cable", size=12, anchor="middle")
    sheet.lines(
        (30, 440),
        (
            "Closed: 4.7 kOhm. Open: 9.4 kOhm. Shorted: below 2.1 kOhm. Cut: above 20.9 kOhm.",
            "All else is a fault of the wiring. SPI: DIN to MOSI, DOUT to MISO, CLK to SCLK, CS to",
            "CE0. An ADS1115 has four channels on SDA and SCL, with VDD at 3.3 V and ADDR at GND.",
            "In the site file: [[adc]] with its kind and device, then { adc = NAME, channel = 0 }.",
        ),
    )
    return sheet.svg()


TOPICS: dict[str, Callable[[Header, SiteFile], str]] = {
    "strike": draw_strike,
    "magnet": draw_magnet,
    "wiegand": draw_wiegand,
    "light": draw_light,
    "rs485": draw_rs485,
    "contacts": draw_contacts,
    "supervised": draw_supervised,
}
"""Every drawing of one topic by its name."""
