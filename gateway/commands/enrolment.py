"""Remote enrolment: a person shows a card or code, or enters digits, at a reader of this device.

Control iD Access API, remote enrolment. Not documented by the vendor and decided here:

- A failure (nobody acted in time, cancelled, another person's card) is answered with an error
  status and text, as all failures of this device are, and never with 200 and `success` false.
- Without `sync` the call waits, as in the vendor's sample. `countdown` is the time to act.
- A PIN or password is the digits before the end key, at least SHORTEST.
- `panic_finger` makes a card, PIN or password one that raises the panic alarm.
- `reader`, the name of a reader in the site file, is our extension; the default is the lowest index
  that can read the kind.
- The states of `enroller_state` beyond the vendor's three, and `last_enroll_message`, are ours.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from functools import partial
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from gateway.commands.answers import DONE, Done
from gateway.commands.audit import audited_write
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.enrolment_runner import Enrolled, EnrolmentKind, Running
from gateway.commands.requests import Flag, NoMembers, RequestModel
from gateway.commands.secret_writes import check_new_rows
from gateway.credentials.password_hash import hash_password, new_salt
from gateway.credentials.qr import QrMode, credential_of_code
from gateway.credentials.values import Credential, CredentialKind
from gateway.errors import (
    ControllerUnavailable,
    DeviceUnavailable,
    InvalidRequest,
    NotFound,
    NotPermitted,
    NotSupportedHere,
)
from gateway.link.messages import CancelCapture, Capture, Captured
from gateway.objects.people import USER_ID_MAX

SHORTEST = 4
"""Fewest digits of a PIN or password: shorter ones can be guessed in minutes."""
USUAL_COUNTDOWN_S = 5
LONGEST_COUNTDOWN_S = 60

TYPES = {
    "card": EnrolmentKind.CARD,
    "qr": EnrolmentKind.QRCODE,
    "qrcode": EnrolmentKind.QRCODE,
    "pin": EnrolmentKind.PIN,
    "password": EnrolmentKind.PASSWORD,
}
"""From `type` of a request to the kind of credential."""
BIOMETRIC = frozenset({"face", "biometry", "fingerprint"})
"""The vendor's types that need a sensor."""

_READ_AS = {
    EnrolmentKind.CARD: CredentialKind.CARD,
    EnrolmentKind.QRCODE: CredentialKind.QRCODE,
    EnrolmentKind.PIN: CredentialKind.PIN,
    EnrolmentKind.PASSWORD: CredentialKind.PIN,
}
_TABLES = {
    EnrolmentKind.CARD: "cards",
    EnrolmentKind.QRCODE: "qrcodes",
    EnrolmentKind.PIN: "pins",
}
_KEYED = frozenset({EnrolmentKind.PIN, EnrolmentKind.PASSWORD})
_NS = 1_000_000_000
_MS = 1_000_000


class EnrolRequest(RequestModel):
    """`remote_enroll`. What only a screen or a camera needs (`msg`, `message`, `auto`,
    `registration`) is not looked at."""

    type: str
    user_id: Annotated[int, Field(ge=0, le=USER_ID_MAX)] = 0
    save: Flag = False
    sync: Flag = True
    auto: Flag = False
    countdown: Annotated[int, Field(ge=1, le=LONGEST_COUNTDOWN_S)] = USUAL_COUNTDOWN_S
    panic_finger: Flag = False
    registration: str | None = None
    msg: str | None = None
    message: str | None = None
    reader: Annotated[str, Field(max_length=64)] | None = None


class EnrolmentAnswer(TypedDict, total=False):
    """Answer to `remote_enroll`, with one of the values; empty for `sync` false."""

    success: bool
    user_id: int
    device_id: int
    finger_type: int
    card_value: int
    qrcode_value: str
    pin_value: str
    password_value: str


class EnrollerState(TypedDict):
    """Answer to `enroller_state`."""

    enroller_state: str
    last_enroll: bool
    last_enroll_error: str
    last_enroll_message: str
    biometry_sate: str
    biometry_state: str


def remote_enroll(call: Call[EnrolRequest]) -> Annotated[Mapping[str, object], EnrolmentAnswer]:
    """Capture what a person now shows or types at a reader and, with `save`, give it to a user.

    With `sync` the answer comes after the capture, otherwise at once. PINs and passwords are
    answered to administrators only.
    """
    context, request = call.context, call.request
    if request.panic_finger and not call.caller.sees_secrets:
        raise NotPermitted("panic_finger: only administrators set marks of duress")
    running = Running(_checked_kind(context, request), request.user_id, secrets.token_hex(8))
    work = partial(_enrol, call)
    if not request.sync:
        context.enrolments.run_later(running, work)
        return DONE
    enrolled = context.enrolments.run(running, work)
    answer: dict[str, object] = {
        "success": True,
        "user_id": enrolled.user_id,
        "device_id": context.identity.device_id,
        "finger_type": int(request.panic_finger),
    }
    if enrolled.kind not in _KEYED or call.caller.sees_secrets:
        answer[f"{enrolled.kind}_value"] = enrolled.value
    return answer


def cancel_remote_enroll(call: Call[NoMembers]) -> Done:
    """End the running enrolment, if any; after the answer another one can start."""
    call.context.enrolments.cancel(partial(_cancel_capture, call.context))
    return DONE


def enroller_state(call: Call[NoMembers]) -> EnrollerState:
    """The kind that is being enrolled, and whether the last enrolment succeeded."""
    state = call.context.enrolments.state
    doing = "NORMAL_STATE" if state.running is None else f"ENROLL_{state.running.upper()}_STATE"
    return {
        "enroller_state": doing,
        "last_enroll": state.succeeded,
        # The vendor's other values are for faces; `last_enroll_message` has the reason.
        "last_enroll_error": "UNKNOWN",
        "last_enroll_message": state.error or "",
        # A real device was seen to spell it like this.
        "biometry_sate": "NOT_ENROLLING",
        "biometry_state": "NOT_ENROLLING",
    }


def close_enrolments(context: CommandContext) -> None:
    """End the running enrolment and refuse others: the process stops."""
    context.enrolments.close(partial(_cancel_capture, context))


def _cancel_capture(context: CommandContext, ticket: str) -> None:
    context.controller.ask(CancelCapture(ticket=ticket))


def _checked_kind(context: CommandContext, request: EnrolRequest) -> EnrolmentKind:
    """The kind of credential. Raises InvalidRequest, or NotSupportedHere for biometry."""
    if request.type in BIOMETRIC:
        raise NotSupportedHere(f"remote_enroll: this device has no sensor for {request.type}")
    kind = TYPES.get(request.type)
    if kind is None:
        raise InvalidRequest(f"type must be one of {', '.join(TYPES)} (found {request.type!r})")
    if request.panic_finger and kind is EnrolmentKind.QRCODE:
        # Stored as an ordinary code, it would open the door without raising the alarm.
        raise InvalidRequest(f"panic_finger: a {kind} has no panic mark on this device")
    if request.save and request.user_id == 0:
        raise InvalidRequest("user_id is needed to save")
    if request.save and not context.has_row("users", request.user_id):
        raise _no_user(request.user_id)
    return kind


def _no_user(user_id: int) -> InvalidRequest:
    return InvalidRequest(f"user_id: there is no user {user_id}")


def _enrol(call: Call[EnrolRequest], running: Running) -> Enrolled:
    captured = _captured(call, running)
    kind, value = _as_credential(call.context, running.kind, captured)
    if call.request.save:
        _save(call, kind, value)
    return Enrolled(kind, running.user_id, value, saved=call.request.save)


def _captured(call: Call[EnrolRequest], running: Running) -> int | str:
    """The captured value. Polls the controller, so that neither process waits long for the other
    after it has died."""
    context = call.context
    ends_ns = context.clock.monotonic_ns() + call.request.countdown * _NS
    while True:
        left_ns = max(1, ends_ns - context.clock.monotonic_ns())
        answer = context.controller.ask(
            Capture(
                ticket=running.ticket,
                credential=_READ_AS[running.kind],
                reader=call.request.reader,
                left_ms=-(-left_ns // _MS),
            )
        )
        captured = Captured.model_validate(answer)
        if captured.value is not None:
            return captured.value
        if running.cancelled:
            # The cancellation came before the first poll.
            _cancel_capture(context, running.ticket)
            raise InvalidRequest("the enrolment was cancelled")


def _as_credential(
    context: CommandContext, kind: EnrolmentKind, value: int | str
) -> tuple[EnrolmentKind, int | str]:
    """The captured value as this device looks it up at a door."""
    if kind in _KEYED:
        if len(str(value)) < SHORTEST:
            raise InvalidRequest(f"a {kind} has at least {SHORTEST} digits; nothing was saved")
        return kind, value
    if kind is EnrolmentKind.CARD:
        return kind, value
    mode = QrMode(int(context.setting("face_id", "qrcode_legacy_mode_enabled")))
    read = credential_of_code(Credential(CredentialKind.QRCODE, value), mode)
    if read.kind is CredentialKind.CARD:
        return EnrolmentKind.CARD, read.value
    if mode is not QrMode.ALPHANUMERIC:
        raise InvalidRequest(
            "the code is not a number, which face_id.qrcode_legacy_mode_enabled requires"
        )
    return kind, value


def _save(call: Call[EnrolRequest], kind: EnrolmentKind, value: int | str) -> None:
    """Give the credential to the person. Raises ConstraintViolation as `create_objects` does."""
    request = call.request
    if kind is EnrolmentKind.PASSWORD:
        _save_password(call, str(value))
        return
    row: dict[str, object] = {"user_id": request.user_id}
    if kind is EnrolmentKind.PIN:
        row["pin_type"] = int(request.panic_finger)
    elif kind is EnrolmentKind.CARD:
        row["panic"] = int(request.panic_finger)
    table = _TABLES[kind]
    declared = call.context.store.registry[table]
    with audited_write(call, "remote_enroll", table, new=[row]) as outcome:
        check_new_rows(call, declared, [{**row, "value": value}])
        outcome.count = len(call.context.store.insert(table, [{**row, "value": value}]))


def _save_password(call: Call[EnrolRequest], password: str) -> None:
    user_id, salt = call.request.user_id, new_salt()
    prefix = "panic_" if call.request.panic_finger else ""
    values = {f"{prefix}password": hash_password(password, salt), f"{prefix}salt": salt}
    where = {"users": {"id": user_id}}
    with audited_write(call, "remote_enroll", "users", new=[{"id": user_id}]) as outcome:
        outcome.count = call.context.store.modify("users", values, where)
        if outcome.count == 0:
            raise _no_user(user_id)


def _audit_detail(request: EnrolRequest) -> str:
    whom = f" for user {request.user_id}" if request.user_id else ""
    return f": {request.type[:32]!r}{whom}, {'to be saved' if request.save else 'not saved'}"


COMMANDS = (
    Command(
        remote_enroll,
        errors=(
            ControllerUnavailable,
            DeviceUnavailable,
            NotFound,
            NotPermitted,
            NotSupportedHere,
        ),
        audit=Audit(_audit_detail, refusals=True),
        example={"type": "card", "user_id": 50, "save": False, "sync": True, "countdown": 5},
    ),
    Command(cancel_remote_enroll),
    Command(enroller_state),
)
