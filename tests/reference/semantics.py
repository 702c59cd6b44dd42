"""The page of what the device does at a door: the truth tables that the tests execute."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from string import Template
from typing import Any

from gateway.access.reasons import Reason
from gateway.explain.reason_table import REASONS

from .markdown import code, table

UNIT = Path(__file__).parents[1] / "unit"
ACCESS, DOORS, ALARMS, TRIGGERS, WHOLE, HOST, WIRES = (
    UNIT / room / "tables"
    for room in ("access", "doors", "alarms", "triggers", "controller", "host", "hardware")
)
Table = dict[str, Any]

ABOUT = """\
# What happens at a door

Every statement here is a row of a table in `tests/unit/access/tables`, `tests/unit/doors/tables`,
`tests/unit/alarms/tables`, `tests/unit/triggers/tables`, `tests/unit/controller/tables`,
`tests/unit/hardware/tables` or `tests/unit/host/tables`, and a test that runs with every build.
`make docs` generates this page from them; the files also contain the sites, people and settings of
each row.
"""
DECISIONS = {
    "rules.toml": "Rules: whom they concern, where, and which wins",
    "schedule.toml": "Schedules, holidays and midnight",
    "validity.toml": "Validity, and a clock that is not trusted",
}


def page() -> str:
    """The whole page."""
    lines = [ABOUT, "## Verdicts and events", "", *_reasons(), ""]
    for name, title in DECISIONS.items():
        lines += [f"## {title}", "", *_cases(_read(ACCESS / name)), ""]
    lines += ["## When the clock is trusted", "", *_clock(_read(HOST / "clock_trust.toml")), ""]
    lines += ["## Reads one after the other", "", *_scenarios(_read(ACCESS / "admission.toml"))]
    gestures = ACCESS / "gestures.toml"
    lines += ["", f"## {_title(gestures)}", "", *_timelines(_read(gestures))]
    lines += ["", "## Who is inside, and escorts", ""]
    lines += _scenarios(_read(ACCESS / "occupancy.toml"))
    lines += ["", "## What a grant in the cab of a lift releases", ""]
    lines += [*_floors(_read(ACCESS / "floors.toml"))]
    rooms = (DOORS, ALARMS, TRIGGERS, WIRES, WHOLE)
    for path in (path for room in rooms for path in sorted(room.glob("*.toml"))):
        lines += ["", f"## {_title(path)}", "", *_timelines(_read(path))]
    return "\n".join(lines) + "\n"


def _title(path: Path) -> str:
    """The first words of a file's opening comment."""
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    if not first.startswith("# "):
        raise ValueError(f"{path.name} does not say in its first line what it is about")
    return first.removeprefix("# ").partition(":")[0].rstrip(".")


def _read(path: Path) -> Table:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _reasons() -> list[str]:
    rows = _read(ACCESS / "reasons.toml")["row"]
    shown = (
        (
            code(row["reason"]),
            str(row["event"]),
            "yes" if row["allowed"] else "",
            REASONS[Reason(row["reason"])].words,
            _plain(REASONS[Reason(row["reason"])].remedy),
        )
        for row in rows
    )
    return table(("verdict", "event of the log", "opens", "it says", "what to do"), shown)


def _plain(remedy: str) -> str:
    """A remedy with N in the place of ids."""
    return Template(remedy).substitute(user="N", portal="N", door="N")


def _cases(read: Table) -> list[str]:
    """One row for each decision about one person at one portal."""
    rows = ((case["says"], _time(case), code(case["reason"])) for case in read["case"])
    return table(("so it is", "at", "verdict"), rows)


def _floors(read: Table) -> list[str]:
    """One row for each grant in a cab, at the portal of one floor."""
    released = ("released", "")
    rows = (
        (case["says"], "yes" if case["then"] == "released" else "", _but(case["then"], released))
        for case in read["case"]
    )
    return table(("so it is", "released", "withheld since"), rows)


def _but(word: str, not_these: tuple[str, ...]) -> str:
    return "" if word in not_these else code(word)


def _clock(read: Table) -> list[str]:
    """One row for each source of time, floor and ceiling."""
    shown = (
        (
            row["says"],
            f"{row['shows']:%Y-%m-%d %H:%M:%S}",
            f"{row['floor']:%Y-%m-%d %H:%M:%S}" if "floor" in row else "",
            code(row["verdict"]),
            "yes" if row["trusted"] else "",
        )
        for row in read["row"]
    )
    return table(("what sets the clock", "it shows", "last event", "verdict", "trusted"), shown)


def _time(case: Table) -> str:
    at = case["at"]
    shown = f"{at:%a} {at:%Y-%m-%d %H:%M:%S}" if isinstance(at, datetime) else str(at)
    return shown if case.get("trusted", True) else f"{shown}, not trusted"


def _scenarios(read: Table) -> Iterator[str]:
    for scenario in read["scenario"]:
        yield f"- **{scenario['says']}**"
        for step in scenario["steps"]:
            then = ", ".join(map(code, step["then"])) or "nothing yet"
            yield f"  - {step['at']} s: {_happens(step)}: {then}"


def _happens(step: Table) -> str:
    if "who" in step:
        level = f" at threat level {step['threat']}" if "threat" in step else ""
        if "reader" not in step:
            inside = (
                f", inside: {', '.join(step['inside']) or 'nobody'}" if "inside" in step else ""
            )
            return f"{step['who']} shows a card{inside}"
        return f"{step['who']} shows a {step['what']} at {step['reader']}{level}"
    return f"a key at {step['key']}" if "key" in step else "time passes"


def _timelines(read: Table) -> Iterator[str]:
    for case in read["case"]:
        yield f"- **{case['name']}**"
        for at, does in case.get("looks", ()):
            yield f"  - {at}: {does or 'nothing'}"
        for at_ms, happens, does in case.get("timeline", ()):
            yield f"  - {at_ms / 1000:g} s: {happens or 'time passes'}: {does or 'nothing'}"
        for happens, then, *lost in case.get("course", ()):
            unless = f"; if the step before was not on the disk: {lost[0]}" if lost else ""
            yield f"  - {happens}: {then}{unless}"
        if "steps" in case:
            came = case.get("expect", case.get("tail"))
            yield f"  - {'; '.join(case['steps'])}"
            yield f"  - then: {'; '.join(came) or 'nothing'}"
