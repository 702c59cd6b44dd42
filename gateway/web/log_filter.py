"""What the log shows, as its address says it: nothing of a filter is kept elsewhere. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from gateway.clock import DeviceTime
from gateway.errors import InvalidRequest
from gateway.explain.event import EventKind

_PARAMETERS = {
    "kinds": "kind",
    "text": "q",
    "door": "door",
    "reader": "reader",
    "user": "person",
    "first_day": "from",
    "last_day": "to",
    "before": "before",
}
"""The members, by their names in an address."""


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which events to show; a member that is empty or 0 lets all pass."""

    kinds: tuple[EventKind, ...] = ()
    text: str = ""
    door: int = 0
    reader: str = ""
    user: int = 0
    first_day: date | None = None
    last_day: date | None = None
    before: int = 0
    """The number of an event: only older ones."""

    @classmethod
    def of_query(cls, query: MultiDict[str, str]) -> LogFilter:
        """Raises InvalidRequest, which names the parameter."""
        kinds = tuple(dict.fromkeys(map(_kind, query.getlist("kind"))))
        return cls(
            kinds=kinds,
            text=query.get("q", "").strip(),
            door=_number(query, "door"),
            reader=query.get("reader", ""),
            user=_number(query, "person"),
            first_day=_day(query, "from"),
            last_day=_day(query, "to"),
            before=_number(query, "before"),
        )

    def members(self, device_time: DeviceTime) -> dict[str, object]:
        """The members of `recent_events`."""
        first, last = self.first_day, self.last_day
        wanted = {
            "kinds": [kind.value for kind in self.kinds],
            "text": self.text,
            "door": self.door,
            "reader": self.reader,
            "user_id": self.user,
            "since": device_time.midnight(first) if first else 0,
            "until": device_time.midnight(last + timedelta(days=1)) if last else 0,
            "before": self.before,
        }
        return {name: value for name, value in wanted.items() if value}

    def address(self, path: str = "/log", **changes: Any) -> str:
        """The address of the log with `changes` of this filter; always of its newest page."""
        changed = replace(self, **{"before": 0, **changes})
        query = urlencode(list(changed.parameters()))
        return f"{path}?{query}" if query else path

    def parameters(self) -> Iterator[tuple[str, str]]:
        """Names and values of an address."""
        for member, name in _PARAMETERS.items():
            value = getattr(self, member)
            for one in value if isinstance(value, tuple) else (value,):
                if one:
                    yield name, str(one)

    def toggled(self, kind: EventKind) -> str:
        """The address with or without a kind."""
        kinds = [it for it in EventKind if (it in self.kinds) != (it is kind)]
        return self.address(kinds=tuple(kinds))

    @property
    def narrows(self) -> bool:
        """Whether it leaves out anything."""
        return replace(self, before=0) != LogFilter()


def _kind(text: str) -> EventKind:
    try:
        return EventKind(text)
    except ValueError:
        raise InvalidRequest(f"kind: {text[:20]!r} is none") from None


def _number(query: Mapping[str, str], name: str) -> int:
    text = query.get(name, "")
    if not text:
        return 0
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise InvalidRequest(f"{name}: must be a number (found {text[:20]!r})")
    return int(text)


def _day(query: Mapping[str, str], name: str) -> date | None:
    text = query.get(name, "")
    try:
        found = date.fromisoformat(text) if text else None
    except ValueError:
        raise InvalidRequest(f"{name}: must be a date (found {text[:20]!r})") from None
    if found is not None and not 2000 <= found.year < 2100:
        raise InvalidRequest(f"{name}: the year must be between 2000 and 2099")
    return found
