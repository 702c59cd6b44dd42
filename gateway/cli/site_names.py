"""The names of a site for commands that put its state or its journal into words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from gateway.clock import DeviceTime, SiteZone
from gateway.explain.names import SiteNames
from gateway.settings import SiteFile
from gateway.store.files import STORE_FILE
from gateway.store.objects.names import NameReader


@contextmanager
def site_names(data: Path, site: SiteFile) -> Iterator[SiteNames]:
    """Names from `site` and the store of `data`."""
    time = DeviceTime(SiteZone(site.site.zone), site.site.wire_time)
    with closing(NameReader(data / STORE_FILE)) as lookup:
        yield SiteNames(site, time, lookup)
