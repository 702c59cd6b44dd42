"""The machine's clock: set by hand, or following network time."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime
from typing import Annotated

import structlog
from pydantic import Field
from typing_extensions import TypedDict

from gateway.commands.answers import DONE, Done
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.requests import NoMembers, RequestModel
from gateway.commands.rights import Right
from gateway.errors import DeviceUnavailable, GatewayError, InvalidRequest, NotSupportedHere
from gateway.host.clock_trust import CEILING, RELEASED, note_set_by_hand
from gateway.host.probes import HOST_PATTERN, LONGEST_HOST
from gateway.store.tables.audit import AuditType

NTP_ENABLED = ("ntp", "enabled")
"""Module and key of the switch."""

log = structlog.get_logger("commands")


class TimeRequest(RequestModel):
    """`set_system_time`: the wall clock of the site, daylight saving included."""

    day: Annotated[int, Field(ge=1, le=31)]
    month: Annotated[int, Field(ge=1, le=12)]
    year: Annotated[int, Field(ge=RELEASED.year, le=CEILING.year)]
    hour: Annotated[int, Field(ge=0, le=23)]
    minute: Annotated[int, Field(ge=0, le=59)]
    second: Annotated[int, Field(ge=0, le=59)]

    def __str__(self) -> str:
        return (
            f"{self.year}-{self.month:02}-{self.day:02} "
            f"{self.hour:02}:{self.minute:02}:{self.second:02}"
        )


class NtpRequest(RequestModel):
    """`set_ntp_server`: names or addresses, the preferred one first."""

    server1: Annotated[str, Field(max_length=LONGEST_HOST, pattern=HOST_PATTERN)]
    server2: Annotated[str, Field(max_length=LONGEST_HOST, pattern=f"^$|{HOST_PATTERN}")] = ""

    def servers(self) -> list[str]:
        """Those that are given."""
        return [server for server in (self.server1, self.server2) if server]


class NtpServers(TypedDict):
    """Answer to `get_ntp_server`."""

    server1: str
    server2: str


def set_system_time(call: Call[TimeRequest]) -> Done:
    """Set the clock to a time of day at the site, by its time zone.

    A time that is skipped when the clocks go forward is refused; of one that happens twice, when
    they go back, the one nearer to what the clock shows now is meant. The clock is trusted from
    then on, until the machine restarts, even where nothing else sets it or the journal has later
    events. Times before this software's release, or more than 20 years after it, are refused, since
    no rule would be decided by them.
    """
    context, request = call.context, call.request
    days = monthrange(request.year, request.month)[1]
    if request.day > days:
        raise InvalidRequest(f"Invalid member 'day' ({request} is no date: the month has {days})")
    wall = datetime(
        request.year,
        request.month,
        request.day,
        request.hour,
        request.minute,
        request.second,
        tzinfo=UTC,
    )
    instants = context.device_time.instants(wall)
    if not instants:
        raise InvalidRequest(f"Invalid member 'hour' ({request} is skipped by daylight saving)")
    now = context.clock.utc()
    instant = min(instants, key=lambda each: abs(each - now))
    if instant < RELEASED:
        raise InvalidRequest(
            f"Invalid member 'year' ({request} is before this software's release, {RELEASED:%Y-%m})"
        )
    if instant > CEILING:
        raise InvalidRequest(
            f"Invalid member 'year' ({request} is later than any right clock, {CEILING:%Y-%m})"
        )
    context.platform.set_time(instant)
    if context.clock_mark is not None:
        try:
            note_set_by_hand(context.clock_mark)
        except OSError as error:
            log.warning("the controller is not told that the clock was set", why=str(error))
    return DONE


def set_ntp_server(call: Call[NtpRequest]) -> Done:
    """Ask these time servers from now on; they count while configuration ntp.enabled is 1."""
    if call.context.platform.ntp_enabled():
        call.context.platform.set_ntp_servers(call.request.servers())
    call.context.machine.change(ntp_server1=call.request.server1, ntp_server2=call.request.server2)
    return DONE


def get_ntp_server(call: Call[NoMembers]) -> NtpServers:
    """The time servers that were set here, else the first two that the machine asks."""
    settings = call.context.machine.read()
    if settings.ntp_server1:
        return {"server1": settings.ntp_server1, "server2": settings.ntp_server2}
    first, second, *_ = (*call.context.platform.ntp_servers(), "", "")
    return {"server1": first, "server2": second}


def follow_network_time(context: CommandContext, *, enabled: bool) -> None:
    """Make the machine do what configuration ntp.enabled is about to say.

    On a simulated board the key is kept and nothing else happens. Raises as `Platform` does.
    """
    platform = context.platform
    if not platform.real:
        return
    try:
        platform.set_ntp(enabled=enabled)
    except NotSupportedHere:
        # Clients send back everything that they have read.
        if enabled != _configured(context):
            raise
        return
    if enabled:
        _ask_own_servers(context)


def adopt_clock(context: CommandContext) -> None:
    """Once a process serves: let configuration say what the machine does, which may have been
    changed at the machine itself, and name the time servers anew, which it forgets."""
    platform = context.platform
    if not platform.real:
        return
    module, key = NTP_ENABLED
    try:
        enabled = platform.ntp_enabled()
        if enabled != _configured(context):
            context.store.set_configuration({module: {key: enabled}})
        if enabled:
            _ask_own_servers(context)
    except GatewayError as error:
        log.warning("the clock's settings cannot be had", why=str(error))


def _configured(context: CommandContext) -> bool:
    module, key = NTP_ENABLED
    return context.store.configuration({module: [key]})[module][key] == "1"


def _ask_own_servers(context: CommandContext) -> None:
    settings = context.machine.read()
    servers = [server for server in (settings.ntp_server1, settings.ntp_server2) if server]
    if servers:
        context.platform.set_ntp_servers(servers)


_MAY_FAIL = (NotSupportedHere, DeviceUnavailable)

COMMANDS = (
    Command(
        set_system_time,
        Right.ADMINISTRATOR,
        audit=Audit(AuditType.TIME, lambda request: f" {request}", refusals=True),
        errors=_MAY_FAIL,
        example={"day": 22, "month": 11, "year": 2026, "hour": 10, "minute": 30, "second": 0},
    ),
    Command(
        set_ntp_server,
        Right.ADMINISTRATOR,
        audit=Audit(
            AuditType.TIME, lambda request: f" {' '.join(request.servers())}", refusals=True
        ),
        errors=_MAY_FAIL,
        example={"server1": "a.st1.ntp.br", "server2": "b.st1.ntp.br"},
    ),
    Command(get_ntp_server, Right.ADMINISTRATOR, errors=_MAY_FAIL),
)
