"""Backup, restore and the way back to the beginning, as a client asks for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from gateway.api.reading import BODY_LIMIT

if TYPE_CHECKING:
    from tests.unit.commands.conftest import Desk

PASSPHRASE = "correct horse battery"


def create(desk: Desk, name: str, *values: dict[str, Any]) -> None:
    desk.ask("create_objects", {"object": name, "values": list(values)})


@pytest.fixture
def full(desk: Desk) -> Desk:
    create(desk, "users", {"id": 5, "name": "Eva", "password": "hash"})
    create(desk, "cards", {"user_id": 5, "value": 99})
    create(desk, "user_roles", {"user_id": 5, "role": 1})
    desk.ask("set_configuration", {"general": {"relay1_timeout": 700}})
    return desk


def test_a_backup_is_a_file_of_known_length_with_a_name(full: Desk) -> None:
    answer = full.send("backup_objects")
    assert answer.status_code == 200
    assert answer.content_type == "application/octet-stream"
    assert answer.content_length == len(answer.data)
    name = 'attachment; filename="B14T-20250701-120000.gwbackup"'
    assert answer.headers["Content-Disposition"] == name
    assert answer.data.startswith(b"GATEWAY BACKUP 2\n")


def test_what_was_wiped_comes_back(full: Desk) -> None:
    answer = full.send("backup_objects", json={"passphrase": PASSPHRASE})
    assert answer.headers["Backup-Secrets"] == "sealed"
    saved, before = answer.data, full.content()
    full.ask("reset_to_factory_default", {"keep_network_info": True})
    assert full.content() != before
    answer = full.send("restore_objects", data=saved)
    assert answer.json == {
        "device_id": 514685,
        "version": "1.2.3",
        "created": "2025-07-01T12:00:00+00:00",
        "secrets": "sealed",
        "left_out": {},
    }
    after = full.content()
    # The wipe was noted there, and is not forgotten.
    assert after.pop("change_logs")[: len(before["change_logs"])] == before.pop("change_logs")
    assert after == before


def test_a_backup_without_a_passphrase_says_what_it_leaves_out(full: Desk) -> None:
    answer = full.send("backup_objects")
    assert answer.headers["Backup-Secrets"] == "left out: 1 of users"
    done = full.send("restore_objects", data=answer.data).json
    assert done is not None
    assert (done["secrets"], done["left_out"]) == ("left out", {"users": 1})


def test_a_wrong_passphrase_is_refused_before_anything_else(full: Desk) -> None:
    saved = full.send("backup_objects", json={"passphrase": PASSPHRASE}).data
    wrong = {"Backup-Passphrase": "another%20horse"}
    for command in ("preview_restore", "restore_objects"):
        answer = full.send(command, data=saved, headers=wrong)
        assert answer.status_code == 400
        assert "the passphrase is not that of this backup" in answer.text
        right = {"Backup-Passphrase": "correct%20horse%20battery"}
        assert full.send(command, data=saved, headers=right).status_code == 200
    refused = full.send("backup_objects", json={"passphrase": "short"})
    assert refused.status_code == 400


def test_a_preview_counts_what_the_restore_then_does_and_changes_nothing(full: Desk) -> None:
    saved = full.send("backup_objects").data
    create(full, "users", {"id": 6, "name": "Rui"}, {"id": 7, "name": "Ida"})
    full.ask("destroy_objects", {"object": "cards"})
    full.ask("set_configuration", {"general": {"relay1_timeout": 900}})
    before, version = full.content(), full.store.policy_version()
    answer = full.send("preview_restore", data=saved)
    assert answer.status_code == 200, answer.text
    assert answer.json is not None
    assert (full.content(), full.store.policy_version()) == (before, version)
    assert answer.json["this_device"]
    assert answer.json["configuration"] == ["general.relay1_timeout"]
    rows = {row.pop("object"): row for row in answer.json["objects"]}
    assert rows["users"] == {"present": 3, "backup": 1, "after": 1}
    assert rows["cards"] == {"present": 0, "backup": 1, "after": 1}
    assert full.send("restore_objects", data=saved).status_code == 200
    after = full.content()
    # The audit log, which has grown, is no part of `content`.
    assert {name: rows[name]["after"] for name in after if name in rows} == {
        name: len(found) for name, found in after.items() if name in rows
    }


def test_a_preview_refuses_what_the_restore_refuses(full: Desk) -> None:
    damaged = bytearray(full.send("backup_objects").data)
    damaged[-7_000] ^= 1
    said = [
        full.send(command, data=bytes(damaged)).json
        for command in ("preview_restore", "restore_objects")
    ]
    assert said[0] == said[1]
    assert said[0] is not None
    assert "damaged" in said[0]["error"]


def test_the_controller_is_told_of_other_rules_before_the_answer(full: Desk) -> None:
    saved = full.send("backup_objects").data
    full.obeyed.clear()
    full.send("restore_objects", data=saved)
    assert full.obeyed == [full.store.policy_version()]


def test_a_backup_longer_than_other_requests_comes_back(full: Desk) -> None:
    people = [{"name": "x" * 4_000} for _ in range(600)]
    full.store.insert("users", people)
    saved = full.send("backup_objects").data
    assert len(saved) > BODY_LIMIT
    full.ask("destroy_objects", {"object": "users"})
    answer = full.send("restore_objects", data=saved)
    assert answer.status_code == 200, answer.text
    [row] = full.ask("load_objects", {"object": "users", "fields": ["COUNT(*)"]})["users"]
    assert row == {"COUNT(*)": 601}


@pytest.mark.parametrize("data", [b"", b"{}", b"GATEWAY BACKUP 1\n{}\n", b"x" * 3_000_000])
def test_another_file_is_refused_in_the_error_shape(full: Desk, data: bytes) -> None:
    before = full.content()
    answer = full.send("restore_objects", data=data)
    assert answer.status_code == 400
    assert answer.json is not None
    assert set(answer.json) == {"error", "code"}
    assert full.content() == before
    assert "restore_objects, refused: the" in full.audit()[-1]


@pytest.mark.parametrize(
    "command",
    [
        "backup_objects",
        "preview_restore",
        "restore_objects",
        "reset_to_factory_default",
        "delete_admins",
    ],
)
def test_it_is_for_administrators_alone(full: Desk, command: str) -> None:
    before = full.content()
    answer = full.send(command, "operator", data=b"{}")
    assert answer.status_code == 403
    assert full.content() == before


def test_a_reset_leaves_the_site_as_init_made_it(full: Desk, new_desk: Callable[..., Desk]) -> None:
    full.context.accounts.set_password("boss", "right")
    with full.store.transaction():
        full.store.model("access_logs").insert(id=1, time=1, event=7).execute()
    full.ask("reset_to_factory_default", {})
    fresh = new_desk()
    found, expected = full.content(), fresh.content()
    deleted = [row[1:4] for row in found.pop("change_logs") if row[1] == "delete"]
    assert ("delete", "users", 5) in deleted
    expected.pop("change_logs")
    assert found == expected
    assert full.context.accounts.find("boss") is not None
    assert full.obeyed[-1] == full.store.policy_version()
    entries = full.audit()
    assert entries[-1].endswith(": reset_to_factory_default")
    assert "create_objects users" in entries[0]


def test_delete_admins_empties_the_roles_and_nothing_else(full: Desk) -> None:
    before = full.content()
    assert before.pop("user_roles")
    assert full.ask("delete_admins") == {}
    after = full.content()
    assert after.pop("user_roles") == []
    assert after == before
    assert full.audit()[-1].partition(": ")[2].startswith("delete_admins user_roles: 1 rows")
    assert full.ask("load_objects", {"object": "users", "fields": ["id"]})["users"] == [{"id": 5}]
