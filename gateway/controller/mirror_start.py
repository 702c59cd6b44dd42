"""The mirror at the start of process 1, and the configuration while none can be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import structlog

from gateway.controller.components import DamageFound, Item
from gateway.controller.mirror.mirror import Mirror
from gateway.controller.recording import Record
from gateway.controller.state.inbox import Inbox
from gateway.errors import InvalidRequest
from gateway.objects.configuration_keys import CONFIGURATION, MODES
from gateway.objects.modes import mode_key
from gateway.settings import SiteFile
from gateway.settings.initial import initial_configuration
from gateway.store.files import STORE_FILE
from gateway.store.journal import CommittedEntry

log = structlog.get_logger("controller")


FIRST_COPY_S = 2.0
"""How long the start waits for what changed while no controller ran. Afterwards the last copy
decides; without one cards are denied and people can leave."""


def begin_mirror(mirror: Mirror, site: SiteFile, record: Record, inbox: Inbox[Item]) -> None:
    """Open the mirror; the first copy of a small site is waited for."""

    def identified(device_id: int) -> None:
        record.recorder.device_id = device_id

    mirror.fallback = _fallback(site, record.past.modes)
    mirror.identified = identified
    mirror.failed = lambda why: inbox.post(DamageFound(STORE_FILE, why))
    mirror.begin(FIRST_COPY_S)


def _fallback(site: SiteFile, modes: Sequence[CommittedEntry]) -> Mapping[tuple[str, str], str]:
    """The configuration while none can be read: that of a new site, so that people can leave, and
    the last modes of the doors, since nothing that cannot be read ends an emergency."""
    found = dict(_initial_texts(site))
    for entry in reversed(modes):
        door, mode = entry.body.get("door"), entry.body.get("mode")
        if isinstance(door, int) and CONFIGURATION.find("general", mode_key(door)):
            found["general", mode_key(door)] = mode if mode in MODES else "none"
    return found


def _initial_texts(site: SiteFile) -> Iterator[tuple[tuple[str, str], str]]:
    """What is valid of the configuration of a new site: `init` checks all of it, and a file that
    was changed since keeps no door from opening."""
    for module, values in initial_configuration(site).items():
        for key, value in values.items():
            try:
                yield (module, key), CONFIGURATION.known(module, key).text(value)
            except InvalidRequest as error:
                table = f"[initial.{module}] {key}"
                log.warning("a value of the site file is ignored", value=table, why=str(error))
