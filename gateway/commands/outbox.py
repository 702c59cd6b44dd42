"""How the servers fare that this device sends to. The command is ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Literal, NotRequired

from typing_extensions import TypedDict

from gateway.commands.command import Audit, Command
from gateway.commands.context import Call
from gateway.commands.requests import NoMembers, RequestModel
from gateway.commands.rights import Right
from gateway.errors import DeviceUnavailable, NotFound, TooBusy
from gateway.host.probes import Unreachable
from gateway.store.tables.audit import AuditType


class DestinationTestRequest(RequestModel):
    """`test_destination`."""

    name: Literal["monitor", "push", "online", "minop", "mqtt"]


class DestinationTested(TypedDict):
    """Answer to `test_destination`. `status` is 0 for a broker."""

    success: bool
    server: NotRequired[str]
    time_ms: NotRequired[float]
    status: NotRequired[int]
    reason: NotRequired[str]


class Destination(TypedDict):
    """One server. Times are Unix seconds of UTC, 0 for never."""

    name: str
    server: str
    journal_seq: int
    change_id: int
    backlog: int
    delivered: int
    refused: int
    dropped: int
    last_success_utc: int
    last_error: str
    last_error_utc: int
    failing_since_utc: int


class OnlineServerState(TypedDict):
    """The server of the online modes. Times as in Destination."""

    server: str
    reachable: bool
    since_utc: int
    failures: int
    waiting: int
    last_success_utc: int
    last_error: str
    last_error_utc: int


class OutboxState(TypedDict):
    """Answer to `outbox_state`."""

    destinations: list[Destination]
    online: NotRequired[OnlineServerState]


def outbox_state(call: Call[NoMembers]) -> Annotated[Mapping[str, object], OutboxState]:
    """For each server that this device sends to: what waits, was delivered, refused or dropped, and
    the last success and error. In an online mode also whether the server can be asked."""
    answer: dict[str, object] = {
        "destinations": [asdict(state) for state in call.context.destinations()]
    }
    online = call.context.online()
    if online is not None:
        answer["online"] = asdict(online)
    return answer


def test_destination(
    call: Call[DestinationTestRequest],
) -> Annotated[Mapping[str, object], DestinationTested]:
    """Whether the server that the settings name can be reached now: `success`, its address, and the
    `time_ms` until it answered or the `reason` why it did not, within 5 s.

    An HTTP server is sent `OPTIONS`, which has no effect there; whatever it answers counts, except
    for a failure of its own (`status` 500 and above). A broker is logged in to. One test at a time,
    and no other one within a second.
    """
    context = call.context
    if not context.probe_lock.acquire(blocking=False):
        raise DeviceUnavailable("Another test of the network is running")
    try:
        reached = context.probe_destination(call.request.name)
    except Unreachable as error:
        return {"success": False, "reason": str(error)}
    else:
        return {"success": True, **asdict(reached)}
    finally:
        context.probe_lock.release()


COMMANDS = (
    Command(
        test_destination,
        Right.ADMINISTRATOR,
        audit=Audit(
            lambda request: f" {request.name}",
            kind=AuditType.NETWORK,
            refusals=True,
            throttled=True,
        ),
        errors=(NotFound, DeviceUnavailable, TooBusy),
        example={"name": "monitor"},
    ),
    # Addresses, counts and errors of servers are nothing for a concierge.
    Command(outbox_state, Right.ADMINISTRATOR),
)
