"""A file for support: what the device knows of itself, without secrets and without people.

It leaves the site, so that it has no names of people, no card numbers and no codes either: counts
of rows take the place of rows, a summary that of the journal. Each part is bounded; a part that
cannot be read tells why, and the others stay.
"""

from __future__ import annotations

import io
import json
import platform
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from importlib.metadata import distributions
from types import MappingProxyType
from typing import Any

from gateway.commands.answers import ByteStream
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.requests import NoMembers
from gateway.commands.rights import Right
from gateway.errors import GatewayError
from gateway.host import system as machine
from gateway.host.programs import doctor_output, unit_states
from gateway.store.backup_file import PIECE
from gateway.store.files import JOURNAL_FILE
from gateway.store.journal import JournalReader
from gateway.store.query.request import COUNT

LONGEST_PART = 512 * 1024
"""Characters of a part; what is beyond is cut off."""
MOST_ENTRIES = 2_000
"""The newest entries of the journal that the summary counts."""
_MOST_FILES = 500

_MASKED = (
    (re.compile(r"(?<=://)[^/@\s\"]*@"), "***@"),
    (re.compile(r"\?[^\s\"?]*=[^\s\"]*"), "?***"),
)
"""The login and the query of an address, which may hold a secret -> what is written instead."""


def diagnostics(call: Call[NoMembers]) -> ByteStream:
    """A ZIP file for support: findings, versions, settings, state, sizes and the newest log lines.

    It has no password, PIN, token, key or hash, and no name, card number or code of a person.
    """
    context = call.context
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        for name, part in PARTS.items():
            # A file's name need not be UTF-8.
            made.writestr(name, _text(part, context)[:LONGEST_PART].encode(errors="replace"))
    length = file.tell()
    file.seek(0)
    name = f"{context.identity.serial}-{context.clock.utc():%Y%m%d-%H%M%S}-diagnostics.zip"
    pieces = iter(lambda: file.read(PIECE), b"")
    return ByteStream(pieces, length, name, media_type="application/zip")


def _text(part: Callable[[CommandContext], object], context: CommandContext) -> str:
    try:
        found = part(context)
    except (GatewayError, OSError) as error:
        return f"this could not be read: {error}\n"
    if not isinstance(found, str):
        found = json.dumps(found, indent=1, ensure_ascii=False, default=str) + "\n"
    for secret, mask in _MASKED:
        found = secret.sub(mask, found)
    return found


def _versions(context: CommandContext) -> Mapping[str, object]:
    up_s = (context.clock.monotonic_ns() - context.started_ns) // 1_000_000_000
    return {
        "gateway": context.version,
        "device_id": context.identity.device_id,
        "board": context.site.site.board,
        "time_utc": context.clock.utc().isoformat(timespec="seconds"),
        "api_up_s": up_s,
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": platform.machine(),
        "packages": dict(sorted((it.name, it.version) for it in distributions())),
    }


def _findings(context: CommandContext) -> str:
    return doctor_output(context.data)


def _units(_: CommandContext) -> str:
    return unit_states()


def _configuration(context: CommandContext) -> Mapping[str, object]:
    return context.store.configuration({}, show_secrets=False)


def _site(context: CommandContext) -> Mapping[str, object]:
    """The site as it was read: comments of the file, which may say anything, are left out."""
    return context.site.model_dump(mode="json", exclude_unset=True)


def _state(context: CommandContext) -> Mapping[str, Any]:
    return context.controller.status().model_dump(mode="json")


def _journal(context: CommandContext) -> Mapping[str, object]:
    path = context.data / JOURNAL_FILE
    if not path.exists():
        return {"newest": 0}
    with closing(JournalReader(path)) as reader:
        newest = reader.last_seq()
        entries = reader.after(max(0, newest - MOST_ENTRIES), MOST_ENTRIES)
        damaged = reader.damage.count
    return {
        "newest": newest,
        "looked_at": len(entries),
        "from_utc": entries[0].utc if entries else None,
        "to_utc": entries[-1].utc if entries else None,
        "kinds": dict(Counter(str(entry.kind) for entry in entries).most_common()),
        "damaged": damaged,
    }


def _rows(context: CommandContext) -> Mapping[str, object]:
    found: dict[str, object] = {}
    for declared in context.store.built_in:
        search = {"object": declared.name, "fields": [COUNT]}
        [row] = context.store.load(search).rows
        found[declared.name] = row[COUNT]
    return found


def _sizes(context: CommandContext) -> Mapping[str, object]:
    disk, ram = machine.disk(context.data), machine.memory()
    return {
        "disk": {"free": disk.free, "total": disk.total},
        "memory": {"free": ram.free, "total": ram.total},
        "files": dict(_files(context)),
    }


def _files(context: CommandContext) -> Iterator[tuple[str, int]]:
    for number, path in enumerate(sorted(context.data.rglob("*"))):
        if number == _MOST_FILES:
            return
        if path.is_file():
            yield str(path.relative_to(context.data)), path.lstat().st_size


def _log(context: CommandContext) -> str:
    return "".join(f"{line}\n" for line in context.log_lines())


PARTS: Mapping[str, Callable[[CommandContext], object]] = MappingProxyType(
    {
        "versions.json": _versions,
        "doctor.txt": _findings,
        "units.txt": _units,
        "configuration.json": _configuration,
        "site.json": _site,
        "state.json": _state,
        "journal.json": _journal,
        "rows.json": _rows,
        "sizes.json": _sizes,
        "log.txt": _log,
    }
)
"""Name of each file within the file -> what writes it."""

COMMANDS = (Command(diagnostics, Right.OWNER, audit=Audit(), heavy=True),)
