"""Work in steps whose results are kept, so that the next run does only what changed.

The results are those of a run from nothing: a step depends on its inputs alone.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from operator import is_
from typing import Any, TypeVar

from gateway.access.slices import sliced

V = TypeVar("V")

Work = Generator[None, None, V]
"""Sliced work with its result."""


class Steps:
    """The inputs and results of the latest run, by step. Inputs must not be changed afterwards."""

    def __init__(self) -> None:
        self._whole: dict[str, tuple[tuple[object, ...], Any]] = {}
        self._values: dict[str, Any] = {}
        self._parts: dict[str, dict[int, tuple[tuple[object, ...], Any]]] = {}

    def run(self, name: str, step: Callable[..., Work[V]], *inputs: object) -> Work[V]:
        """The result of `step`; of the latest run if that had the same objects as inputs."""
        known = self._whole.get(name)
        if known is not None and all(map(is_, known[0], inputs)):
            kept: V = known[1]
            return kept
        result = yield from step(*inputs)
        self._whole[name] = (inputs, result)
        return result

    def same(self, name: str, value: V) -> V:
        """The value of the latest run if it equals `value`, so that what follows is not done again.

        The order of a dictionary does not count.
        """
        kept: V = self._values.get(name, value)
        if kept != value:
            kept = value
        self._values[name] = kept
        return kept

    def each(
        self,
        name: str,
        inputs: Iterable[tuple[int, tuple[object, ...]]],
        part: Callable[..., Work[V]],
    ) -> Work[dict[int, V]]:
        """The result of `part` for the inputs of each key; where they are equal to those of the
        latest run, its result."""
        before = self._parts.get(name, {})
        now: dict[int, tuple[tuple[object, ...], V]] = {}
        results: dict[int, V] = {}
        for some in sliced(inputs):
            for key, given in some:
                known = before.get(key)
                if known is None or known[0] != given:
                    known = given, (yield from part(*given))
                now[key] = known
                results[key] = known[1]
            yield
        self._parts[name] = now
        return results
