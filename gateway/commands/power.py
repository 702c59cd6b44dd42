"""Restarting the machine, and signs of life."""

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
    """Restart the machine once the answer has gone out. Doors do what the site file says they do
    at a stop, and at a start."""
    call.context.platform.check_restart()
    call.caller.afterwards.append(call.context.platform.restart)
    return DONE


def reboot_by_url(call: Call[NoMembers]) -> None:
    """As `reboot`, for anybody, while configuration general.url_reboot_enabled is 1.

    Raises NotFound while it is not.
    """
    asked = {"general": ["url_reboot_enabled"]}
    if call.context.store.configuration(asked)["general"]["url_reboot_enabled"] != "1":
        raise NotFound("Not Found")
    with audited(REBOOT, call):
        reboot(call)


def device_is_alive(_: Call[NoMembers]) -> Done:
    """Nothing but the answer itself: this process serves."""
    return DONE


REBOOT = Command(
    reboot,
    Right.ADMINISTRATOR,
    audit=Audit(AuditType.BOOT, lambda _: "", refusals=True),
    errors=(NotSupportedHere, DeviceUnavailable),
)

COMMANDS = (REBOOT, Command(device_is_alive))
