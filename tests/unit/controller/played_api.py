"""The api process's end of the link, as far as it answers questions of the controller."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from gateway.link.client import FactListener
from gateway.link.messages import Fact
from gateway.link.runtime import RuntimeDirectory

if TYPE_CHECKING:
    from tests.unit.controller.conftest import Bench

Question = TypeVar("Question")


class PlayedApi(Generic[Question]):
    """Hears every fact; `of` takes the question that one may hold."""

    def __init__(self, bench: Bench, of: Callable[[Fact], Question | None]) -> None:
        self._bench = bench
        self._of = of
        self._facts: list[Fact] = []
        self._listener = FactListener(RuntimeDirectory.create(bench.data), self._on_fact)
        self._listener.start()
        bench.wait_until(lambda: self._facts)

    def _on_fact(self, fact: Fact | None) -> None:
        if fact is not None:
            self._facts.append(fact)

    def close(self) -> None:
        self._listener.close()

    @property
    def questions(self) -> list[Question]:
        found = map(self._of, self._facts)
        return [question for question in found if question is not None]

    def asked(self, count: int = 1) -> Question:
        """The newest question, once so many have come; time stands."""
        for _ in range(10_000):
            if len(self.questions) >= count:
                break
            self._bench.controller.turn(1_000_000)
        assert len(self.questions) == count
        return self.questions[-1]
