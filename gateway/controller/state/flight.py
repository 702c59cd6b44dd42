"""Where the controller can be watched at work; nobody does unless the site file says so."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Protocol
from uuid import uuid4

from pydantic import ConfigDict

from gateway.controller.state.ports import (
    FindWindow,
    Link,
    Passages,
    People,
    SounderPort,
    StrikePort,
    Writer,
)
from gateway.link.messages import Request


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that came over the link, and whom to answer."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(
        ser_json_bytes="hex", val_json_bytes="hex"
    )
    address: bytes
    request: Request


class Pulse(StrEnum):
    """What happens without anything from outside."""

    TIME = "time"
    """Whatever is due is done."""
    BEAT = "beat"
    """The clock is judged, and who waited too long is given up."""
    CLOSE = "close"
    """An orderly end begins."""


class Flight:
    """No record: everything passes through. A FlightRecorder does more."""

    @property
    def recording(self) -> bool:
        """Whether anything is written down."""
        return False

    def step(self, what: object) -> AbstractContextManager[None]:
        """The time in which `what` is dealt with."""
        del what
        return nullcontext()

    def begin(self, root: Recorded) -> None:
        """From now on steps of `root` count, which was put together from what is watched here."""

    def close(self) -> None:
        """Nothing more is written."""

    def people(self, people: People) -> People:
        """`people`, its answers watched; likewise the others."""
        return people

    def passages(self, passages: Passages) -> Passages:
        return passages

    def writer(self, writer: Writer, last_ids: Mapping[str, int]) -> Writer:
        """`last_ids` are the ids with which it starts."""
        del last_ids
        return writer

    def windows(self, find: FindWindow) -> FindWindow:
        return find

    def link(self, link: Link) -> Link:
        return link

    def strike(self, name: str, strike: StrikePort) -> StrikePort:
        del name
        return strike

    def sounder(self, name: str, sounder: SounderPort) -> SounderPort:
        del name
        return sounder

    def new_key(self) -> str:
        """A uuid by which clients know an event."""
        return str(uuid4())


NO_FLIGHT = Flight()


class Stateful(Protocol):
    """What remembers something between two steps, and takes it back."""

    def state(self) -> Any: ...

    def restore(self, state: Any, /) -> None: ...


class Recorded(Protocol):
    """The controller, as far as its record needs to know it."""

    def due_ns(self) -> int | None: ...

    def components(self) -> Mapping[str, Stateful]: ...

    def device_states(self) -> dict[str, bool]: ...
