"""The loop's inbox: items from drivers, timers and the journal writer, in order of arrival."""

from __future__ import annotations

import os
from collections import deque
from contextlib import suppress
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Inbox(Generic[Item]):
    """A queue that any thread may post to and that the loop waits on by file descriptor."""

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        self._wakeup = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def post(self, item: Item) -> None:
        """Add `item` and wake the loop."""
        self._items.append(item)
        self.wake()

    def wake(self) -> None:
        """Wake the loop without an item, since something became due."""
        with suppress(BlockingIOError, OSError):  # full means awake; closed means stopped
            os.eventfd_write(self._wakeup, 1)

    def fileno(self) -> int:
        return self._wakeup

    def settle(self) -> None:
        """Clear the wake-up; call it before taking the items."""
        with suppress(BlockingIOError):
            os.eventfd_read(self._wakeup)

    def take(self) -> Item | None:
        """The oldest item; None if empty."""
        try:
            return self._items.popleft()
        except IndexError:
            return None

    def __len__(self) -> int:
        return len(self._items)

    def close(self) -> None:
        os.close(self._wakeup)
