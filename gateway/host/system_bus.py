"""Calls to services on the system D-Bus, with a time limit.

Errors: NotSupportedHere without a bus, service or permission; DeviceUnavailable without an answer;
InvalidRequest when the service refuses the request.
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
"""Limit of a call, and of the D-Bus handshake before it. API clients wait 10 s."""

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
"""Prefixes of D-Bus error names. Other errors are a service's own."""


@dataclass(frozen=True, slots=True)
class Service:
    """One object of a service on the bus."""

    title: str
    """The service's name for an administrator."""
    name: str
    path: str
    interface: str

    def at(self, path: str, interface: str) -> Service:
        """Return another object of the same service."""
        return Service(self.title, self.name, path, interface)


class _Connection(DBusConnection):  # type: ignore[misc]  # - its base has no types
    """A connection with a time limit on every wait, including the handshake."""

    def __init__(self, address: object, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        super().__init__(prep_socket(address, timeout=timeout_s))

    def send_and_get_reply(self, message: Any, *, timeout: float | None = None) -> Any:
        limit = self._timeout_s if timeout is None else timeout
        return super().send_and_get_reply(message, timeout=limit)


class SystemBus:
    """The system bus, or the bus in DBUS_SYSTEM_BUS_ADDRESS. Thread-safe.

    Each call opens its own connection: calls are rare, and a kept connection could go stale.
    """

    def __init__(self, timeout_s: float = CALL_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s

    def call(
        self, service: Service, method: str, signature: str = "", *arguments: object
    ) -> tuple[Any, ...]:
        """Call `method` and return its answer. A variant is a pair of signature and value.

        Raises NotSupportedHere, DeviceUnavailable or InvalidRequest; see the module docstring.
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
                f"{service.title} cannot be reached: this machine has no system bus (D-Bus): "
                f"{error}"
            ) from error
        if reply.header.message_type is MessageType.error:
            raise _error(service, reply)
        answer: tuple[Any, ...] = reply.body
        return answer

    def get(self, service: Service, name: str) -> Any:
        """Return the value of a property; raises as `call` does."""
        properties = service.at(service.path, PROPERTIES)
        (variant,) = self.call(properties, "Get", "ss", service.interface, name)
        return variant[1]


def _error(service: Service, reply: Any) -> GatewayError:
    """Return the exception for the error message `reply`."""
    fields = {key.name: value for key, value in reply.header.fields.items()}
    name = str(fields.get("error_name", ""))
    text = str(reply.body[0]) if reply.body else name
    if name.startswith(_ABSENT):
        return NotSupportedHere(f"{service.title} does not offer this here: {text}")
    if name.startswith(_DENIED) or name.endswith(".PermissionDenied"):
        return NotSupportedHere(
            f"{service.title} does not permit this program to do this; polkit rule needed: {text}"
        )
    if name.startswith(_LATE):
        return DeviceUnavailable(f"{service.title} did not answer: {text}")
    return InvalidRequest(f"{service.title} refused: {text}")
