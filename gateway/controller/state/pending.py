"""What waits for the answers to questions that were asked through the api process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from gateway.clock import Clock
from gateway.errors import NotFound

_MS = 1_000_000


class Dated(Protocol):
    """Something that waits no longer than until a monotonic instant."""

    @property
    def deadline_ns(self) -> int: ...


T = TypeVar("T", bound=Dated)


class PendingAnswers(Generic[T]):
    """What waits, by the id of its question, the oldest first. The loop's thread alone uses it."""

    def __init__(self, what: str, new_key: Callable[[], str], clock: Clock) -> None:
        """`what` names one in a refusal; `new_key` makes ids."""
        self._what = what
        self._new_key = new_key
        self._clock = clock
        self._waiting: dict[str, T] = {}

    def _put(self, waiting: T, ask: Callable[[str], bool]) -> bool:
        """Let `waiting` wait for the answer to the question that `ask` passes on under a new id;
        False if nobody listens."""
        key = self._new_key()
        if not ask(key):
            return False
        self._waiting[key] = waiting
        return True

    def take(self, key: str) -> T:
        """What waits for the answer to a question; it no longer waits.

        Raises NotFound for a question that is unknown, answered, or over its time.
        """
        waiting = self._waiting.get(key)
        if waiting is None or waiting.deadline_ns <= self._clock.monotonic_ns():
            raise NotFound(
                f"no {self._what} waits for an answer to question {key!r}: it was answered, its "
                "time is over, or it was never asked"
            )
        return self._waiting.pop(key)

    def take_all(self) -> list[T]:
        """All that waits; it no longer does."""
        waiting, self._waiting = list(self._waiting.values()), {}
        return waiting

    def take_overdue(self, now_ms: int) -> list[T]:
        """What has waited for too long; it no longer waits."""
        late = [key for key, it in self._waiting.items() if _due_ms(it) <= now_ms]
        return [self._waiting.pop(key) for key in late]

    def due_ms(self) -> int | None:
        """When the time of one is over; None without any."""
        return min(map(_due_ms, self._waiting.values()), default=None)


def _due_ms(waiting: Dated) -> int:
    return -(-waiting.deadline_ns // _MS)
