"""Codes that change with the time: each is accepted once, in its time window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from gateway.clock import Clock, unix_s
from gateway.controller.state.ports import FindWindow
from gateway.controller.state.recorder import Recorder
from gateway.credentials.totp import DynamicCode, TotpSettings, window_of
from gateway.store.journal import EntryKind
from gateway.store.journal.used_codes import CodeCard, UsedUp

log = structlog.get_logger("codes")


@dataclass(frozen=True, slots=True)
class DynamicCodesState:
    """Used codes, by card and time step, and single-use cards that are spent."""

    steps: tuple[tuple[CodeCard, frozenset[int]], ...]
    cards: tuple[CodeCard, ...]


class DynamicCodes:
    """Checks codes and remembers the used ones. The loop's thread alone uses it."""

    def __init__(
        self,
        used_up: UsedUp,
        recorder: Recorder,
        clock: Clock,
        trusted: Callable[[], bool],
        find_window: FindWindow = window_of,
    ) -> None:
        """`used_up` is what the journal kept; `trusted` returns whether the clock is trusted."""
        self._used_up = used_up
        self._recorder = recorder
        self._clock = clock
        self._trusted = trusted
        self._find_window = find_window
        self._started_ns = clock.monotonic_ns()

    def state(self) -> DynamicCodesState:
        steps = ((card, frozenset(used)) for card, used in sorted(self._used_up.steps.items()))
        return DynamicCodesState(tuple(steps), tuple(sorted(self._used_up.cards)))

    def restore(self, state: DynamicCodesState) -> None:
        steps = {card: set(used) for card, used in state.steps}
        self._used_up = UsedUp(steps, set(state.cards))

    def accept(
        self,
        code: DynamicCode,
        card: CodeCard,
        secret: str,
        settings: TotpSettings,
        *,
        single_use: bool,
    ) -> bool:
        """True if `code` is a valid code of `card`, which uses it up.

        No code is valid while the clock is not trusted. A `single_use` card has none after its
        first grant.
        """
        if single_use and card in self._used_up.cards:
            log.info("code refused", why="the card has been used")
            return False
        if not self._trusted():
            log.warning("code refused", why="the clock is not trusted")
            return False
        utc_s = unix_s(self._clock.utc())
        used = self._used_up.steps.get(card, set()) | self._lost(utc_s, settings)
        step = self._find_window(code, secret, utc_s, settings, used)
        if step is None:
            return False
        # Codes of past windows are never accepted, so they are forgotten. One more span is kept in
        # case the clock is set back a little.
        accepted = settings.accepted(utc_s)
        oldest = accepted.start - len(accepted)
        self._used_up.steps[card] = {step, *(known for known in used if known >= oldest)}
        self._recorder.note(
            EntryKind.CODE_USED,
            card_id=card.id,
            card_value=card.value,
            step=step,
            oldest=oldest,
        )
        return True

    def _lost(self, utc_s: int, settings: TotpSettings) -> set[int]:
        """Windows whose codes may have been used, where the journal has lost which ones were: all
        that were accepted when this run began."""
        if self._used_up.complete:
            return set()
        since_s = (self._clock.monotonic_ns() - self._started_ns) // 1_000_000_000
        return set(settings.accepted(utc_s - since_s))

    def is_spent(self, card_id: int, card_value: int) -> bool:
        """True if a single-use card has been granted entry."""
        return CodeCard(card_id, card_value) in self._used_up.cards

    def spend(self, card_id: int, card_value: int) -> None:
        """Record that a single-use card was granted entry."""
        self._used_up.cards.add(CodeCard(card_id, card_value))
        self._recorder.note(EntryKind.CARD_SPENT, card_id=card_id, card_value=card_value)
