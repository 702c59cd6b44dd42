"""Sites and what happens at them, drawn at random from a number.

Drawn so that every verdict comes up: small sites in which much is tied to everything, hours and
days near the edges of schedules, people who come in the order that second factors and several
persons need.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import product
from random import Random
from typing import Any

Row = dict[str, Any]
Tables = dict[str, list[Row]]

STEPS = 24
READERS = {"front": 1, "side": 2, "vault": 3, "yard": 4, "loose": 0, "old": 9}
"""Reader -> portal; no site has the last two portals."""
KEYPADS = ("front", "vault", "yard", "old")
CARDS = ("card", "qrcode", "uhf_tag")
KINDS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "hol1", "hol2", "hol3")
EDGES = (0, 1, 28_800, 43_199, 43_200, 64_800, 86_398, 86_399, 86_400)
BAD_EDGES = (-1, 86_401, 99_999)
DAYS = (
    "2024-02-28",
    "2024-02-29",
    "2025-02-28",
    "2025-03-01",
    "2026-11-21",
    "2026-11-22",
    "2026-11-23",
    "2026-12-24",
    "2026-12-31",
    "2027-01-01",
    "2027-01-02",
)
PAUSES_MS = (300, 900, 2_000, 5_000, 9_000, 9_999, 10_000, 14_999, 15_000, 61_000)
LINKS = {
    "portal_access_rules": ("portal_id", "access_rule_id"),
    "area_access_rules": ("area_id", "access_rule_id"),
    "group_access_rules": ("group_id", "access_rule_id"),
    "access_rule_time_zones": ("access_rule_id", "time_zone_id"),
    "access_rule_validations": ("access_rule_id", "validation_id"),
    "portal_actions": ("portal_id", "action_id"),
    "access_rule_actions": ("access_rule_id", "action_id"),
    "portal_portal_rules": ("portal_id", "portal_rule_id"),
    "portal_rule_time_zones": ("portal_rule_id", "time_zone_id"),
    "portal_rule_actions": ("portal_rule_id", "action_id"),
    "user_groups": ("user_id", "group_id"),
    "user_access_rules": ("user_id", "access_rule_id"),
    "user_identification_rules": ("user_id", "identification_rule_id"),
    "group_identification_rules": ("group_id", "identification_rule_id"),
    "portal_rule_users": ("portal_rule_id", "user_id"),
    "portal_rule_validations": ("portal_rule_id", "validation_id"),
    "threat_level_groups": ("threat_level_id", "group_id"),
}
CONDITIONS = (
    "access_rule_validations",
    "user_identification_rules",
    "group_identification_rules",
    "portal_rule_users",
    "portal_rule_validations",
)
"""Tables whose rows no device of ours can evaluate."""


@dataclass(frozen=True)
class Scenario:
    """A site, and what happens at it one after the other."""

    settings: Row
    steps: list[tuple[Tables, Row]]
    """With each step, the tables as they are by then."""
    inside: list[Row]
    """Who entered before, and shows no card in this scenario."""


def scenario(seed: int) -> Scenario:
    """The scenario of a number, always the same."""
    draw = Random(seed)  # noqa: S311 - a sample
    settings = {
        "multi_factor_authentication": draw.random() < 0.45,
        "keypads": KEYPADS,
        "antipassback_mode": draw.choice(("off", "off", "timed", "daily_catra", "timed_catra")),
        "antipassback_timeout": draw.choice((0, 1, 10)),
        "contingency": draw.random() < 0.2,
    }
    tables = _site(draw)
    clock = _clock(draw)
    inside = [
        {"user_id": id_, "portal_id": 9, "area_id": area, "utc_s": clock["utc_s"], "day": 0}
        for id_, area in ((7, 1), (8, 2), (9, 3))
        if draw.random() < 0.7
    ]
    return Scenario(settings, list(_steps(draw, tables, clock)), inside)


# ---- a site ------------------------------------------------------------------------------------


def _stamp(draw: Random) -> int:
    day = datetime.fromisoformat(draw.choice(DAYS)).replace(tzinfo=UTC)
    return int(day.timestamp()) + draw.choice(EDGES)


def _clock(draw: Random) -> Row:
    local = _stamp(draw) - draw.choice((0, 0, 1, 5, 20, 3_600))
    shift_s = draw.choice((0, 0, 0, -10_800, 19_800))
    trusted = draw.random() < 0.75
    return {"local": local, "stamp": local - shift_s, "utc_s": local + 10_800, "trusted": trusted}


def _some(draw: Random, table: str, left: Any, right: Any, likely: float) -> list[Row]:
    """Each pair of `left` and `right` with this likelihood, as rows of a link table."""
    names = LINKS[table]
    pairs = [pair for pair in product(left, right) if draw.random() < likely]
    draw.shuffle(pairs)
    return [dict(zip(names, pair, strict=True)) for pair in pairs]


def _span(draw: Random, zone: int) -> Row:
    edges = EDGES + BAD_EDGES if draw.random() < 0.05 else EDGES
    days = {kind: int(draw.random() < 0.75) for kind in KINDS}
    return {"time_zone_id": zone, "start": draw.choice(edges), "end": draw.choice(edges), **days}


def _zones(draw: Random) -> Tables:
    """Zone 1 holds always, 2 to 4 at times, 5 is empty; some are gone."""
    spans = [{"time_zone_id": 1, "start": 0, "end": 86_399, **dict.fromkeys(KINDS, 1)}]
    spans += [_span(draw, zone) for zone in (2, 3, 4) for _ in range(draw.choice((1, 1, 2, 3)))]
    zones = [{"id": id_, "name": "z"} for id_ in range(1, 6) if draw.random() < 0.95]
    holidays = [
        {
            "id": id_,
            "name": "h",
            "start": _stamp(draw),
            "end": _stamp(draw),
            **{kind: int(draw.random() < 0.4) for kind in KINDS[7:]},
            "repeats": int(draw.random() < 0.5),
        }
        for id_ in range(1, draw.choice((1, 1, 2, 4)))
    ]
    return {
        "time_zones": zones,
        "time_spans": [{"id": number, **span} for number, span in enumerate(spans, 1)],
        "holidays": holidays,
    }


def _rules(draw: Random) -> Tables:
    """Rule 1 lets group 1 in always, as on most sites; the others are anything."""
    rules, portals, groups = range(1, 8), range(1, 5), (1, 2, 3)
    types = {1: 1, 2: 0, **{id_: draw.choice((1, 1, 1, 1, 1, 1, 0, 5)) for id_ in range(3, 8)}}
    usual = [{"portal_id": id_, "access_rule_id": 1} for id_ in portals if draw.random() < 0.75]
    zones = _some(draw, "access_rule_time_zones", range(2, 8), range(1, 6), 0.3)
    return {
        "access_rules": [{"id": id_, "name": "r", "type": types[id_]} for id_ in rules],
        "portal_access_rules": usual
        + _some(draw, "portal_access_rules", portals, range(2, 9), 0.25),
        "area_access_rules": _some(draw, "area_access_rules", (1, 2, 3), rules, 0.1),
        "group_access_rules": [
            {"group_id": 1, "access_rule_id": 1},
            *_some(draw, "group_access_rules", groups, range(3, 9), 0.25),
            *_some(draw, "group_access_rules", (2, 3), (2,), 0.15),
        ],
        "access_rule_time_zones": [{"access_rule_id": 1, "time_zone_id": 1}, *zones],
        "access_rule_actions": _some(draw, "access_rule_actions", rules, range(1, 8), 0.2),
        "contingency_card_access_rules": [{"access_rule_id": draw.choice((1, 1, 3, 9))}],
    }


def _places(draw: Random) -> Tables:
    scripts = ("door", "sec_box", "catra", "open_collector", "lamp", " DOOR ")
    portal_rules = [1, 2] if draw.random() < 0.6 else []
    needs = [
        {"portal_rule_id": rule, "group_id": group, "quantity": draw.choice((1, 1, 1, 2))}
        for rule in portal_rules
        for group in draw.sample((1, 2, 2, 3, 3), 2)
    ]
    unique = {(row["portal_rule_id"], row["group_id"]): row for row in needs}
    return {
        "portals": [
            {
                "id": id_,
                "name": "p",
                "area_from_id": draw.choice((1, 1, 2)),
                "area_to_id": draw.choice((1, 2, 2, 3)),
            }
            for id_ in range(1, 5)
        ],
        "actions": [
            {
                "id": id_,
                "name": "a",
                "action": draw.choice(scripts),
                "parameters": "",
                "run_at": draw.choice((0, 0, 0, 1, 2, 3)),
            }
            for id_ in range(1, 6)
        ],
        "portal_actions": _some(draw, "portal_actions", range(1, 5), range(1, 7), 0.4),
        "portal_rules": [
            {"id": id_, "name": "together", "type": draw.choice((1,) * 9 + (0,))}
            for id_ in portal_rules
        ],
        "portal_rule_groups": list(unique.values()),
        "portal_portal_rules": _some(draw, "portal_portal_rules", (1, 2, 3), (1, 2, 3), 0.5),
        "portal_rule_time_zones": _some(draw, "portal_rule_time_zones", (1, 2), range(1, 6), 0.3),
        "portal_rule_actions": _some(draw, "portal_rule_actions", (1, 2), range(1, 7), 0.3),
        "antipassback_areas": [
            {"area_id": id_, "mode": draw.choice((1, 2, 2))}
            for id_ in (1, 2, 3)
            if draw.random() < 0.25
        ],
    }


def _people(draw: Random) -> Tables:
    users = range(1, 7)

    def date(likely: float) -> int | None:
        return _stamp(draw) if draw.random() < likely else draw.choice((0, None))

    dated = draw.random() < 0.7
    return {
        "users": [
            {
                "id": id_,
                "begin_time": date(0.2) if dated and id_ > 1 else 0,
                "end_time": date(0.3) if dated and id_ > 1 else None,
            }
            for id_ in users
        ],
        "user_groups": _ending(
            draw,
            [{"user_id": id_, "group_id": 1} for id_ in users if draw.random() < 0.8]
            + _some(draw, "user_groups", users, (2, 3), 0.35),
        ),
        "user_access_rules": _ending(
            draw, _some(draw, "user_access_rules", (4, 5, 6), range(2, 9), 0.1)
        ),
        "credentials": _credentials(draw),
        "antipassback_exemptions": [{"user_id": draw.choice(users)}],
    }


def _ending(draw: Random, links: list[Row]) -> list[Row]:
    """Ties of people, some of which end, on every third site."""
    likely = draw.choice((0, 0, 0.2))
    return [{**link, "end_time": _stamp(draw) if draw.random() < likely else 0} for link in links]


def _credentials(draw: Random) -> list[Row]:
    """What people show; most of it is in order."""
    likely, counted = draw.choice((0, 0, 0.25)), draw.choice((0, 1))
    pairs = product(range(1, 7), (*CARDS, "pin"))
    return [
        {
            "id": id_,
            "user_id": user,
            "factor": factor,
            "status": draw.choice((1, 2, 3, 9)) if draw.random() < likely else 0,
            "begin_time": _stamp(draw) if draw.random() < likely / 2 else 0,
            "end_time": _stamp(draw) if draw.random() < likely / 2 else 0,
            "uses": draw.choice((1, 1, 1, 1, 2)) if draw.random() < counted else 0,
        }
        for id_, (user, factor) in enumerate(pairs, 1)
    ]


def _conditions(draw: Random) -> Tables:
    """Conditions that nobody can evaluate, on one site of four."""
    found: Tables = {name: [] for name in CONDITIONS}
    if draw.random() < 0.25:
        for name in CONDITIONS:
            found[name] = _some(draw, name, range(1, 8), (1,), 0.2)
    if draw.random() < 0.3:
        found["access_rule_validations"] += _some(
            draw, "access_rule_validations", range(1, 8), (2, 3), 0.3
        )
    return {**found, "validations": VALIDATIONS}


VALIDATIONS: list[Row] = [
    {"id": 1, "validation": "mask", "parameters": ""},
    {"id": 2, "validation": "member_of", "parameters": "group=2"},
    {"id": 3, "validation": "not_member_of", "parameters": "group=3"},
]


def _crowds(draw: Random) -> Tables:
    """Limits of areas on one site of three, and escorts on as many."""
    limits = [id_ for id_ in (1, 2, 3) if draw.random() < 0.7] if draw.random() < 0.4 else []
    escorts = [id_ for id_ in range(1, 5) if draw.random() < 0.6] if draw.random() < 0.4 else []
    return {
        "outside_areas": [
            {"area_id": id_} for id_ in draw.choice(((), (), (1,), (3,), (1, 2), (1, 2, 3)))
        ],
        "occupancy_limits": [
            {
                "area_id": id_,
                "maximum": draw.choice((0, 1, 2, 2)),
                "minimum": draw.choice((0, 0, 2)),
                "empty_at": -1,
            }
            for id_ in limits
        ],
        "escort_rules": [
            {
                "id": id_,
                "name": "tour",
                "portal_id": portal,
                "visitor_group_id": guests,
                "host_group_id": hosts,
                "within_s": draw.choice((5, 10, 15)),
            }
            for id_, portal in enumerate(escorts, 1)
            for guests, hosts in [draw.choice(((1, 2), (1, 3), (2, 3), (3, 2)))]
        ],
    }


def _threats(draw: Random) -> Tables:
    """Levels 1 and 2 as a rule, 3 rarely: a level without a definition lets nobody pass."""
    levels = [level for level in (1, 2, 3) if draw.random() < (0.9, 0.9, 0.3)[level - 1]]
    return {
        "threat_levels": [
            {
                "id": 10 + level,
                "level": level,
                "name": "t",
                "listed_groups_only": draw.choice((0, 1, 1)),
                "stops_unlock_schedules": 1,
                "stops_first_cards": 1,
                "factor_mode": draw.choice((0, 1, 1, 1, 2, 3)),
            }
            for level in levels
        ],
        "threat_level_groups": _some(draw, "threat_level_groups", (11, 12, 13), (1, 2, 3), 0.4),
    }


def _site(draw: Random) -> Tables:
    return {
        **_zones(draw),
        **_rules(draw),
        **_places(draw),
        **_people(draw),
        **_conditions(draw),
        **_factors(draw),
        **_threats(draw),
        **_crowds(draw),
    }


def _factors(draw: Random) -> Tables:
    """What portals ask for at times, on every second site."""
    pairs = list(product(range(1, 5), range(1, 6))) if draw.random() < 0.5 else []
    chosen = [pair for pair in pairs if draw.random() < 0.15]
    return {
        "portal_factor_modes": [
            {
                "id": id_,
                "portal_id": portal,
                "time_zone_id": zone,
                "mode": draw.choice((0, 1, 1, 1, 2, 2, 2, 3, 7)),
            }
            for id_, (portal, zone) in enumerate(chosen, 1)
        ]
    }


# ---- what happens ------------------------------------------------------------------------------


def _steps(draw: Random, tables: Tables, clock: Row) -> Iterator[tuple[Tables, Row]]:
    at_ms, last = 0, _anybody(draw)
    theme = draw.choice((_guess, _crowd, *(_follow,) * 6))
    for _ in range(STEPS):
        if draw.random() < 0.07:
            tables = _changed(draw, tables)
        at_ms += draw.choice(PAUSES_MS[:3] if draw.random() < 0.7 else PAUSES_MS)
        seconds = at_ms // 1000
        now = {name: clock[name] + seconds for name in ("local", "stamp", "utc_s")}
        happening = theme(draw, last)
        if "reader" in happening:
            last = happening
        yield tables, {"at_ms": at_ms, **now, "trusted": clock["trusted"], **happening}


def _anybody(draw: Random) -> Row:
    user = draw.choice((1, 1, 2, 2, 3, 4, 5, 6, None))
    reader = draw.choice((*("front", "side", "vault", "yard") * 12, "loose", "old"))
    return _attempt(draw, reader, user, draw.choice((*CARDS, "card", "card", "pin", "password")))


def _attempt(draw: Random, reader: str, user: int | None, factor: str) -> Row:
    return {
        "reader": reader,
        "portal": READERS[reader],
        "factor": factor,
        "user": user,
        "emergency_card": user is None and factor == "card" and draw.random() < 0.6,
        "duress": factor if factor in ("card", "pin") and draw.random() < 0.05 else None,
        "released": draw.random() < 0.025,
        "locked_down": draw.random() < 0.03,
        "interlocked": draw.random() < 0.15,
        "first_gone": draw.random() < 0.35,
        "threat": draw.choice((1, 2, 3)) if draw.random() < 0.06 else 0,
        "enters": draw.random() < 0.7,
    }


def _follow(draw: Random, last: Row) -> Row:
    """A step that often follows the last one: the same person, reader or both."""
    kind = draw.random()
    if kind < 0.05:
        return {}
    if kind < 0.1:
        return {"key": last["reader"]}
    typed = draw.choice(("pin", "password"))
    if kind < 0.25:
        return _attempt(draw, last["reader"], last["user"], typed)
    if kind < (0.46 if last["factor"] in CARDS else 0.27):
        stranger = draw.choice((None, None, None, 2))
        return _attempt(draw, last["reader"], stranger, typed)
    if kind < 0.6:
        other = draw.choice((1, 2, 3, 4, 5, 6))
        return _attempt(draw, last["reader"], other, draw.choice(CARDS))
    return _anybody(draw)


def _guess(draw: Random, _last: Row) -> Row:
    """A step of somebody who tries codes at one keypad, others in between."""
    if draw.random() < 0.3:
        return _anybody(draw)
    return _attempt(draw, "front", draw.choice((None, None, None, 1, 2)), "pin")


def _crowd(draw: Random, _last: Row) -> Row:
    """A step of one of many who come to one portal."""
    return _attempt(draw, "front", draw.choice((1, 2, 3, 4, 5, 6)), draw.choice(CARDS))


def _changed(draw: Random, tables: Tables) -> Tables:
    """The tables after somebody took something away, or changed it."""
    after = copy.deepcopy(tables)
    others = ("credentials",) * 4 + ("users", "access_rules", "time_zones")
    name = draw.choice((*LINKS, *("portal_portal_rules",) * 5, *others))
    if not after[name]:
        return after
    row = draw.choice(after[name])
    if name == "users":
        row["end_time"] = draw.choice((0, 1_000))
    elif name == "credentials":
        row["status"] = draw.choice((0, 1))
    elif name == "access_rules":
        row["type"] = 1 - min(row["type"], 1)
    elif name == "portal_portal_rules":
        after[name].clear()
    else:
        after[name].remove(row)
    return after
