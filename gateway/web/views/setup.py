"""The first start: from the set-up code to the first door that opens.

Each step is done when something has happened, so that whoever comes back goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import available_timezones

from flask import Response, request

from gateway.commands.people import printed
from gateway.commands.rights import Right
from gateway.errors import InvalidRequest, NotAuthenticated
from gateway.settings import Reader
from gateway.web import setup_forms as forms
from gateway.web.cookies import keep_session
from gateway.web.languages import gettext as _
from gateway.web.languages import noted
from gateway.web.osdp_words import osdp_readers
from gateway.web.timed_ties import EVERYBODY
from gateway.web.visit import View, Visit

STEPS = {
    "board": noted("Board"),
    "door": noted("Door"),
    "try": noted("Try it"),
    "wires": noted("Wires"),
    "person": noted("Person"),
    "open": noted("First opening"),
}
READER_WORDS = {
    "wiegand": noted("Wiegand, with or without a keypad"),
    "osdp": noted("OSDP on RS-485, with or without a keypad"),
    "serial_qr": noted("QR codes or text on a serial port"),
    "serial_card": noted("125 kHz cards on a serial port"),
    "serial_uhf": noted("UHF tags on a serial port"),
    "hid": noted("USB, types like a keyboard"),
    "pcsc": noted("USB, contactless cards (PC/SC)"),
}
KEY_WORDS = {
    "d0": noted("Wire D0 (green)"),
    "d1": noted("Wire D1 (white)"),
    "port": noted("Serial port"),
    "device": noted("USB device"),
    "reader": noted("Its name, or the beginning of it"),
    "protocol": noted("Protocol of the reader"),
    "address": noted("Address of the reader; a new one has 0"),
    "baud": noted("Speed in Bd; a new reader has 9600"),
}
GRANTED = 7
NOT_IDENTIFIED = 3
"""Values of `access_logs.event`."""
RECENT_S = 300
"""A card that was read longer ago may be anybody's."""


@dataclass(frozen=True, slots=True)
class SetupProgress:
    """What has happened so far."""

    state: Mapping[str, Any]
    """The answer to `setup_state`."""
    site: Mapping[str, Any]
    """The answer to `site_file`."""
    open: tuple[str, ...]
    """The checks of wires that nobody has made yet."""
    person: Mapping[str, Any] | None
    """The newest person."""
    opened: Mapping[str, Any] | None
    """The first access of that person."""

    @property
    def tables(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.state["tables"]
        return found

    @property
    def steps(self) -> dict[str, bool]:
        """Each step, and whether it is done."""
        has_door = bool(self.tables.get("door"))
        in_force = (
            has_door
            and self.state["checked"]["digest"] == self.site["running"] == self.site["digest"]
        )
        return {
            "board": "board" in self.state["checks"] or has_door,
            "door": has_door and not self.state["checked"]["problems"],
            "try": in_force,
            "wires": in_force and not self.open,
            "person": self.person is not None,
            "open": self.opened is not None,
        }

    @property
    def next(self) -> str:
        """The first step that is not done; empty when all are."""
        return next((step for step, done in self.steps.items() if not done), "")


def start(visit: Visit) -> Response:
    """The set-up code, or the next step of whoever has signed in."""
    if visit.caller.role is None:
        return _code(visit, 200, "")
    step = _progress(visit).next
    return visit.to(f"/setup/{step or 'done'}")


def begin(visit: Visit) -> Response:
    """Use the code up, and sign in with the own password."""
    form = visit.form
    if form.get("password") != form.get("again"):
        return _code(visit, 400, _("The two passwords differ."))
    try:
        begun = visit.run(
            "begin_setup", code=form.get("code", ""), password=form.get("password", "")
        )
    except NotAuthenticated:
        said = _("This code is wrong or was used. The installer's screen shows the right one.")
        return _code(visit, 401, said)
    except InvalidRequest:
        said = _("The password needs at least 8 characters.")
        return _code(visit, 400, said)
    response = visit.to("/setup/board")
    keep_session(response, str(begun["session"]))
    return response


def board(visit: Visit) -> Response:
    """Which board and modules this is, its name and its time zone."""
    zones = sorted(zone for zone in available_timezones() if "/" in zone)
    return _page(visit, "board", zones=zones)


def keep_board(visit: Visit) -> Response:
    """Keep what the form of the board says."""
    progress = _progress(visit)
    tables = forms.with_board(progress.tables, visit.form, visit.form.getlist("hats"))
    visit.run("save_setup", tables=tables, checks=["board"])
    return visit.to("/setup/door")


def door(visit: Visit) -> Response:
    """A door with its lock, contact, button and reader."""
    return _page(visit, "door", number=_number(visit))


def keep_door(visit: Visit) -> Response:
    """Keep the door of the form, or remove it."""
    progress, number = _progress(visit), _number(visit)
    if "remove" in visit.form:
        visit.run("save_setup", tables=forms.without_door(progress.tables, number))
        return visit.to("/setup/door")
    try:
        tables = forms.with_door(progress.tables, number, visit.form)
    except ValueError as error:
        raise InvalidRequest(
            "Choose a pin for each wire.", why=_("Choose a pin for each wire.")
        ) from error
    problems = visit.run("save_setup", tables=tables)["problems"]
    again = problems or forms.shuts_in(forms.door_of(tables, number))
    return visit.to(f"/setup/door?number={number}" if again else "/setup/try")


def attempt(visit: Visit) -> Response:
    """The site file, to be put in force on trial."""
    return _page(visit, "try")


def apply(visit: Visit) -> Response:
    """Put the file in the making on trial."""
    text = str(visit.run("setup_state")["text"])
    visit.run("apply_site_file", text=text, accept_missing=True)
    return visit.to("/setup/try")


def trial_part(visit: Visit) -> Response:
    """How far the trial has come, asked while the processes start anew."""
    return visit.page("setup/_trial.html", site=visit.run("site_file"), back="/setup")


def wires(visit: Visit) -> Response:
    """Every input, output and reader, each to be seen or heard working."""
    return _page(visit, "wires")


def wires_part(visit: Visit) -> Response:
    """What is on the wires now; what has moved counts as checked."""
    progress = _progress(visit)
    watched = _watched(visit, progress)
    checks = progress.state["checks"]
    seen = [it["check"] for it in watched if it["seen"] and it["check"] not in checks]
    if seen:
        visit.run("save_setup", checks=seen)
        progress = _progress(visit)
    return visit.page("setup/_wires.html", progress=progress, watched=watched)


def pulse(visit: Visit) -> Response:
    """Switch one output on for a moment."""
    output = visit.form.get("output", "")
    visit.run("output_test", output=output)
    names = {f"door {it.id}": it.shown for it in visit.context.site.doors()}
    return visit.page("setup/_heard.html", output=output, door=names.get(output, output))


def heard(visit: Visit) -> Response:
    """Somebody heard or saw an output switch, or nothing."""
    if visit.form.get("heard") == "yes":
        visit.run("save_setup", checks=[f"output {visit.form.get('output', '')}"])
    return visit.to("/setup/wires")


def skip(visit: Visit) -> Response:
    """Go on without a check that cannot be made now."""
    visit.run("save_setup", checks=list(_progress(visit).open))
    return visit.to("/setup/person")


def person(visit: Visit) -> Response:
    """The first person, and a card that a reader has just seen."""
    return _page(visit, "person", card=_last_card(visit))


def card_part(visit: Visit) -> Response:
    """The card that a reader saw last."""
    return visit.page("setup/_card.html", card=_last_card(visit))


def keep_person(visit: Visit) -> Response:
    """Make the person with the card, in the group that the factory's rule admits."""
    name, card = visit.form.get("name", "").strip(), visit.form.get("card", "")
    if not name or not card.isdecimal() or len(card) > 20:
        raise InvalidRequest(
            "A name and a card are needed.", why=_("A name and a card are needed.")
        )
    made: Any = visit.run(
        "create_objects", object="users", values=[{"name": name, "registration": ""}]
    )
    user = made["ids"][0]
    visit.run("create_objects", object="cards", values=[{"value": int(card), "user_id": user}])
    visit.run(
        "create_objects", object="user_groups", values=[{"user_id": user, "group_id": EVERYBODY}]
    )
    return visit.to("/setup/open")


def first_opening(visit: Visit) -> Response:
    """Waits for the swipe that opens the door."""
    return _page(visit, "open")


def opening_part(visit: Visit) -> Response:
    """Whether the person has opened a door."""
    return visit.page("setup/_opened.html", progress=_progress(visit))


def done(visit: Visit) -> Response:
    """All steps, and what comes next."""
    return _page(visit, "done")


def _code(visit: Visit, status: int, said: str) -> Response:
    return visit.page("setup/code.html", status, said=said, secure=request.is_secure)


def _page(visit: Visit, step: str, **values: Any) -> Response:
    progress = _progress(visit)
    return visit.page(
        f"setup/{step}.html",
        progress=progress,
        step=step,
        names=STEPS,
        forms=forms,
        reader_words=READER_WORDS,
        key_words=KEY_WORDS,
        **values,
    )


def _progress(visit: Visit) -> SetupProgress:
    state, site = visit.run("setup_state"), visit.run("site_file")
    checks: Any = state["checks"]
    newest = _rows(visit, "users", 1)
    user = newest[0] if newest else None
    opened = _rows(visit, "access_logs", 1, user_id=user["id"], event=GRANTED) if user else []
    wanted = tuple(it for it in _checks(visit) if it not in checks)
    return SetupProgress(state, site, wanted, user, opened[0] if opened else None)


def _checks(visit: Visit) -> list[str]:
    """The names of what can be checked at the site in force."""
    site = visit.context.site
    found = [f"output door {it.id}" for it in site.doors()]
    found += [f"input {kind} {it.id}" for it in site.doors() for kind in _inputs(it)]
    return [*found, *map(_reader_check, site.reader)]


def _reader_check(reader: Reader) -> str:
    """A reader that another one replaces is to be seen working again."""
    return f"reader {reader.kind} {reader.name}"


def _inputs(door: Any) -> list[str]:
    kinds = {"door_sensor": door.sensor, "rex": door.rex}
    return [kind for kind, wired in kinds.items() if wired is not None]


def _watched(visit: Visit, progress: SetupProgress) -> list[dict[str, Any]]:
    """Each check with its words, the present state, and whether it was seen to work."""
    site, checks = visit.context.site, progress.state["checks"]
    titles = {it.id: it.shown for it in site.doors()}
    words = {"door_sensor": _("Door contact"), "rex": _("Exit button")}
    state: Any = visit.run("wiring_watch")
    levels = {(it["kind"], it["number"]): it for it in state["inputs"]}
    on_osdp = {it.name: it for it in osdp_readers(visit)}
    found: list[dict[str, Any]] = []

    def add(check: str, kind: str, words: str, **more: Any) -> None:
        known = {"seen": False, "output": "", "high": None, "osdp": None, **more}
        found.append({"check": check, "kind": kind, "words": words, **known})
        found[-1]["seen"] = known["seen"] or check in checks

    for it in site.doors():
        name = f"door {it.id}"
        add(f"output {name}", "output", _("Lock of %(door)s", door=it.shown), output=name)
        for kind in _inputs(it):
            level = levels.get((kind, it.id))
            add(
                f"input {kind} {it.id}",
                "input",
                f"{words[kind]}: {titles[it.id]}",
                high=level and level["high"],
                seen=bool(level and level["changes"]),
            )
    for reader in site.reader:
        sent: Any = visit.run("wiring_watch", reader=reader.name)
        came = any(sent[what] for what in ("frames", "chunks", "texts", "cards"))
        add(
            _reader_check(reader),
            "reader",
            _("Reader %(name)s", name=reader.shown),
            seen=came,
            osdp=on_osdp.get(reader.name),
        )
    return found


def _last_card(visit: Visit) -> Mapping[str, Any] | None:
    """The newest read of a card that nobody has, if it was just now."""
    now = visit.context.device_time.stamp(visit.context.clock.utc())
    for row in _rows(visit, "access_logs", 1, event=NOT_IDENTIFIED):
        if row.get("card_value") and abs(now - int(str(row["time"]))) <= RECENT_S:
            return {**row, "printed": printed(int(row["card_value"]))}
    return None


def _rows(visit: Visit, table: str, most: int, **where: Any) -> list[Mapping[str, Any]]:
    """The newest rows of a table."""
    search: dict[str, Any] = {"object": table, "order": ["id", "descending"], "limit": most}
    if where:
        search["where"] = {table: where}
    answer: Any = visit.answer("load_objects", **search)
    return list(answer.rows if hasattr(answer, "rows") else answer[table])


def _number(visit: Visit) -> int:
    values = visit.form or visit.query
    given = values.get("number", "1")
    if given not in {"1", "2", "3", "4"}:
        raise InvalidRequest("number: 1 to 4 is allowed")
    return int(given)


_OWNER = Right.OWNER

VIEWS = (
    View("/setup", start, Right.NONE),
    View("/setup", begin, Right.NONE, "POST"),
    View("/setup/board", board, _OWNER),
    View("/setup/board", keep_board, _OWNER, "POST"),
    View("/setup/door", door, _OWNER),
    View("/setup/door", keep_door, _OWNER, "POST"),
    View("/setup/try", attempt, _OWNER),
    View("/setup/try", apply, _OWNER, "POST"),
    View("/setup/parts/trial", trial_part, _OWNER),
    View("/setup/wires", wires, _OWNER),
    View("/setup/parts/wires", wires_part, _OWNER),
    View("/setup/pulse", pulse, _OWNER, "POST"),
    View("/setup/heard", heard, _OWNER, "POST"),
    View("/setup/skip", skip, _OWNER, "POST"),
    View("/setup/person", person, _OWNER),
    View("/setup/person", keep_person, _OWNER, "POST"),
    View("/setup/parts/card", card_part, _OWNER),
    View("/setup/open", first_opening, _OWNER),
    View("/setup/parts/opened", opening_part, _OWNER),
    View("/setup/done", done, _OWNER),
)
