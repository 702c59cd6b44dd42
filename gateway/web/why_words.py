"""The answer to `explain` in words: the gates of a decision, and what changes it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from gateway.explain.cures import CureAction
from gateway.explain.gates import Gate
from gateway.explain.stages import StageVerdict
from gateway.web.languages import gettext as _
from gateway.web.languages import noted
from gateway.web.setting_words import address, label

GATES: Mapping[Gate, str] = MappingProxyType(
    {
        Gate.PLACE: noted("reader belongs to a door"),
        Gate.IDENTIFICATION: noted("known card, code or PIN"),
        Gate.MODE: noted("no lock-down"),
        Gate.THREAT_LEVEL: noted("allowed at the threat level"),
        Gate.VALIDITY: noted("valid person"),
        Gate.RIGHT: noted("may pass here"),
        Gate.HOURS: noted("in time"),
        Gate.SERVER: noted("allowed by the server"),
        Gate.SECOND_FACTOR: noted("second factor"),
        Gate.PASSBACK: noted("anti-passback"),
        Gate.OCCUPANCY: noted("room in the area"),
        Gate.PERSONS: noted("enough people"),
        Gate.INTERLOCK: noted("other doors closed"),
        Gate.DOOR: noted("door answers"),
        Gate.OTHER: noted("decision taken"),
    }
)
VERDICTS: Mapping[StageVerdict, tuple[str, str]] = MappingProxyType(
    {
        StageVerdict.PASSES: ("✓", noted("yes")),
        StageVerdict.REFUSES: ("✗", noted("no")),
        StageVerdict.WAITS: ("…", noted("still missing")),
        StageVerdict.FREES: ("✓", noted("free for everybody")),
        StageVerdict.NOT_ASKED: ("·", noted("not in use here")),
        StageVerdict.NOT_REACHED: ("·", noted("not reached")),
        StageVerdict.NOT_KNOWN: ("·", noted("not known")),
    }
)
"""The mark of a verdict, and its words."""

CURES: Mapping[CureAction, str] = MappingProxyType(
    {
        CureAction.GIVE_CREDENTIAL: noted("Give it to a person"),
        CureAction.CHANGE_VALIDITY: noted("Extend the validity"),
        CureAction.ADD_TO_GROUP: noted("Add to a group that may pass"),
        CureAction.TIE_RULE: noted("Make a rule for this person and place"),
        CureAction.CHANGE_HOURS: noted("Change the hours"),
        CureAction.CHANGE_BLOCK: noted("Change the blocking rule"),
        CureAction.REMOVE_CONDITION: noted("Delete the condition of the rule"),
        CureAction.END_LOCK_DOWN: noted("End the lock-down"),
        CureAction.LOWER_THREAT_LEVEL: noted("Lower the threat level"),
        CureAction.IDENTIFY_AGAIN: noted("Show the card again, then key the PIN at once"),
        CureAction.CHANGE_FACTORS: noted("Change what the door asks for"),
        CureAction.CHANGE_CREDENTIAL: noted("Change this credential"),
        CureAction.EXTEND_RIGHT: noted("Extend the membership or rule"),
        CureAction.CHANGE_PIN: noted("Give the person another PIN"),
        CureAction.CORRECT_OCCUPANCY: noted("See who is inside"),
        CureAction.BRING_HOST: noted("Come with a host, one right after the other"),
        CureAction.IDENTIFY_TOGETHER: noted("Identify one right after the other"),
        CureAction.WAIT_FOR_KEYPAD: noted("Wait until the keypad is free; cards work meanwhile"),
        CureAction.FORGIVE_PASSBACK: noted("Forget where this person is"),
        CureAction.CLOSE_DOOR: noted("Close the other door first"),
        CureAction.SET_CLOCK: noted("Set the clock"),
        CureAction.TIE_READER: noted("Tell which door the reader belongs to"),
        CureAction.CONFIGURE: noted("Change the setting: %(label)s"),
        CureAction.CHECK_DEVICE: noted("See what is not well with the controller"),
        CureAction.CHECK_SERVER: noted("See what the server does"),
        CureAction.OPEN_ONCE: noted("Open once"),
    }
)
PLACES: Mapping[CureAction, str] = MappingProxyType(
    {
        CureAction.GIVE_CREDENTIAL: "/people/give?card=%(card_value)s",
        CureAction.CHANGE_PIN: "/people/%(user_id)s",
        CureAction.CHANGE_FACTORS: "/rules/factors",
        CureAction.CHANGE_CREDENTIAL: "/people/%(user_id)s",
        CureAction.EXTEND_RIGHT: "/people/%(user_id)s",
        CureAction.TIE_RULE: "/rules",
        CureAction.CHANGE_HOURS: "/schedules/%(time_zone_id)s",
        CureAction.CHANGE_BLOCK: "/rules/%(rule_id)s",
        CureAction.REMOVE_CONDITION: "/rules/%(rule_id)s",
        CureAction.LOWER_THREAT_LEVEL: "/threat-levels",
        CureAction.CORRECT_OCCUPANCY: "/inside",
        CureAction.SET_CLOCK: "/settings/time",
        CureAction.TIE_READER: "/setup",
        CureAction.CHECK_DEVICE: "/",
        CureAction.CHECK_SERVER: "/settings/servers",
    }
)
"""Where a cure is done that is not done at once; one may need what the record lacks."""


@dataclass(frozen=True, slots=True)
class ShownGate:
    """One gate in words."""

    words: str
    mark: str
    verdict: str
    """Of `StageVerdict`."""
    verdict_words: str
    decides: bool

    @property
    def faint(self) -> bool:
        """It took no part in the decision."""
        return self.verdict in (
            StageVerdict.NOT_ASKED,
            StageVerdict.NOT_REACHED,
            StageVerdict.NOT_KNOWN,
        )


@dataclass(frozen=True, slots=True)
class ShownCure:
    """One cure in words."""

    action: CureAction
    words: str
    place: str
    """The address where it is done; empty where it is done at once, or by somebody at the door."""
    target: Mapping[str, Any]


def shown_gates(answer: Mapping[str, Any]) -> list[ShownGate]:
    """The gates of the answer, in order."""
    shown = []
    for gate in answer["gates"]:
        mark, words = VERDICTS[StageVerdict(gate["verdict"])]
        name = _(GATES[Gate(gate["gate"])])
        shown.append(ShownGate(name, mark, gate["verdict"], _(words), gate["decides"]))
    return shown


def shown_cures(answer: Mapping[str, Any]) -> list[ShownCure]:
    """The cures of the answer, the one that cures first."""
    shown = []
    for cure in answer["cures"]:
        action, target = CureAction(cure["action"]), cure["target"]
        named = {"label": label(target["module"], target["key"])} if "key" in target else {}
        words = _(CURES[action], **target, **named)
        shown.append(ShownCure(action, words, _place(action, target), target))
    return shown


def _place(action: CureAction, target: Mapping[str, Any]) -> str:
    if action is CureAction.CONFIGURE:
        return address(target["module"], target["key"])
    known = dict(target)
    for several in ("time_zone_ids", "rule_ids"):
        if known.get(several):
            known[several.removesuffix("s")] = known[several][0]
    try:
        return PLACES.get(action, "") % known
    except KeyError:
        return ""
