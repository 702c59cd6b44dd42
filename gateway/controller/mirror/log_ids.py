"""What the API's log tables tell of a journal that is lost, read by a process of its own.

The file belongs to the api's user and may be anything, so the controller does not open it:
`known_of` starts `python -m gateway.controller.mirror.log_ids DATA PARENT`, and ends it when it
takes long.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import structlog

from gateway.errors import StorageError
from gateway.host.process import die_with_parent
from gateway.store.files import STORE_FILE
from gateway.store.journal.bodies import LARGEST_ID
from gateway.store.journal.renewal import KnownElsewhere
from gateway.store.mirror.store_side import StoreSide

LONGEST_S = 10.0
"""How long a lost journal is kept waiting, and with it a start."""
_COLUMNS = {
    "journal_cursors": "seq",
    "access_logs": "id",
    "access_events": "id",
    "alarm_logs": "id",
}
_CURSOR = "journal_cursors"

log = structlog.get_logger("journal")


def known_of(data: Path) -> KnownElsewhere:
    """What the store of the data directory `data` tells; nothing where it cannot be read.

    Raises nothing, and waits for at most LONGEST_S.
    """
    # The command line is our own interpreter and our own words.
    command = [sys.executable, "-m", __name__, str(data), str(os.getpid())]
    try:
        answer = subprocess.run(  # noqa: S603 - see above
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LONGEST_S,
            check=True,
            start_new_session=True,
        )
        found = json.loads(answer.stdout)
        highest = {table: _bounded(found[table]) for table in _COLUMNS}
    except subprocess.CalledProcessError as error:
        why = error.stderr.decode("utf-8", "replace").strip().rpartition("\n")[-1]
        log.warning("the log tables cannot be read", why=why)
    except (OSError, subprocess.SubprocessError, ValueError, LookupError, TypeError) as error:
        log.warning("the log tables cannot be read", why=str(error))
    else:
        return KnownElsewhere(highest.pop(_CURSOR), highest)
    return KnownElsewhere()


def _bounded(value: object) -> int:
    if type(value) is not int or not 0 <= value < LARGEST_ID:
        raise ValueError(f"{value!r} is no id")
    return value


def highest_ids(store: StoreSide) -> dict[str, int]:
    """The highest usable number of each table, 0 without one. Raises StoreUnusable."""
    with store.snapshot() as snapshot:
        return {
            table: snapshot.rows(
                f"SELECT coalesce(max({column}), 0) FROM {table} "  # noqa: S608 - names of ours
                f"WHERE typeof({column}) = 'integer' AND {column} BETWEEN 0 AND {LARGEST_ID - 1}"
            )[0][0]
            for table, column in _COLUMNS.items()
        }


def main(data: Path, parent: int) -> None:
    """Write the ids to standard output as JSON."""
    die_with_parent(parent, signal.SIGKILL)
    try:
        found = highest_ids(StoreSide(data / STORE_FILE))
    except StorageError as error:
        sys.exit(str(error))
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
