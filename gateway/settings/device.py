"""Settings of the whole device that the API has no key for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from gateway.clock import WireTime
from gateway.settings.addresses import Address
from gateway.settings.wires import Section
from gateway.settings.zone_names import ZoneName

ACCESS_LOG_CAPACITY = 100_000
"""Default number of rows of `access_logs`."""


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("an absolute path is allowed, such as /etc/gateway/authority.pem")
    return path


AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
"""A file that is no part of the data directory."""


class Site(Section):
    """The device: name, time zone, boards."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    timezone: ZoneName
    board: str
    """A profile in `hw/boards`, without `.toml`."""
    hats: tuple[str, ...] = ()
    """Boards and modules between the pins and the doors: profiles in `hw/hats`."""
    wire_time: WireTime = WireTime.LOCAL
    sec_box_door: Annotated[int, Field(ge=1, le=4)] = 1
    """The door that `sec_box` 65793 opens on a site without a SecBox."""
    access_log_capacity: Annotated[int, Field(ge=1_000)] = ACCESS_LOG_CAPACITY
    """Most rows of `access_logs`; the oldest are deleted. The journal has a limit of its own."""

    journal_days: Annotated[int, Field(ge=1, le=3_650)] = 30
    """Age beyond which entries leave the journal."""
    journal_mb: Annotated[int, Field(ge=8, le=100_000)] = 200
    """Size beyond which its oldest entries leave the journal."""

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class Admission(Section):
    """Time-outs of identification, and the limit on wrong entries."""

    next_key_s: Annotated[int, Field(ge=2, le=60)] = 10
    """Longest time from the card to the first key of its PIN, and between two keys."""
    second_factor_s: Annotated[int, Field(ge=5, le=300)] = 30
    """Longest time from the card to the end of its PIN."""
    persons_s: Annotated[int, Field(ge=5, le=300)] = 15
    """Longest time from the first to the last person of a multi-person rule."""
    wrong_entries: Annotated[int, Field(ge=3, le=20)] = 5
    """Wrong entries at one keypad, within `wrong_within_s`, that lock it for `locked_s`."""
    wrong_within_s: Annotated[int, Field(ge=10, le=3_600)] = 60
    locked_s: Annotated[int, Field(ge=10, le=3_600)] = 90
    forgive_at_midnight: bool = False
    """Anti-passback forgets all positions at midnight, as with `catra.daily_reset`."""


class FlightRecord(Section):
    """The record of the controller's inputs and effects, for `gateway replay`.

    It holds people's ids and card numbers, and secrets as digests only.
    """

    enabled: bool = False
    size_mb: Annotated[int, Field(ge=2, le=1024)] = 16
    """Limit for all files together; the oldest are deleted."""


class ServerSettings(Section):
    """What waits for servers that do not answer, and what they may be sent."""

    keep_days: Annotated[int, Field(ge=1, le=365)] = 7
    """Age beyond which a message is dropped unsent."""
    keep_rows: Annotated[int, Field(ge=1_000, le=1_000_000)] = 100_000
    """Entries of the journal that may wait for one server; the oldest are dropped."""
    plain_secrets: bool = False
    """Sends PINs and passwords over http:// too; by default over https:// only."""
    ca_file: AbsolutePath | None = None
    """PEM file of authorities that servers' certificates may be from, besides the machine's."""
    plain_push: bool = False
    """Takes commands from a push server over http:// too, where whoever is on the way could open
    the doors; by default over https:// only."""
    push_response: Literal["text", "object"] = "text"
    """How a push server gets the JSON of an answer: as a text, or as an object."""


class SealingSettings(Section):
    """Where the key lies that seals PINs, password hashes and the like in the databases."""

    key_file: AbsolutePath | None = None
    """Another place than the data directory, such as a stick that is pulled out once the device
    runs. `gateway init` makes the file if it is missing, and a start never does."""


class HttpSettings(Section):
    """Where the API listens."""

    listen: Address
    """For plain HTTP."""
    tls: Address | None = None
    """For HTTPS, with the certificate in the data directory; None for no HTTPS."""
    plain: bool = True
    """False serves HTTPS only."""
    announce: bool = True
    """Whether multicast DNS announces the API on the networks that it listens on."""

    @model_validator(mode="after")
    def _listens_somewhere(self) -> Self:
        if not self.plain and self.tls is None:
            raise ValueError("plain = false needs an address for tls")
        if self.plain and self.tls == self.listen and not self.listen.endswith(":0"):
            raise ValueError("listen and tls need two ports: both are " + repr(self.listen))
        return self

    @property
    def plain_address(self) -> str | None:
        """The address of plain HTTP, None if it is off."""
        return self.listen if self.plain else None
