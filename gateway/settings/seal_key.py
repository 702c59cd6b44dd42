"""Where the key of a data directory lies, and the sealer that has it."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from gateway.errors import KeyUnusable, SettingsError
from gateway.sealing import KEY_FILE, Sealer, new_key, sealer_at, write_key
from gateway.settings.files import SITE_FILE, read_running_site
from gateway.settings.site import SiteFile

GROUP = "gateway"
"""Of both programs on an installed device."""


def key_path(data: Path, site: SiteFile | None = None) -> Path:
    """The key file of the data directory `data`, whose site file is `site` or read now.

    Raises KeyUnusable where no site file can be read: it may name another place.
    """
    return _named(data, site) or _usual(data)


def sealer_of(data: Path, site: SiteFile | None = None) -> Sealer:
    """The sealer of the data directory `data`. Raises nothing: one without a key says why.

    Its `ensure` makes no key at a place that the site file names: the one that belongs there may be
    on a stick that is plugged in later, and would be hidden.
    """
    try:
        named = _named(data, site)
    except KeyUnusable as error:
        return Sealer.unusable(str(error))
    return sealer_at(_usual(data)) if named is None else sealer_at(named, makes=False)


def make_named_key(data: Path, site: SiteFile) -> None:
    """Make the key at the place that `site` names, if it names one and none is there.

    Raises KeyUnusable, also for a key that is there and cannot be used.
    """
    named = _named(data, site)
    if named is None:
        return
    if not named.exists():
        write_key(named, new_key())
        if os.geteuid() == 0:  # an installation: both programs are in this group
            with suppress(LookupError, OSError):
                shutil.chown(named, group=GROUP)
                named.chmod(0o640)
    sealer = sealer_at(named, makes=False)
    sealer.reload()
    if sealer.fault:
        raise KeyUnusable(sealer.fault)


def _named(data: Path, site: SiteFile | None) -> Path | None:
    if site is None and (data / SITE_FILE).exists():
        try:
            site = read_running_site(data)
        except SettingsError as error:
            raise KeyUnusable(f"nobody can tell where the key is: {error}") from error
    return site.sealing.key_file if site is not None else None


def _usual(data: Path) -> Path:
    return (data / KEY_FILE).absolute()
