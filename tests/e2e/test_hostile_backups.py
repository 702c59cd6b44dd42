"""Backups that somebody made to do harm, sent to a device at work: both processes serve on, and
people get in. The store's tests have what comes of each row, and that each of REFUSED is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.unit.store.hostile_backups import REFUSED, TAKEN, Case, with_database

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Running

ANA = "123,45678"
SOME_REFUSED = REFUSED[::10]


def send(running: Running, command: str, **options: Any) -> requests.Response:
    api = running.api
    url = f"{api.url}/{command}.fcgi"
    return api.http.post(url, params={"session": api.token}, timeout=60, **options)


@pytest.fixture(scope="module")
def saved(shared_demo: Running) -> bytes:
    assert shared_demo.swiped(ANA)["event"] == 7
    return send(shared_demo, "backup_objects").content


def pids(running: Running) -> list[int]:
    return [running.child(role) for role in ("controller", "api")]


@pytest.mark.parametrize("case", TAKEN, ids=lambda case: case.name)
def test_after_a_hostile_backup_that_is_taken_people_get_in(
    shared_demo: Running, saved: bytes, case: Case, tmp_path: Path
) -> None:
    running, before = shared_demo, pids(shared_demo)
    answer = send(running, "restore_objects", data=with_database(saved, tmp_path, case.change))
    assert answer.status_code == 200, answer.text
    assert running.swiped(ANA)["event"] == 7
    assert pids(running) == before


def test_another_hostile_backup_is_a_400_that_names_what_is_wrong(
    shared_demo: Running, saved: bytes, tmp_path: Path
) -> None:
    running, before = shared_demo, pids(shared_demo)
    for case in SOME_REFUSED:
        hostile = with_database(saved, tmp_path, case.change)
        answer = send(running, "restore_objects", data=hostile)
        assert answer.status_code == 400, (case.name, answer.text)
        assert str(case.said) in answer.json()["error"], case.name
    assert running.swiped(ANA)["event"] == 7
    assert pids(running) == before
