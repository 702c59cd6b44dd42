"""The rules of the door at work: what each step at a site leads to, worked out slowly.

A second rule engine, written from the rules of the door (gateway/docs/door-semantics.md) and not
from the code that it judges. It keeps what happened in plain lists, and where people have to fit
places, it tries all ways to fit them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import permutations

import pytest

from .law import (
    Row,
    Ruling,
    Tables,
    When,
    actions_of,
    asked_for,
    credential_of,
    find,
    groups_of,
    once,
    refusal_of,
    restricts,
    rule_on,
)

TYPED = ("pin", "password")

SECOND_FACTOR_MS, NEXT_KEY_MS = 30_000, 10_000
PERSONS_MS = 15_000
WRONG_ENTRIES, WITHIN_MS, LOCKED_MS = 5, 60_000, 90_000


# ---- threat levels -----------------------------------------------------------------------------


def leads_out(tables: Tables, portal_id: int) -> bool:
    """Whether whoever passes a portal leaves the site."""
    outside = {row["area_id"] for row in tables["outside_areas"]}
    return any(
        it["area_to_id"] in outside and it["area_from_id"] not in outside
        for it in find(tables, "portals", id=portal_id)
    )


def outlasts(tables: Tables, step: Row, when: When) -> bool:
    """Whether the threat level in force lets somebody of this person's departments pass."""
    if leads_out(tables, step["portal"]):
        return True
    for level in find(tables, "threat_levels", level=step["threat"]):
        listed = find(tables, "threat_level_groups", threat_level_id=level["id"])
        theirs = groups_of(tables, {"id": step["user"]}, when)
        return not level["listed_groups_only"] or any(it["group_id"] in theirs for it in listed)
    return False


def asked_at_level(tables: Tables, step: Row) -> set[str]:
    """What the threat level in force asks of everyone."""
    if leads_out(tables, step["portal"]):
        return set()
    modes = [it["factor_mode"] for it in find(tables, "threat_levels", level=step["threat"])]
    return {name for bit, name in ((1, "card"), (2, "pin")) for mode in modes if mode & bit}


# ---- anti-passback, several persons -----------------------------------------------------------


def passback(tables: Tables, settings: Row, step: Row) -> str:
    """`off`, `soft` or `hard`, by everything that the person ever entered."""
    [portal] = find(tables, "portals", id=step["portal"])
    if find(tables, "antipassback_exemptions", user_id=step["user"]) or step["user"] == 0:
        return "off"
    entries = [it for it in step["passages"] if it["user_id"] == step["user"]]
    # Who enters an area is there; a portal from an area to itself moves nobody.
    moves = [it for it in entries if it["area_id"]]
    apart = portal["area_from_id"] != portal["area_to_id"]
    elsewhere = bool(apart and moves and moves[-1]["area_id"] != portal["area_from_id"])

    def fresh(entry: Row) -> bool:
        since_s = step["utc_s"] - entry["utc_s"]
        return bool(0 <= since_s < settings["antipassback_timeout"] * 60)

    by_mode = {
        "off": False,
        "timed": any(fresh(it) for it in entries if it["portal_id"] == portal["id"]),
        "timed_catra": elsewhere and fresh(moves[-1]),
        "daily_catra": elsewhere and moves[-1]["day"] == step["local"] // 86_400,
    }
    if by_mode[settings["antipassback_mode"]]:
        return "hard"
    areas = (portal["area_from_id"], portal["area_to_id"])
    modes = [row["mode"] for row in tables["antipassback_areas"] if row["area_id"] in areas]
    return ("off", "soft", "hard")[max(modes, default=0)] if elsewhere else "off"


def limits_of(tables: Tables, step: Row) -> tuple[Row, set[int]]:
    """The limits of the area that the portal leads to, and who is in it by every entry so far."""
    [portal] = find(tables, "portals", id=step["portal"])
    rows = find(tables, "occupancy_limits", area_id=portal["area_to_id"])
    apart = portal["area_from_id"] != portal["area_to_id"]
    if not apart or not rows or leads_out(tables, portal["id"]):
        return {"maximum": 0, "minimum": 0}, set()
    last = {it["user_id"]: it["area_id"] for it in step["passages"] if it["area_id"]}
    return rows[0], {who for who, area in last.items() if area == portal["area_to_id"]}


def crowded(tables: Tables, step: Row, people: list[Row]) -> bool:
    """Whether these would be too many; who is inside may always come again."""
    row, inside = limits_of(tables, step)
    after = inside | {it["id"] for it in people}
    return bool(row["maximum"] and after != inside and len(after) > row["maximum"])


def lonely(tables: Tables, step: Row, people: list[Row]) -> bool:
    """Whether too few would be inside with these."""
    row, inside = limits_of(tables, step)
    return bool(len(inside | {it["id"] for it in people}) < row["minimum"])


def guest_of(tables: Tables, step: Row, person: Row) -> list[Row]:
    """The rules that ask for a host of this person, who is none."""
    rows = find(tables, "escort_rules", portal_id=step["portal"])
    mine = [it for it in rows if it["visitor_group_id"] in person["perhaps"]]
    return [] if any(it["host_group_id"] in person["groups"] for it in mine) else mine


def led(tables: Tables, step: Row, guest: Row, host: Row) -> bool:
    """Whether a guest waited for somebody like this host."""
    return any(rule["host_group_id"] in host["groups"] for rule in guest_of(tables, step, guest))


def seats(tables: Tables, portal_rule: Row) -> list[int]:
    """One department for each place of a portal rule."""
    rows = find(tables, "portal_rule_groups", portal_rule_id=portal_rule["id"])
    return [row["group_id"] for row in rows for _ in range(row["quantity"])]


def known(tables: Tables, portal_rule: Row) -> bool:
    """Whether everything that a portal rule asks for can be evaluated."""
    conditions = (
        find(tables, table, portal_rule_id=portal_rule["id"])
        for table in ("portal_rule_users", "portal_rule_validations")
    )
    return portal_rule["type"] == 1 and not any(conditions)


def portal_rules_in_force(tables: Tables, portal_id: int, when: When) -> list[Row]:
    found = []
    for link in find(tables, "portal_portal_rules", portal_id=portal_id):
        for rule in find(tables, "portal_rules", id=link["portal_rule_id"]):
            links = find(tables, "portal_rule_time_zones", portal_rule_id=rule["id"])
            zones = [it["time_zone_id"] for it in links]
            asks = seats(tables, rule) or not known(tables, rule)
            if asks and restricts(tables, zones, when):
                found.append(rule)
    return found


# ---- what happens one after the other ----------------------------------------------------------


@dataclass
class Answer:
    """A row of the access log, and what goes with it."""

    reason: str
    user: int
    portal: int
    rules: tuple[int, ...] = ()
    actions: tuple[int, ...] = ()
    portal_rules: tuple[int, ...] = ()
    company: tuple[int, ...] = ()
    noted: bool = False
    duress: str | None = None


@dataclass
class Said:
    """What one step leads to."""

    late: list[Answer] = field(default_factory=list)
    """What was given up before the step, in no order."""
    answer: Answer | None = None
    keypads: list[str] = field(default_factory=list)


class Oracle:
    """A site at work. A step is an attempt, a key (`key`), or time that passed."""

    def __init__(self, settings: Row) -> None:
        self._settings = settings
        self._waits: dict[str, Row] = {}
        self._wrong: dict[str, list[int]] = {}
        self._locked: dict[str, int] = {}
        self._queues: dict[int, Row] = {}
        self._let_in: list[Row] = []

    def step(self, tables: Tables, step: Row) -> Said:
        """What becomes of a step."""
        said = Said()
        now = step["at_ms"]
        for reader in [it for it, wait in self._waits.items() if now >= min(wait["until"])]:
            said.late.append(self._timed_out(reader))
        for portal in [it for it, queue in self._queues.items() if now >= queue["until"]]:
            queue = self._queues.pop(portal)
            said.late += [
                Answer(
                    "host_missing" if it["id"] in queue["hostless"] else "persons_missing",
                    it["id"],
                    portal,
                )
                for it in queue["people"]
            ]
        for reader in [it for it, until in self._locked.items() if now >= until]:
            del self._locked[reader]
            said.keypads.append(f"freed {reader}")
        if "key" in step and step["key"] in self._waits:
            wait = self._waits[step["key"]]
            wait["until"] = (wait["until"][0], now + NEXT_KEY_MS)
        if "reader" in step:
            said.answer = self._attempt(tables, step, said)
        return said

    def due_ms(self) -> int | None:
        """When time alone does something."""
        ends = [min(wait["until"]) for wait in self._waits.values()]
        ends += [queue["until"] for queue in self._queues.values()]
        return min([*ends, *self._locked.values()], default=None)

    def _timed_out(self, reader: str) -> Answer:
        wait = self._waits.pop(reader)
        return Answer("second_factor_timed_out", wait["user"], wait["portal"])

    def _attempt(self, tables: Tables, step: Row, said: Said) -> Answer:
        reader, typed = step["reader"], step["factor"] in TYPED
        if not find(tables, "portals", id=step["portal"]):
            return Answer("reader_without_portal", 0, step["portal"], duress=step["duress"])
        if typed and reader in self._locked:
            return Answer("keypad_locked", 0, step["portal"], duress=step["duress"])
        if typed and reader in self._waits:
            wait = self._waits.pop(reader)
            wrong = step["user"] is None or step["user"] != wait["user"]
            if wrong:
                self._guessed(step, said)
            if wrong or step["first_gone"]:
                duress = step["duress"] or wait["duress"]
                why = "credential_revoked" if step["first_gone"] else "second_factor_wrong"
                return Answer(why, wait["user"], step["portal"], duress=duress)
            first = credential_of(tables, wait["user"], wait["factor"])
            both = {**step, "duress": step["duress"] or wait["duress"], "first": first}
            return self._judge(tables, both, second=True)
        if reader in self._waits:
            said.late.append(self._timed_out(reader))
        emergency = step["emergency_card"] and self._settings["contingency"]
        if step["user"] is None and not emergency:
            if typed:
                self._guessed(step, said)
            return self._say("unknown_credential", step)
        return self._judge(tables, {**step, "user": step["user"] or 0}, second=False)

    def _guessed(self, step: Row, said: Said) -> None:
        reader, now = step["reader"], step["at_ms"]
        guesses = self._wrong.setdefault(reader, [])
        guesses.append(now)
        if len([it for it in guesses if now - it < WITHIN_MS]) >= WRONG_ENTRIES:
            guesses.clear()
            self._locked[reader] = now + LOCKED_MS
            said.keypads.append(f"locked {reader}")

    def _judge(self, tables: Tables, step: Row, *, second: bool) -> Answer:
        """An identified person, as far as the second factor."""
        when = When(step["stamp"], step["local"], step["trusted"])
        ruling = self._ruling(tables, step, when)
        if ruling.reason != "granted":
            return self._say(ruling.reason, step, ruling)
        # An emergency card is nobody's, and nobody has a second factor for it.
        site = {"card", "pin"} if self._settings["multi_factor_authentication"] else set[str]()
        wanted = asked_for(tables, step["portal"], site, when) | asked_at_level(tables, step)
        missing = wanted - {"pin" if step["factor"] in TYPED else "card"}
        if second or not step["user"] or not missing:
            return self._admit(tables, step, ruling, when)
        both = wanted != missing
        if step["factor"] in TYPED:
            return self._say("first_factor_missing" if both else "pin_not_accepted", step)
        if not both:
            return self._say("card_not_accepted", step)
        if step["reader"] not in self._settings["keypads"]:
            return self._say("no_second_factor_here", step)
        self._waits[step["reader"]] = {
            **step,
            "until": (step["at_ms"] + SECOND_FACTOR_MS, step["at_ms"] + NEXT_KEY_MS),
        }
        return self._say("second_factor_due", step)

    @staticmethod
    def _ruling(tables: Tables, step: Row, when: When) -> Ruling:
        if step["released"]:
            return Ruling("free_passage")
        if step["locked_down"]:
            return Ruling("lock_down")
        if step["threat"] and not outlasts(tables, step, when):
            return Ruling("threat_level")
        nobody: Row = {"id": 0, "begin_time": 0, "end_time": 0}
        shown = (step.get("first"), credential_of(tables, step["user"] or None, step["factor"]))
        for row in shown:
            refused = row and refusal_of(row, step["entries"], when)
            if refused:
                return Ruling(refused)
        [user] = find(tables, "users", id=step["user"]) or [nobody]
        [portal] = find(tables, "portals", id=step["portal"])
        return rule_on(tables, user, portal, when)

    def _admit(self, tables: Tables, step: Row, ruling: Ruling, when: When) -> Answer:
        """A person with every right: the record, the others, the interlock."""
        grave = passback(tables, self._settings, step)
        if grave == "hard":
            return self._say("passback", step)
        found = self._assembled(tables, step, when)
        if isinstance(found, Answer):
            return found
        company, done = found
        if crowded(tables, step, company):
            return self._say("area_full", step)
        if step["interlocked"]:
            return self._say("interlock", step)
        self._left(step, company)
        extra = (actions_of(tables, "portal_rule_actions", "portal_rule_id", id_) for id_ in done)
        actions = [{"id": id_} for id_ in ruling.actions] + [it for more in extra for it in more]
        answer = self._say("granted", step, Ruling("granted", ruling.rules, once(actions)))
        self._let_in += [{**it, "portal": step["portal"], "at": step["at_ms"]} for it in company]
        answer.company = tuple(person["id"] for person in company)
        answer.portal_rules, answer.noted = done, grave == "soft"
        return answer

    def _assembled(
        self, tables: Tables, step: Row, when: When
    ) -> Answer | tuple[list[Row], tuple[int, ...]]:
        """Who goes in together, and the portal rules that they meet; or why nobody does yet."""
        user = {"id": step["user"]}
        me = {
            **user,
            "groups": groups_of(tables, user, when),
            "perhaps": groups_of(tables, user, when, doubtful=True),
        }
        if crowded(tables, step, [me]):
            return self._say("area_full", step)
        in_force = portal_rules_in_force(tables, step["portal"], when)
        usable = [rule for rule in in_force if known(tables, rule)]
        if in_force and not usable:
            return self._say("unknown_condition", step)
        if in_force and not any(set(seats(tables, it)) & set(me["groups"]) for it in usable):
            return self._say("no_place_among_persons", step)
        waiting = self._queues.get(step["portal"], {"people": []})["people"]
        alone = not self._accompanied(tables, step, me, waiting)
        if not (usable or alone or lonely(tables, step, [me])):
            guests = [it for it in waiting if it["id"] != me["id"] and led(tables, step, it, me)]
            return ([me] if crowded(tables, step, [*guests, me]) else [*guests, me]), ()
        queue = self._queued(tables, step, me, alone=alone)
        company = [it for it in queue if self._accompanied(tables, step, it, queue)]
        done = tuple(it["id"] for it in usable if self._fits(seats(tables, it), company))
        if not alone and not lonely(tables, step, company) and (done or not usable):
            return company, done
        ids = {it["id"] for it in company}
        self._queues[step["portal"]]["hostless"] = {it["id"] for it in queue} - ids
        answer = self._say("waiting_for_host" if alone else "waiting_for_persons", step)
        answer.portal_rules = () if alone else tuple(rule["id"] for rule in usable)
        return answer

    def _accompanied(self, tables: Tables, step: Row, guest: Row, others: list[Row]) -> bool:
        """Whether a guest has a host: one of `others`, or one who went in before in time. Everyone
        else needs none."""
        rules = guest_of(tables, step, guest)
        before = [
            (it, step["at_ms"] - it["at"]) for it in self._let_in if it["portal"] == step["portal"]
        ]
        return not rules or any(
            any(rule["host_group_id"] in it["groups"] for it in others)
            or any(
                rule["host_group_id"] in it["groups"] and ago_ms <= rule["within_s"] * 1000
                for it, ago_ms in before
            )
            for rule in rules
        )

    def _queued(self, tables: Tables, step: Row, me: Row, *, alone: bool) -> list[Row]:
        """Everyone who waits at the portal, once, whoever came last at the end."""
        longest_ms = PERSONS_MS
        if alone:
            longest_ms = 1000 * max(it["within_s"] for it in guest_of(tables, step, me))
        queue = self._queues.setdefault(
            step["portal"],
            {"until": step["at_ms"] + longest_ms, "people": [], "hostless": set()},
        )
        queue["people"] = [it for it in queue["people"] if it["id"] != me["id"]] + [me]
        return list(queue["people"])

    def _left(self, step: Row, company: list[Row]) -> None:
        """Who went through waits no longer."""
        queue = self._queues.get(step["portal"], {"people": []})
        gone = [person["id"] for person in company]
        queue["people"] = [person for person in queue["people"] if person["id"] not in gone]
        if not queue["people"]:
            self._queues.pop(step["portal"], None)

    @staticmethod
    def _fits(places: list[int], people: list[Row]) -> bool:
        """Whether the people fill every place, in whatever way."""
        return any(
            all(place in person["groups"] for place, person in zip(places, them, strict=True))
            for them in permutations(people, len(places))
        )

    @staticmethod
    def _say(reason: str, step: Row, ruling: Ruling | None = None) -> Answer:
        found = ruling or Ruling(reason)
        return Answer(
            reason,
            step["user"] or 0,
            step["portal"],
            found.rules,
            found.actions,
            duress=step["duress"],
        )


@pytest.fixture
def oracle() -> type[Oracle]:
    """The law at work, for one site's settings."""
    return Oracle
