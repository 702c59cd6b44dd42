"""What the whole device is, and what of it the API has no key for."""

from __future__ import annotations

from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from gateway.clock import WireTime
from gateway.settings.addresses import Address
from gateway.settings.wires import Section
from gateway.settings.zone_names import ZoneName

ACCESS_LOG_CAPACITY = 100_000
"""Rows of `access_logs` where the site file does not say."""


class Site(Section):
    """What the whole device is."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    timezone: ZoneName
    board: str
    """A profile in `hw/boards`, without its `.toml`."""
    hats: tuple[str, ...] = ()
    """Boards and modules between the pins and the doors: profiles in `hw/hats`."""
    wire_time: WireTime = WireTime.LOCAL
    sec_box_door: Annotated[int, Field(ge=1, le=4)] = 1
    """The door that `sec_box` 65793 means where no SecBox is fitted."""
    access_log_capacity: Annotated[int, Field(ge=1_000)] = ACCESS_LOG_CAPACITY
    """Rows that clients find in `access_logs`; when there are more, the oldest go. The journal,
    which destinations read, has a bound of its own."""

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


class Admission(Section):
    """What the API has no key for: how long people have, and how often they may be wrong."""

    next_key_s: Annotated[int, Field(ge=2, le=60)] = 10
    """From the card to the first key of its PIN, and from key to key."""
    second_factor_s: Annotated[int, Field(ge=5, le=300)] = 30
    """From the card to the end of its PIN."""
    persons_s: Annotated[int, Field(ge=5, le=300)] = 15
    """From the first to the last of several persons."""
    wrong_entries: Annotated[int, Field(ge=3, le=20)] = 5
    """So many wrong entries at one keypad ..."""
    wrong_within_s: Annotated[int, Field(ge=10, le=3_600)] = 60
    """... within this time lock it ..."""
    locked_s: Annotated[int, Field(ge=10, le=3_600)] = 90
    """... for this long."""
    forgive_at_midnight: bool = False
    """Anti-passback forgets at midnight where everyone is, as with `catra.daily_reset`."""


class FlightRecord(Section):
    """The record of everything that the controller hears, decides and does, for `gateway replay`.

    It holds people's ids and card numbers; what is secret only as digests.
    """

    enabled: bool = False
    size_mb: Annotated[int, Field(ge=2, le=1024)] = 16
    """All its files together; of more than that the oldest goes."""


class HttpSettings(Section):
    """Where the API listens."""

    listen: Address
    """For plain HTTP."""
    tls: Address | None = None
    """For HTTPS, with the certificate in the data directory; none without it."""
    plain: bool = True
    """False leaves `tls` alone."""

    @model_validator(mode="after")
    def _listens_somewhere(self) -> Self:
        if not self.plain and self.tls is None:
            raise ValueError("plain = false needs an address for tls")
        if self.plain and self.tls == self.listen and not self.listen.endswith(":0"):
            raise ValueError("listen and tls need two ports: both are " + repr(self.listen))
        return self

    @property
    def plain_address(self) -> str | None:
        """Where plain HTTP is served, None when it is off."""
        return self.listen if self.plain else None
