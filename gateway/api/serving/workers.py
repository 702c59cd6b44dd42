"""The threads that compute answers, and who gets them."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from gateway.api.serving.limits import Limits

Job = Callable[[], object]


class Workers:
    """Runs jobs on threads. All methods but `shut_down` are for the event loop's thread."""

    def __init__(self, limits: Limits) -> None:
        self._each = min(limits.workers_each, limits.workers)
        self._large_free = limits.large_at_once
        self._pool = ThreadPoolExecutor(limits.workers, thread_name_prefix="http worker")
        self._running: Counter[str] = Counter()
        self._queued: defaultdict[str, deque[Job]] = defaultdict(deque)
        self._large: deque[Job] = deque()
        self._closed = False

    def run(self, address: str, job: Job) -> None:
        """Run `job`, at once unless `address` has its share of the workers already."""
        if self._closed:
            return
        if self._running[address] >= self._each:
            self._queued[address].append(job)
            return
        self._running[address] += 1
        loop = asyncio.get_running_loop()
        future = self._pool.submit(job)
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(self._done, address))

    def enter_large(self, start: Callable[[], None]) -> None:
        """Call `start` when a place among the large requests is free, at once if one is."""
        if self._large_free:
            self._large_free -= 1
            start()
        else:
            self._large.append(start)

    @property
    def large_wanted(self) -> bool:
        """Whether somebody waits for a place among the large requests."""
        return bool(self._large)

    def give_up_large(self, start: Callable[[], None]) -> bool:
        """Take `start` out of the queue; False when it is not there any more."""
        try:
            self._large.remove(start)
        except ValueError:
            return False
        return True

    def leave_large(self) -> None:
        """Give a place back."""
        if self._large:
            self._large.popleft()()
        else:
            self._large_free += 1

    def shut_down(self) -> None:
        """Wait for the jobs that run; start no further ones."""
        self._closed = True
        self._pool.shutdown(cancel_futures=True)

    def _done(self, address: str) -> None:
        self._running[address] -= 1
        if queue := self._queued.get(address):
            job = queue.popleft()
            if not queue:
                del self._queued[address]
            self.run(address, job)
        elif not self._running[address]:
            del self._running[address]
