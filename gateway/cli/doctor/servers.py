"""Servers that this device sends to, as the api process last stored their state."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gateway.cli.doctor.findings import Finding, fail, ok, warn, when
from gateway.settings import ServerSettings, SiteFile
from gateway.store.files import STORE_FILE
from gateway.store.tables.destinations import DestinationState, is_peer, stored_destinations
from gateway.uplink.http_client import tls_context


def server_findings(data: Path, site: SiteFile | None) -> Iterator[Finding]:
    """The state of each server, and what crosses the network in clear text."""
    servers = site.servers if site else ServerSettings()
    if servers.ca_file is not None:
        try:
            tls_context(servers.ca_file)
        except OSError as error:
            yield fail("servers", str(error))
    for state in stored_destinations(data / STORE_FILE):
        if is_peer(state.name):
            continue  # those are asked themselves
        yield _state(state)
        if state.dropped:
            yield warn(
                state.name,
                f"{state.dropped} entries were dropped before {state.server} took them: clients "
                "find them in the log tables",
            )
        if state.server.startswith("http://"):
            what = "card numbers and PINs" if servers.plain_secrets else "card numbers"
            yield warn(
                state.name,
                f"{state.server} is reached without TLS: {what} cross the network in clear text; "
                "put https:// before the host if the server has it",
            )


def _state(state: DestinationState) -> Finding:
    last = when(state.last_success_utc)
    error = f"{state.last_error} ({when(state.last_error_utc)})" if state.last_error else ""
    if state.failing_since_utc or not state.server:
        text = f"{state.server or 'no server'} fails: {error}; last success {last}"
        return fail(state.name, f"{text}; {state.backlog} wait")
    text = f"{state.server} answered last at {last}; {state.delivered} delivered"
    if state.refused:
        return warn(state.name, f"{text}, {state.refused} refused, the last for: {error}")
    return ok(state.name, text)
