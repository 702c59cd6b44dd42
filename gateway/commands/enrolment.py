"""Enrolment at the device's own readers: somebody shows a card, a code or types digits there.

Control iD Access API, remote enrolment. Decided here, where the vendor's pages are silent:

- What fails (nobody acted in time, cancelled, somebody else's card) is answered by a status with
  an error text, like every other failure of this device, and never by 200 with `success` false.
- Without `sync` the call waits, as in the vendor's sample. `countdown` is the time to act.
- A PIN or password is what is keyed up to the end key; it has at least SHORTEST digits.
- `panic_finger` makes a card, PIN or password one that raises the panic alarm.
- `reader`, the name of one in the site file, is a member of our own; without it the lowest index
  that can read the kind counts.
- The states of `enroller_state` beyond the vendor's three, and `last_enroll_message`, are ours.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from pydantic import BeforeValidator, Field
from typing_extensions import TypedDict

from gateway.commands.answers import DONE, Done
from gateway.commands.audit import audited_write
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.enrolment_desk import Enrolled, EnrolmentKind, Running
from gateway.commands.requests import NoMembers, RequestModel, flag
from gateway.credentials.password_hash import hash_password, new_salt
from gateway.credentials.qr import QrMode, credential_of_code
from gateway.credentials.values import Credential, CredentialKind
from gateway.errors import (
    ControllerUnavailable,
    DeviceUnavailable,
    InvalidRequest,
    NotFound,
    NotSupportedHere,
)
from gateway.link.messages import CancelCapture, Capture, Captured
from gateway.objects.people import USER_ID_MAX
from gateway.store.tables.audit import AuditType

SHORTEST = 4
"""Digits of a PIN or password: fewer are guessed in minutes."""
USUAL_COUNTDOWN_S = 5
LONGEST_COUNTDOWN_S = 60

TYPES = {
    "card": EnrolmentKind.CARD,
    "qr": EnrolmentKind.QRCODE,
    "qrcode": EnrolmentKind.QRCODE,
    "pin": EnrolmentKind.PIN,
    "password": EnrolmentKind.PASSWORD,
}
"""`type` of a request -> what is enrolled."""
BIOMETRIC = frozenset({"face", "biometry", "fingerprint"})
"""Types of the vendor's that need a sensor."""

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

Switch = Annotated[bool, BeforeValidator(flag)]


class EnrolRequest(RequestModel):
    """`remote_enroll`. What only a screen or a camera needs (`msg`, `message`, `auto`,
    `registration`) is not looked at."""

    type: str
    user_id: Annotated[int, Field(ge=0, le=USER_ID_MAX)] = 0
    save: Switch = False
    sync: Switch = True
    auto: Switch = False
    countdown: Annotated[int, Field(ge=1, le=LONGEST_COUNTDOWN_S)] = USUAL_COUNTDOWN_S
    panic_finger: Switch = False
    registration: str | None = None
    msg: str | None = None
    message: str | None = None
    reader: Annotated[str, Field(max_length=64)] | None = None


@dataclass(frozen=True, slots=True)
class _Wish:
    """A checked request."""

    kind: EnrolmentKind
    user_id: int
    save: bool
    panic: bool
    countdown_s: int
    reader: str | None


class EnrolmentAnswer(TypedDict, total=False):
    """Answer to `remote_enroll`, empty without `sync`; one of the values."""

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
    """Take what somebody shows or types at a reader now, and save it for a person if asked to.

    With `sync` the answer comes when somebody has acted, else at once. PINs and passwords are
    answered to administrators only.
    """
    context = call.context
    wish = _checked(context, call.request)
    running = Running(wish.kind, wish.user_id, secrets.token_hex(8))
    work = partial(_enrol, call, wish)
    if not call.request.sync:
        context.enrolments.run_later(running, work)
        return DONE
    enrolled = context.enrolments.run(running, work)
    answer: dict[str, object] = {
        "success": True,
        "user_id": enrolled.user_id,
        "device_id": context.identity.device_id,
        "finger_type": int(wish.panic),
    }
    if enrolled.kind not in _KEYED or call.caller.sees_secrets:
        answer[f"{enrolled.kind}_value"] = enrolled.value
    return answer


def cancel_remote_enroll(call: Call[NoMembers]) -> Done:
    """End the enrolment that runs, if one does; another one can begin once this is answered."""
    call.context.enrolments.cancel(partial(_cancel_capture, call.context))
    return DONE


def enroller_state(call: Call[NoMembers]) -> EnrollerState:
    """What is enrolled now, and whether the last enrolment succeeded."""
    state = call.context.enrolments.state
    doing = "NORMAL_STATE" if state.running is None else f"ENROLL_{state.running.upper()}_STATE"
    return {
        "enroller_state": doing,
        "last_enroll": state.succeeded,
        # The vendor's other word is for faces; why it really failed is told beside it.
        "last_enroll_error": "UNKNOWN",
        "last_enroll_message": state.error or "",
        # A device was seen to spell it like this.
        "biometry_sate": "NOT_ENROLLING",
        "biometry_state": "NOT_ENROLLING",
    }


def close_enrolments(context: CommandContext) -> None:
    """End the enrolment that runs and let none begin: the process is being stopped."""
    context.enrolments.close(partial(_cancel_capture, context))


def _cancel_capture(context: CommandContext, ticket: str) -> None:
    context.controller.ask(CancelCapture(ticket=ticket))


def _checked(context: CommandContext, request: EnrolRequest) -> _Wish:
    """Raises InvalidRequest naming the member, NotSupportedHere for biometry."""
    if request.type in BIOMETRIC:
        raise NotSupportedHere(f"remote_enroll: this device has no sensor for {request.type}")
    kind = TYPES.get(request.type)
    if kind is None:
        raise InvalidRequest(f"type is one of {', '.join(TYPES)} (found {request.type!r})")
    if request.panic_finger and kind is EnrolmentKind.QRCODE:
        # Kept as an ordinary one, it would open without calling for help.
        raise InvalidRequest(f"panic_finger: a {kind} has no panic mark on this device")
    if request.save and request.user_id == 0:
        raise InvalidRequest("user_id is needed to save")
    if request.save and not _exists(context, request.user_id):
        raise _no_user(request.user_id)
    return _Wish(
        kind=kind,
        user_id=request.user_id,
        save=request.save,
        panic=request.panic_finger,
        countdown_s=request.countdown,
        reader=request.reader,
    )


def _exists(context: CommandContext, user_id: int) -> bool:
    search = {"object": "users", "fields": ["id"], "where": {"users": {"id": user_id}}}
    return any(context.store.load(search).rows)


def _no_user(user_id: int) -> InvalidRequest:
    return InvalidRequest(f"user_id: there is no user {user_id}")


def _enrol(call: Call[object], wish: _Wish, running: Running) -> Enrolled:
    value = _captured(call.context, wish, running)
    kind, value = _understood(call.context, wish.kind, value)
    if wish.save:
        _save(call, wish, kind, value)
    return Enrolled(kind, wish.user_id, value, saved=wish.save)


def _captured(context: CommandContext, wish: _Wish, running: Running) -> int | str:
    """What was read. Asks again until the controller has it, so that neither end waits long for
    one that has died."""
    ends_ns = context.clock.monotonic_ns() + wish.countdown_s * _NS
    while True:
        left_ns = max(1, ends_ns - context.clock.monotonic_ns())
        answer = context.controller.ask(
            Capture(
                ticket=running.ticket,
                credential=_READ_AS[wish.kind],
                reader=wish.reader,
                left_ms=-(-left_ns // _MS),
            )
        )
        captured = Captured.model_validate(answer)
        if captured.value is not None:
            return captured.value
        if running.cancelled:
            # The cancellation overtook the first asking.
            _cancel_capture(context, running.ticket)
            raise InvalidRequest("the enrolment was cancelled")


def _understood(
    context: CommandContext, kind: EnrolmentKind, value: int | str
) -> tuple[EnrolmentKind, int | str]:
    """What was read, as this device looks it up at a door."""
    if kind in _KEYED:
        if len(str(value)) < SHORTEST:
            raise InvalidRequest(f"a {kind} has at least {SHORTEST} digits; nothing was saved")
        return kind, value
    if kind is EnrolmentKind.CARD:
        return kind, value
    settings = context.store.configuration({"face_id": ["qrcode_legacy_mode_enabled"]})
    mode = QrMode(int(settings["face_id"]["qrcode_legacy_mode_enabled"]))
    read = credential_of_code(Credential(CredentialKind.QRCODE, value), mode)
    if read.kind is CredentialKind.CARD:
        return EnrolmentKind.CARD, read.value
    if mode is not QrMode.ALPHANUMERIC:
        raise InvalidRequest(
            "the code is no number, and face_id.qrcode_legacy_mode_enabled wants one"
        )
    return kind, value


def _save(call: Call[object], wish: _Wish, kind: EnrolmentKind, value: int | str) -> None:
    """Make it the person's. Raises ConstraintViolation as `create_objects` does."""
    if kind is EnrolmentKind.PASSWORD:
        _save_password(call, wish, str(value))
        return
    row: dict[str, object] = {"user_id": wish.user_id}
    if kind is EnrolmentKind.PIN:
        row["pin_type"] = int(wish.panic)
    elif kind is EnrolmentKind.CARD:
        row["panic"] = int(wish.panic)
    table = _TABLES[kind]
    with audited_write(call, "remote_enroll", table, new=[row]) as outcome:
        outcome.count = len(call.context.store.insert(table, [{**row, "value": value}]))


def _save_password(call: Call[object], wish: _Wish, password: str) -> None:
    salt = new_salt()
    prefix = "panic_" if wish.panic else ""
    values = {f"{prefix}password": hash_password(password, salt), f"{prefix}salt": salt}
    where = {"users": {"id": wish.user_id}}
    with audited_write(call, "remote_enroll", "users", new=[{"id": wish.user_id}]) as outcome:
        outcome.count = call.context.store.modify("users", values, where)
        if outcome.count == 0:
            raise _no_user(wish.user_id)


def _asked(request: EnrolRequest) -> str:
    whom = f" for user {request.user_id}" if request.user_id else ""
    return f": {request.type[:32]!r}{whom}, {'to be saved' if request.save else 'not saved'}"


COMMANDS = (
    Command(
        remote_enroll,
        errors=(ControllerUnavailable, DeviceUnavailable, NotFound, NotSupportedHere),
        audit=Audit(AuditType.API, _asked, refusals=True),
        example={"type": "card", "user_id": 50, "save": False, "sync": True, "countdown": 5},
    ),
    Command(cancel_remote_enroll),
    Command(enroller_state),
)
