"""What the server of the online modes gets, as captures of the vendor's devices print it."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.link.messages import ServerQuestion
from gateway.uplink.online.messages import (
    QuestionForm,
    alive_message,
    created,
    needs_secret,
    query_of,
    question_form,
    rex_log,
)

DEVICE, STAMP = 4408801, 1_648_466_227
SECRET_KINDS = ["pin", "password"]


def question(credential: str = "card", **changed: Any) -> ServerQuestion:
    given: dict[str, Any] = {
        "id": "q1",
        "deadline_ns": 1,
        "identified": True,
        "credential": credential,
        "value": "528281034350",
        "identifier_id": 1_717_658_368,
        "portal_id": 1,
        "at_utc_s": 5,
    }
    return ServerQuestion(**{**given, **changed})


def form(it: ServerQuestion, *, has_image: bool = False, secrets: bool = True) -> QuestionForm:
    return question_form(it, DEVICE, STAMP, has_image=has_image, secrets=secrets)


ABOUT = {
    "device_id": "4408801",
    "identifier_id": "1717658368",
    "portal_id": "1",
    "time": "1648466227",
    "duress": "0",
    "uuid": "q1",
}


def test_somebody_who_was_identified_is_told_with_every_field() -> None:
    found = form(question(user_id=12, user_name="Hugo"), has_image=True)
    assert found.topic == "new_user_identified.fcgi"
    assert found.fields == {
        **ABOUT,
        "event": "8",
        "user_id": "12",
        "user_name": "Hugo",
        "user_has_image": "1",
        "card_value": "528281034350",
        "qrcode_value": "",
        "uhf_tag": "",
        "pin_value": "",
        "password": "",
        "face_mask": "0",
        "confidence": "0",
        "log_type_id": "-1",
    }


def test_somebody_who_is_not_known_is_told_with_event_3() -> None:
    fields = form(question(user_id=0)).fields
    assert (fields["event"], fields["user_id"], fields["user_has_image"]) == ("3", "0", "0")


@pytest.mark.parametrize(
    ("credential", "value", "topic", "own"),
    [
        ("card", "77", "new_card.fcgi", {"card_value": "77", "panic": "0"}),
        ("qrcode", "AB", "new_qrcode.fcgi", {"qrcode_value": "AB"}),
        ("uhf_tag", "E2", "new_uhf_tag.fcgi", {"uhf_tag": "E2"}),
        (
            "password",
            "99",
            "new_user_id_and_password.fcgi",
            {"user_id": "8", "password": "99"},
        ),
    ],
)
def test_in_enterprise_mode_the_credential_has_a_path_of_its_own(
    credential: str, value: str, topic: str, own: dict[str, str]
) -> None:
    it = question(credential, value=value, identified=False, keyed_user_id=8)
    found = form(it)
    assert found.topic == topic
    assert found.fields == {**ABOUT, **own, "event": "8"}


def test_in_enterprise_mode_a_pin_is_somebody_who_is_not_identified() -> None:
    found = form(question("pin", value="1324", identified=False))
    assert found.topic == "new_user_identified.fcgi"
    told = {name: found.fields[name] for name in ("event", "user_id", "pin_value", "card_value")}
    assert told == {"event": "3", "user_id": "0", "pin_value": "1324", "card_value": "0"}


def test_a_threat_is_told() -> None:
    assert form(question(duress=True)).fields["duress"] == "1"
    fields = form(question(identified=False, duress=True)).fields
    assert (fields["duress"], fields["panic"]) == ("1", "1")


@pytest.mark.parametrize("credential", SECRET_KINDS)
@pytest.mark.parametrize("identified", [True, False])
def test_where_secrets_may_not_be_told_they_are_empty_and_enterprise_needs_them(
    credential: str, identified: bool
) -> None:
    it = question(credential, value="1324", identified=identified)
    assert b"1324" not in form(it, secrets=False).content
    assert b"1324" in form(it).content
    assert needs_secret(it) is not identified


@pytest.mark.parametrize("credential", ["card", "qrcode", "uhf_tag"])
def test_the_protocol_demands_numbers_and_codes(credential: str) -> None:
    it = question(credential, identified=False)
    assert not needs_secret(it)
    assert b"528281034350" in form(it, secrets=False).content


def test_no_repr_shows_a_credential() -> None:
    it = question("pin", value="1324", identified=False)
    assert "1324" not in f"{it!r} {form(it)!r}"


@given(st.text(max_size=50), st.text(max_size=50))
def test_any_text_arrives_at_the_server_as_it_is(name: str, value: str) -> None:
    try:
        it = question("qrcode", value=value, user_id=1, user_name=name)
    except ValueError:
        return  # half a surrogate pair is no text
    sent = dict(parse_qsl(form(it).content.decode("ascii"), keep_blank_values=True))
    assert (sent["user_name"], sent["qrcode_value"]) == (name, value)


def test_the_keep_alive_names_the_device_in_its_query_and_other_requests_do_not() -> None:
    message = alive_message(7)
    assert (message.topic, message.body) == ("device_is_alive.fcgi", {"access_logs": 7})
    assert query_of(message.topic, DEVICE) == "session=&device_id=4408801"
    assert query_of("new_card.fcgi", DEVICE) == "session="


def test_an_exit_button_is_told_as_an_event_11() -> None:
    row = {"id": 5, "time": STAMP, "event": 11, "user_id": 0, "portal_id": 1, "device_id": DEVICE}
    message = rex_log(row, DEVICE)
    assert message.topic == "new_rex_log.fcgi"
    assert message.body == {
        "device_id": DEVICE,
        "rex_log": {"time": STAMP, "event": 11, "user_id": 0, "portal_id": 1},
    }


@pytest.mark.parametrize(
    ("kind", "value", "secrets", "body"),
    [
        ("card", 123, False, {"card_value": 123, "user_id": 5, "device_id": DEVICE}),
        ("pin", "1324", True, {"pin_value": "1324", "user_id": 5, "device_id": DEVICE}),
        ("password", "99", True, {"password_value": "99", "user_id": 5, "device_id": DEVICE}),
        ("pin", "1324", False, None),
        ("password", "99", False, None),
        ("qrcode", "abc", True, None),
    ],
)
def test_an_enrolment_has_a_path_and_a_body_of_its_kind(
    kind: str, value: int | str, secrets: bool, body: dict[str, Any] | None
) -> None:
    found = created(kind, value, 5, DEVICE, secrets=secrets)
    assert (found and (found.topic, found.body)) == (body and (f"{kind}_create.fcgi", body))
