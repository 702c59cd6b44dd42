"""The machine's clock: set by a client, or by network time."""

from __future__ import annotations

from calendar import monthrange
from contextlib import suppress
from datetime import datetime
from typing import Annotated

import structlog
from pydantic import Field
from typing_extensions import TypedDict

from gateway.clock import unix_s
from gateway.commands.answers import DONE, Done
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.requests import NoMembers, RequestModel
from gateway.commands.rights import Right
from gateway.errors import (
    ControllerUnavailable,
    DeviceUnavailable,
    GatewayError,
    NotSupportedHere,
)
from gateway.host.clock_trust import CEILING, RELEASED, note_set_by_hand
from gateway.host.probes import HOST_PATTERN, LONGEST_HOST
from gateway.objects.fields import invalid_value
from gateway.store.tables.audit import AuditType

NTP_ENABLED = ("ntp", "enabled")
"""Module and key of the configuration."""

log = structlog.get_logger("commands")


class TimeRequest(RequestModel):
    """`set_system_time`: a time of the site's wall clock, with daylight saving."""

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
        """The given ones."""
        return [server for server in (self.server1, self.server2) if server]


class NtpServers(TypedDict):
    """Answer to `get_ntp_server`."""

    server1: str
    server2: str


class ClockShown(TypedDict):
    """Answer to `system_clock`."""

    utc: int
    """Unix seconds, without the shift of a simulation."""
    timezone: str
    """IANA, of the site file."""
    fixed_offset: str
    """Configuration ntp.timezone, which goes before it; empty for none."""
    controller: bool
    """Whether the door controller answers; without it nothing is known of the trust."""
    trusted: bool
    verdict: str
    """Why it is trusted or not; empty while the controller is away."""
    floor_utc: int
    """The newest trusted entry of the journal: a clock behind it is not trusted. 0 for none."""
    shift_s: float
    """Of a simulated clock."""
    adjustable: bool
    """Whether this machine lets clients set its clock."""
    ntp_enabled: bool


def set_system_time(call: Call[TimeRequest]) -> Done:
    """Set the clock to a time of the site's time zone.

    A time that does not exist because the clocks go forward is refused; of a time that occurs twice
    because they go back, the one nearer to the present time counts. The clock is then trusted until
    the machine restarts, even if nothing else sets it or the journal has later events. Times before
    this software's release or more than 20 years after it are refused: no rule applies at them.
    """
    context, request = call.context, call.request
    days = monthrange(request.year, request.month)[1]
    if request.day > days:
        raise invalid_value("day", f"{request} is not a date: the month has {days} days")
    wall = datetime.fromisoformat(f"{request}+00:00")
    instants = context.device_time.instants(wall)
    if not instants:
        raise invalid_value("hour", f"{request} is skipped by daylight saving")
    now = context.clock.utc()
    instant = min(instants, key=lambda each: abs(each - now))
    if instant < RELEASED:
        released = f"{RELEASED:%Y-%m}"
        raise invalid_value("year", f"{request} is before this software's release, {released}")
    if instant > CEILING:
        raise invalid_value("year", f"{request} is after the latest accepted time, {CEILING:%Y-%m}")
    context.platform.set_time(instant)
    if context.clock_mark is not None:
        try:
            note_set_by_hand(context.clock_mark)
        except OSError as error:
            log.warning("cannot mark the clock as set for the controller", why=str(error))
    return DONE


def system_clock(call: Call[NoMembers]) -> ClockShown:
    """The clock, whether the door controller trusts it for schedules, and why.

    `verdict` is set_by_hand, network_time, battery_clock or simulated for a trusted clock, else
    before_release, beyond_ceiling, behind_floor or no_source.
    """
    context = call.context
    status = None
    with suppress(ControllerUnavailable):
        status = context.controller.status()
    return {
        "utc": unix_s(context.clock.utc()),
        "timezone": context.site.site.timezone,
        "fixed_offset": context.setting("ntp", "timezone"),
        "controller": status is not None,
        "trusted": status is not None and status.clock_trusted,
        "verdict": status.clock_verdict if status else "",
        "floor_utc": status.clock_floor_utc if status else 0,
        "shift_s": status.clock_shift_s if status else 0.0,
        "adjustable": context.platform.real,
        "ntp_enabled": _configured(context),
    }


def set_ntp_server(call: Call[NtpRequest]) -> Done:
    """Set the time servers, which are used while configuration ntp.enabled is 1."""
    if call.context.platform.ntp_enabled():
        call.context.platform.set_ntp_servers(call.request.servers())
    call.context.machine.change(ntp_server1=call.request.server1, ntp_server2=call.request.server2)
    return DONE


def get_ntp_server(call: Call[NoMembers]) -> NtpServers:
    """The time servers set with `set_ntp_server`, else the first two of the machine."""
    settings = call.context.machine.read()
    if settings.ntp_server1:
        return {"server1": settings.ntp_server1, "server2": settings.ntp_server2}
    first, second, *_ = (*call.context.platform.ntp_servers(), "", "")
    return {"server1": first, "server2": second}


def follow_network_time(context: CommandContext, *, enabled: bool) -> None:
    """Enable or disable network time on the machine, before ntp.enabled is set.

    Does nothing on the simulated board. Raises the errors of `Platform`.
    """
    platform = context.platform
    if not platform.real:
        return
    try:
        platform.set_ntp(enabled=enabled)
    except NotSupportedHere:
        # Clients write back every value that they have read.
        if enabled != _configured(context):
            raise
        return
    if enabled:
        _ask_own_servers(context)


def adopt_clock(context: CommandContext) -> None:
    """At start: set ntp.enabled to the machine's state, which may have changed, and set the time
    servers again, which the machine forgets."""
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
        log.warning("cannot read or set network time on this machine", why=str(error))


def _configured(context: CommandContext) -> bool:
    return context.setting(*NTP_ENABLED) == "1"


def _ask_own_servers(context: CommandContext) -> None:
    settings = context.machine.read()
    servers = [server for server in (settings.ntp_server1, settings.ntp_server2) if server]
    if servers:
        context.platform.set_ntp_servers(servers)


_MAY_FAIL = (NotSupportedHere, DeviceUnavailable)

COMMANDS = (
    Command(system_clock, Right.ADMINISTRATOR),
    Command(
        set_system_time,
        Right.ADMINISTRATOR,
        audit=Audit(lambda request: f" {request}", kind=AuditType.TIME, refusals=True),
        errors=_MAY_FAIL,
        example={"day": 22, "month": 11, "year": 2026, "hour": 10, "minute": 30, "second": 0},
    ),
    Command(
        set_ntp_server,
        Right.ADMINISTRATOR,
        audit=Audit(
            lambda request: f" {' '.join(request.servers())}", kind=AuditType.TIME, refusals=True
        ),
        errors=_MAY_FAIL,
        example={"server1": "a.st1.ntp.br", "server2": "b.st1.ntp.br"},
    ),
    Command(get_ntp_server, Right.ADMINISTRATOR, errors=_MAY_FAIL),
)
