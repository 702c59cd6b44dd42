"""The data directories that are measured: sites with many people, or with many rules."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.commands.provisioning import initialise
from gateway.objects.catalogue import REGISTRY
from gateway.settings import ACCESS_LOG_CAPACITY
from gateway.store.files import STORE_FILE
from gateway.store.objects.store import Store

DOORS = (1, 2, 3, 4)
"""Each with a reader of the same number, which stands for the portal of that number."""
EVERYONE, OFFICE = 1, 2
"""Departments. The first passes every door always, the second in office hours."""
DEPARTMENTS = 500
"""Of a site with many rules, besides those two."""
ALWAYS, OFFICE_HOURS = 1, 2
"""Rules and time zones of the two."""
SPANS = 'time_spans (time_zone_id, start, "end", sun, mon, tue, wed, thu, fri, sat)'
FIRST_USER = 1_001
_NUMBERS = 60_000
"""Card numbers of one facility."""
_BIAS = 1 << 63


@dataclass(frozen=True, slots=True)
class Site:
    """A data directory, ready to run."""

    data: Path
    users: int
    password: str

    @property
    def store(self) -> Path:
        return self.data / STORE_FILE


def card_of(person: int) -> int:
    """The card of the `person`-th user, fit for 26 bits: facility << 32 | number."""
    return (1 + person // _NUMBERS) << 32 | (1 + person % _NUMBERS)


def stored(card: int) -> int:
    """`card` as the column holds it."""
    return card - _BIAS


def build(data: Path, users: int, unambiguous: Collection[int] = ()) -> Site:
    """A site of four doors and `users` people, each with a card that opens all of them.

    The readers of the doors `unambiguous` know one format, so that its last bit ends a frame.
    """
    site = Site(data, users, initialise(data, _site_file(unambiguous), demo=False))
    people = range(users)
    # As an import writes them: one transaction, the triggers at work.
    put(
        site.store,
        ("groups (id, name)", [(OFFICE, "Office")]),
        ("time_zones (id, name)", [(OFFICE_HOURS, "Office hours")]),
        (SPANS, [(OFFICE_HOURS, 8 * 3600, 18 * 3600, 0, 1, 1, 1, 1, 1, 0)]),
        ("access_rules (id, name, type)", [(OFFICE_HOURS, "Office hours", 1)]),
        ("access_rule_time_zones (access_rule_id, time_zone_id)", [(OFFICE_HOURS, OFFICE_HOURS)]),
        ("group_access_rules (group_id, access_rule_id)", [(OFFICE, OFFICE_HOURS)]),
        (
            "portal_access_rules (portal_id, access_rule_id)",
            # The factory rows let everyone through portal 1.
            [*((door, ALWAYS) for door in DOORS[1:]), *((door, OFFICE_HOURS) for door in DOORS)],
        ),
        ("users (id, registration, name)", ((_user(it), f"{it}", f"User {it}") for it in people)),
        ("cards (value, user_id)", ((stored(card_of(it)), _user(it)) for it in people)),
        ("user_groups (user_id, group_id)", ((_user(it), EVERYONE) for it in people)),
        ("user_groups (user_id, group_id)", ((_user(it), OFFICE) for it in people)),
        (
            "user_access_rules (user_id, access_rule_id)",
            ((_user(it), ALWAYS) for it in people if it % 10 == 0),
        ),
    )
    return site


def reader_of(door: int) -> str:
    """The name of the reader at `door`."""
    return f"reader-{door}"


def _site_file(unambiguous: Collection[int]) -> str:
    """The demo site's kind of doors, four of them, on the simulated board."""
    doors = (
        f"""
[[door]]
id = {door}
name = "door-{door}"
egress = "mechanical"
strike = {{ pin = {16 + door}, locked = "low", unlocked = "high" }}
sensor = {{ pin = {20 + door}, pull = "up" }}

[[reader]]
name = "{reader_of(door)}"
index = {door}
kind = "wiegand"
portal = {door}
d0 = {2 + 2 * door}
d1 = {3 + 2 * door}
formats = {["w26"] if door in unambiguous else ["w26", "w34"]}
"""
        for door in DOORS
    )
    head = '[site]\nname = "Bench"\ntimezone = "America/Sao_Paulo"\nboard = "simulated"\n'
    # A full table would be shortened at the start.
    head += f"access_log_capacity = {2 * ACCESS_LOG_CAPACITY}\n"
    return head + "".join(doors)


def add_rules(
    site: Site, rules: int, zones: int = 200, portals: Sequence[int] = DOORS, areas: int = 1
) -> None:
    """`rules` more releasing rules: each with one of the schedules of five spans, at a portal or
    an area, for two of 500 departments."""
    zone_ids, groups = range(10, 10 + zones), range(10, 10 + DEPARTMENTS)
    ids = range(10, 10 + rules)
    put(
        site.store,
        ("time_zones (id, name)", ((zone, f"Schedule {zone}") for zone in zone_ids)),
        (
            SPANS,
            (
                (zone, hour * 3600, (hour + 2) * 3600, 0, 1, 1, 1, 1, 1, zone % 2)
                for zone in zone_ids
                for hour in (6, 9, 12, 15, 18)
            ),
        ),
        ("groups (id, name)", ((group, f"Department {group}") for group in groups)),
        ("access_rules (id, name, type)", ((rule, f"Rule {rule}", 1) for rule in ids)),
        (
            "access_rule_time_zones (access_rule_id, time_zone_id)",
            ((rule, zone_ids[rule % len(zone_ids)]) for rule in ids),
        ),
        (
            "portal_access_rules (portal_id, access_rule_id)",
            ((portals[rule // 2 % len(portals)], rule) for rule in ids[::2]),
        ),
        (
            "area_access_rules (area_id, access_rule_id)",
            ((1 + rule // 2 % areas, rule) for rule in ids[1::2]),
        ),
        (
            "group_access_rules (group_id, access_rule_id)",
            ((groups[(rule + step) % len(groups)], rule) for rule in ids for step in (0, 7)),
        ),
    )


def add_estate(site: Site, rules: int, portals: int, zones: int) -> None:
    """A site of many buildings: `rules` at `portals` more portals in as many areas, everyone in a
    department of their own building."""
    ids = range(10, 10 + portals)
    put(
        site.store,
        ("areas (id, name)", ((area, f"Area {area}") for area in range(2, 1 + portals))),
        (
            "portals (id, name, area_from_id, area_to_id)",
            ((id_, f"Portal {id_}", 1, 1 + at) for at, id_ in enumerate(ids)),
        ),
        (
            "actions (id, name, action, parameters, run_at)",
            ((id_, f"Open {id_}", "door", f"door={1 + at % 4}", 0) for at, id_ in enumerate(ids)),
        ),
        ("portal_actions (portal_id, action_id)", ((id_, id_) for id_ in ids)),
    )
    add_rules(site, rules, zones, ids, areas=portals)
    people = range(site.users)
    put(
        site.store,
        (
            "user_groups (user_id, group_id)",
            ((_user(person), 10 + person % DEPARTMENTS) for person in people),
        ),
    )


def _user(person: int) -> int:
    return FIRST_USER + person


def put(path: Path, *inserts: tuple[str, Iterable[Sequence[object]]]) -> None:
    """Rows for `table (columns)` each, in one transaction of the database at `path`."""
    with Store.open(path, REGISTRY, lambda: 0) as store, store.transaction():
        for into, rows in inserts:
            marks = ", ".join("?" for _ in into.split(","))
            store.database.execute_many(
                f"INSERT INTO {into} VALUES ({marks})",  # noqa: S608 - our own words
                list(rows),
            )
