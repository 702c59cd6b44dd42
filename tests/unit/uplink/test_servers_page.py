"""The examples of push and of the listener in the manual are what the code reads and makes."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.commands.server_requests import ServerReply, ServerRequest
from gateway.objects.configuration_keys import CONFIGURATION
from gateway.settings import ServerSettings
from gateway.uplink.minop_listener import identification
from gateway.uplink.push_protocol import (
    PushedBatch,
    PushedCommand,
    batch_result,
    read_order,
    single_result,
)

PAGE = (Path(__file__).parents[3] / "gateway/docs/servers.md").read_text(encoding="utf-8")
DEVICE = 478435
JSON = "application/json"


def examples(heading: str, language: str = "json") -> list[str]:
    """The examples of the section `heading`, with those of its parts."""
    _, _, section = PAGE.partition(f"\n## {heading}\n")
    section = re.split(r"^## ", section, maxsplit=1, flags=re.MULTILINE)[0]
    return re.findall(rf"^```{language}\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)


def settings(text: str) -> None:
    for module, values in json.loads(text).items():
        for key, value in values.items():
            assert CONFIGURATION.known(module, key).text(value) == value
            assert CONFIGURATION.known(module, key).live


def test_a_pushed_command_and_its_result_are_those_of_the_page() -> None:
    configuration, command, result, *_ = examples("Push")
    settings(configuration)
    order = read_order(command.encode())
    assert isinstance(order, PushedCommand)
    asked = {"object": "users", "fields": ["id", "name"]}
    body = json.dumps(asked).encode()
    assert order.request == ServerRequest("POST", "load_objects", "", body)
    reply = ServerReply(b'{"users":[{"id":1,"name":"Ana"}]}', JSON)
    assert single_result(DEVICE, reply, as_object=False) == json.loads(result)


def test_a_batch_and_its_result_are_those_of_the_page() -> None:
    *_, batch, results = examples("Push")
    order = read_order(batch.encode())
    assert isinstance(order, PushedBatch)
    replies = [ServerReply(b"{}", JSON), ServerReply(error="Invalid command")]
    pairs = list(zip((it.id for it in order.transactions), replies, strict=True))
    assert batch_result(DEVICE, pairs, as_object=False) == json.loads(results)


def test_a_message_of_the_listener_is_that_of_the_page() -> None:
    configuration, message = examples("Minop listener")
    settings(configuration)
    row: dict[str, Any] = {"user_id": 123, "card_value": 5}
    local_s = int(datetime(2026, 1, 8, 17, 30, tzinfo=UTC).timestamp())
    assert identification(DEVICE, row, local_s) == json.loads(message)


def test_the_keys_of_the_site_file_are_those_of_the_page() -> None:
    (text,) = examples("Push", "toml")
    found = ServerSettings.model_validate(tomllib.loads(text)["servers"])
    assert (found.plain_push, found.push_response) == (True, "object")
