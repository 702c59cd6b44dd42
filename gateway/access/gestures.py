"""Gestures: what listed people do at a reader beside opening its portal. Pure.

Only granted reads count, so nobody without a right at that portal now does anything here. A run is
of one person at one reader; another person, a refusal and a pause end it. The same card within two
seconds is one read before anything comes here. Instants are milliseconds of the monotonic clock.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType
from typing import NamedTuple

from gateway.errors import WordedText, worded

NEXT_CARD_MS = 5_000
"""Longest time from one card of a run to the next."""
MOST_KEYS = 8
KEYS_MS = 10_000
"""Longest time from a card to the end of the keys."""


class Gesture(IntEnum):
    """`portal_gestures.gesture`."""

    HOLD = 1
    """The second card holds the portal's doors unlocked, or ends that."""
    ZONES = 2
    """The third card arms a set of zones, or disarms it if all of it is armed."""
    KEYS = 3
    """Keys after a card arm a set of zones."""


_CARDS: Mapping[Gesture, int] = MappingProxyType({Gesture.HOLD: 2, Gesture.ZONES: 3})
"""The card of a run that completes the gesture."""


class GestureRow(NamedTuple):
    """A row of `portal_gestures`."""

    id: int
    portal_id: int
    gesture: int
    zone_set_id: int | None
    keys: str
    exit_delay_s: int


@dataclass(frozen=True, slots=True)
class PortalGesture:
    """A gesture of a portal, and who may make it."""

    id: int
    portal_id: int
    gesture: Gesture
    zone_set_id: int
    """0 for none."""
    keys: str = field(repr=False)
    exit_delay_ms: int
    groups: frozenset[int]
    users: frozenset[int]

    def allows(self, user_id: int, groups: Collection[int]) -> bool:
        """Whether a person is listed."""
        return user_id in self.users or not self.groups.isdisjoint(groups)


@dataclass(frozen=True, slots=True)
class GestureRun:
    """The granted cards of one person in a row at one reader."""

    user_id: int
    groups: tuple[int, ...]
    portal_id: int
    cards: int
    at_ms: int
    """Of the last one."""


@dataclass(frozen=True, slots=True)
class GestureState:
    """What readers remember; immutable."""

    runs: Mapping[str, GestureRun] = field(default_factory=lambda: MappingProxyType({}))
    """By reader."""

    def without(self, reader: str) -> GestureState:
        """After a refusal at `reader`."""
        if reader not in self.runs:
            return self
        left = {name: run for name, run in self.runs.items() if name != reader}
        return GestureState(MappingProxyType(left))

    def _with(self, reader: str, run: GestureRun) -> GestureState:
        return GestureState(MappingProxyType({**self.runs, reader: run}))

    def granted(
        self,
        gestures: Iterable[PortalGesture],
        reader: str,
        portal_id: int,
        person: tuple[int, tuple[int, ...]],
        now_ms: int,
    ) -> tuple[GestureState, PortalGesture | None]:
        """A person, with their groups, was let in at `reader`: the gesture that this completes."""
        user_id, groups = person
        run, cards = self.runs.get(reader), 1
        if run and (run.user_id, run.portal_id) == (user_id, portal_id):
            cards = run.cards + 1 if now_ms - run.at_ms <= NEXT_CARD_MS else 1
        own = [
            it
            for it in gestures
            if it.gesture in _CARDS and it.portal_id == portal_id and it.allows(user_id, groups)
        ]
        done = next((it for it in own if _CARDS[it.gesture] == cards), None)
        if cards >= max((_CARDS[it.gesture] for it in own), default=0):
            cards = cards if not own else 0  # the next card begins anew
        return self._with(reader, GestureRun(user_id, groups, portal_id, cards, now_ms)), done

    def keyed(
        self, gestures: Iterable[PortalGesture], reader: str, keys: str, now_ms: int
    ) -> PortalGesture | None:
        """Keys were entered at `reader`: the gesture that they make after a card."""
        run = self.runs.get(reader)
        if run is None or now_ms - run.at_ms > KEYS_MS:
            return None
        found = (
            it
            for it in gestures
            if it.gesture is Gesture.KEYS
            and it.portal_id == run.portal_id
            and it.keys == keys
            and it.allows(run.user_id, run.groups)
        )
        return next(found, None)


def portal_gestures(
    rows: Iterable[GestureRow],
    groups: Sequence[tuple[int, int]],
    users: Sequence[tuple[int, int]],
) -> tuple[PortalGesture, ...]:
    """The gestures of `rows`; pairs of a gesture and who is listed. What this build does not know,
    or what lacks its zone set or keys, does nothing."""
    return tuple(
        PortalGesture(
            row.id,
            row.portal_id,
            Gesture(row.gesture),
            row.zone_set_id or 0,
            row.keys,
            max(0, row.exit_delay_s) * 1000,
            frozenset(group for owner, group in groups if owner == row.id),
            frozenset(user for owner, user in users if owner == row.id),
        )
        for row in rows
        if _usable(row)
    )


def gesture_problems(_: object, row: GestureRow) -> Iterator[tuple[str, WordedText]]:
    """What is wrong with a row: pairs of the field and the words."""
    if row.gesture in (Gesture.ZONES, Gesture.KEYS) and not row.zone_set_id:
        yield "zone_set_id", worded("this gesture needs a set of alarm zones")
    digits = row.keys.isascii() and row.keys.isdecimal() and len(row.keys) <= MOST_KEYS
    if row.gesture == Gesture.KEYS and not digits:
        yield "keys", worded("keys after a card are 1 to %(count)s digits", count=MOST_KEYS)
    if row.gesture != Gesture.KEYS and row.keys:
        yield "keys", worded("this gesture has none: they belong to keys after a card")


def _usable(row: GestureRow) -> bool:
    if row.gesture == Gesture.HOLD:
        return True
    if row.gesture == Gesture.KEYS:
        return bool(row.zone_set_id and row.keys)
    return row.gesture == Gesture.ZONES and bool(row.zone_set_id)
