"""Other devices of the site: whether each can be asked now, and what came of its last actions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from gateway.cli.doctor.findings import Finding, fail, ok, warn, when
from gateway.errors import DeviceUnavailable, InvalidRequest
from gateway.objects.catalogue import REGISTRY
from gateway.objects.columns import sealed_as
from gateway.sealing import Sealer
from gateway.settings import ServerSettings, SiteFile
from gateway.settings.seal_key import sealer_of
from gateway.store.files import STORE_FILE, database
from gateway.store.tables.destinations import DestinationState, peer_key, stored_destinations
from gateway.uplink.peer_actions import PEER_COLUMNS, Row, peer_of
from gateway.uplink.peer_client import Peer, PeerClient
from gateway.uplink.peer_interlock import RULE_COLUMNS, interlock_peer

_RULES = "network_interlocking_rules"
ASK_S = 3.0
"""Time for one peer's log-in."""
AT_ONCE = 8
"""Peers that are asked at the same time."""
AHEAD_S = 30
"""Difference of the clocks that is a warning: entries of two devices are read side by side."""


def peer_findings(data: Path, site: SiteFile | None) -> Iterator[Finding]:
    """Log in at each device of `devices` that has a login, and compare clocks."""
    servers = site.servers if site else ServerSettings()
    path, sealer = data / STORE_FILE, sealer_of(data, site)
    states = {state.name: state for state in stored_destinations(path)}
    asked = [
        row
        for row in _rows(path, "devices", PEER_COLUMNS, sealer)
        if row["login"] or peer_key(row["id"]) in states
    ]
    rules = [row for row in _rows(path, _RULES, RULE_COLUMNS, sealer) if row["enabled"]]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        of_rules = pool.map(partial(_ask_rule, servers=servers), rules)
        answers = list(pool.map(partial(_ask_device, servers=servers), asked))
    for found in of_rules:
        yield from found
    for row, found in zip(asked, answers, strict=True):
        yield from found
        state = states.get(peer_key(row["id"]))
        if state is not None and state.failing_since_utc:
            yield _failure(state, str(row["name"]))


def _rows(path: Path, table: str, columns: Sequence[str], sealer: Sealer) -> list[dict[str, Any]]:
    """Rows with their secrets, which are empty without the key that seals them.

    `enabled` is True in a table without such a column.
    """
    sealed = [it.name for it in REGISTRY[table].fields if it.sealed and it.name in columns]
    store = database.open_reader(path)
    try:
        with database.sqlite_errors(database.STORE_UNREADABLE):
            connection = store.connection()
            known = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
            if not known.issuperset(columns):
                return []  # the first start of the api process adds them
            asked = [*columns, "enabled" if "enabled" in known else "1"]
            sql = f"SELECT {', '.join(asked)} FROM {table} ORDER BY id"  # noqa: S608 - ours
            named = (*columns, "enabled")
            rows = [dict(zip(named, row, strict=True)) for row in connection.execute(sql)]
    finally:
        store.close_all()
    for row in rows:
        row |= {name: sealer.opened(sealed_as(table, name), row[name]) or "" for name in sealed}
    return rows


def _ask_device(row: Row, servers: ServerSettings) -> list[Finding]:
    subject = f"peer {row['id']} ({row['name']})"
    return _ask(subject, partial(peer_of, row, servers))


def _ask_rule(row: Row, servers: ServerSettings) -> list[Finding]:
    subject = f"interlock {row['id']} ({row['portal_name'] or row['ip']})"
    return _ask(subject, partial(interlock_peer, row, servers))


def _ask(subject: str, read: Callable[[], Peer]) -> list[Finding]:
    """Log in at the peer that `read` gives, and compare clocks."""
    try:
        peer = read()
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
