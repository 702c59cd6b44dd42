"""The second vendor's commands, on a real store, without HTTP."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.access.decision import Decision, decide
from gateway.access.person import Person
from gateway.access.policy import Policy
from gateway.access.reasons import Reason
from gateway.clock import DeviceTime, ManualClock, WireTime
from gateway.commands.context import CommandContext
from gateway.commands.minop import execute_minop
from gateway.commands.minop_requests import Envelope
from gateway.commands.requests import parse
from gateway.commands.rights import Caller
from gateway.errors import InvalidRequest, NotFound, NotPermitted
from gateway.objects.catalogue import REGISTRY
from gateway.objects.factory import FACTORY_ROWS
from gateway.objects.models import Models
from gateway.settings import SiteFile
from gateway.store.files.database import open_reader
from gateway.store.objects.store import Store
from gateway.store.policy.snapshot import SnapshotReader
from gateway.store.tables.accounts import Accounts, Role
from gateway.store.tables.identity import DeviceIdentity
from gateway.store.tables.tokens import TokenTable

HOLDER = Caller("token:cloud", Role.ADMINISTRATOR, None, "")
ANA: dict[str, object] = {"UserID": "123", "FirstName": "Ana", "LastName": "Souza", "UserType": "1"}
OFFICE: dict[str, object] = {
    "UserID": "123",
    "AccessStartTime": "08:00:00",
    "AccessEndTime": "18:00:00",
    "AccessDays": "1,2,3,4,5",
}
FACE = base64.b64encode(bytes(range(200))).decode()
SAO_PAULO = ZoneInfo("America/Sao_Paulo")

Say = Callable[..., None]


class Device:
    """A store and what the commands see around it."""

    def __init__(self, directory: Path, zone: tzinfo, wire: WireTime) -> None:
        clock = ManualClock(datetime(2026, 1, 8, 12, tzinfo=UTC))
        self.time = DeviceTime(lambda: zone, wire)
        self.path = directory / "store.db"
        self.store = Store.create(self.path, REGISTRY, lambda: 0)
        with self.store.transaction():
            for name, rows in FACTORY_ROWS.items():
                self.store.insert(name, rows)
        self.caught_up = 0
        self.obeyed: list[int] = []
        parts: dict[str, Any] = {
            "store": self.store,
            "controller": SimpleNamespace(await_policy=self.obeyed.append),
            "accounts": Accounts(self.store, clock.monotonic_ns),
            "tokens": TokenTable(self.store, clock.utc),
            "sessions": None,
            "catch_up": self._catch_up,
            "clock": clock,
            "device_time": self.time,
            "site": SiteFile.model_construct(),
            "data": directory,
            "identity": DeviceIdentity(1),
            "version": "",
            "started_ns": 0,
        }
        self.context = CommandContext(**parts)

    def _catch_up(self) -> None:
        self.caught_up += 1

    def say(self, verb: str, entity: str, caller: Caller = HOLDER, /, **data: object) -> None:
        body = {"CommandName": verb, "CommandEntity": entity, "OperationData": data}
        assert execute_minop(self.context, caller, parse(Envelope, body)) == {}

    def rows(self, name: str, /, **where: object) -> list[dict[str, Any]]:
        return list(self.store.load({"object": name, "where": {name: where}}).rows)

    def everything(self) -> dict[str, list[dict[str, Any]]]:
        return {declared.name: self.rows(declared.name) for declared in REGISTRY}

    def policy(self) -> Policy:
        reader = open_reader(self.path)
        try:
            compiling = SnapshotReader(reader, Models(REGISTRY, reader)).compile()
            while True:
                next(compiling)
        except StopIteration as done:
            found: Policy = done.value.policy
            return found
        finally:
            reader.close_all()

    def decide(self, user_id: int, moment: str, portal: int = 1) -> Decision:
        """What a swipe at `moment` of the wall clock leads to."""
        person = Person(
            user_id,
            0,
            0,
            tuple(row["group_id"] for row in self.rows("user_groups", user_id=user_id)),
            tuple(row["access_rule_id"] for row in self.rows("user_access_rules", user_id=user_id)),
        )
        utc = datetime.fromisoformat(moment).replace(tzinfo=SAO_PAULO).astimezone(UTC)
        return decide(self.policy(), person, portal, self.time.moment(utc))

    def passes(self, user_id: int, moment: str, portal: int = 1) -> bool:
        return self.decide(user_id, moment, portal).reason is Reason.GRANTED

    def portal(self, number: int) -> None:
        row = {"id": number, "name": "P", "area_from_id": 1, "area_to_id": 1}
        self.store.insert("portals", [row])

    def log(self, *times: int) -> list[int]:
        model, link = self.store.model("access_logs"), self.store.model("access_log_access_rules")
        ids = []
        with self.store.transaction():
            for time in times:
                ids.append(int(model.insert(time=time, event=7).execute()))
                link.insert(access_log_id=ids[-1], access_rule_id=1).execute()
        return ids


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    found = Device(tmp_path, SAO_PAULO, WireTime.LOCAL)
    yield found
    found.store.close()


@pytest.fixture(scope="module")
def unmoved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    """With a person and a log row, for tests that change nothing."""
    found = Device(tmp_path_factory.mktemp("minop"), SAO_PAULO, WireTime.LOCAL)
    found.say("Add", "User", **ANA)
    found.log(found.time.midnight(date(2026, 1, 9)))
    yield found
    found.store.close()


# people


def test_a_person_is_added_with_name_registration_and_department(device: Device) -> None:
    device.say("Add", "User", **ANA)
    [user] = device.rows("users")
    assert (user["id"], user["registration"], user["name"]) == (123, "123", "Ana Souza")
    assert not user["user_type_id"]
    assert device.rows("user_groups") == [{"user_id": 123, "group_id": 1}]
    assert device.rows("user_roles") == []
    assert device.passes(123, "2026-01-11T03:00:00")


def test_numbers_are_taken_where_strings_are_documented(device: Device) -> None:
    device.say("Add", "User", UserID=123, FirstName="Ana", UserType=1)
    assert [user["name"] for user in device.rows("users")] == ["Ana"]


def test_a_device_administrator_has_the_role_as_long_as_the_type_says_so(device: Device) -> None:
    device.say("Add", "User", **ANA | {"UserType": "14"})
    assert [(row["user_id"], row["role"]) for row in device.rows("user_roles")] == [(123, 1)]
    assert device.rows("user_groups") == [{"user_id": 123, "group_id": 1}]
    device.store.modify("user_roles", {"role": 7})
    device.say("Add", "User", UserID="123", UserType="14")
    assert [row["role"] for row in device.rows("user_roles")] == [1]
    device.say("Add", "User", UserID="123", UserType="1")
    assert device.rows("user_roles") == []


def test_a_guest_is_a_visitor_who_gets_in_within_an_access_time_only(device: Device) -> None:
    device.say("Add", "User", **ANA | {"UserType": "0"})
    assert [user["user_type_id"] for user in device.rows("users")] == [1]
    assert device.rows("user_groups") == []
    assert not device.passes(123, "2026-01-12T09:00:00")
    device.say("Update", "AccessTime", **OFFICE)
    assert device.passes(123, "2026-01-12T09:00:00")
    assert not device.passes(123, "2026-01-12T19:00:00")


def test_adding_a_person_who_is_there_changes_what_is_given_and_keeps_departments(
    device: Device,
) -> None:
    device.store.insert("users", [{"id": 123, "name": "Old", "registration": "R-9"}])
    device.say("Add", "User", UserID="123", FirstName="Ana", LastName="Lima")
    device.say("Add", "User", UserID="123", UserType="1")
    [user] = device.rows("users")
    assert (user["name"], user["registration"]) == ("Ana Lima", "R-9")
    assert device.rows("user_groups") == []


@pytest.mark.parametrize(
    ("member", "table"), [("FaceTemplate", "face_templates"), ("FingerTemplate", "templates")]
)
def test_a_template_is_stored_once_however_often_it_comes(
    device: Device, member: str, table: str
) -> None:
    device.say("Add", "User", **ANA)
    for _ in range(2):
        device.say("Add", "User", UserID="123", **{member: FACE})
    [row] = device.rows(table)
    assert (row["user_id"], row["template"]) == (123, FACE)
    assert row.get("length", 200) == 200
    device.say("Add", "User", UserID="123", **{member: "QUJD"})
    assert len(device.rows(table)) == 2


def test_a_person_comes_with_a_template_in_one_command(device: Device) -> None:
    device.say("Add", "User", **ANA, FaceTemplate=FACE)
    assert [row["length"] for row in device.rows("face_templates")] == [200]


def test_a_deleted_person_takes_cards_templates_rule_and_zone_along(device: Device) -> None:
    device.store.insert("users", [{"id": 124, "name": "Bia", "registration": ""}])
    device.say("Update", "AccessTime", **OFFICE | {"UserID": "124"})
    before = device.everything()
    device.say("Add", "User", **ANA | {"UserType": "14"}, FaceTemplate=FACE)
    device.store.insert("cards", [{"value": 5, "user_id": 123}])
    device.say("Update", "AccessTime", **OFFICE)
    device.say("Delete", "User", UserID="123")
    after = device.everything()
    for log in ("change_logs", "audit_logs"):
        assert len(after.pop(log)) > len(before.pop(log))
    assert after == before


def test_a_zone_that_another_rule_relies_on_outlives_the_person(device: Device) -> None:
    device.say("Add", "User", **ANA)
    device.say("Update", "AccessTime", **OFFICE)
    [zone] = device.rows("time_zones", name="minop:123")
    row = {"id": 50, "name": "Blocks", "type": 0, "priority": 0}
    device.store.insert("access_rules", [row])
    for tied in (1, zone["id"]):
        link = {"access_rule_id": 50, "time_zone_id": tied}
        device.store.insert("access_rule_time_zones", [link])
    device.say("Delete", "User", UserID="123")
    assert device.rows("users") == []
    assert device.rows("access_rules", name="minop:123") == []
    assert device.rows("time_zones", name="minop:123") == [zone]


# access times


@pytest.mark.parametrize(
    ("moment", "passes"),
    [
        ("2026-01-12T07:59:59", False),  # a Monday
        ("2026-01-12T08:00:00", True),
        ("2026-01-12T18:00:00", True),
        ("2026-01-12T18:00:01", False),
        ("2026-01-16T12:00:00", True),  # a Friday
        ("2026-01-17T12:00:00", False),
        ("2026-01-18T12:00:00", False),
    ],
)
def test_an_access_time_decides_although_the_department_always_passes(
    device: Device, moment: str, passes: bool
) -> None:
    device.say("Add", "User", **ANA)
    device.say("Update", "AccessTime", **OFFICE)
    assert device.passes(123, moment) is passes
    assert device.obeyed


def test_the_first_day_is_monday_and_the_seventh_sunday(device: Device) -> None:
    device.say("Add", "User", **ANA)
    week = {}
    for number in range(1, 8):
        device.say("Update", "AccessTime", **OFFICE | {"AccessDays": str(number)})
        [span] = device.rows("time_spans", time_zone_id={">": 1})
        week[number] = [day for day in ("mon", "sun") if span[day]]
        assert sum(span[day] for day in ("sun", "mon", "tue", "wed", "thu", "fri", "sat")) == 1
    assert (week.pop(1), week.pop(7)) == (["mon"], ["sun"])
    assert not any(week.values())


def test_a_start_after_the_end_runs_past_midnight(device: Device) -> None:
    device.say("Add", "User", **ANA)
    night = {"AccessStartTime": "22:00:00", "AccessEndTime": "05:00:00", "AccessDays": "5"}
    device.say("Update", "AccessTime", UserID="123", **night)
    assert device.passes(123, "2026-01-16T23:00:00")  # Friday
    assert device.passes(123, "2026-01-17T05:00:00")
    assert not device.passes(123, "2026-01-16T05:00:00")
    assert not device.passes(123, "2026-01-17T23:00:00")


def test_a_second_access_time_replaces_the_first_under_the_same_rule(device: Device) -> None:
    device.say("Add", "User", **ANA)
    device.say("Update", "AccessTime", **OFFICE)
    first = device.rows("access_rules"), device.rows("time_zones"), len(device.rows("time_spans"))
    device.say("Update", "AccessTime", **OFFICE | {"AccessDays": " 6, 7,7"})
    second = device.rows("access_rules"), device.rows("time_zones"), len(device.rows("time_spans"))
    assert second == first
    assert not device.passes(123, "2026-01-12T12:00:00")
    assert device.passes(123, "2026-01-17T12:00:00")


def test_an_access_time_holds_at_every_portal_of_the_departments_and_nowhere_else(
    device: Device,
) -> None:
    for number in (2, 3, 4, 5):
        device.portal(number)
    device.store.insert("areas", [{"id": 9, "name": "Lab"}])
    device.store.modify("portals", {"area_to_id": 9}, {"portals": {"id": 3}})
    device.store.insert("groups", [{"id": 2, "name": "Staff"}, {"id": 3, "name": "Others"}])
    for rule, kind, group in ((20, 1, 2), (21, 0, 2), (22, 1, 3), (23, 1, 2)):
        row = {"id": rule, "name": "R", "type": kind, "priority": 0}
        device.store.insert("access_rules", [row])
        device.store.insert("group_access_rules", [{"group_id": group, "access_rule_id": rule}])
    days = dict.fromkeys(("sun", "mon", "tue", "wed", "thu", "fri", "sat"), 0)
    device.store.insert("time_zones", [{"id": 30, "name": "Sundays"}])
    span = {"time_zone_id": 30, "start": 0, "end": 86_400, **days, "sun": 1}
    device.store.insert("time_spans", [span])
    device.store.insert(
        "access_rule_time_zones",
        [{"access_rule_id": n, "time_zone_id": zone} for n, zone in ((20, 1), (21, 30), (22, 1))],
    )
    device.store.insert(
        "portal_access_rules",
        [
            {"portal_id": 2, "access_rule_id": 20},
            {"portal_id": 4, "access_rule_id": 21},  # blocks, on Sundays
            {"portal_id": 4, "access_rule_id": 23},  # releases at no time
            {"portal_id": 5, "access_rule_id": 22},  # another department's
        ],
    )
    device.store.insert("area_access_rules", [{"area_id": 9, "access_rule_id": 20}])
    device.say("Add", "User", **ANA)
    device.store.insert("user_groups", [{"user_id": 123, "group_id": 2}])
    device.say("Update", "AccessTime", **OFFICE)
    within, outside = "2026-01-12T12:00:00", "2026-01-12T20:00:00"
    assert [n for n in range(1, 6) if device.passes(123, within, n)] == [1, 2, 3]
    assert not any(device.passes(123, outside, n) for n in range(1, 6))


def test_on_a_holiday_only_an_access_time_of_all_days_admits(device: Device) -> None:
    noon = "2026-01-12T12:00:00"
    day = device.time.midnight(date(2026, 1, 12))
    groups = {"hol1": 1, "hol2": 0, "hol3": 0, "repeats": 0}
    device.store.insert("holidays", [{"name": "H", "start": day, "end": day, **groups}])
    device.say("Add", "User", **ANA)
    device.say("Update", "AccessTime", **OFFICE)
    assert not device.passes(123, noon)
    device.say("Update", "AccessTime", **OFFICE | {"AccessDays": "1,2,3,4,5,6,7"})
    assert device.passes(123, noon)


def test_what_somebody_deleted_half_is_made_whole_again(device: Device) -> None:
    device.say("Add", "User", **ANA)
    device.say("Update", "AccessTime", **OFFICE)
    device.store.destroy("time_zones", {"time_zones": {"name": "minop:123"}})
    device.store.destroy("users", {"users": {"id": 123}})
    device.say("Add", "User", **ANA)
    assert device.passes(123, "2026-01-12T20:00:00")
    device.say("Update", "AccessTime", **OFFICE)
    assert device.passes(123, "2026-01-12T12:00:00")
    assert not device.passes(123, "2026-01-12T20:00:00")
    assert len(device.rows("access_rules")) == 2


# logs

DAY = 86_400


def test_logs_of_the_days_go_both_ends_included_and_no_others(device: Device) -> None:
    first = device.time.midnight(date(2026, 1, 8))
    times = [first - 1, first, first + DAY, first + 2 * DAY - 1, first + 2 * DAY]
    ids = device.log(*times)
    device.say("Delete", "AttendanceLog", StartDate="2026-01-08", EndDate="2026-01-09")
    assert [row["id"] for row in device.rows("access_logs")] == [ids[0], ids[4]]
    links = device.rows("access_log_access_rules")
    assert [row["access_log_id"] for row in links] == [ids[0], ids[4]]
    # What the controller had committed came into the table first.
    assert device.caught_up == 1


@pytest.mark.parametrize(
    ("zone", "day", "local", "utc"),
    [
        ("America/Sao_Paulo", date(2026, 1, 8), "2026-01-08T00:00:00", "2026-01-08T03:00:00"),
        ("Asia/Tokyo", date(2026, 1, 8), "2026-01-08T00:00:00", "2026-01-07T15:00:00"),
        # The clock went from midnight to one: the day began at one.
        ("America/Sao_Paulo", date(2018, 11, 4), "2018-11-04T00:00:00", "2018-11-04T03:00:00"),
    ],
)
def test_a_day_begins_at_the_midnight_of_the_site(
    zone: str, day: date, local: str, utc: str
) -> None:
    def stamp(text: str) -> int:
        return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())

    def where() -> tzinfo:
        return ZoneInfo(zone)

    assert DeviceTime(where, WireTime.LOCAL).midnight(day) == stamp(local)
    assert DeviceTime(where, WireTime.UTC).midnight(day) == stamp(utc)


# the audit log


def test_who_did_what_is_told_without_the_templates(device: Device) -> None:
    device.say("Add", "User", **ANA, FaceTemplate=FACE)
    device.say("Update", "AccessTime", **OFFICE)
    device.say("Delete", "User", UserID="123")
    first = device.time.midnight(date(2026, 1, 8))
    device.log(first, first + 5)
    device.say("Delete", "AttendanceLog", StartDate="2026-01-08", EndDate="2026-01-08")
    added, updated, deleted, emptied = (row["details"] for row in device.rows("audit_logs"))
    assert all("token:cloud" in told for told in (added, updated, deleted, emptied))
    assert added.endswith(
        "Add User: UserID 123, FirstName Ana, LastName Souza, UserType 1, FaceTemplate of 200 bytes"
    )
    assert updated.endswith(
        "Update AccessTime: UserID 123, AccessStartTime 08:00:00, AccessEndTime 18:00:00, "
        "AccessDays 1,2,3,4,5"
    )
    assert deleted.endswith("Delete User: UserID 123")
    assert "Delete AttendanceLog access_logs: 2 rows" in emptied
    assert str(first) in emptied


# refusals

Broken = tuple[str, str, dict[str, object], str]
BAD_TIMES: tuple[object, ...] = ("8:00:00", "08:00", "24:00:00", "08:60:00", "", 8)
BAD_DAYS: tuple[object, ...] = ("", "0", "8", "1,,2", "mon", "12", "1;2", 12)
BAD_DATES: tuple[object, ...] = (
    "2026-02-30",
    "20260108",
    "2026-W02-4",
    "08/01/2026",
    "1969-12-31",
    "",
    5,
)
BAD_IDS: tuple[object, ...] = ("", "0", "-1", "007", "x", "1" * 16, "١٢", "1.5", 0, -3)
NO_TEXTS: tuple[object, ...] = (None, 1.5, True, ["1"], {})
BROKEN: list[Broken] = [
    ("Add", "User", {}, "Invalid member 'UserID' (string expected, got undefined)"),
    ("Add", "User", {"UserID": "123"}, "needs a name, a type or a template"),
    ("Add", "User", {"UserID": "123", "FirstName": None}, "needs a name, a type or a template"),
    *(
        ("Add", "User", ANA | {"UserID": wrong}, "Invalid member 'UserID' (1 to 15 digits")
        for wrong in BAD_IDS
    ),
    *(
        ("Add", "User", ANA | {"UserID": wrong}, "Invalid member 'UserID' (a string is needed)")
        for wrong in NO_TEXTS
    ),
    ("Add", "User", ANA | {"UserType": "2"}, "Invalid member 'UserType' (0 (guest)"),
    ("Add", "User", ANA | {"UserType": "01"}, "Invalid member 'UserType'"),
    ("Add", "User", ANA | {"UserID": "9", "UserType": None}, "'UserType' (a new person needs it)"),
    ("Add", "User", {"UserID": "9", "UserType": "1"}, "'FirstName' (a new person needs it)"),
    ("Add", "User", ANA | {"FirstName": " "}, "Invalid member 'FirstName'"),
    ("Add", "User", {"UserID": "123", "LastName": "Lima"}, "Invalid member 'FirstName'"),
    ("Add", "User", ANA | {"FirstName": "a\0b"}, "NUL"),
    ("Add", "User", ANA | {"CardNo": "7"}, "Invalid member 'CardNo'"),
    ("Add", "User", ANA | {"FaceTemplate": "%%"}, "Invalid member 'FaceTemplate'"),
    ("Add", "User", ANA | {"FaceTemplate": ""}, "Invalid member 'FaceTemplate'"),
    ("Add", "User", ANA | {"FirstName": "New", "PalmTemplate": FACE}, "'PalmTemplate'"),
    (
        "Add",
        "User",
        ANA | {"FirstName": "New", "FingerTemplate": base64.b64encode(bytes(1 << 21)).decode()},
        "template",
    ),
    ("Update", "AccessTime", {"UserID": "123"}, "Invalid member 'AccessStartTime' (string exp"),
    *(
        ("Update", "AccessTime", OFFICE | {"AccessStartTime": wrong}, "'AccessStartTime' (a time")
        for wrong in BAD_TIMES
    ),
    *(
        ("Update", "AccessTime", OFFICE | {"AccessDays": wrong}, "'AccessDays' (days 1")
        for wrong in BAD_DAYS
    ),
    ("Delete", "User", {}, "Invalid member 'UserID'"),
    *(
        ("Delete", "AttendanceLog", {"StartDate": wrong, "EndDate": "2026-01-09"}, "'StartDate'")
        for wrong in BAD_DATES
    ),
    (
        "Delete",
        "AttendanceLog",
        {"StartDate": "2026-01-09", "EndDate": "2026-01-08"},
        "'EndDate' (it is before StartDate)",
    ),
    ("Delete", "AttendanceLog", {"StartDate": "2026-01-09", "EndDate": "9999-12-31"}, "'EndDate'"),
    ("Update", "User", ANA, "Update User is not a command: Add User, Delete User, "),
    ("add", "user", ANA, "is not a command"),
]


@pytest.mark.parametrize(("verb", "entity", "data", "text"), BROKEN)
def test_what_cannot_be_carried_out_says_why_and_changes_nothing(
    unmoved: Device, verb: str, entity: str, data: dict[str, object], text: str
) -> None:
    before = unmoved.everything()
    with pytest.raises(InvalidRequest) as refusal:
        unmoved.say(verb, entity, **data)
    assert text in str(refusal.value)
    assert unmoved.everything() == before


@pytest.mark.parametrize(
    ("verb", "entity", "data"),
    [
        ("Delete", "User", {"UserID": "999"}),
        ("Update", "AccessTime", OFFICE | {"UserID": "999"}),
        ("Add", "User", {"UserID": "999", "FaceTemplate": FACE}),
    ],
)
def test_a_person_who_is_not_there_is_not_found(
    unmoved: Device, verb: str, entity: str, data: dict[str, object]
) -> None:
    before = unmoved.everything()
    with pytest.raises(NotFound, match="no user 999"):
        unmoved.say(verb, entity, **data)
    assert unmoved.everything() == before


def test_these_commands_are_the_administrators(unmoved: Device) -> None:
    with pytest.raises(NotPermitted):
        unmoved.say("Add", "User", Caller("x", Role.OPERATOR, None, ""), **ANA)
