"""A change of ports, TLS, addresses or host name that goes back unless it is confirmed."""

from __future__ import annotations

from dataclasses import asdict
from ipaddress import IPv4Address, IPv4Interface
from typing import Annotated

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from typing_extensions import TypedDict

from gateway.clock import boot_id
from gateway.commands.answers import DONE, Done
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.listening import Listening
from gateway.commands.requests import NoMembers
from gateway.commands.rights import Right
from gateway.errors import DeviceUnavailable, NotFound, NotSupportedHere, TooBusy
from gateway.host.network import network
from gateway.host.platform import MOST_SERVERS, Addressing
from gateway.store.tables.audit import AuditType
from gateway.store.tables.machine import MachineSettings
from gateway.store.tables.network_trial import NetworkTrialTable

_NS = 1_000_000_000

log = structlog.get_logger("network")


class NetworkBefore(BaseModel):
    """What to go back to, and when."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    machine: MachineSettings
    addressing: Addressing | None = None
    """None if the addresses were not changed."""
    hostname: str | None = None
    """None if the name was not changed."""
    boot: Annotated[str, Field(max_length=64)]
    until_ns: int
    """On the monotonic clock of that boot."""


class NetworkTrialShown(TypedDict):
    """Answer to `system_network_trial`."""

    pending: bool
    left_s: int
    """The time in which the change must be confirmed."""
    listen: str
    """Where the API listens, or will once the change is in force; empty for not at all."""
    tls: str
    """The same of HTTPS."""


def addressing_now(context: CommandContext) -> Addressing:
    """How the machine gets its address at present. Raises as `Platform`."""
    if context.platform.uses_dhcp():
        return Addressing(None)
    found = network()
    gateway, *dns = (IPv4Address(it) for it in (found.gateway, found.primary_dns))
    return Addressing(
        IPv4Interface(f"{found.ip}/{found.netmask}"),
        None if gateway.is_unspecified else gateway,
        tuple(it for it in dns if not it.is_unspecified)[:MOST_SERVERS],
    )


def check_none_waits(context: CommandContext) -> None:
    """Raise TooBusy while a change waits for its confirmation."""
    if _waiting(context) is not None:
        raise TooBusy("another change waits for its confirmation: confirm it or take it back first")


def keep_before(
    context: CommandContext,
    machine: MachineSettings,
    addressing: Addressing | None,
    hostname: str | None,
    within_s: int,
) -> None:
    """Keep what a change goes back to after `within_s`."""
    until_ns = context.clock.monotonic_ns() + within_s * _NS
    before = NetworkBefore(
        machine=machine,
        addressing=addressing,
        hostname=hostname,
        boot=boot_id(),
        until_ns=until_ns,
    )
    NetworkTrialTable(context.store).keep(before.model_dump_json())


def take_back_if_due(context: CommandContext) -> None:
    """Go back once the time is over, or in another boot. Raises StorageError."""
    before = _waiting(context)
    if before is None:
        return
    now_ns = context.clock.monotonic_ns()
    if before.boot != boot_id() or now_ns >= before.until_ns:
        log.warning("nobody confirmed the change of the network; it is taken back")
        _take_back(context, before)
        context.request_restart()


def system_network_trial(call: Call[NoMembers]) -> NetworkTrialShown:
    """Whether a change of `set_system_network` waits for its confirmation, and where to send it."""
    before = _waiting(call.context)
    left_ns = before.until_ns - call.context.clock.monotonic_ns() if before else 0
    context = call.context
    rules = context.listening or Listening(context.site.http)
    stored = rules.addresses(context.machine.read())
    return {
        "pending": before is not None,
        "left_s": max(0, left_ns // _NS),
        "listen": stored.plain_address or "",
        "tls": stored.tls or "",
    }


def confirm_system_network(call: Call[NoMembers]) -> Done:
    """Keep the change that waits; sent from where the API listens now."""
    if not NetworkTrialTable(call.context.store).clear():
        raise NotFound("no change of the network waits for a confirmation")
    return DONE


def take_back_system_network(call: Call[NoMembers]) -> Done:
    """Go back to the settings before the change that waits, once the answer has been sent."""
    before = _waiting(call.context)
    if before is None:
        raise NotFound("no change of the network waits for a confirmation")
    context = call.context

    def go_back() -> None:
        _take_back(context, before)
        context.request_restart()

    call.caller.afterwards.append(go_back)
    return DONE


def _waiting(context: CommandContext) -> NetworkBefore | None:
    kept = NetworkTrialTable(context.store).read()
    if not kept:
        return None
    try:
        return NetworkBefore.model_validate_json(kept)
    except ValidationError as error:
        log.warning("what a change goes back to cannot be read", problems=error.error_count())
        return None


def _take_back(context: CommandContext, before: NetworkBefore) -> None:
    """The row goes last: what is interrupted is done again."""
    context.machine.change(**asdict(before.machine))
    if before.addressing is not None or before.hostname is not None:
        try:
            context.platform.change_network(before.addressing, before.hostname)()
        except (NotSupportedHere, DeviceUnavailable) as error:
            log.warning("the addresses before cannot be restored", why=str(error))
    NetworkTrialTable(context.store).clear()


COMMANDS = (
    Command(system_network_trial, Right.ADMINISTRATOR),
    Command(
        confirm_system_network,
        Right.ADMINISTRATOR,
        audit=Audit(kind=AuditType.NETWORK, refusals=True),
        errors=(NotFound,),
    ),
    Command(
        take_back_system_network,
        Right.ADMINISTRATOR,
        audit=Audit(kind=AuditType.NETWORK, refusals=True),
        errors=(NotFound,),
    ),
)
