"""What commands ask of a running gateway, and the names of its site for their answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

from gateway.clock import DeviceTime, SiteZone, SystemClock
from gateway.explain.names import SiteNames
from gateway.explain.state_words import states_in_force
from gateway.link.client import ControllerClient
from gateway.link.messages import ControllerStatus
from gateway.link.runtime import RuntimeDirectory
from gateway.settings import SiteFile
from gateway.store.files import STORE_FILE
from gateway.store.objects.names import NameReader


def controller_of(data: Path) -> closing[ControllerClient]:
    """A client of the controller that works on `data`, closed on exit.

    Raises DataDirectoryError when none has run there yet.
    """
    return closing(ControllerClient(RuntimeDirectory.find(data)))


@contextmanager
def site_names(data: Path, site: SiteFile) -> Iterator[SiteNames]:
    """Names from `site` and the store of `data`."""
    time = DeviceTime(SiteZone(site.site.zone), site.site.wire_time)
    with closing(NameReader(data / STORE_FILE)) as lookup:
        yield SiteNames(site, time, lookup)


def words_in_force(
    data: Path, site: SiteFile, status: ControllerStatus
) -> Iterator[tuple[str, str]]:
    """What keeps doors locked or unlocked, or is an alarm, until somebody ends it: subject, text.

    `status` is of the controller that works on `data`. Raises StorageError.
    """
    now = SystemClock().utc() + timedelta(seconds=status.clock_shift_s)
    with site_names(data, site) as names:
        yield from states_in_force(status, names, now, str(data))
