"""The last import can be counted, followed and undone; what changed since is never lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gateway.store.tables import import_changes
from gateway.store.tables.photos import Photo, Photos

if TYPE_CHECKING:
    from tests.unit.commands.conftest import Desk

SHEET = "#users\nid,name,registration\n1,Ana Lima,A1\n4,Davi,D4\n\n#cards\nvalue,user_id\n40,4\n"


@pytest.fixture
def site(desk: Desk) -> Desk:
    """Ana, Bruno with a card, a PIN, a photo and a group, and Carla."""
    for name, values in {
        "users": [
            {"id": 1, "name": "Ana", "registration": "A1"},
            {"id": 2, "name": "Bruno", "password": "hash", "salt": "salt"},
            {"id": 3, "name": "Carla"},
        ],
        "cards": [{"id": 20, "value": (1 << 64) - 2, "user_id": 2}],
        "pins": [{"user_id": 2, "value": "471147"}],
        "user_groups": [{"user_id": 2, "group_id": 1}],
    }.items():
        desk.ask("create_objects", {"object": name, "values": values})
    Photos(desk.store).put(2, Photo(7, b"\xff\xd8\xff of Bruno"))
    return desk


def _content(desk: Desk) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of people and what is theirs."""
    names = ("users", "cards", "pins", "user_groups", "user_photos")
    run = desk.store.database.execute_sql
    ordered = "SELECT * FROM {} ORDER BY 1, 2"
    return {name: run(ordered.format(name)).fetchall() for name in names}


def _synchronised(desk: Desk, **more: Any) -> Any:
    body = {"data": SHEET, "resolution": "replace", "remove_missing": ["users"], **more}
    return desk.ask("import_objects", body)


COUNTS = {
    "users": {"added": 1, "changed": 1, "removed": 2},
    "cards": {"added": 1, "changed": 0, "removed": 1},
    "pins": {"added": 0, "changed": 0, "removed": 1},
    "user_groups": {"added": 0, "changed": 0, "removed": 1},
}


def test_a_dry_run_counts_what_is_added_changed_and_removed_with_rows_of_each(site: Desk) -> None:
    before = _content(site)
    answer = _synchronised(site, dry_run=True)
    assert (answer["changes"], answer["refused"]) == (COUNTS, 0)
    rows = {(row["object"], row["action"]): row for row in reversed(answer["rows"])}
    assert rows["users", "added"]["values"]["name"] == "Davi"
    assert rows["users", "changed"]["changes"] == {"name": ["Ana", "Ana Lima"]}
    assert rows["users", "removed"]["values"]["name"] == "Bruno"
    assert rows["cards", "removed"]["values"]["value"] == "4294967295,4294967294"
    assert "hash" not in str(answer)
    assert "471147" not in str(answer)
    assert (_content(site), site.ask("import_state").get("last")) == (before, None)


def test_what_an_import_added_changed_and_removed_is_undone(site: Desk) -> None:
    before = _content(site)
    answer = _synchronised(site)
    assert (answer["changes"], answer["undo"]) == (COUNTS, True)
    assert [row[0] for row in _content(site)["users"]] == [1, 4]
    last = site.ask("import_state")["last"]
    assert (last["by"], last["undo"], last["objects"]["users"]["removed"]) == ("admin", True, 2)
    undone = site.ask("undo_import")["objects"]
    assert undone["users"] == {"added": 2, "changed": 1, "removed": 1}
    assert _content(site) == before
    assert "last" not in site.ask("import_state")
    assert site.refusal("undo_import", {})[0] == 400
    assert any(entry.endswith(": undo_import users: 4 rows") for entry in site.audit())


@pytest.mark.parametrize(
    ("command", "body", "named"),
    [
        (
            "modify_objects",
            {"object": "users", "values": {"name": "D."}, "where": {"users": {"id": 4}}},
            "users 4 (D.) has changed",
        ),
        (
            "modify_objects",
            {"object": "users", "values": {"registration": "x"}, "where": {"users": {"id": 1}}},
            "users 1 (Ana Lima) has changed",
        ),
        (
            "destroy_objects",
            {"object": "cards", "where": {"cards": {"value": 40}}},
            "cards 21 has changed",
        ),
        (
            "create_objects",
            {"object": "cards", "values": [{"value": 41, "user_id": 4}]},
            "users 4 got a row of cards",
        ),
        (
            "create_objects",
            {"object": "users", "values": [{"id": 2, "name": "Another"}]},
            "users 2 (Another) has changed",
        ),
        (
            "create_objects",
            {"object": "pins", "values": [{"value": "471147", "user_id": 1}]},
            "a removed row cannot come back",
        ),
    ],
)
def test_an_import_whose_rows_changed_since_stays_as_it_is(
    site: Desk, command: str, body: dict[str, Any], named: str
) -> None:
    _synchronised(site)
    site.ask(command, body)
    now = _content(site)
    status, said = site.refusal("undo_import", {})
    assert status == 400
    assert named in said
    assert _content(site) == now
    assert site.ask("import_state")["last"]["undo"]


def test_passing_a_door_keeps_no_import_from_being_undone(site: Desk) -> None:
    before = _content(site)["cards"]
    _synchronised(site)
    users = site.store.model("users")
    users.update({site.store.models.column("users", "last_access"): 5}).execute()
    site.ask("undo_import")
    assert _content(site)["cards"] == before


def test_a_later_import_takes_the_place_of_the_last_and_a_dry_run_or_a_refused_one_does_not(
    site: Desk,
) -> None:
    site.ask("import_objects", {"object": "groups", "data": "name\nNorth\n"})
    site.ask("import_objects", {"object": "groups", "data": "name\nSouth\n"})
    site.ask("import_objects", {"object": "groups", "data": "name\nWest\n", "dry_run": True})
    assert site.refusal("import_objects", {"object": "groups", "data": "id\nx\n"})[0] == 400
    site.ask("undo_import")
    groups = site.ask("load_objects", {"object": "groups"})["groups"]
    assert [group["name"] for group in groups] == ["Standard", "North"]


def test_a_reset_or_a_restored_backup_leaves_nothing_of_an_import(site: Desk) -> None:
    backup = site.send("backup_objects", json={}).get_data()
    changes = site.context.import_changes
    _synchronised(site)
    site.ask("reset_to_factory_default", {})
    assert changes.facts() is None
    site.ask("import_objects", {"object": "groups", "data": "name\nNorth\n"})
    assert changes.facts() is not None
    answer = site.send("restore_objects", data=backup)
    assert answer.status_code == 200, answer.text
    assert changes.facts() is None
    assert not site.store.database.execute_sql("SELECT count(*) FROM import_changes").fetchone()[0]


def test_an_operator_undoes_imports_of_operators_alone(site: Desk) -> None:
    body = {"object": "groups", "data": "name\nNorth\n"}
    site.ask("import_objects", body)
    assert site.refusal("undo_import", {}, login="operator")[0] == 403
    site.ask("import_objects", {**body, "resolution": "skip"}, login="operator")
    site.ask("undo_import", {}, login="operator")


def test_an_import_that_is_too_large_says_that_it_cannot_be_undone(
    site: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_changes, "MOST_CHANGES", 2)
    assert not site.ask("import_objects", {"object": "groups", "data": "name\nA\nB\nC\n"})["undo"]
    assert not site.ask("import_state")["last"]["undo"]
    assert site.refusal("undo_import", {})[0] == 400


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({"remove_missing": ["users"]}, "resolution"),
        ({"remove_missing": ["cards"], "resolution": "skip"}, "no rows of cards"),
        ({"data": "name\n", "remove_missing": ["users"], "resolution": "skip"}, "remove all"),
        (
            {
                "object": "user_groups",
                "data": "user_id,group_id\n2,1\n",
                "remove_missing": ["user_groups"],
                "resolution": "skip",
            },
            "have no id",
        ),
    ],
)
def test_a_removal_that_makes_no_sense_is_refused(
    site: Desk, body: dict[str, Any], named: str
) -> None:
    status, said = site.refusal("import_objects", {"object": "users", "data": "name\nX\n", **body})
    assert status == 400
    assert named in said


def test_rows_that_a_file_leaves_as_they_are_are_not_removed(site: Desk) -> None:
    data = "id,name\n1,Other\n2,Other\n"
    body = {"object": "users", "data": data, "resolution": "skip", "remove_missing": ["users"]}
    answer = site.ask("import_objects", body)
    assert answer["objects"] == {"users": {"written": 0, "skipped": 2}}
    assert answer["changes"] == {"users": {"added": 0, "changed": 0, "removed": 1}}
    assert [row[2] for row in _content(site)["users"]] == ["Ana", "Bruno"]


def test_progress_is_seen_while_an_import_runs(site: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, Any]] = []
    insert = site.store.insert

    def watched(name: str, rows: Any) -> list[int]:
        seen.append(site.context.import_progress.state())
        return insert(name, rows)

    monkeypatch.setattr(site.store, "insert", watched)
    data = "name\n" + "".join(f"Person {number}\n" for number in range(1_200))
    site.ask("import_objects", {"object": "users", "data": data})
    assert [(it["by"], it["done"], it["total"]) for it in seen] == [
        ("admin", 0, 1_200),
        ("admin", 500, 1_200),
        ("admin", 1_000, 1_200),
    ]
    state = site.ask("import_state", {}, login="operator")
    assert (state["running"], state["done"], state["total"]) == (False, 1_200, 1_200)
