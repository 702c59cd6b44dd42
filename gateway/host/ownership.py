"""Gives up root's rights before a file of a less privileged user is opened.

Root would follow that user's links, create files where they point, and on behalf of SQLite delete
what a crafted journal beside a database names as its super-journal.
"""

from __future__ import annotations

import os
import pwd
import stat
from contextlib import suppress
from pathlib import Path

from gateway.errors import DataDirectoryError

_MOST_LINKS = 40
"""As many as the kernel follows in one path (path_resolution(7))."""
_NOBODY = 65_534


def become_owner(path: Path) -> None:
    """As root, become the user who controls `path`, for the rest of this process.

    That is the owner of the first directory, link or file on the way to it that is not root's;
    nothing changes if all are. `path` need not exist. Raises DataDirectoryError if another user
    could replace what root owns on the way, if the file has a second name, or if that user cannot
    read this program.
    """
    if os.geteuid() != 0:
        return
    found = _first_foreign(path)
    if found is None:
        return
    # A user without an account has no further groups, and root's group is not theirs.
    groups: list[int] = []
    group = found.st_gid or _NOBODY
    with suppress(KeyError):
        account = pwd.getpwuid(found.st_uid)
        group = account.pw_gid
        groups = os.getgrouplist(account.pw_name, group)
    os.setgroups(groups)
    # The saved ids too, so that nothing gets root's rights back.
    os.setresgid(group, group, group)
    os.setresuid(found.st_uid, found.st_uid, found.st_uid)
    if not os.access(__file__, os.R_OK):
        raise DataDirectoryError(
            f"{path} is of the user {found.st_uid}, who cannot read the program in "
            f"{Path(__file__).parents[1]}: use the one that `make install` puts on the device"
        )


def _first_foreign(path: Path) -> os.stat_result | None:
    """The first entry on the way to `path` that is not root's; None if there is none.

    Follows only root's links. Holds each directory open, so that nobody moves the way meanwhile.
    """
    names = list(path.absolute().parts[1:])
    links = 0
    here = _directory("/")
    try:
        while names:
            name = names.pop(0)
            found = _entry(here, name, path)
            if found is None or found.st_uid != 0:
                return found
            if stat.S_ISLNK(found.st_mode):
                links += 1
                if links > _MOST_LINKS:
                    raise DataDirectoryError(f"{path}: too many links")
                target = os.readlink(name, dir_fd=here)
                names[:0] = [part for part in target.split("/") if part]
                if not target.startswith("/"):
                    continue
                name = "/"
            elif not stat.S_ISDIR(found.st_mode):
                return None
            following = _directory(name, here)
            os.close(here)
            here = following
    finally:
        os.close(here)
    return None


def _directory(name: str, beneath: int | None = None) -> int:
    return os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=beneath)


def _entry(directory: int, name: str, path: Path) -> os.stat_result | None:
    """The entry `name` of root's `directory`, on the way to `path`; None if it is missing.

    Raises DataDirectoryError if it is root's or missing and others may replace it, or if it is
    somebody else's file under one of several names.
    """
    try:
        found = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        found = None
    if found is not None and found.st_uid != 0:
        if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
            raise DataDirectoryError(f"{path} has a second name, so root does not open it")
        return found
    if _open_to_others(os.fstat(directory)):
        raise DataDirectoryError(
            f"{path}: {name} is missing or root's, and others may replace it, so root does not "
            "open it; on an installed device run: systemd-tmpfiles --create gateway.conf"
        )
    return found


def _open_to_others(directory: os.stat_result) -> bool:
    """Whether users other than root may replace root's entries of `directory`."""
    writable = directory.st_mode & stat.S_IWOTH or (
        directory.st_gid != 0 and directory.st_mode & stat.S_IWGRP
    )
    return bool(writable) and not directory.st_mode & stat.S_ISVTX
