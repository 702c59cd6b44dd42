"""Tests of the network from the device's point of view, one at a time.

An administrator who looks for a server needs them; one at a time, each with its time limit and an
entry in the audit log, they are of little use for searching a network.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from gateway.commands.command import Audit, Command
from gateway.commands.context import Call, CommandContext
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
    """How long an answer took, or why there was none."""

    success: bool
    time_ms: NotRequired[float]
    reason: NotRequired[str]


class LookedUp(TypedDict):
    """The addresses of a name, or why there are none."""

    success: bool
    addresses: NotRequired[list[str]]
    reason: NotRequired[str]


@contextmanager
def _alone(context: CommandContext) -> Iterator[None]:
    if not context.probing.acquire(blocking=False):
        raise DeviceUnavailable("Another test of the network is running")
    try:
        yield
    finally:
        context.probing.release()


def connection_test(call: Call[ConnectionRequest]) -> Timed:
    """Whether a TCP connection can be made: `success`, and `time_ms` or the `reason`.

    The shape is ours, the vendor's is not documented.
    """
    with _alone(call.context):
        try:
            return {"success": True, "time_ms": connect(call.request.host, call.request.port)}
        except Unreachable as error:
            return {"success": False, "reason": str(error)}


def ping_test(call: Call[HostRequest]) -> Timed:
    """Whether a host answers an ICMP echo request: `success`, and `time_ms` or the `reason`.

    The shape is ours, the vendor's is not documented.
    """
    with _alone(call.context):
        try:
            return {"success": True, "time_ms": ping(call.request.host)}
        except Unreachable as error:
            return {"success": False, "reason": str(error)}


def nslookup_test(call: Call[HostRequest]) -> LookedUp:
    """What addresses a name has: `success`, and the `addresses` or the `reason`.

    The shape is ours, the vendor's is not documented.
    """
    with _alone(call.context):
        try:
            return {"success": True, "addresses": list(look_up(call.request.host))}
        except Unreachable as error:
            return {"success": False, "reason": str(error)}


_MAY_FAIL = (NotSupportedHere, DeviceUnavailable)
_HOST = Audit(AuditType.NETWORK, lambda request: f" {request.host}", refusals=True, often=True)

COMMANDS = (
    Command(
        connection_test,
        Right.ADMINISTRATOR,
        audit=Audit(
            AuditType.NETWORK,
            lambda request: f" {request.host} port {request.port}",
            refusals=True,
            often=True,
        ),
        errors=_MAY_FAIL,
        example={"host": "127.0.0.1", "port": 80},
    ),
    Command(
        ping_test, Right.ADMINISTRATOR, audit=_HOST, errors=_MAY_FAIL, example={"host": "127.0.0.1"}
    ),
    Command(
        nslookup_test,
        Right.ADMINISTRATOR,
        audit=_HOST,
        errors=_MAY_FAIL,
        example={"host": "localhost"},
    ),
)
