"""Codes that change with the time: does one fit now, and was it used before?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from gateway.clock import Clock
from gateway.controller.state.ports import FindWindow
from gateway.controller.state.recorder import Recorder
from gateway.credentials.totp import DynamicCode, TotpSettings, window_of
from gateway.store.journal import EntryKind
from gateway.store.journal.used_codes import CodeCard, UsedUp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

log = structlog.get_logger("codes")


@dataclass(frozen=True, slots=True)
class DynamicCodesState:
    """What is used up."""

    steps: tuple[tuple[CodeCard, frozenset[int]], ...]
    cards: tuple[CodeCard, ...]


class DynamicCodes:
    """Judges codes and remembers those that are used up. The loop's thread alone uses it."""

    def __init__(
        self,
        used_up: UsedUp,
        recorder: Recorder,
        clock: Clock,
        trusted: Callable[[], bool],
        find_window: FindWindow = window_of,
    ) -> None:
        """`used_up` is what the journal kept; `trusted` tells whether the clock is believed."""
        self._used_up = used_up
        self._recorder = recorder
        self._clock = clock
        self._trusted = trusted
        self._find_window = find_window

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
        """Whether `code` identifies whoever has `card`; from now on it is used.

        It does not while the clock is not trusted, and neither does one of a `single_use` card
        with which somebody passed already.
        """
        if single_use and card in self._used_up.cards:
            log.info("code refused", why="the card has been used")
            return False
        if not self._trusted():
            log.warning("code refused", why="the clock is not trusted")
            return False
        utc_s = (self._clock.utc() - _EPOCH) // timedelta(seconds=1)
        used = self._used_up.steps.get(card, set())
        step = self._find_window(code, secret, utc_s, settings, used)
        if step is None:
            return False
        # Codes of windows that are past are accepted no more, and need not be remembered. One
        # whole span is added for a clock that is set back a little.
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

    def is_spent(self, card_id: int, card_value: int) -> bool:
        """Whether somebody was let in already with a card that lets in once."""
        return CodeCard(card_id, card_value) in self._used_up.cards

    def spend(self, card_id: int, card_value: int) -> None:
        """Somebody was let in with a card that lets in once."""
        self._used_up.cards.add(CodeCard(card_id, card_value))
        self._recorder.note(EntryKind.CARD_SPENT, card_id=card_id, card_value=card_value)
