"""The audit log: who changed, exported or opened what, from where.

An entry is one English sentence, whatever the clients' language (Control iD Access API, 3.2).
Callers put no secret into it.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum

from gateway.objects.fields import TEXT_LIMIT
from gateway.store.objects.store import Store

AUDIT_LOG = "audit_logs"
SHOWN_ADDRESSES = 3
"""Addresses that an entry about repeated events names."""
_NS = 1_000_000_000


class AuditType(IntEnum):
    """The subject of an entry, in the order of the filters of `export_audit_logs`.

    The filters are the vendor's, the numbers in `audit_logs.type` are ours (unverified).
    """

    CONFIG = 1
    API = 2
    USB = 3
    NETWORK = 4
    TIME = 5
    ONLINE = 6
    MENU = 7
    BOOT = 8
    PUSH = 9


def write_entry(store: Store, kind: AuditType, local_s: int, text: str) -> None:
    """Add an entry, in the caller's transaction if there is one.

    `local_s` are seconds of the site's wall clock counted as if they were UTC. A too long text is
    shortened. Raises StorageError.
    """
    moment = datetime.fromtimestamp(local_s, UTC).strftime("%Y-%m-%d %H:%M:%S")
    cut = text if len(text) <= TEXT_LIMIT else f"{text[: TEXT_LIMIT - 4]} ..."
    with store.transaction():
        # SQLite stores NUL in a text, but LIKE stops reading at it.
        details = cut.encode(errors="backslashreplace").decode().replace("\0", "\\0")
        store.model(AUDIT_LOG).insert(time=moment, type=int(kind), details=details).execute()


def entries(store: Store, kinds: Collection[AuditType]) -> Iterator[str]:
    """Every entry of `kinds` as a line without a line end, the oldest first."""
    requested = [int(kind) for kind in kinds]
    search = {"object": AUDIT_LOG, "where": {AUDIT_LOG: {"type": requested}}, "order": ["id"]}
    for row in store.load(search).rows if requested else ():
        kind = row["type"]
        name = AuditType(kind).name.lower() if isinstance(kind, int) else ""
        yield f"{row['time']} [{name}] {' '.join(str(row['details']).splitlines())}"


@dataclass(slots=True)
class _Repeated:
    until_ns: int
    omitted: int = 0
    addresses: Counter[str] = field(default_factory=Counter)


class Repeats:
    """Counts repeated events, so that they do not displace all others from the log.

    Clients log in every few seconds, and guessers faster, from many addresses. Any thread may use
    it.
    """

    PAUSE_S = 600
    """The same event gets one entry in this time."""
    REFUSALS_PAUSE_S = 3_600
    """As above for refusals: those of logins take at most 24 entries a day, whoever guesses."""
    MOST_KNOWN = 512
    MOST_ADDRESSES = 256
    """Addresses that are told apart; further ones count as one."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._known: OrderedDict[str, _Repeated] = OrderedDict()

    def note(self, what: str, address: str, now_ns: int, pause_s: int = PAUSE_S) -> str | None:
        """What an entry of the event `what` adds about earlier ones that have no entry; None if
        this one gets none either.
        """
        with self._guard:
            known = self._known.get(what)
            if known is not None and now_ns < known.until_ns:
                known.omitted += 1
                full = len(known.addresses) >= self.MOST_ADDRESSES
                known.addresses[
                    "others" if full and address not in known.addresses else address
                ] += 1
                return None
            self._known[what] = _Repeated(now_ns + pause_s * _NS)
            self._known.move_to_end(what)
            while len(self._known) > self.MOST_KNOWN:
                self._known.popitem(last=False)
        return _omitted(known) if known is not None and known.omitted else ""


def _omitted(known: _Repeated) -> str:
    number = len(known.addresses)
    most = ", ".join(
        f"{address or 'this device'}: {count}"
        for address, count in known.addresses.most_common(SHOWN_ADDRESSES)
    )
    rest = f" and {number - SHOWN_ADDRESSES} others" if number > SHOWN_ADDRESSES else ""
    return f" ({known.omitted} more since the last entry; {most}{rest})"
