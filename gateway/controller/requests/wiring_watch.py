"""Answers who watches the wires."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from gateway.clock import Clock
from gateway.controller.state.ports import RigPort
from gateway.credentials.captures import (
    BytesCapture,
    Captured,
    CardCapture,
    FrameCapture,
    TypedCapture,
)
from gateway.link.wiring import InputLine, WatchWiring, WiringCaptures


class WiringWatch:
    """Renews watches. The loop's thread alone uses it."""

    def __init__(self, rig: RigPort, clock: Clock) -> None:
        self._rig = rig
        self._clock = clock

    def watch(self, command: WatchWiring) -> dict[str, Any]:
        """Begin or renew a watch and return what was captured so far.

        Raises NotFound for an unknown reader.
        """
        now_ns = self._clock.monotonic_ns()
        captures = self._rig.captures
        kept: tuple[Captured, ...] = ()
        if command.reader is not None:
            reader = captures.of(command.reader)
            reader.watch(now_ns, keys=command.keys, widths=command.widths)
            kept = tuple(
                each for each in reader.kept(keys=command.keys) if each.number > command.after
            )
        captures.watch(now_ns)
        return WiringCaptures(
            now_ns=now_ns,
            frames=tuple(each for each in kept if isinstance(each, FrameCapture)),
            chunks=tuple(each for each in kept if isinstance(each, BytesCapture)),
            texts=tuple(each for each in kept if isinstance(each, TypedCapture)),
            cards=tuple(each for each in kept if isinstance(each, CardCapture)),
            inputs=tuple(InputLine(**asdict(line)) for line in self._rig.lines()),
        ).model_dump(mode="json")
