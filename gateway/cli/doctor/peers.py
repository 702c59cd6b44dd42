"""Other devices of the site: whether each can be asked now, and what came of its last actions."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from gateway.cli.doctor.findings import Finding, fail, ok, warn, when
from gateway.errors import DeviceUnavailable, InvalidRequest
from gateway.settings import ServerSettings, SiteFile
from gateway.store.files import STORE_FILE, database
from gateway.store.tables.destinations import DestinationState, peer_key, stored_destinations
from gateway.uplink.peer_actions import PEER_COLUMNS, Row, peer_of
from gateway.uplink.peer_client import PeerClient

ASK_S = 3.0
"""Time for one peer's log-in."""
AT_ONCE = 8
"""Peers that are asked at the same time."""
AHEAD_S = 30
"""Difference of the clocks that is a warning: entries of two devices are read side by side."""


def peer_findings(data: Path, site: SiteFile | None) -> Iterator[Finding]:
    """Log in at each device of `devices` that has a login, and compare clocks."""
    servers = site.servers if site else ServerSettings()
    states = {state.name: state for state in stored_destinations(data / STORE_FILE)}
    asked = [
        row for row in _rows(data / STORE_FILE) if row["login"] or peer_key(row["id"]) in states
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(partial(_ask, servers=servers), asked))
    for row, found in zip(asked, answers, strict=True):
        yield from found
        state = states.get(peer_key(row["id"]))
        if state is not None and state.failing_since_utc:
            yield _failure(state, str(row["name"]))


def _rows(path: Path) -> list[dict[str, Any]]:
    """The rows of `devices`, with their secrets."""
    store = database.open_reader(path)
    try:
        with database.sqlite_errors(database.STORE_UNREADABLE):
            connection = store.connection()
            known = {row[1] for row in connection.execute("PRAGMA table_info(devices)")}
            if not known.issuperset(PEER_COLUMNS):
                return []  # the first start of the api process adds them
            sql = f"SELECT {', '.join(PEER_COLUMNS)} FROM devices ORDER BY id"  # noqa: S608 - ours
            return [dict(zip(PEER_COLUMNS, row, strict=True)) for row in connection.execute(sql)]
    finally:
        store.close_all()


def _ask(row: Row, servers: ServerSettings) -> list[Finding]:
    subject = f"peer {row['id']} ({row['name']})"
    try:
        peer = peer_of(row, servers)
        with PeerClient(peer).session(ASK_S) as session:
            ahead_s = session.clock_ahead_s
            session.logout()
    except (InvalidRequest, DeviceUnavailable) as error:
        return [fail(subject, str(error))]
    findings = []
    if ahead_s is None:
        findings.append(ok(subject, f"{peer.address.shown} takes the login {peer.login}"))
    elif abs(ahead_s) > AHEAD_S:
        side = "ahead of" if ahead_s > 0 else "behind"
        text = f"its clock is {abs(ahead_s)} s {side} this one: connect both to network time"
        findings.append(warn(subject, text))
    else:
        text = f"{peer.address.shown} takes the login {peer.login}; its clock agrees"
        findings.append(ok(subject, text))
    if not peer.address.tls:
        text = f"{peer.address.shown} is reached without TLS: its password crosses the network"
        findings.append(warn(subject, f"{text} in clear text"))
    return findings


def _failure(state: DestinationState, name: str) -> Finding:
    return fail(
        f"{state.name} ({name})",
        f"the last action there failed ({when(state.last_error_utc)}): {state.last_error}; "
        f"{state.delivered} carried out, {state.refused} failed, {state.dropped} too late",
    )
