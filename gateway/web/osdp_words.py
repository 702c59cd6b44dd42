"""What the page says of OSDP readers: their state, and how the exchange of a key goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.settings import OsdpReader
from gateway.web.languages import gettext as _
from gateway.web.languages import noted
from gateway.web.visit import Visit

CONDITIONS: Mapping[str, str] = {
    "secure": noted("Online, encrypted with a key of its own"),
    "clear_text": noted("Online, not encrypted"),
    "unpaired": noted("Not paired"),
    "pairing": noted("Is being paired"),
    "connecting": noted("Connecting"),
    "silent": noted("Does not answer"),
    "refused": noted("Answers without its key"),
    "searched": noted("Its bus is being searched for readers"),
    "bus": noted("Its port cannot be used"),
}
"""By `condition` of `osdp_state`."""
ADVICE: Mapping[str, str] = {
    "clear_text": noted(
        "Whoever reaches its cable opens the door. The site file permits it (clear_text): take "
        "that out if the reader can encrypt."
    ),
    "unpaired": noted("It opens nothing until it is paired."),
    "silent": noted(
        "Check its supply, the wires A and B, and that the reader has address %(address)s and "
        "speed %(baud)s Bd."
    ),
    "refused": noted(
        "Another reader, or one that was reset: it opens nothing. Pair it again only if you know "
        "why."
    ),
}
FAILURES: Mapping[str, str] = {
    "called_off": noted("It was called off. The key is the one before."),
    "nobody": noted(
        "No reader in installation mode answered in two minutes. Check that mode, the wires A and "
        "B, and that the reader has address %(address)s and speed %(baud)s Bd."
    ),
    "no_channel": noted("The reader has no secure channel now, so it cannot get a new key."),
    "not_taken": noted("The reader did not take the new key. The one before still counts."),
    "not_moved": noted(
        "The reader did not take another address and speed. If it is not online soon, search for "
        "it on the command line: gateway osdp scan."
    ),
    "lost": noted(
        "The reader took another address and speed, and does not answer there. Switch it off and "
        "on; if it stays offline, search for it on the command line: gateway osdp scan."
    ),
    "port": noted("The port of the bus failed meanwhile. Begin again when it is back."),
    "not_stored": noted("The key cannot be stored; nothing has changed."),
}
"""By `failure` of `osdp_state`."""
COUNTERS: Mapping[str, str] = {
    "channels": noted("Secure channels so far"),
    "dropped_messages": noted("Messages dropped outside one"),
    "missed_polls": noted("Questions without an answer"),
    "retries": noted("Attempts to reach it again"),
}


@dataclass(frozen=True, slots=True)
class ShownReader:
    """One OSDP reader."""

    name: str
    shown: str
    place: str
    """Its address, speed and port, in words."""
    grade: str
    """`good`, `waiting` or `bad`."""
    words: str
    advice: str
    why: str
    """Why its port cannot be used, in English; empty if it can."""
    warnings: Sequence[str]
    identity: str
    """Maker, model, serial number and firmware; empty before its first secure channel."""
    counters: Sequence[tuple[str, int]]
    paired: bool
    clear_text: bool
    reached: bool
    exchange: str
    """`pairing`, `rotating`, `moving`, `moved`, `done`, `failed` or empty."""
    left_s: int
    outcome: str
    """How the last exchange of its key ended, in words."""
    outcome_detail: str
    """What the system says of it, in English."""
    address: int
    baud: int

    @property
    def exchanging(self) -> bool:
        """Whether an exchange of its key goes on."""
        return self.exchange in {"pairing", "rotating", "moving"}


def osdp_readers(visit: Visit) -> Sequence[ShownReader]:
    """The OSDP readers of the site; the controller is not asked if there are none."""
    readers = [it for it in visit.context.site.reader if isinstance(it, OsdpReader)]
    states = {it["reader"]: it for it in visit.run("osdp_state")["readers"]} if readers else {}
    # Around a change of the site file the controller may know other readers than this process.
    return [shown_reader(it, states[it.name]) for it in readers if it.name in states]


def shown_reader(reader: OsdpReader, state: Mapping[str, Any]) -> ShownReader:
    """A reader of the site with its part of the answer to `osdp_state`."""
    condition, phase = state["condition"], state["phase"] or ""
    values = {"address": state["address"], "baud": state["baud"]}
    warnings = _warnings(state)
    advice = _(ADVICE[condition], **values) if condition in ADVICE else ""
    return ShownReader(
        name=reader.name,
        shown=reader.shown,
        place=_("Address %(address)s, %(baud)s Bd, %(port)s", port=reader.port, **values),
        grade=_grade(condition, warnings),
        words=_(CONDITIONS[condition]),
        advice=advice,
        why=state["why"] if condition == "bus" else "",
        warnings=warnings,
        identity=_identity(state["identity"]),
        counters=[(_(COUNTERS[it]), n) for it, n in state["counters"].items() if it in COUNTERS],
        paired=state["paired"],
        clear_text=state["clear_text"],
        reached=condition in {"secure", "clear_text"},
        exchange=phase,
        left_s=state["left_s"],
        outcome=_outcome(phase, state["failure"], values),
        outcome_detail=state["phase_why"] if state["failure"] == "not_stored" else "",
        **values,
    )


def _grade(condition: str, warnings: Sequence[str]) -> str:
    if condition in {"pairing", "connecting", "searched"}:
        return "waiting"
    return "good" if condition == "secure" and not warnings else "bad"


def _warnings(state: Mapping[str, Any]) -> list[str]:
    found = []
    if state["new_serial"]:
        found.append(
            _(
                "Its serial number is another one than when it was paired: the reader was "
                "exchanged. If you did that, pair it again, which ends this alarm."
            )
        )
    if state["dropped"]:
        found.append(
            _(
                "Messages outside its secure channel were dropped: look whether somebody is at its "
                "cable."
            )
        )
    if state["tamper"]:
        found.append(_("Its tamper contact is open: look whether it is off its wall."))
    if state["power_fault"]:
        found.append(_("It reports a fault of its supply."))
    return found


def _identity(told: Mapping[str, int] | None) -> str:
    if told is None:
        return ""
    major, minor, build = told["firmware"].to_bytes(3)
    return _(
        "Maker %(vendor)s, model %(model)s.%(version)s, serial number %(serial)s, firmware "
        "%(firmware)s",
        vendor=told["vendor"].to_bytes(3, "little").hex("-").upper(),
        model=told["model"],
        version=told["version"],
        serial=told["serial"],
        firmware=f"{major}.{minor}.{build}",
    )


def _outcome(phase: str, failure: str | None, values: Mapping[str, object]) -> str:
    if phase == "done":
        return _("It has a new key, and has shown that it knows it.")
    if phase == "moved":
        return _("It has another address or speed now. Change the site file, too.")
    if phase == "failed" and failure is not None and failure in FAILURES:
        return _(FAILURES[failure], **values)
    return ""
