"""The file for support tells of the device, and of nobody and nothing secret."""

from __future__ import annotations

import io
import os
import zipfile
from types import SimpleNamespace

import pytest

from gateway.commands.diagnostics import PARTS
from gateway.web.views.upkeep import CONTENTS
from tests.unit.api.conftest import Order

NAME, PIN, HASH, PATH = "Canary Zulmira", "739154", "canaryhash5521", "canarytoken8842"
CARD = 987_654_321_012


@pytest.mark.effect("diagnostics")
def test_it_has_every_part_and_no_secret_person_or_card(
    order: Order, throwaway: SimpleNamespace
) -> None:
    [person] = order(
        "create_objects",
        {"object": "users", "values": [{"name": NAME, "registration": "", "password": HASH}]},
    ).json()["ids"]
    for name, value in (("pins", PIN), ("cards", CARD)):
        values = [{"user_id": person, "value": value}]
        made = order("create_objects", {"object": name, "values": values})
        assert made.ok, made.text
    assert order("set_configuration", {"monitor": {"path": f"api?token={PATH}"}}).ok
    token = order("create_token", {"name": "canary"}).json()["token"]
    answer = order("diagnostics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Content-Disposition"].endswith('-diagnostics.zip"')
    with zipfile.ZipFile(io.BytesIO(answer.content)) as file:
        parts = {name: file.read(name).decode() for name in file.namelist()}
    assert list(parts) == list(PARTS)
    assert '"users": 1' in parts["rows.json"]
    assert '"gone"' in parts["state.json"]
    assert '"relay1_timeout"' in parts["configuration.json"]
    account = throwaway.context.accounts.find("admin")
    session = throwaway.context.sessions.open("admin", account.stamp).token
    for secret in (
        *(NAME, PIN, HASH, PATH, str(CARD), f"{CARD >> 32},{CARD & 0xFFFFFFFF}"),
        *(token, session, account.stamp, "authentication_key"),
    ):
        assert [name for name, text in parts.items() if secret in text] == [], secret


def test_a_file_whose_name_is_not_text_does_not_hinder_it(
    order: Order, throwaway: SimpleNamespace
) -> None:
    odd = os.fsencode(throwaway.context.data) + b"/odd\xff.name"
    with open(odd, "wb"):  # noqa: PTH123 - the name is no text
        pass
    answer = order("diagnostics")
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as file:
        assert '"odd?.name"' in file.read("sizes.json").decode()


@pytest.mark.refusal("diagnostics")
def test_it_is_for_administrators(order: Order) -> None:
    assert order("diagnostics", login="operator").status_code == 403


def test_the_page_says_beforehand_what_each_part_holds() -> None:
    assert list(CONTENTS) == list(PARTS)
