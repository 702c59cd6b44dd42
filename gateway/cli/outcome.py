"""What came of something done at the simulated board: the lines of the entries that it led to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from gateway.cli.plain import one_line
from gateway.cli.site_names import site_names
from gateway.explain.entry_words import line_of
from gateway.link.messages import Simulate
from gateway.settings import SiteFile, read_running_site
from gateway.store.files import JOURNAL_FILE
from gateway.store.journal import CommittedEntry, EntryKind, JournalReader

LONGEST_WAIT_S = 2.0
"""From the command to the entry that it leads to; some lead to none."""
_MORE_S = 0.15
"""What else an action leads to comes within this time of the first."""
_PAUSE_S = 0.02

_AT_READER = frozenset(
    {EntryKind.ACCESS, EntryKind.BAD_FRAME, EntryKind.REPLAY, EntryKind.READER_DISABLED}
)
_LEADS_TO = {
    **dict.fromkeys(("swipe", "key", "frame", "qr", "tag", "type", "present"), _AT_READER),
    "door": frozenset({EntryKind.ACCESS_EVENT}),
    "turn": frozenset({EntryKind.TURN}),
    "rex": frozenset({EntryKind.ACCESS, EntryKind.INTERLOCK}),
    "zone": frozenset({EntryKind.ALARM}),
    "tamper": frozenset({EntryKind.ALARM}),
    "fire": frozenset({EntryKind.FIRE}),
    "unplug": frozenset({EntryKind.DEVICE}),
    "plug": frozenset({EntryKind.DEVICE}),
    **dict.fromkeys(("mains_fail", "battery_low", "under_voltage"), frozenset({EntryKind.FAULT})),
}
"""What ends the wait, by verb; nothing is waited for after any other."""


class Outcome:
    """Reads what a running controller commits."""

    def __init__(self, data: Path) -> None:
        """Remember where the journal ends now. Raises StorageError."""
        self._data = data
        self._journal = JournalReader(data / JOURNAL_FILE)
        self._seq = self._journal.last_seq()
        self.found = False
        """Whether there is an entry that the command led to, or none is waited for."""

    def close(self) -> None:
        self._journal.close()

    def lines(self, command: Simulate) -> Iterator[str]:
        """The lines of all entries since then, once `command` has led to what it leads to, or
        after LONGEST_WAIT_S. Raises StorageError."""
        wanted = _LEADS_TO.get(command.verb)
        self.found = wanted is None
        if wanted is None:
            return
        site = read_running_site(self._data)
        with site_names(self._data, site) as names:
            end = time.monotonic() + LONGEST_WAIT_S
            while time.monotonic() < end:
                for entry in self._journal.after(self._seq, 100):
                    self._seq = entry.seq
                    told = entry.kind in wanted and _is_about(entry, command, site)
                    if told and not self.found:
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
    """Whether an entry tells of the reader or the door of `command`, where it names one."""
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
