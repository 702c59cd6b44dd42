"""Servers that this device sends to, as the api process last stored their state."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gateway.cli.doctor.findings import Finding, fail, ok, warn, when
from gateway.commands.rights import PUSH
from gateway.errors import SettingsError
from gateway.settings import MqttSettings, ServerSettings, SiteFile
from gateway.store.files import STORE_FILE
from gateway.store.tables.destinations import (
    ONLINE,
    DestinationState,
    is_peer,
    stored_destinations,
)
from gateway.uplink.http_client import tls_context
from gateway.uplink.minop_listener import MINOP
from gateway.uplink.mqtt.connection import broker_password, broker_tls


def server_findings(data: Path, site: SiteFile | None) -> Iterator[Finding]:
    """The state of each server, and what crosses the network in clear text."""
    servers = site.servers if site else ServerSettings()
    if servers.ca_file is not None:
        try:
            tls_context(servers.ca_file)
        except OSError as error:
            yield fail("servers", str(error))
    if site and site.mqtt:
        yield from _broker(site.mqtt)
    for state in stored_destinations(data / STORE_FILE):
        if is_peer(state.name):
            continue  # those are asked themselves
        yield _state(state)
        if state.dropped:
            lost = (
                f"{state.dropped} results of commands were dropped before {state.server} took them"
                if state.name == PUSH
                else f"{state.dropped} entries were dropped before {state.server} took them: "
                "clients find them in the log tables"
            )
            yield warn(state.name, lost)
        if state.server.startswith("http://"):
            if state.name == ONLINE and not servers.plain_secrets:
                yield warn(
                    state.name,
                    f"{state.server} gets no PIN and no password: in Enterprise mode nobody is let "
                    "in with one until its address begins with https:// or [servers] plain_secrets "
                    "is true",
                )
            yield warn(
                state.name,
                f"{state.server} is reached without TLS: {_exposed(state.name, servers)}; "
                "put https:// before the host if the server has it",
            )


def _broker(mqtt: MqttSettings) -> Iterator[Finding]:
    """What is wrong with the files for the broker, and what others may see or do there."""
    try:
        broker_password(mqtt)
        if mqtt.tls:
            broker_tls(mqtt)
    except SettingsError as error:
        yield fail("mqtt", str(error))
    if mqtt.plain_far:
        what = "events and the password" if mqtt.password_file else "events"
        forged = ", and whoever is on the way can command the doors" if mqtt.commands else ""
        yield warn(
            "mqtt",
            f"{mqtt.shown} is reached without TLS: {what} cross the network in clear text{forged}; "
            "use mqtts://",
        )
    if mqtt.commands and not mqtt.require_at:
        yield warn(
            "mqtt",
            "require_at = false: a command that was held up on its way opens a door late",
        )


def _exposed(name: str, servers: ServerSettings) -> str:
    """What a network without TLS exposes to whoever is on it."""
    if name == PUSH:
        return "whoever is on the way can command the doors"
    if name == MINOP:
        return "who passes and when crosses the network in clear text"
    what = "card numbers and PINs" if servers.plain_secrets else "card numbers"
    return f"{what} cross the network in clear text"


def _state(state: DestinationState) -> Finding:
    last = when(state.last_success_utc)
    error = f"{state.last_error} ({when(state.last_error_utc)})" if state.last_error else ""
    if state.failing_since_utc or not state.server:
        text = f"{state.server or 'no server'} fails: {error}; last success {last}"
        return fail(state.name, f"{text}; {state.backlog} wait")
    counted = "commands run" if state.name == PUSH else "delivered"
    text = f"{state.server} answered last at {last}; {state.delivered} {counted}"
    if state.refused:
        return warn(state.name, f"{text}, {state.refused} refused, the last for: {error}")
    return ok(state.name, text)
