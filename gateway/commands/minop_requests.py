"""Request models of the second vendor's API: all values are strings; numbers are accepted, too."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import date, time
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, WithJsonSchema
from pydantic_core import PydanticCustomError

from gateway.commands.requests import RequestModel
from gateway.objects.fields import invalid_value

GUEST, STANDARD, ADMINISTRATOR = 0, 1, 14
"""`UserType`."""
_USER_TYPES = {str(kind): kind for kind in (GUEST, STANDARD, ADMINISTRATOR)}
_USER_ID = re.compile(r"[1-9][0-9]{0,14}")
_TIME = re.compile(r"(?:[01][0-9]|2[0-3])(?::[0-5][0-9]){2}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_YEARS = range(1970, 9_999)
"""Device time starts in 1970; the year after the last one must still be a valid date."""


def _refusal(text: str) -> PydanticCustomError:
    return PydanticCustomError("minop", "{text}", {"text": text})


def _text(value: object) -> str:
    """The value as text; the API documents strings, and numbers are accepted, too."""
    if isinstance(value, str):
        return value.strip()
    if type(value) is int:
        return str(value)
    raise _refusal("a string is needed")


def _user_id(value: object) -> int:
    text = _text(value)
    if not _USER_ID.fullmatch(text):
        raise _refusal("1 to 15 digits are needed, the first of them not 0")
    return int(text)


def _user_type(value: object) -> int:
    kind = _USER_TYPES.get(_text(value))
    if kind is None:
        raise _refusal("0 (guest), 1 (standard) or 14 (device administrator) is needed")
    return kind


def _time(value: object) -> time:
    text = _text(value)
    if not _TIME.fullmatch(text):
        raise _refusal("a time HH:MM:SS is needed")
    return time.fromisoformat(text)


def _days(value: object) -> frozenset[int]:
    days = [part.strip() for part in _text(value).split(",")]
    if not all(len(day) == 1 and day in "1234567" for day in days):
        raise _refusal("days 1 (Monday) to 7 (Sunday) with commas between are needed")
    return frozenset(map(int, days))


def _date(value: object) -> date:
    text = _text(value)
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or not _DATE.fullmatch(text) or day.year not in _YEARS:
        raise _refusal("a date YYYY-MM-DD from 1970 on is needed")
    return day


def _template(value: object) -> bytes:
    text = "".join(_text(value).split())
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not data:
        raise _refusal("a template in base64 is needed")
    return data


_ON_THE_WIRE = WithJsonSchema({"type": "string"})
_Text = Annotated[str, BeforeValidator(_text), _ON_THE_WIRE]
_UserId = Annotated[int, BeforeValidator(_user_id), _ON_THE_WIRE]
_UserType = Annotated[int, BeforeValidator(_user_type), _ON_THE_WIRE]
_Time = Annotated[time, BeforeValidator(_time), _ON_THE_WIRE]
_Days = Annotated[frozenset[int], BeforeValidator(_days), _ON_THE_WIRE]
_Date = Annotated[date, BeforeValidator(_date), _ON_THE_WIRE]
_Template = Annotated[bytes, BeforeValidator(_template), _ON_THE_WIRE]


class OperationData(RequestModel):
    """The members of a command; unknown ones are refused."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class AddUser(OperationData):
    """Add User."""

    UserID: _UserId
    FirstName: _Text | None = None
    LastName: _Text | None = None
    UserType: _UserType | None = None
    FaceTemplate: _Template | None = None
    FingerTemplate: _Template | None = None

    def name(self) -> str | None:
        """The full name, None for none. Raises InvalidRequest without a first name."""
        if self.FirstName:
            return f"{self.FirstName} {self.LastName or ''}".strip()
        if self.FirstName is None and self.LastName is None:
            return None
        raise invalid_value("FirstName", "a name is needed")


class DeleteUser(OperationData):
    """Delete User."""

    UserID: _UserId


class DeleteAttendanceLog(OperationData):
    """Delete AttendanceLog."""

    StartDate: _Date
    EndDate: _Date


class UpdateAccessTime(OperationData):
    """Update AccessTime."""

    UserID: _UserId
    AccessStartTime: _Time
    AccessEndTime: _Time
    AccessDays: _Days


class Envelope(RequestModel):
    """The body of a request."""

    CommandName: str
    CommandEntity: str
    OperationData: dict[str, Any]
