"""Calls to the operating system's services over the system D-Bus, each within a time limit.

What cannot be done is told apart by what the caller can do about it: there is no bus, no such
service or no permission (NotSupportedHere), no answer (DeviceUnavailable), or the service itself
refuses what it was asked (InvalidRequest).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jeepney import (  # type: ignore[import-untyped]  # - jeepney ships no types
    DBusAddress,
    MessageType,
    new_method_call,
)
from jeepney.bus import get_bus  # type: ignore[import-untyped]  # - as above
from jeepney.io.blocking import (  # type: ignore[import-untyped]  # - as above
    DBusConnection,
    prep_socket,
)

from gateway.errors import DeviceUnavailable, GatewayError, InvalidRequest, NotSupportedHere

CALL_TIMEOUT_S = 4.0
"""Of a call and of the greeting before it. Clients of the API wait 10 s."""

PROPERTIES = "org.freedesktop.DBus.Properties"

_ABSENT = (
    "org.freedesktop.DBus.Error.ServiceUnknown",
    "org.freedesktop.DBus.Error.NameHasNoOwner",
    "org.freedesktop.DBus.Error.Spawn.",
    "org.freedesktop.DBus.Error.UnknownMethod",
    "org.freedesktop.DBus.Error.UnknownObject",
    "org.freedesktop.DBus.Error.UnknownInterface",
    "org.freedesktop.DBus.Error.UnknownProperty",
    "org.freedesktop.systemd1.NoSuchUnit",
    "org.freedesktop.systemd1.UnitMasked",
    "org.freedesktop.timedate1.NoNTPSupport",
)
_DENIED = (
    "org.freedesktop.DBus.Error.AccessDenied",
    "org.freedesktop.DBus.Error.AuthFailed",
    "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
    "org.freedesktop.PolicyKit1.Error.",
    "org.freedesktop.NetworkManager.PermissionDenied",
    "org.freedesktop.NetworkManager.AgentManager.PermissionDenied",
    "org.freedesktop.NetworkManager.Settings.PermissionDenied",
)
_LATE = (
    "org.freedesktop.DBus.Error.NoReply",
    "org.freedesktop.DBus.Error.Timeout",
    "org.freedesktop.DBus.Error.TimedOut",
)
"""Beginnings of D-Bus error names; those of a service's own are neither."""


@dataclass(frozen=True, slots=True)
class Service:
    """One object of a service on the bus."""

    title: str
    """What an administrator knows it by."""
    name: str
    path: str
    interface: str

    def at(self, path: str, interface: str) -> Service:
        """Another object of the same service."""
        return Service(self.title, self.name, path, interface)


class _Connection(DBusConnection):  # type: ignore[misc]  # - its base has no types
    """A connection on which nothing waits without a limit, the bus's greeting included."""

    def __init__(self, address: object, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        super().__init__(prep_socket(address, timeout=timeout_s))

    def send_and_get_reply(self, message: Any, *, timeout: float | None = None) -> Any:
        limit = self._timeout_s if timeout is None else timeout
        return super().send_and_get_reply(message, timeout=limit)


class SystemBus:
    """The bus that DBUS_SYSTEM_BUS_ADDRESS names, by default the machine's; any thread may call.

    Each call has a connection of its own: there are few, and none goes stale meanwhile.
    """

    def __init__(self, timeout_s: float = CALL_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s

    def call(
        self, service: Service, method: str, signature: str = "", *arguments: object
    ) -> tuple[Any, ...]:
        """What `method` answers. A variant is a pair of signature and value, both ways.

        Raises NotSupportedHere, DeviceUnavailable or InvalidRequest, see the module.
        """
        address = DBusAddress(service.path, bus_name=service.name, interface=service.interface)
        message = new_method_call(address, method, signature or None, arguments)
        try:
            with _Connection(get_bus("SYSTEM"), self._timeout_s) as connection:
                reply = connection.send_and_get_reply(message)
        except TimeoutError:
            raise DeviceUnavailable(
                f"{service.title} did not answer within {self._timeout_s:g} s"
            ) from None
        except (OSError, RuntimeError, ValueError) as error:
            raise NotSupportedHere(
                f"this machine has no system bus (D-Bus), which {service.title} is reached by: "
                f"{error}"
            ) from error
        if reply.header.message_type is MessageType.error:
            raise _error(service, reply)
        answer: tuple[Any, ...] = reply.body
        return answer

    def get(self, service: Service, name: str) -> Any:
        """The value of a property; raises as `call` does."""
        properties = service.at(service.path, PROPERTIES)
        (variant,) = self.call(properties, "Get", "ss", service.interface, name)
        return variant[1]


def _error(service: Service, reply: Any) -> GatewayError:
    """The error that the error message `reply` stands for."""
    fields = {key.name: value for key, value in reply.header.fields.items()}
    name = str(fields.get("error_name", ""))
    text = str(reply.body[0]) if reply.body else name
    if name.startswith(_ABSENT):
        return NotSupportedHere(f"this machine does not offer this ({service.title}): {text}")
    if name.startswith(_DENIED) or name.endswith(".PermissionDenied"):
        return NotSupportedHere(
            f"this program has no permission from {service.title}, which polkit's rules give: "
            f"{text}"
        )
    if name.startswith(_LATE):
        return DeviceUnavailable(f"{service.title} did not answer: {text}")
    return InvalidRequest(f"{service.title} refused: {text}")
