"""A restart from the page: answered first, carried out afterwards."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from gateway.api.app import create_app
from gateway.web.blueprint import PAGE


def test_the_page_says_that_the_machine_restarts_before_it_does(
    throwaway: SimpleNamespace,
) -> None:
    done: list[str] = []
    platform: Any = SimpleNamespace(
        real=True,
        check_restart=lambda: done.append("checked"),
        restart=lambda: done.append("restarted"),
    )
    client = create_app(replace(throwaway.context, platform=platform), PAGE).test_client()
    client.set_cookie("page_session", throwaway.token())
    answer = client.post("/settings/restart", buffered=False)
    assert answer.status_code == 200
    assert "The machine restarts" in answer.text
    assert done == ["checked"]
    answer.close()
    assert done == ["checked", "restarted"]
