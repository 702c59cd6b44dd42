"""A store and what feeds its mirror, in this process."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from gateway.store.files import MIRROR_FILE
from gateway.store.mirror.feeder import Feeder
from gateway.store.mirror.schema import FRESH
from gateway.store.objects.store import Store

Message = dict[str, Any]
ANSWERED_WITHIN_S = 60.0
"""Far more than the pause after a failure."""


class Fed:
    """A store, and what feeds its mirror."""

    def __init__(self, store: Store, data: Path) -> None:
        self.store = store
        self.mirror_path = data / MIRROR_FILE
        self.said: list[Message] = []
        self._feeder = Feeder(data, self.said.append)
        self._feeder.poll()
        self.put_in_place()

    def close(self) -> None:
        self._feeder.close()

    def start_again(self) -> None:
        self._feeder.close()
        self._feeder = Feeder(self.mirror_path.parent, self.said.append)
        self._feeder.poll()

    def put_in_place(self) -> None:
        """Do what the controller does with a mirror that was built."""
        [fresh] = self.mirror_path.parent.glob(f"{MIRROR_FILE}{FRESH}*")
        fresh.rename(self.mirror_path)
        self._feeder.handle({"do": "swapped"})

    def poll(self) -> None:
        """Let it look once, as its process does."""
        self._feeder.poll()

    @property
    def busy(self) -> bool:
        return self._feeder.busy

    def ask(self, question: int) -> None:
        self.said.clear()
        self._feeder.handle({"do": "sync", "n": question})

    def wait_for_answer(self, question: int) -> None:
        """Let the feeder look now and then, as its process does, until it has answered."""
        end_s = time.monotonic() + ANSWERED_WITHIN_S
        while not any(it["is"] == "synced" and it["n"] == question for it in self.said):
            assert time.monotonic() < end_s, f"no answer: {self.said}"
            time.sleep(0.01)
            self._feeder.poll()

    def last_report(self) -> Message:
        return [it for it in self.said if it["is"] == "report"][-1]

    def copied(self) -> set[str]:
        """The names of the copied rules."""
        with closing(sqlite3.connect(self.mirror_path)) as connection:
            return {name for (name,) in connection.execute("SELECT name FROM rows_access_rules")}
