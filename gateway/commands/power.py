"""Restarts the machine; answers whether the api process runs."""

from __future__ import annotations

from gateway.commands.answers import DONE, Done
from gateway.commands.audit import audited
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call
from gateway.commands.requests import NoMembers
from gateway.commands.rights import Right
from gateway.errors import DeviceUnavailable, NotFound, NotSupportedHere
from gateway.store.tables.audit import AuditType


def reboot(call: Call[NoMembers]) -> Done:
    """Restart the machine once the answer has been sent. The doors take their `on_stop` and then
    their `on_start` state."""
    call.context.platform.check_restart()
    call.caller.afterwards.append(call.context.platform.restart)
    return DONE


def reboot_by_url(call: Call[NoMembers]) -> None:
    """As `reboot`, without a session. Raises NotFound unless general.url_reboot_enabled is 1."""
    if call.context.setting("general", "url_reboot_enabled") != "1":
        raise NotFound("Not Found")
    with audited(REBOOT, call):
        reboot(call)


def device_is_alive(_: Call[NoMembers]) -> Done:
    """An empty answer: this process serves requests."""
    return DONE


REBOOT = Command(
    reboot,
    Right.ADMINISTRATOR,
    audit=Audit(kind=AuditType.BOOT, refusals=True),
    errors=(NotSupportedHere, DeviceUnavailable),
)

COMMANDS = (REBOOT, Command(device_is_alive))
