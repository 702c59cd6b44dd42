"""The first start: the one-time code that `gateway init` shows, and a site file in the making."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any

from pydantic import Field
from typing_extensions import TypedDict

from gateway.commands.command import Audit, Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.requests import NewPassword, NoMembers, RequestModel
from gateway.commands.rights import Right
from gateway.commands.site_file import SiteChecked, checked
from gateway.commands.site_rules import BoardShown
from gateway.errors import InvalidRequest, NotAuthenticated, SettingsError
from gateway.settings import LONGEST_PROPOSAL, SITE_FILE, read_text
from gateway.settings.compose import composed
from gateway.settings.hats import hat_names, load_hat
from gateway.settings.toml_text import parse
from gateway.store.tables.setup import MOST_CHECKS, SetupTable

Check = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\r\n]+$")]


class BeginSetupRequest(RequestModel):
    """`begin_setup`."""

    code: Annotated[str, Field(max_length=64)]
    password: NewPassword
    """The administrator's own, in place of the generated one."""


class SetupBegun(TypedDict):
    """Answer to `begin_setup`."""

    session: str
    login: str


class ChannelShown(TypedDict):
    """A relay or input of a module."""

    name: str
    gpio: int | None
    """None where the installer chooses the pin by a wire."""


class HatShown(TypedDict):
    """A module that `site.hats` may name."""

    name: str
    title: str
    kind: str
    channels: list[ChannelShown]


class SetupState(TypedDict):
    """Answer to `setup_state`."""

    tables: dict[str, Any]
    """The site file in the making, by its tables; at first the present one."""
    text: str
    """The same as text."""
    checks: list[str]
    """What somebody has seen or heard work, as `save_setup` got it."""
    checked: SiteChecked
    boards: list[BoardShown]
    hats: list[HatShown]
    places: dict[str, list[str]]
    """Names of what is plugged in: serial ports (`port`), USB input devices (`device`) and PC/SC
    readers (`reader`)."""


class SaveSetupRequest(RequestModel):
    """`save_setup`."""

    tables: dict[str, Any] | None = None
    """All tables of the site file; empty forgets what is in the making and its checks, None changes
    nothing."""
    checks: Annotated[list[Check], Field(default_factory=list, max_length=MOST_CHECKS)]
    """The client's names of what somebody has seen or heard work, beside those before."""


def begin_setup(call: Call[BeginSetupRequest]) -> SetupBegun:
    """Set the administrator's password with the set-up code, which is then used up; a session.

    Another password of that login, set in any way, ends the code too.
    """
    context, request = call.context, call.request
    row = SetupTable(context.store).take(request.code)
    account = context.accounts.find(row.login) if row else None
    if row is None or account is None or account.stamp != row.stamp:
        raise NotAuthenticated("Invalid set-up code, or it was used")
    account = context.accounts.set_password(account.login, request.password)
    context.sessions.close_login(account.login)
    session = context.sessions.open(account.login, account.stamp)
    return {"session": session.token, "login": account.login}


def setup_state(call: Call[NoMembers]) -> SetupState:
    """The site file in the making, what is wrong with it, and the boards and modules there are."""
    text = _draft(call.context)
    tables: dict[str, Any] = {}
    with suppress(SettingsError):
        tables = parse(text, "site file")
    return {
        "tables": tables,
        "text": text,
        "checks": SetupTable(call.context.store).read().checks.splitlines(),
        "checked": checked(call.context, text),
        "boards": [*call.context.site_rules.boards()],
        "hats": [_hat(name) for name in hat_names()],
        "places": {key: [*found] for key, found in call.context.site_rules.places().items()},
    }


def save_setup(call: Call[SaveSetupRequest]) -> SiteChecked:
    """Keep the site file in the making; nothing changes at the doors. Any text of a site file with
    unknown or wrong keys is kept, too, and the answer says what is wrong with it."""
    context, tables, checks = call.context, call.request.tables, call.request.checks
    text = ""
    if tables:
        try:
            text = composed(tables)
        except (SettingsError, AttributeError, RecursionError) as error:
            raise InvalidRequest(f"tables: no site file can have these: {error}") from error
    if len(text.encode()) > LONGEST_PROPOSAL:
        raise InvalidRequest(f"tables: a site file has at most {LONGEST_PROPOSAL} bytes here")
    setup = SetupTable(context.store)
    if tables is not None:
        setup.keep_draft(text)
    if checks:
        setup.add_checks(checks)
    return checked(context, text or _draft(context))


def _draft(context: CommandContext) -> str:
    draft = SetupTable(context.store).read().draft
    if draft:
        return draft
    with suppress(SettingsError):
        return read_text(context.data / SITE_FILE)
    return ""


def _hat(name: str) -> HatShown:
    hat = load_hat(name)
    return {
        "name": hat.name,
        "title": hat.title,
        "kind": hat.kind,
        "channels": [{"name": it.name, "gpio": it.gpio} for it in hat.channels],
    }


COMMANDS = (
    Command(
        begin_setup,
        Right.LOG_IN,
        audit=Audit(refusals=True, throttled=True),
        example={"code": "abcd-efgh-jkmn-pqrs", "password": "better secret"},
    ),
    Command(setup_state, Right.OWNER),
    Command(
        save_setup,
        Right.OWNER,
        audit=Audit(),
        example={
            "tables": {"site": {"name": "Depot", "timezone": "Europe/Berlin", "board": "simulated"}}
        },
    ),
)
