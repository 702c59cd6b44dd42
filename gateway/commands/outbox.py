"""How the servers fare that this device sends to. The command is ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, NotRequired

from typing_extensions import TypedDict

from gateway.commands.command import Command
from gateway.commands.context import Call
from gateway.commands.requests import NoMembers
from gateway.commands.rights import Right


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


COMMANDS = (
    # Addresses, counts and errors of servers are nothing for a concierge.
    Command(outbox_state, Right.ADMINISTRATOR),
)
