from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import peewee
import pytest

from gateway.errors import StorageError
from gateway.objects.catalogue import REGISTRY
from gateway.objects.declaration import ObjectType, Registry
from gateway.objects.fields import U64, Blob, Flag, Id, Int, OnDelete, Ref, Text
from gateway.objects.models import Models
from gateway.store.files.database import open_reader, open_writer
from gateway.store.objects.migrations import VERSION
from gateway.store.objects.store import Store

CHANGE_LOGS = REGISTRY["change_logs"]
GATES = ObjectType("gates", (Id("id"), Text("name", default="")), policy=True)
BADGES = ObjectType(
    "badges",
    (Id("id"), Text("name", default=""), Int("seen", default=0, quiet=True)),
    change_logged=True,
)
KEYS = ObjectType("keys", (Id("id"), Ref("badge_id", "badges", required=True)), change_logged=True)
RING = ObjectType("tracks", (Id("id"), Int("n", required=True)), ring=5)
SMALL = Registry((GATES, BADGES, KEYS, RING, CHANGE_LOGS))


def stamp() -> int:
    return 99


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def changes(store: Store) -> list[tuple[object, ...]]:
    return [tuple(row.values())[1:] for row in store.load({"object": "change_logs"}).rows]


def test_each_change_of_a_policy_table_raises_the_version(path: Path) -> None:
    with Store.create(path, SMALL, stamp) as store:
        seen = [store.policy_version()]
        store.insert("gates", [{"name": "a"}])
        seen.append(store.policy_version())
        store.modify("gates", {"name": "b"})
        seen.append(store.policy_version())
        store.destroy("gates")
        seen.append(store.policy_version())
        store.set_configuration({"general": {"relay1_timeout": 1000}})
        seen.append(store.policy_version())

        assert seen == sorted(set(seen))


def test_other_changes_leave_the_version_alone(path: Path) -> None:
    with Store.create(path, SMALL, stamp) as store:
        before = store.policy_version()
        store.insert("badges", [{"name": "a"}])
        store.modify("gates", {"name": "nobody"})

        assert store.policy_version() == before


def test_a_failed_write_leaves_the_version_alone(path: Path) -> None:
    with Store.create(path, SMALL, stamp) as store:
        before = store.policy_version()
        with pytest.raises(KeyError), store.transaction():  # noqa: PT012 - what comes before counts
            store.insert("gates", [{}])
            raise KeyError

        assert store.policy_version() == before


def test_the_policy_tables_are_those_that_decisions_are_compiled_from() -> None:
    assert {declared.name for declared in REGISTRY if declared.policy} == {
        "areas", "portals", "actions", "portal_actions", "access_rules", "access_rule_actions",
        "portal_access_rules", "area_access_rules", "group_access_rules",
        "access_rule_time_zones", "time_zones", "time_spans", "holidays", "scripts",
        "script_parameters", "script_instances", "portal_script_parameters", "alarm_zones",
        "alarm_zone_time_zones", "portal_rules", "portal_portal_rules", "portal_rule_groups",
        "portal_rule_time_zones", "portal_rule_actions", "portal_rule_users",
        "portal_rule_validations", "access_rule_validations", "user_identification_rules",
        "group_identification_rules", "scheduled_unlocks",
        "scheduled_unlock_access_rules", "contingency_card_access_rules", "antipassback_areas",
        "exception_modes", "first_card_unlocks", "first_card_unlock_groups", "timed_alarms",
        "portal_factor_modes", "validations",
        "threat_levels", "threat_level_groups", "occupancy_limits", "outside_areas",
        "escort_rules",
        "door_settings", "door_groups", "door_group_doors",
        "door_operators", "door_operator_readers",
        "zone_sets", "zone_set_zones",
        "portal_gestures", "portal_gesture_groups", "portal_gesture_users",
        "elevator_floors",
        "sec_boxs",
        "triggers",
        "wiegand_modes",
    }  # fmt: skip


def test_the_change_log_tells_of_every_change_cascades_included(path: Path) -> None:
    with Store.create(path, SMALL, stamp) as store:
        store.insert("badges", [{"id": 4}])
        store.insert("keys", [{"id": 8, "badge_id": 4}])
        store.modify("badges", {"name": "x"})
        store.destroy("badges")

        assert changes(store) == [
            ("insert", "badges", 4, 99),
            ("insert", "keys", 8, 99),
            ("update", "badges", 4, 99),
            ("delete", "keys", 8, 99),
            ("delete", "badges", 4, 99),
        ]


def test_a_quiet_field_is_not_worth_a_change(path: Path) -> None:
    with Store.create(path, SMALL, stamp) as store:
        store.insert("badges", [{"id": 4}])
        store.modify("badges", {"seen": 5})

        assert changes(store) == [("insert", "badges", 4, 99)]


def test_a_new_id_is_a_deletion_and_an_insertion(path: Path) -> None:
    with Store.create(path, SMALL, stamp) as store:
        store.insert("badges", [{"id": 4}])
        store.modify("badges", {"id": 5})

        assert changes(store)[1:] == [("delete", "badges", 4, 99), ("insert", "badges", 5, 99)]


def test_people_cards_and_templates_are_change_logged() -> None:
    assert {it.name for it in REGISTRY if it.change_logged} == {
        "users", "cards", "templates", "face_templates",
    }  # fmt: skip
    assert REGISTRY["users"].field("last_access").quiet


def test_a_ring_keeps_the_newest_and_ids_go_on(path: Path) -> None:
    with Store.create(path, SMALL, stamp) as store:
        store.insert("tracks", [{"n": n} for n in range(12)])
        kept = [row["id"] for row in store.load({"object": "tracks"}).rows]
        store.destroy("tracks")

        assert kept == [8, 9, 10, 11, 12]
        assert store.insert("tracks", [{"n": 0}]) == [13]


def test_the_rings_of_the_device_are_as_long_as_documented() -> None:
    rings = {declared.name: declared.ring for declared in REGISTRY if declared.ring}

    assert rings == {"change_logs": 10_000, "access_events": 10_000, "audit_logs": 25_000}


def test_references_credentials_and_times_of_logs_are_indexed(store: Store) -> None:
    for name, field in [
        *(
            (declared.name, ref.name)
            for declared in REGISTRY
            for ref in declared.refs
            if ref.selective
        ),
        ("uhf_tags", "value"),
        ("contingency_cards", "value"),
        ("cards", "value"),
        ("qrcodes", "value"),
        ("pins", "value"),
        ("access_logs", "time"),
    ]:
        column = store.models.column(name, field)
        sql, _ = store.model(name).select(column).where(column == 0).sql()
        plan = store.reader().execute_sql(f"EXPLAIN QUERY PLAN {sql}", (0,)).fetchall()
        assert "USING" in plan[0][3], f"{name}.{field}: {plan}"
        assert "INDEX" in plan[0][3]


def test_writers_are_durable_and_keep_references(store: Store) -> None:
    settings = {
        name: store.database.execute_sql(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
    }

    assert settings == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 5_000,
    }


def test_readers_cannot_write(store: Store) -> None:
    with pytest.raises(peewee.OperationalError, match="readonly database"):
        store.reader().execute_sql("DELETE FROM qrcodes")


def test_another_process_reads_what_was_committed(store: Store, tmp_path: Path) -> None:
    store.insert("users", [{"name": "Ana"}])
    other = open_reader(tmp_path / "store.db")
    try:
        models = Models(REGISTRY, other)
        assert models["users"].select().count() == 1
    finally:
        other.close_all()


def test_a_store_without_its_writer_can_still_be_read(path: Path) -> None:
    with Store.create(path, SMALL, stamp) as store:
        store.insert("gates", [{"name": "a"}])
    reader = open_reader(path)
    try:
        assert reader.execute_sql("SELECT name FROM gates").fetchall() == [("a",)]
    finally:
        reader.close_all()


def test_threads_have_connections_of_their_own_and_all_get_closed(path: Path) -> None:
    with Store.create(path, SMALL, stamp) as store:
        gate = threading.Barrier(3)
        failures: list[BaseException] = []

        def work(number: int) -> None:
            try:
                gate.wait(timeout=10)
                for step in range(5):
                    store.insert("gates", [{"name": f"{number}-{step}"}])
                    list(store.load({"object": "gates"}).rows)
            except BaseException as error:  # noqa: BLE001 - the test reports it
                failures.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert failures == []
        assert len(list(store.load({"object": "gates"}).rows)) == 15
    assert not path.with_name("store.db-wal").exists(), "a connection was left open"


def test_an_existing_file_is_not_created_again(path: Path) -> None:
    Store.create(path, SMALL, stamp).close()
    with pytest.raises(StorageError, match="exists already"):
        Store.create(path, SMALL, stamp)


def test_a_file_that_is_missing_or_no_database_is_refused(path: Path) -> None:
    with pytest.raises(StorageError):
        Store.open(path, SMALL, stamp)
    assert not path.exists()
    path.write_bytes(b"no database at all" * 100)
    with pytest.raises(StorageError):
        Store.open(path, SMALL, stamp)
    with pytest.raises(StorageError, match="cannot be made"):
        Store.create(path.with_name("nowhere") / "store.db", SMALL, stamp)


def test_a_file_of_a_newer_program_is_refused(path: Path) -> None:
    Store.create(path, SMALL, stamp).close()
    with closing(sqlite3.connect(path)) as newer:
        newer.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(StorageError, match="newer version"):
        Store.open(path, SMALL, stamp)


def test_data_lives_through_closing_and_opening(path: Path) -> None:
    with Store.create(path, SMALL, stamp) as store:
        store.insert("gates", [{"name": "a"}])
        version = store.policy_version()
    with Store.open(path, SMALL, stamp) as store:
        assert list(store.load({"object": "gates"}).rows) == [{"id": 1, "name": "a"}]
        assert store.policy_version() == version


def test_new_objects_fields_and_rules_come_into_being_at_open(path: Path) -> None:
    with Store.create(path, Registry((GATES,)), stamp) as store:
        store.insert("gates", [{"name": "old"}])
    wider = ObjectType(
        "gates",
        (
            *GATES.fields,
            U64("code", default=7),
            Blob("data", default=b"\x01"),
            Flag("on", default=1),
            Text("word", default="it's"),
            Ref("badge_id", "badges", on_delete=OnDelete.SET_NULL),
        ),
    )
    with Store.open(path, Registry((wider, BADGES, CHANGE_LOGS)), stamp) as store:
        before = store.policy_version()
        store.insert("badges", [{"id": 1}])
        store.modify("gates", {"badge_id": 1})
        (row,) = store.load({"object": "gates"}).rows

        assert row == {
            "id": 1,
            "name": "old",
            "code": 7,
            "data": "AQ==",
            "on": 1,
            "word": "it's",
            "badge_id": 1,
        }
        assert store.policy_version() == before, "gates is no policy table any more"
        assert len(changes(store)) == 1


def test_opening_again_changes_nothing_in_the_file(path: Path) -> None:
    Store.create(path, SMALL, stamp).close()
    with closing(sqlite3.connect(path)) as raw:
        before = raw.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
        (version,) = raw.execute("PRAGMA schema_version").fetchone()
    Store.open(path, SMALL, stamp).close()
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("SELECT type, name, sql FROM sqlite_master").fetchall() == before
        assert raw.execute("PRAGMA schema_version").fetchone() == (version,)


def test_functions_and_creation_serve_other_files_too(path: Path) -> None:
    database = open_writer(path, {"seven": lambda: 7}, create=True)
    try:
        assert database.execute_sql("SELECT seven()").fetchone() == (7,)
    finally:
        database.close_all()
