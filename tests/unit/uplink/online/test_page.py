"""The examples of the manual are what the code makes, and reads as described."""

from __future__ import annotations

import json
import re
from importlib.resources import files

import pytest

from gateway.link.messages import ServerQuestion
from gateway.uplink.monitor import Notification
from gateway.uplink.online.messages import (
    alive_message,
    created,
    question_form,
    rex_log,
)
from tests.unit.uplink.online.test_answers import read

PAGE = files("gateway.docs").joinpath("servers.md").read_text("utf-8")
DEVICE, STAMP = 4408801, 1_648_466_227


def question(credential: str, value: str, *, user_id: int = 0, keyed: int = 0) -> str:
    """The row of the table, from its path to its example."""
    asked = ServerQuestion(
        id="5f0c",
        deadline_ns=1,
        identified=user_id > 0,
        credential=credential,  # type: ignore[arg-type] # - one of the words
        value=value,
        keyed_user_id=keyed,
        user_id=user_id,
        user_name="Hugo" if user_id else "",
        identifier_id=1_717_658_368,
        portal_id=1,
        at_utc_s=5,
    )
    form = question_form(asked, DEVICE, STAMP, has_image=user_id > 0, secrets=True)
    return _row(form.topic, form.content.decode())


def message(found: Notification | None) -> str:
    assert found is not None
    return _row(found.topic, json.dumps(found.body, separators=(",", ":")))


def _row(topic: str, example: str) -> str:
    return rf"^\| `/{re.escape(topic)}` \| [^|]+ \| `{re.escape(example)}` \|$"


@pytest.mark.parametrize(
    "row",
    [
        question("card", "528281034350", user_id=12),
        question("pin", "1324"),
        question("card", "528281034350"),
        question("qrcode", "VISIT-7"),
        question("uhf_tag", "E20034"),
        question("password", "99", keyed=8),
        message(alive_message(2500)),
        message(rex_log({"time": STAMP, "event": 11, "user_id": 0, "portal_id": 1}, DEVICE)),
        message(created("card", 123, 5, DEVICE, secrets=True)),
        message(created("pin", "1324", 5, DEVICE, secrets=True)),
        message(created("password", "1324", 5, DEVICE, secrets=True)),
    ],
)
def test_each_request_has_the_example_that_the_code_makes(row: str) -> None:
    assert re.search(row, PAGE, re.MULTILINE), row


def test_the_example_of_an_answer_is_a_grant_that_opens_a_door() -> None:
    (example,) = re.findall(r'^(\{"result".*\})$', PAGE, re.MULTILINE)
    answer = read(example.encode())
    assert (answer.event, answer.user_id, answer.portal_id) == (7, 12, 1)
    assert answer.openings is not None
    assert [opening.door for opening in answer.openings] == [1]
