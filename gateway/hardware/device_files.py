"""Files that the site file names as devices, and that may be no devices."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def refuse_plain_file(path: str) -> None:
    """Raise OSError (ENOTTY) if `path`, or the file that it leads to, is a plain file.

    A client may propose a site file. To open and close one of this process's own databases would
    give back all locks that SQLite holds on it (fcntl(2), advisory record locking).
    """
    try:
        mode = Path(path).stat().st_mode
    except (OSError, ValueError):  # whoever opens it says what is wrong
        return
    if stat.S_ISREG(mode):
        raise OSError(errno.ENOTTY, os.strerror(errno.ENOTTY), path)
