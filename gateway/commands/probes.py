"""Tests of the network from this device.

An administrator who looks for a server needs them. One at a time, each with a time limit and an
audit entry, they are of little use for scanning a network.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from gateway.commands.command import Audit, Command
from gateway.commands.context import Call
from gateway.commands.requests import RequestModel
from gateway.commands.rights import Right
from gateway.errors import DeviceUnavailable, NotSupportedHere
from gateway.host.probes import (
    HOST_PATTERN,
    LONGEST_HOST,
    Unreachable,
    connect,
    look_up,
    ping,
)
from gateway.store.tables.audit import AuditType

Host = Annotated[str, Field(max_length=LONGEST_HOST, pattern=HOST_PATTERN)]


class HostRequest(RequestModel):
    """`ping_test`, `nslookup_test`: a name or an address."""

    host: Host


class ConnectionRequest(HostRequest):
    """`connection_test`."""

    port: Annotated[int, Field(ge=1, le=65_535)]


class Timed(TypedDict):
    """How long the answer took, or why there was none."""

    success: bool
    time_ms: NotRequired[float]
    reason: NotRequired[str]


class LookedUp(TypedDict):
    """The addresses of a name, or why there are none."""

    success: bool
    addresses: NotRequired[list[str]]
    reason: NotRequired[str]


def _probe(call: Call[object], member: str, run: Callable[[], object]) -> dict[str, Any]:
    """`success` and what `run` returns as `member`, or the `reason` why it failed."""
    if not call.context.probe_lock.acquire(blocking=False):
        raise DeviceUnavailable("Another test of the network is running")
    try:
        return {"success": True, member: run()}
    except Unreachable as error:
        return {"success": False, "reason": str(error)}
    finally:
        call.context.probe_lock.release()


def connection_test(call: Call[ConnectionRequest]) -> Annotated[dict[str, Any], Timed]:
    """Whether a TCP connection can be made: `success`, and `time_ms` or the `reason`.

    The vendor does not document the answer; this one is ours.
    """
    return _probe(call, "time_ms", lambda: connect(call.request.host, call.request.port))


def ping_test(call: Call[HostRequest]) -> Annotated[dict[str, Any], Timed]:
    """Whether a host answers an ICMP echo request: `success`, and `time_ms` or the `reason`.

    The vendor does not document the answer; this one is ours.
    """
    return _probe(call, "time_ms", lambda: ping(call.request.host))


def nslookup_test(call: Call[HostRequest]) -> Annotated[dict[str, Any], LookedUp]:
    """The addresses of a name: `success`, and the `addresses` or the `reason`.

    The vendor does not document the answer; this one is ours.
    """
    return _probe(call, "addresses", lambda: list(look_up(call.request.host)))


_MAY_FAIL = (NotSupportedHere, DeviceUnavailable)


def _audit_detail(request: HostRequest) -> str:
    port = f" port {request.port}" if isinstance(request, ConnectionRequest) else ""
    return f" {request.host}{port}"


_AUDIT = Audit(_audit_detail, kind=AuditType.NETWORK, refusals=True, throttled=True)

COMMANDS = (
    Command(
        connection_test,
        Right.ADMINISTRATOR,
        audit=_AUDIT,
        errors=_MAY_FAIL,
        example={"host": "127.0.0.1", "port": 80},
    ),
    Command(
        ping_test,
        Right.ADMINISTRATOR,
        audit=_AUDIT,
        errors=_MAY_FAIL,
        example={"host": "127.0.0.1"},
    ),
    Command(
        nslookup_test,
        Right.ADMINISTRATOR,
        audit=_AUDIT,
        errors=_MAY_FAIL,
        example={"host": "localhost"},
    ),
)
