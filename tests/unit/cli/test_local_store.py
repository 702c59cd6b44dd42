"""Commands that write the store go on as its owner when root runs them."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.cli import local_store

OWNER, GROUP = 65_534, 65_533


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What root asks of the system, in order, for a file of somebody without a name."""
    made: list[tuple[Any, ...]] = []
    for name in ("setgroups", "initgroups", "setgid", "setuid"):
        monkeypatch.setattr(os, name, lambda *words, name=name: made.append((name, *words)))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(Path, "stat", lambda _: SimpleNamespace(st_uid=OWNER, st_gid=GROUP))
    nobody = {OWNER: SimpleNamespace(pw_name="door")}
    monkeypatch.setattr("gateway.cli.local_store.pwd.getpwuid", nobody.__getitem__)
    return made


def test_root_takes_the_owner_s_groups_first_and_the_owner_s_rights_last(
    calls: list[tuple[Any, ...]],
) -> None:
    local_store.become_owner(Path("store.db"))
    assert calls == [
        ("setgroups", []),
        ("initgroups", "door", GROUP),
        ("setgid", GROUP),
        ("setuid", OWNER),
    ]


def test_an_owner_without_a_name_has_no_further_groups(
    calls: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.cli.local_store.pwd.getpwuid", {}.__getitem__)
    local_store.become_owner(Path("store.db"))
    assert [name for name, *_ in calls] == ["setgroups", "setgid", "setuid"]


@pytest.mark.parametrize(("user", "owner"), [(1_000, OWNER), (0, 0)])
def test_others_and_the_owner_stay_who_they_are(
    calls: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch, user: int, owner: int
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(Path, "stat", lambda _: SimpleNamespace(st_uid=owner, st_gid=owner))
    local_store.become_owner(Path("store.db"))
    assert calls == []
