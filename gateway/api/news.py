"""Whether there is a reason to look at the journal, the database and the controller's state."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from gateway.errors import StorageError
from gateway.link.messages import ControllerStatus, DecisionStatus, Fact
from gateway.store.objects.store import Store

LONGEST_S = 60.0
"""Without any other reason there is one as often as this."""


class News:
    """What the facts of the controller bring. One thread uses it."""

    def __init__(self, store: Store, now_s: Callable[[], float]) -> None:
        """`now_s` is monotonic."""
        self._store = store
        self._now_s = now_s
        self._seen: object = None
        self._told_s = -LONGEST_S

    def brought_by(self, fact: Fact | None) -> bool:
        """Whether `fact`, None for a silence, tells of a change, or the database has changed since
        the last call."""
        status = None
        if fact is not None and fact.status is not None:
            status = _still(fact.status)
        version = None
        with suppress(StorageError):  # whoever looks meets it and reports it
            version = self._store.data_version()
        seen = (status, version)
        is_news = seen != self._seen or self._now_s() - self._told_s >= LONGEST_S
        if fact is not None and fact.kind != "heartbeat":
            is_news = True
        else:
            self._seen = seen
        if is_news:
            self._told_s = self._now_s()
        return is_news


def _still(status: ControllerStatus) -> ControllerStatus:
    """`status` without times that run, and counts of what the journal tells as well."""
    devices = (it.model_copy(update={"since_s": 0.0, "counters": {}}) for it in status.devices)
    return status.model_copy(
        update={
            "clock_shift_s": 0.0,
            "keypads_locked_ms": {},
            "decisions": DecisionStatus(),
            "devices": tuple(devices),
        }
    )
