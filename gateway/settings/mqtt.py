"""The MQTT broker that this device reports to and takes commands from."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.settings.addresses import split_address
from gateway.settings.device import AbsolutePath
from gateway.settings.wires import Section

PORTS = {"mqtt": 1_883, "mqtts": 8_883}
"""By scheme of a broker's address (IANA, service names `mqtt` and `secure-mqtt`)."""
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

_ADDRESS = re.compile(r"(mqtts?)://([^/@?#]+)/?")


def split_broker(text: str) -> tuple[str, str, int]:
    """Scheme, host and port of `mqtts://broker.example:8883`; the port may be left out.

    Raises ValueError with what is allowed.
    """
    found = _ADDRESS.fullmatch(text)
    if found is None:
        raise ValueError("mqtts://HOST:PORT or mqtt://HOST:PORT is needed, without user and path")
    scheme, place = found.groups()
    if re.search(r":\d*\Z", place) is None or place.endswith("]"):
        place = f"{place}:{PORTS[scheme]}"
    host, port = split_address(place)
    if port == 0:
        raise ValueError("port 0 is no port of a broker")
    return scheme, host, port


def _checked_broker(text: str) -> str:
    split_broker(text)
    return text


def _topic_prefix(text: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*", text) is None:
        raise ValueError(
            "letters of English, digits, - and _ are allowed, and / between two levels"
        )
    return text


Broker = Annotated[str, AfterValidator(_checked_broker)]
TopicPrefix = Annotated[str, Field(max_length=64), AfterValidator(_topic_prefix)]


class MqttSettings(Section):
    """`[mqtt]`. A table that is left out switches MQTT off."""

    broker: Broker
    """`mqtts://` uses TLS, `mqtt://` does not."""
    user: Annotated[str, Field(max_length=256)] = ""
    password_file: AbsolutePath | None = None
    """Holds the password alone; nobody but its owner may read it. The site file has no password,
    since copies of it are kept and shown."""
    ca_file: AbsolutePath | None = None
    """PEM file of authorities that the broker's certificate may be from, besides the machine's."""
    certificate: AbsolutePath | None = None
    """This device's certificate (PEM), for a broker that asks for one."""
    key: AbsolutePath | None = None
    """Its private key."""
    prefix: TopicPrefix = "gateway"
    """The first levels of every topic of this device."""
    discovery: bool = True
    """Describes the device to Home Assistant."""
    discovery_prefix: TopicPrefix = "homeassistant"
    persons: bool = False
    """Puts the id and name of persons into events."""
    cards: bool = False
    """Puts the numbers of cards into events. PINs, passwords and codes never are."""
    commands: bool = False
    """Takes commands: whoever may publish at the broker opens doors."""
    allow_unlock: bool = False
    """Takes `unlock`, which holds a door unlocked until `lock`."""
    require_at: bool = True
    """Refuses a command without the time at which it was sent, save `lock`: nothing else tells one
    that was held up on its way."""

    @property
    def address(self) -> tuple[str, int]:
        return split_broker(self.broker)[1:]

    @property
    def tls(self) -> bool:
        return self.broker.startswith("mqtts://")

    @property
    def shown(self) -> str:
        """The broker's address, with its port."""
        host, port = self.address
        return f"{'mqtts' if self.tls else 'mqtt'}://{f'[{host}]' if ':' in host else host}:{port}"

    @property
    def plain_far(self) -> bool:
        """Whether everything crosses a network in clear text."""
        return not self.tls and self.address[0] not in LOOPBACK

    @property
    def exposes_password(self) -> bool:
        """Whether the password does."""
        return self.plain_far and self.password_file is not None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.password_file and not self.user:
            raise ValueError("password_file needs a user")
        if bool(self.certificate) != bool(self.key):
            raise ValueError("certificate and key go together")
        if not self.tls and (self.ca_file or self.certificate):
            raise ValueError("ca_file, certificate and key need mqtts:// in broker")
        if self.allow_unlock and not self.commands:
            raise ValueError("allow_unlock needs commands = true")
        if self.discovery and f"{self.prefix}/".startswith(f"{self.discovery_prefix}/"):
            raise ValueError("prefix and discovery_prefix must differ")
        return self
