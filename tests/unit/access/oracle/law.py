"""What the API's rows say of a person at a portal, worked out slowly: time zones and access rules.

Written from the rules of the door (gateway/docs/door-semantics.md), not from the code that it
judges. Nothing is compiled: every question walks through the tables again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

Row = dict[str, Any]
Tables = Mapping[str, list[Row]]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
GROUPS = ("hol1", "hol2", "hol3")
OPENING = ("door", "sec_box", "catra", "open_collector")


def find(tables: Tables, table: str, **equal: object) -> list[Row]:
    """The rows of a table whose columns have these values."""
    wanted = equal.items()
    return [row for row in tables[table] if all(row[name] == value for name, value in wanted)]


# ---- days, spans, time zones ------------------------------------------------------------------


@dataclass(frozen=True)
class When:
    """An instant: device time, the local wall clock, and whether anybody believes them."""

    stamp: int
    local: int
    trusted: bool

    def day_of(self, stamp: int) -> date:
        """The local day of a device time."""
        return (EPOCH + timedelta(seconds=stamp + self.local - self.stamp)).date()


def is_holiday(row: Row, day: date, when: When) -> bool:
    first, last = when.day_of(row["start"]), when.day_of(row["end"])
    if not row["repeats"]:
        return first <= day <= last
    begins, ends, here = ((it.month, it.day) for it in (first, last, day))
    if begins <= ends:
        return begins <= here <= ends
    return here >= begins or here <= ends


def kinds_of_day(tables: Tables, day: date, when: When) -> set[str]:
    """The holiday groups of a day, which stand in for its weekday."""
    holidays = [row for row in tables["holidays"] if is_holiday(row, day, when)]
    return {name for row in holidays for name in GROUPS if row[name]} or {WEEK[day.weekday()]}


def readable(span: Row) -> bool:
    return span["start"] in range(86_400) and span["end"] in range(86_401)


def covers(span: Row, second: int, today: set[str], yesterday: set[str]) -> bool:
    """Whether a span holds at a second of a day of these kinds, after one of those."""
    if not readable(span):
        return False
    start, end = int(span["start"]), int(span["end"])
    begins_today = any(span[kind] for kind in today)
    began_yesterday = any(span[kind] for kind in yesterday)
    if start <= end:
        return begins_today and start <= second <= end
    return (begins_today and second >= start) or (began_yesterday and second <= end)


def span_holds(tables: Tables, span: Row, when: When) -> bool:
    now = EPOCH + timedelta(seconds=when.local)
    today = kinds_of_day(tables, now.date(), when)
    yesterday = kinds_of_day(tables, now.date() - timedelta(days=1), when)
    return covers(span, now.hour * 3600 + now.minute * 60 + now.second, today, yesterday)


def always(spans: list[Row]) -> bool:
    """Whether no day of any kind, after one of any kind, has a second that the spans leave out.

    If there is one, there is one at midnight or in the second after the end of a span.
    """
    seconds = {0, *(span["end"] + 1 for span in spans if span["end"] < 86_399)}
    kinds = (*WEEK, *GROUPS)
    return all(
        any(covers(span, second, {today}, {yesterday}) for span in spans)
        for second in seconds
        for today in kinds
        for yesterday in kinds
    )


def spans_of(tables: Tables, zone_id: int) -> list[Row]:
    if not find(tables, "time_zones", id=zone_id):
        return []
    return find(tables, "time_spans", time_zone_id=zone_id)


def some_day(span: Row) -> bool:
    return readable(span) and any(span[kind] for kind in (*WEEK, *GROUPS))


def releases(tables: Tables, zones: list[int], when: When) -> bool:
    """Only a schedule that is certain to hold releases."""
    found = [spans_of(tables, zone) for zone in zones]
    if not when.trusted:
        return any(always(spans) for spans in found)
    return any(span_holds(tables, span, when) for spans in found for span in spans)


def restricts(tables: Tables, zones: list[int], when: When) -> bool:
    """Only a schedule that is certain not to hold lifts a restriction."""
    found = [spans_of(tables, zone) for zone in zones]
    for spans in found:
        if not any(some_day(span) for span in spans) or not all(readable(span) for span in spans):
            return True
    if not found or not when.trusted:
        return True
    return any(span_holds(tables, span, when) for spans in found for span in spans)


# ---- factors -----------------------------------------------------------------------------------

ASKS = ((), ("card",), ("pin",), ("card", "pin"))
"""What each mode of `portal_factor_modes` asks for; without anything, either is enough."""


def asked_for(tables: Tables, portal_id: int, site: set[str], when: When) -> set[str]:
    """The factors that a portal asks for; `site` is what the site asks for elsewhere.

    Every row that may be in force is heeded; the site's own counts unless a row surely is.
    """
    wanted: set[str] = set()
    sure = False
    for row in find(tables, "portal_factor_modes", portal_id=portal_id):
        if restricts(tables, [row["time_zone_id"]], when):
            wanted |= set(ASKS[row["mode"]] if row["mode"] in range(4) else ASKS[3])
            spans = spans_of(tables, row["time_zone_id"])
            broken = not all(readable(span) for span in spans)
            sure = sure or (not broken and releases(tables, [row["time_zone_id"]], when))
    return wanted if sure else wanted | site


# ---- rules ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ruling:
    """What the rules say of a person at a portal."""

    reason: str
    rules: tuple[int, ...] = ()
    actions: tuple[int, ...] = ()


def zones_of(tables: Tables, rule: Row) -> list[int]:
    links = find(tables, "access_rule_time_zones", access_rule_id=rule["id"])
    return [link["time_zone_id"] for link in links]


def reaches(tables: Tables, rule: Row, portal: Row) -> bool:
    id_, area = rule["id"], portal["area_to_id"]
    return bool(
        find(tables, "portal_access_rules", portal_id=portal["id"], access_rule_id=id_)
        or find(tables, "area_access_rules", area_id=area, access_rule_id=id_)
    )


def own_ties(tables: Tables, rule: Row, user: Row) -> list[Row]:
    if user["id"] == 0:  # nobody: an emergency card
        rows = find(tables, "contingency_card_access_rules", access_rule_id=rule["id"])
        return [{**row, "end_time": 0} for row in rows]
    both = {"user_id": user["id"], "access_rule_id": rule["id"]}
    return find(tables, "user_access_rules", **both)


def is_own(tables: Tables, rule: Row, user: Row, when: When) -> bool:
    """Whether a rule is the person's own, for certain or not."""
    return any(not over(link, when) for link in own_ties(tables, rule, user))


def over(link: Row, when: When) -> bool:
    """Whether a tie of a person has ended for certain."""
    return bool(link["end_time"] and when.trusted and when.stamp > link["end_time"])


def sure(link: Row, when: When) -> bool:
    """Whether a tie of a person counts for certain."""
    return not link["end_time"] or (when.trusted and not over(link, when))


def groups_of(tables: Tables, user: Row, when: When, *, doubtful: bool = False) -> list[int]:
    """The departments of a person: those that are certain, or `doubtful` ones too."""
    return [
        link["group_id"]
        for link in find(tables, "user_groups", user_id=user["id"])
        if (not over(link, when) if doubtful else sure(link, when))
    ]


def is_of(tables: Tables, rule: Row, groups: list[int]) -> bool:
    return any(
        find(tables, "group_access_rules", group_id=group, access_rule_id=rule["id"])
        for group in groups
    )


def is_doubtful(tables: Tables, rule: Row, user: Row, when: When) -> bool:
    """Whether nobody can tell that a rule, which is tied to the person, still is."""
    own = [link for link in own_ties(tables, rule, user) if not over(link, when)]
    if own:
        return not any(sure(link, when) for link in own)
    return not is_of(tables, rule, groups_of(tables, user, when))


def has_ended(tables: Tables, here: list[Row], user: Row, when: When) -> bool:
    """Whether one of the releasing rules of a place was the person's, and is no more."""
    links = find(tables, "user_groups", user_id=user["id"])
    groups = [link["group_id"] for link in links if over(link, when)]
    return any(
        is_of(tables, rule, groups)
        or any(over(link, when) for link in own_ties(tables, rule, user))
        for rule in here
        if rule["type"] == 1
    )


# ---- credentials -------------------------------------------------------------------------------


def credential_of(tables: Tables, user_id: int | None, factor: str) -> Row | None:
    """The row of what a person shows; nothing is known of a password."""
    return next(iter(find(tables, "credentials", user_id=user_id, factor=factor)), None)


def refusal_of(row: Row, entries: list[Row], when: When) -> str | None:
    """Why a credential opens nothing by itself; `entries` are all that were made."""
    words = {1: "credential_lost", 2: "credential_stolen"}
    if row["status"]:
        return words.get(row["status"], "credential_disabled")
    begin, end = row["begin_time"], row["end_time"]
    if (begin or end) and not when.trusted:
        return "clock_not_trusted"
    if begin and when.stamp < begin:
        return "credential_not_yet_valid"
    if end and when.stamp > end:
        return "credential_expired"
    made = [it for it in entries if it["credential"] == row["id"]]
    return "credential_used_up" if row["uses"] and len(made) >= row["uses"] else None


def runnable(tables: Tables, ids: list[int]) -> list[Row]:
    found = [row for id_ in ids for row in find(tables, "actions", id=id_)]
    return [row for row in found if row["run_at"] in (0, 1, 2)]


def actions_of(tables: Tables, table: str, column: str, id_: int) -> list[Row]:
    links = find(tables, table, **{column: id_})
    return runnable(tables, [link["action_id"] for link in links])


def once(actions: list[Row]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(row["id"] for row in actions))


def invalid_now(user: Row, when: When) -> str | None:
    begin, end = user["begin_time"] or 0, user["end_time"] or 0
    if (begin or end) and not when.trusted:
        return "clock_not_trusted"
    if begin and when.stamp < begin:
        return "not_yet_valid"
    return "expired" if end and when.stamp > end else None


def rule_on(tables: Tables, user: Row, portal: Row, when: When) -> Ruling:
    """Validity, then blocks, then releases."""
    invalid = invalid_now(user, when)
    if invalid:
        return Ruling(invalid)
    here = [rule for rule in tables["access_rules"] if reaches(tables, rule, portal)]
    own = [rule for rule in here if is_own(tables, rule, user, when)]
    groups = groups_of(tables, user, when, doubtful=True)
    tied = own + [rule for rule in here if rule not in own and is_of(tables, rule, groups)]
    tied.sort(key=lambda rule: int(rule["id"]))
    blocking = [
        rule
        for rule in tied
        if rule["type"] == 0
        and restricts(tables, zones_of(tables, rule), when)
        and (has_unknown(tables, rule) or may_hold(tables, rule, user, when))
    ]
    by_rule = [
        action
        for rule in blocking
        for action in actions_of(tables, "access_rule_actions", "access_rule_id", rule["id"])
        if action["action"].strip().lower() not in OPENING
    ]
    if blocking:
        return Ruling("blocked", tuple(rule["id"] for rule in blocking), once(by_rule))
    candidates = [rule for rule in tied if rule["type"] == 1]
    counting = [rule for rule in candidates if rule in own] or candidates
    if not counting:
        return Ruling("right_ended" if has_ended(tables, here, user, when) else "no_rule")
    if is_conditional(tables, user, when):
        return Ruling("unknown_condition")
    certain = [rule for rule in counting if not is_doubtful(tables, rule, user, when)]
    return by_releases(tables, user, counting, certain, portal, when)


def is_conditional(tables: Tables, user: Row, when: When) -> bool:
    """Whether an identification rule says how the person has to identify; nobody here knows it."""
    return bool(find(tables, "user_identification_rules", user_id=user["id"])) or any(
        find(tables, "group_identification_rules", group_id=group)
        for group in groups_of(tables, user, when, doubtful=True)
    )


def by_releases(
    tables: Tables, user: Row, tied: list[Row], certain: list[Row], portal: Row, when: When
) -> Ruling:
    known = [rule for rule in tied if not has_unknown(tables, rule)]
    counting = [rule for rule in known if surely_holds(tables, rule, user, when)]
    fired = [
        rule
        for rule in counting
        if rule in certain and releases(tables, zones_of(tables, rule), when)
    ]
    if fired:
        actions = actions_of(tables, "portal_actions", "portal_id", portal["id"])
        for rule in fired:
            actions += actions_of(tables, "access_rule_actions", "access_rule_id", rule["id"])
        return Ruling("granted", tuple(rule["id"] for rule in fired), once(actions))
    if any(rule not in certain for rule in counting):
        return Ruling("clock_not_trusted")
    zones = [zone for rule in counting for zone in zones_of(tables, rule)]
    depends = any(some_day(span) for zone in zones for span in spans_of(tables, zone))
    if depends and not when.trusted:
        return Ruling("clock_not_trusted")
    if known != tied:
        return Ruling("unknown_condition")
    return Ruling("out_of_time" if counting else "condition_not_met")


def conditions_of(tables: Tables, rule: Row) -> list[Row]:
    links = find(tables, "access_rule_validations", access_rule_id=rule["id"])
    return [row for link in links for row in find(tables, "validations", id=link["validation_id"])]


def has_unknown(tables: Tables, rule: Row) -> bool:
    links = find(tables, "access_rule_validations", access_rule_id=rule["id"])
    known = [row for row in conditions_of(tables, rule) if row["validation"] != "mask"]
    return len(known) < len(links)


def surely_holds(tables: Tables, rule: Row, user: Row, when: When) -> bool:
    """Whether each condition of a rule holds for a person, beyond doubt."""
    sure_ones = groups_of(tables, user, when)
    doubtful = groups_of(tables, user, when, doubtful=True)
    holds = {2: 2 in sure_ones, 3: 3 not in doubtful}
    return all(holds[row["id"]] for row in conditions_of(tables, rule))


def may_hold(tables: Tables, rule: Row, user: Row, when: When) -> bool:
    """Whether each condition of a rule holds for a person, or may."""
    sure_ones = groups_of(tables, user, when)
    doubtful = groups_of(tables, user, when, doubtful=True)
    holds = {2: 2 in doubtful, 3: 3 not in sure_ones}
    return all(holds[row["id"]] for row in conditions_of(tables, rule))
