"""Exports the newest entries of the journal as text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime

from gateway.commands.answers import TextStream
from gateway.commands.audit import MASK
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.requests import NoMembers
from gateway.commands.rights import Right
from gateway.errors import StorageError
from gateway.objects.logs import ACCESS_LOGS
from gateway.store.files import JOURNAL_FILE
from gateway.store.journal import CommittedEntry, JournalReader

MOST_ENTRIES = 2_000
_SECRETS = frozenset(field.name for field in ACCESS_LOGS.fields if field.secret)


def get_ac_log(call: Call[NoMembers]) -> TextStream:
    """The newest 2,000 entries of the journal, one line each, in order; PINs are masked.

    A line has the time of the site's wall clock, the kind, and the facts as JSON.
    """
    path = call.context.data / JOURNAL_FILE
    entries: list[CommittedEntry] = []
    if path.exists():  # it does not before the controller's first start
        with closing(JournalReader(path)) as reader:
            entries = reader.after(max(0, reader.last_seq() - MOST_ENTRIES), MOST_ENTRIES)
    return TextStream(_lines(call.context, entries), file_name="log.txt")


def _lines(context: CommandContext, entries: list[CommittedEntry]) -> Iterator[str]:
    for entry in entries:
        moment = datetime.fromtimestamp(context.device_time.local(entry.utc), UTC)
        facts = json.dumps(_masked(entry.body), ensure_ascii=False, separators=(",", ":"))
        yield f"{moment:%Y-%m-%d %H:%M:%S} [{entry.kind}] {facts}\n"


def _masked(body: Mapping[str, object]) -> Mapping[str, object]:
    row = body.get("row")
    if not isinstance(row, Mapping):
        return body
    shown = {name: MASK if name in _SECRETS and row[name] else row[name] for name in row}
    return {**body, "row": shown}


COMMANDS = (
    Command(
        get_ac_log,
        Right.ADMINISTRATOR,
        audit=Audit(),
        errors=(StorageError,),
    ),
)
