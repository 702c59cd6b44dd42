"""The commands of the vendor's set-up pages, sent before or right after the first login.

`gateway init` has set the device up before a process starts. The commands still store the language,
and the audit log records who accepted the terms.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from gateway.commands.answers import DONE, Done
from gateway.commands.audit import audited_configuration
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call
from gateway.commands.requests import NoMembers, RequestModel
from gateway.commands.rights import Right

DEFAULT_LANGUAGE = "en_US"


class LanguageRequest(RequestModel):
    """`finish_init_language`, `init_language_set`. The vendor documents no member (unverified)."""

    language: Annotated[str, Field(max_length=32)] | None = None


class Language(TypedDict):
    """Answer to `get_language`."""

    language: str


class DeviceSet(TypedDict):
    """Answer to `init_device_set`."""

    init_device_set: bool


class FirstWebLogin(TypedDict):
    """Answer to `is_first_web_login`."""

    is_first_web_login: bool


class Country(TypedDict):
    """A country by its ISO 3166 code."""

    code: str
    name: str


class Countries(TypedDict):
    """Answer to `get_countries`."""

    countries: list[Country]


def get_language(call: Call[NoMembers]) -> Language:
    """Configuration general.language; English while that is empty."""
    return {"language": call.context.setting("general", "language") or DEFAULT_LANGUAGE}


def init_device_set(_: Call[NoMembers]) -> DeviceSet:
    """Whether the device is set up: true, since no process starts before `gateway init`."""
    return {"init_device_set": True}


def is_first_web_login(_: Call[NoMembers]) -> FirstWebLogin:
    """Whether the factory password must be changed: false, since there is none."""
    return {"is_first_web_login": False}


def get_countries(_: Call[NoMembers]) -> Countries:
    """All countries with their ISO 3166 codes (the form of the answer is unverified)."""
    return {"countries": [{"code": code, "name": name} for code, name in _countries()]}


@cache
def _countries() -> tuple[tuple[str, str], ...]:
    listed = files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text(encoding="utf-8")
    lines = (line for line in listed.splitlines() if line and not line.startswith("#"))
    pairs = (line.split("\t") for line in lines)
    return tuple(sorted(((code, name) for code, name in pairs), key=lambda pair: pair[1]))


def set_language(call: Call[LanguageRequest]) -> Done:
    """Set configuration general.language, if the request names one."""
    if call.request.language is not None:
        values = {"general": {"language": call.request.language}}
        with audited_configuration(call, values):
            call.context.store.set_configuration(values)
    return DONE


def accept_legal_terms(_: Call[NoMembers]) -> Done:
    """Record in the audit log who accepted the vendor's terms."""
    return DONE


COMMANDS = (
    Command(get_language, Right.NONE),
    Command(init_device_set, Right.NONE),
    Command(is_first_web_login, Right.NONE),
    Command(get_countries, Right.NONE),
    Command(
        set_language,
        Right.ADMINISTRATOR,
        example={"language": "pt_BR"},
        name="finish_init_language",
    ),
    Command(
        set_language, Right.ADMINISTRATOR, example={"language": "pt_BR"}, name="init_language_set"
    ),
    Command(accept_legal_terms, Right.ADMINISTRATOR, audit=Audit()),
)
