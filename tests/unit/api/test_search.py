"""`search` over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Ask = Callable[..., tuple[int, Any]]


@pytest.mark.effect("search")
def test_somebody_who_was_just_added_is_found(ask: Ask) -> None:
    row = {"name": "Zélia Quadros", "registration": "ZQ-1"}
    [id_] = ask("create_objects", {"object": "users", "values": [row]})[1]["ids"]
    status, answer = ask("search", {"text": "quad zelia"}, "operator")
    assert status == 200
    assert answer["people"] == [{"id": id_, **row, "by": "name"}]


@pytest.mark.refusal("search")
def test_an_empty_search_is_refused(ask: Ask) -> None:
    status, answer = ask("search", {"text": ""})
    assert status == 400
    assert "text" in answer["error"]
