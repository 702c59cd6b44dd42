"""Where the key of a data directory lies, and the sealer that has it."""

from __future__ import annotations

from pathlib import Path

from gateway.errors import KeyUnusable, SettingsError
from gateway.sealing import KEY_FILE, Sealer, sealer_at
from gateway.settings.files import SITE_FILE, read_running_site
from gateway.settings.site import SiteFile


def key_path(data: Path, site: SiteFile | None = None) -> Path:
    """The key file of the data directory `data`, whose site file is `site` or read now.

    Raises KeyUnusable where no site file can be read: it may name another place.
    """
    if site is None and (data / SITE_FILE).exists():
        try:
            site = read_running_site(data)
        except SettingsError as error:
            raise KeyUnusable(f"nobody can tell where the key is: {error}") from error
    named = site.sealing.key_file if site is not None else None
    return (data / KEY_FILE).absolute() if named is None else named


def sealer_of(data: Path, site: SiteFile | None = None) -> Sealer:
    """The sealer of the data directory `data`. Raises nothing: one without a key says why."""
    try:
        return sealer_at(key_path(data, site))
    except KeyUnusable as error:
        return Sealer.unusable(str(error))
