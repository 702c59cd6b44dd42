"""A backup of a device at work, taken back while it works."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import requests

if TYPE_CHECKING:
    from tests.e2e.conftest import Maker, Running

ANA = "123,45678"


def send(running: Running, command: str, **options: object) -> requests.Response:
    api = running.api
    url = f"{api.url}/{command}.fcgi"
    return api.http.post(url, params={"session": api.token}, timeout=60, **options)  # type: ignore[arg-type] # - handed on


def test_wiped_nobody_enters_and_after_the_restore_the_next_swipe_opens(
    make: Maker, start: Callable[..., Running]
) -> None:
    running = start(make.demo())
    api = running.api
    # More than any other request may hold.
    people = [{"name": "x" * 3_000, "registration": ""} for _ in range(250)]
    for _ in range(4):
        api.create("users", *people)
    first = running.swiped(ANA)
    assert (first["event"], first["user_id"]) == (7, 1)
    saved = send(running, "backup_objects")
    assert saved.status_code == 200
    assert len(saved.content) == int(saved.headers["Content-Length"]) > 2 * 1024 * 1024

    assert api.ask("reset_to_factory_default", {"keep_network_info": True}) == {}
    assert api.load("users") == []
    assert running.swiped(ANA)["event"] == 3

    damaged = bytearray(saved.content)
    damaged[-7_000] ^= 1
    assert send(running, "restore_objects", data=bytes(damaged)).status_code == 400
    assert api.load("users") == []
    answer = send(running, "restore_objects", data=saved.content)
    assert answer.status_code == 200, answer.text
    assert len(api.load("users", fields=["id"])) >= 1_000
    again = running.swiped(ANA)
    assert (again["event"], again["user_id"]) == (7, 1)
    # What happened before, between and after is there, once each.
    rows = api.load("access_logs", order=["id"])
    assert first in rows
    assert rows[-1] == again
    assert len({row["id"] for row in rows}) == len(rows)
    # The session went on, and so does the password.
    api.login(running.site.password)
    # Everybody, doors included, finds the same after a new start.
    running.kill("controller")
    running.stop()
    third = start(running.site)
    assert third.swiped(ANA)["event"] == 7
    told = send(third, "export_audit_logs", json={"api": 1}).text
    assert "reset_to_factory_default" in told
    assert "restore_objects, refused" in told
