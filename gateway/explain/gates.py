"""A decision as a chain of gates, in the order in which a person meets them.

The gates are the stages of the decision; that of the rules is two, the right to pass and its hours,
or one where a server decides.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from gateway.access.reasons import Reason
from gateway.explain.reports import ended_at, stage_of, stage_reports
from gateway.explain.stages import Stage, StageVerdict
from gateway.explain.values import Case


class Gate(StrEnum):
    """What an access has to pass, in this order. Names are stable."""

    PLACE = "place"
    IDENTIFICATION = "identification"
    MODE = "mode"
    THREAT_LEVEL = "threat_level"
    VALIDITY = "validity"
    RIGHT = "right"
    """A releasing rule ties person and place, and no rule blocks."""
    HOURS = "hours"
    """The hours of the rules."""
    SERVER = "server"
    """The server of an online mode, in place of the right and its hours."""
    SECOND_FACTOR = "second_factor"
    PASSBACK = "passback"
    OCCUPANCY = "occupancy"
    PERSONS = "persons"
    INTERLOCK = "interlock"
    DOOR = "door"
    OTHER = "other"
    """An error at any of them."""


@dataclass(frozen=True, slots=True)
class GateReport:
    """One gate and its verdict."""

    gate: Gate
    verdict: StageVerdict
    decides: bool = False
    """The access ended, or waits, here; no gate does for a plain grant."""


_BY_HOURS = frozenset({Reason.OUT_OF_TIME, Reason.CLOCK_NOT_TRUSTED})


def gates_of(case: Case) -> tuple[GateReport, ...]:
    """Every gate of a case, in order."""
    ended = ended_at(case)
    found: list[GateReport] = []
    for report in stage_reports(case):
        decides = report.stage is ended
        if report.stage is Stage.RULES:
            found += _rules(case, report.verdict, decides=decides)
        else:
            found.append(GateReport(Gate(report.stage.value), report.verdict, decides))
    return tuple(found)


def _rules(case: Case, verdict: StageVerdict, *, decides: bool) -> Iterator[GateReport]:
    if case.reason.by_server:
        # The rules of this device are not asked, since those of the server are.
        asked = StageVerdict.PASSES if verdict is StageVerdict.NOT_ASKED else verdict
        yield GateReport(Gate.SERVER, asked, decides)
        return
    reason = case.reason if decides else case.beyond
    if reason is None or stage_of(reason, by_rules=True) is not Stage.RULES:
        yield GateReport(Gate.RIGHT, verdict)
        yield GateReport(Gate.HOURS, verdict)
    elif reason in _BY_HOURS:
        yield GateReport(Gate.RIGHT, StageVerdict.PASSES)
        yield GateReport(Gate.HOURS, verdict, decides)
    else:
        yield GateReport(Gate.RIGHT, verdict, decides)
        yield GateReport(Gate.HOURS, StageVerdict.NOT_REACHED)
