"""The journal entries that follow from a command to the simulated board, as lines of text."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from gateway.cli.printing import one_line
from gateway.cli.running import site_names
from gateway.explain.entry_words import line_of
from gateway.link.messages import Simulate
from gateway.settings import SiteFile, read_running_site
from gateway.store.files import JOURNAL_FILE
from gateway.store.journal import CommittedEntry, EntryKind, JournalReader

LONGEST_WAIT_S = 2.0
"""From the command to the entry that it causes; some commands cause none."""
_MORE_S = 0.15
"""Further entries of the same command come within this time of the first."""
_PAUSE_S = 0.02

_AT_READER = frozenset(
    {EntryKind.ACCESS, EntryKind.BAD_FRAME, EntryKind.REPLAY, EntryKind.READER_DISABLED}
)
_CAUSES = {
    **dict.fromkeys(("swipe", "key", "frame", "qr", "tag", "type", "present"), _AT_READER),
    "door": frozenset({EntryKind.ACCESS_EVENT}),
    "turn": frozenset({EntryKind.TURN}),
    "rex": frozenset({EntryKind.ACCESS, EntryKind.INTERLOCK}),
    "zone": frozenset({EntryKind.ALARM}),
    "tamper": frozenset({EntryKind.ALARM}),
    "fire": frozenset({EntryKind.FIRE}),
    "adc": frozenset(
        {
            EntryKind.ACCESS,
            EntryKind.ACCESS_EVENT,
            EntryKind.ALARM,
            EntryKind.FAULT,
            EntryKind.FIRE,
        }
    ),
    "unplug": frozenset({EntryKind.DEVICE}),
    "plug": frozenset({EntryKind.DEVICE}),
    **dict.fromkeys(("mains_fail", "battery_low", "under_voltage"), frozenset({EntryKind.FAULT})),
}
"""Verb -> the kinds of entry that end the wait; other verbs do not wait."""


class Outcome:
    """Reads what a running controller commits."""

    def __init__(self, data: Path) -> None:
        """Note the last entry of the journal. Raises StorageError."""
        self._data = data
        self._journal = JournalReader(data / JOURNAL_FILE)
        self._seq = self._journal.last_seq()
        self.found = False
        """Whether the command caused an entry, or its verb does not wait for one."""

    def close(self) -> None:
        self._journal.close()

    def lines(self, command: Simulate) -> Iterator[str]:
        """The lines of all entries since `__init__`, until `command` has caused its entry or
        LONGEST_WAIT_S has passed. Raises StorageError."""
        expected = _CAUSES.get(command.verb)
        self.found = expected is None
        if expected is None:
            return
        site = read_running_site(self._data)
        with site_names(self._data, site) as names:
            end = time.monotonic() + LONGEST_WAIT_S
            while time.monotonic() < end:
                for entry in self._journal.after(self._seq, 100):
                    self._seq = entry.seq
                    caused = entry.kind in expected and _is_about(entry, command, site)
                    if caused and not self.found:
                        self.found = True
                        end = time.monotonic() + _MORE_S
                    line = line_of(
                        entry.kind,
                        entry.body,
                        entry.utc,
                        names,
                        clock_trusted=entry.clock_trusted,
                    )
                    if line is not None:
                        yield one_line(line.text)
                time.sleep(_PAUSE_S)


def _is_about(entry: CommittedEntry, command: Simulate, site: SiteFile) -> bool:
    """Whether an entry concerns the reader or door of `command`; True if it names neither."""
    facts = entry.body.get("facts", {})
    if command.verb == "door":
        doors = {str(door.id) for door in site.doors() if door.name == command.door}
        return entry.body["row"]["identification"] in doors
    if command.verb == "rex":
        doors = {str(door.id) for door in site.doors() if door.name == command.door}
        return str(facts.get("door", entry.body.get("door"))) in doors
    if entry.kind in _AT_READER and command.reader:
        return command.reader in (facts.get("reader"), entry.body.get("reader"))
    return True
