"""Where a flight recorder attaches to the controller. By default nothing is recorded."""

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
    """A request from the link, with the address to answer to."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(
        ser_json_bytes="hex", val_json_bytes="hex"
    )
    address: bytes
    request: Request


class Pulse(StrEnum):
    """What happens without an input."""

    TIME = "time"
    """Components do what is due."""
    BEAT = "beat"
    """The clock is judged, and reads that have waited too long are refused."""
    CLOSE = "close"
    """An orderly end begins."""


class Flight:
    """Records nothing and passes everything through. FlightRecorder records."""

    @property
    def recording(self) -> bool:
        """Whether anything is recorded."""
        return False

    def step(self, what: object) -> AbstractContextManager[None]:
        """The context in which `what` is handled."""
        del what
        return nullcontext()

    def begin(self, root: Recorded) -> None:
        """Begin a record of `root`, which was built from what the methods below returned."""

    def close(self) -> None:
        """End the record."""

    def people(self, people: People) -> People:
        """Wrap `people` to record its answers; likewise the methods below."""
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
        """A new uuid for an event."""
        return str(uuid4())


NO_FLIGHT = Flight()


class Stateful(Protocol):
    """Something with a state between two steps, which it can restore."""

    def state(self) -> Any: ...

    def restore(self, state: Any, /) -> None: ...


class Recorded(Protocol):
    """The controller, as far as its recorder needs it."""

    def due_ns(self) -> int | None: ...

    def components(self) -> Mapping[str, Stateful]: ...

    def device_states(self) -> dict[str, bool]: ...
