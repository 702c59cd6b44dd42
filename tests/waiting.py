"""Waiting for what threads and processes bring about."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

AMPLE_S = 60.0
"""Far more than anything that is waited for takes on a busy machine."""


def eventually(
    look: Callable[[], T],
    what: str | Callable[[], object] = "what was waited for",
    step: Callable[[], object] = lambda: None,
) -> T:
    """The first truthy answer of `look`, before which `step` is taken each time.

    Fails after AMPLE_S, with `what` and the last answer.
    """
    end_s = time.monotonic() + AMPLE_S
    pause = threading.Event()
    while True:
        step()
        if found := look():
            return found
        if time.monotonic() > end_s:
            told = what if isinstance(what, str) else what()
            raise AssertionError(f"did not come about: {told}; last seen: {found!r}")
        pause.wait(0.005)
