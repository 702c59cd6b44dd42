"""The bodies that the server of the online modes gets (Access API, 5.2). Pure.

Questions are forms in which every value is text; the rest is JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from gateway.link.messages import NO_LOG_TYPE, ServerQuestion
from gateway.uplink.monitor import Notification

SESSION_IS_VALID = "session_is_valid.fcgi"
DEVICE_IS_ALIVE = "device_is_alive.fcgi"
NEW_USER_IDENTIFIED = "new_user_identified.fcgi"
NEW_REX_LOG = "new_rex_log.fcgi"

NOT_IDENTIFIED = 3
PROVISIONAL = 8
"""`event` of somebody who is identified: the state of the question, no decision."""
REX = 11
FORM = "application/x-www-form-urlencoded"

_SECRETS = frozenset({"pin", "password"})
_FIELDS = {
    "card": "card_value",
    "qrcode": "qrcode_value",
    "uhf_tag": "uhf_tag",
    "pin": "pin_value",
    "password": "password",
}
"""Credential -> the field that has it."""
_TOPICS = {
    "card": "new_card.fcgi",
    "qrcode": "new_qrcode.fcgi",
    "uhf_tag": "new_uhf_tag.fcgi",
    "password": "new_user_id_and_password.fcgi",
}
"""What is asked of a credential that this device does not look up. The vendor names nothing for a
PIN: it is somebody who is not identified."""


@dataclass(frozen=True, slots=True)
class QuestionForm:
    """One question as it is sent."""

    topic: str
    fields: Mapping[str, str] = field(repr=False)

    @property
    def content(self) -> bytes:
        return urlencode(self.fields).encode()


def query_of(topic: str, device_id: int) -> str:
    """The query of a request for `topic`."""
    about = f"&device_id={device_id}" if topic == DEVICE_IS_ALIVE else ""
    return f"session={about}"  # no server gives this device a session


def needs_secret(question: ServerQuestion) -> bool:
    """Whether the server can decide only if it gets a PIN or a password."""
    return not question.identified and question.credential in _SECRETS


def question_form(
    question: ServerQuestion, device_id: int, stamp: int, *, has_image: bool, secrets: bool
) -> QuestionForm:
    """The form of `question`, which was read at the device time `stamp`.

    `has_image` tells whether there is a photo of the person. Without `secrets` the values of PINs
    and passwords are empty.
    """
    hidden = question.credential in _SECRETS and not secrets
    value = {_FIELDS[question.credential]: "" if hidden else question.value}
    about = {
        "device_id": str(device_id),
        "identifier_id": str(question.identifier_id),
        "portal_id": str(question.portal_id),
        "time": str(stamp),
        "duress": str(int(question.duress)),
        "uuid": question.id,
    }
    topic = _TOPICS.get(question.credential)
    if question.identified or topic is None:
        event = PROVISIONAL if question.user_id else NOT_IDENTIFIED
        person = _person(question, has_image=has_image)
        return QuestionForm(NEW_USER_IDENTIFIED, {**person, **value, "event": str(event), **about})
    own = {"user_id": str(question.keyed_user_id)} if question.credential == "password" else {}
    own |= {"panic": str(int(question.duress))} if question.credential == "card" else {}
    return QuestionForm(topic, {**own, **value, "event": str(PROVISIONAL), **about})


def _person(question: ServerQuestion, *, has_image: bool) -> dict[str, str]:
    """The fields of somebody who was looked for; what was not shown is 0 or empty."""
    return {
        "user_id": str(question.user_id),
        "user_name": question.user_name,
        "user_has_image": str(int(has_image)),
        "card_value": "0",
        "qrcode_value": "",
        "uhf_tag": "",
        "pin_value": "",
        "password": "",
        "face_mask": "0",
        "confidence": "0",
        "log_type_id": str(NO_LOG_TYPE),
    }


def alive_message(access_logs: int) -> Notification:
    """The keep-alive of a device that has so many access logs for the server to fetch."""
    return Notification(DEVICE_IS_ALIVE, {"access_logs": access_logs})


def rex_log(row: Mapping[str, Any], device_id: int) -> Notification:
    """An exit button unlocked a door: `row` of access_logs."""
    told = {name: row.get(name, 0) for name in ("time", "event", "user_id", "portal_id")}
    return Notification(NEW_REX_LOG, {"device_id": device_id, "rex_log": told})


def created(
    kind: str, value: int | str, user_id: int, device_id: int, *, secrets: bool
) -> Notification | None:
    """The result of an enrolment that nobody waited for; None for one that has no topic, and for a
    PIN or password where secrets are not told."""
    if kind not in {"card", *_SECRETS} or (kind in _SECRETS and not secrets):
        return None
    body = {"user_id": user_id, f"{kind}_value": value, "device_id": device_id}
    return Notification(f"{kind}_create.fcgi", body)
