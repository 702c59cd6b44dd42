"""The turnstile's machine: what each event leads to, and what holds whatever happens."""

from __future__ import annotations

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from gateway.doors.turnstile import TurnstileState, due_ms, refusal, step
from gateway.doors.turnstile_values import (
    BOTH,
    DriveSide,
    GaveUp,
    OperationMode,
    Release,
    StateReset,
    Turned,
    TurnSensed,
    TurnState,
    TurnstileEffect,
    TurnstileEvent,
    TurnstileSettings,
    Withdraw,
    sides_named,
)
from gateway.doors.values import (
    CommandRefused,
    Mode,
    ModeChanged,
    Refusal,
    SettingsChanged,
    TimePassed,
)
from gateway.settings import Side

IN, OUT = Side.CLOCKWISE, Side.ANTICLOCKWISE
USUAL = TurnstileSettings(timeout_ms=3_000, entrance=IN)


def one(side: Side) -> frozenset[Side]:
    return frozenset({side})


class Arm:
    """A turnstile on a bench."""

    def __init__(self, settings: TurnstileSettings = USUAL) -> None:
        self.settings = settings
        self.state = TurnstileState.initial()
        self.feed(SettingsChanged())

    def feed(self, event: TurnstileEvent, at_ms: int = 0) -> tuple[TurnstileEffect, ...]:
        transition = step(self.settings, self.state, event, at_ms)
        self.state = transition.state
        return transition.effects


def test_a_released_side_is_unlocked_until_somebody_turns() -> None:
    arm = Arm()
    assert arm.feed(Release(one(IN), "a")) == (DriveSide(IN, unlocked=True),)
    assert arm.feed(TurnSensed(IN), 1_000) == (
        DriveSide(IN, unlocked=False),
        Turned(IN, "a", entrance=True, allowed=True),
    )
    assert due_ms(arm.state) is None


def test_a_release_that_nobody_uses_is_given_up_at_its_end() -> None:
    arm = Arm()
    arm.feed(Release(BOTH, "a"), 500)
    assert due_ms(arm.state) == 3_500
    assert arm.feed(TimePassed(), 3_499) == ()
    assert arm.feed(TimePassed(), 3_500) == (
        DriveSide(IN, unlocked=False),
        DriveSide(OUT, unlocked=False),
        GaveUp("a"),
    )
    assert arm.state.shown is TurnState.GAVE_UP


def test_a_release_without_a_time_waits_until_somebody_turns() -> None:
    arm = Arm(TurnstileSettings(timeout_ms=0))
    arm.feed(Release(one(OUT), "a"))
    assert due_ms(arm.state) is None
    assert arm.feed(TimePassed(), 10**9) == ()
    assert Turned(OUT, "a", entrance=False, allowed=True) in arm.feed(TurnSensed(OUT), 10**9)


def test_a_turn_ends_the_release_of_both_sides() -> None:
    arm = Arm()
    arm.feed(Release(BOTH, "a"))
    effects = arm.feed(TurnSensed(OUT), 1)
    assert effects[:2] == (DriveSide(IN, unlocked=False), DriveSide(OUT, unlocked=False))
    assert Turned(OUT, "a", entrance=False, allowed=True) in effects


def test_a_turn_that_is_dealt_with_late_belongs_to_the_release_that_was_on() -> None:
    arm = Arm()
    arm.feed(Release(one(IN), "a"))
    assert Turned(IN, "a", entrance=True, allowed=True) in arm.feed(TurnSensed(IN), 9_000)


def test_a_turn_at_a_locked_side_is_a_forced_turn_and_leaves_the_release_alone() -> None:
    arm = Arm()
    arm.feed(Release(one(IN), "a"))
    assert arm.feed(TurnSensed(OUT), 1) == (Turned(OUT, None, entrance=False, allowed=False),)
    assert arm.state.shown is TurnState.BLOCKED_LEFT
    assert Turned(IN, "a", entrance=True, allowed=True) in arm.feed(TurnSensed(IN), 2)


def test_a_second_release_takes_the_place_of_the_first_which_has_given_up() -> None:
    arm = Arm()
    arm.feed(Release(one(IN), "a"))
    assert arm.feed(Release(one(OUT), "b"), 1_000) == (
        DriveSide(IN, unlocked=False),
        DriveSide(OUT, unlocked=True),
        GaveUp("a"),
    )
    assert due_ms(arm.state) == 4_000


def test_a_turnstile_out_of_service_gives_up_its_release() -> None:
    arm = Arm()
    arm.feed(Release(one(IN), "a"))
    assert GaveUp("a") in arm.feed(Withdraw(), 1)
    assert arm.feed(Withdraw(), 2) == ()


@pytest.mark.parametrize(
    ("operation", "free", "releasable"),
    [
        ("", set(), {IN, OUT}),
        ("blocked", set(), {IN, OUT}),
        ("entrance_open", {IN}, {IN, OUT}),
        ("exit_open", {OUT}, {IN, OUT}),
        ("both_open", {IN, OUT}, {IN, OUT}),
        ("exit_locked", set(), {IN}),
        ("entrance_locked", set(), {OUT}),
    ],
)
def test_the_operation_mode_says_which_sides_are_free_or_locked(
    operation: str, free: set[Side], releasable: set[Side]
) -> None:
    settings = TurnstileSettings(entrance=IN, operation=OperationMode(operation))
    assert settings.free(Mode.NORMAL) == free
    assert settings.releasable(Mode.NORMAL) == releasable
    other = TurnstileSettings(entrance=OUT, operation=OperationMode(operation))
    swap = {IN: OUT, OUT: IN}
    assert other.free(Mode.NORMAL) == {swap[side] for side in free}
    assert other.releasable(Mode.NORMAL) == {swap[side] for side in releasable}
    for mode in (Mode.FIRE, Mode.EMERGENCY):
        assert settings.free(mode) == settings.releasable(mode) == BOTH
    assert settings.free(Mode.LOCK_DOWN) == free - {IN}, "the way out stays open"
    assert settings.releasable(Mode.LOCK_DOWN) == set()


def test_a_locked_side_is_refused_and_the_other_one_released() -> None:
    arm = Arm(TurnstileSettings(entrance=IN, operation=OperationMode.ENTRANCE_LOCKED))
    assert refusal(arm.settings, arm.state, one(IN)) is Refusal.SIDE_LOCKED
    assert arm.feed(Release(one(IN), "a")) == (CommandRefused(Refusal.SIDE_LOCKED),)
    assert arm.feed(Release(BOTH, "b")) == (DriveSide(OUT, unlocked=True),)


def test_a_lock_down_takes_a_release_back_and_refuses_the_next() -> None:
    arm = Arm()
    arm.feed(Release(one(IN), "a"))
    assert arm.feed(ModeChanged(Mode.LOCK_DOWN), 1) == (DriveSide(IN, unlocked=False), GaveUp("a"))
    assert arm.feed(Release(one(IN), "b"), 2) == (CommandRefused(Refusal.LOCK_DOWN),)


def test_fire_frees_both_sides_and_its_end_locks_them() -> None:
    arm = Arm(TurnstileSettings(operation=OperationMode.EXIT_LOCKED))
    assert arm.feed(ModeChanged(Mode.FIRE)) == (
        DriveSide(IN, unlocked=True),
        DriveSide(OUT, unlocked=True),
    )
    assert arm.feed(TurnSensed(OUT)) == (Turned(OUT, None, entrance=False, allowed=True),)
    assert arm.feed(ModeChanged(Mode.NORMAL)) == (
        DriveSide(IN, unlocked=False),
        DriveSide(OUT, unlocked=False),
    )


def test_a_turn_at_a_free_side_uses_the_release_that_names_it() -> None:
    arm = Arm(TurnstileSettings(operation=OperationMode.BOTH_OPEN))
    assert arm.feed(Release(one(IN), "a")) == ()
    assert arm.feed(TurnSensed(OUT)) == (Turned(OUT, None, entrance=False, allowed=True),)
    assert arm.feed(TurnSensed(IN)) == (Turned(IN, "a", entrance=True, allowed=True),)


def test_the_state_that_is_asked_for_is_the_last_event() -> None:
    arm = Arm()
    seen = [arm.state.shown]
    for event in (Release(BOTH, "a"), TurnSensed(OUT), TurnSensed(IN), StateReset()):
        arm.feed(event)
        seen.append(arm.state.shown)
    assert seen == [
        TurnState.WAITING,
        TurnState.WAITING,
        TurnState.ANTICLOCKWISE,
        TurnState.BLOCKED_RIGHT,
        TurnState.WAITING,
    ]


@pytest.mark.parametrize(
    ("parameters", "sides"),
    [
        ({"allow": "clockwise"}, {IN}),
        ({"allow": "anticlockwise"}, {OUT}),
        ({"allow": "both"}, {IN, OUT}),
        ({"relay": "1"}, {IN}),
        ({"relay": "2"}, {OUT}),
        ({"allow": "both", "relay": "1"}, {IN, OUT}),
        ({"allow": "Both"}, set()),
        ({"allow": "left", "relay": "1"}, set()),
        ({"relay": "3"}, set()),
        ({}, set()),
    ],
)
def test_an_action_names_its_sides(parameters: dict[str, str], sides: set[Side]) -> None:
    assert sides_named(parameters) == sides


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="timeout_ms"):
        TurnstileSettings(timeout_ms=-1)
    with pytest.raises(ValueError, match="side"):
        Release(frozenset(), "a")


SETTINGS = st.builds(
    TurnstileSettings,
    timeout_ms=st.sampled_from([0, 1, 500, 3_000]),
    entrance=st.sampled_from(Side),
    operation=st.sampled_from(OperationMode),
)


class Turnstile(RuleBasedStateMachine):
    """Keeps a book of its own on every release and on what the outputs were told."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ms = 1_000
        self.settings = USUAL
        self.state = TurnstileState.initial()
        self.mode = Mode.NORMAL
        self.told: dict[Side, bool] = dict.fromkeys(Side, False)
        self.standing: tuple[str, frozenset[Side], int | None] | None = None
        self.ended: set[str] = set()
        self.number = 0

    @initialize(settings=SETTINGS, unlocked=st.frozensets(st.sampled_from(Side)))
    def start(self, settings: TurnstileSettings, unlocked: frozenset[Side]) -> None:
        self.settings = settings
        self.state = TurnstileState.initial(unlocked)
        self.told = {side: side in unlocked for side in Side}
        self.feed(SettingsChanged())

    def feed(self, event: TurnstileEvent) -> tuple[TurnstileEffect, ...]:
        transition = step(self.settings, self.state, event, self.now_ms)
        self.state = transition.state
        for effect in transition.effects:
            match effect:
                case DriveSide(side=side, unlocked=unlocked):
                    assert self.told[side] is not unlocked, "a drive repeats"
                    self.told[side] = unlocked
                case GaveUp(key=key):
                    self.end(key)
                case Turned(key=str() as key):
                    self.end(key)
                case _:
                    pass
        return transition.effects

    def end(self, key: str) -> None:
        assert key not in self.ended, "a release ended twice"
        assert self.standing is not None
        assert self.standing[0] == key, "another release ended than the one that stood"
        self.ended.add(key)
        self.standing = None

    @rule(span_ms=st.sampled_from([1, 499, 500, 3_000]))
    def wait(self, span_ms: int) -> None:
        end_ms = self.now_ms + span_ms
        while (due := due_ms(self.state)) is not None and due <= end_ms:
            self.now_ms = due
            before = self.state
            self.feed(TimePassed())
            assert self.state != before, "an instant was due at which nothing happens"
        self.now_ms = end_ms

    @rule(span_ms=st.sampled_from([1, 5_000]))
    def be_late(self, span_ms: int) -> None:
        self.now_ms += span_ms

    @rule(sides=st.frozensets(st.sampled_from(Side), min_size=1))
    def release(self, sides: frozenset[Side]) -> None:
        self.number += 1
        key = str(self.number)
        may = sides & self.settings.releasable(self.mode)
        before = self.standing
        effects = self.feed(Release(sides, key))
        refused = any(isinstance(effect, CommandRefused) for effect in effects)
        assert refused is not bool(may)
        if may:
            assert before is None or before[0] in self.ended, "two releases stand"
            timeout_ms = self.settings.timeout_ms
            self.standing = (key, may, self.now_ms + timeout_ms if timeout_ms else None)

    @rule(side=st.sampled_from(Side))
    def turn(self, side: Side) -> None:
        standing, unlocked = self.standing, self.told[side]
        (turned,) = [e for e in self.feed(TurnSensed(side)) if isinstance(e, Turned)]
        assert turned.side is side, "a turn is always reported"
        assert turned.allowed is unlocked
        assert turned.entrance is (side is self.settings.entrance)
        uses = standing is not None and side in standing[1]
        assert turned.key == (standing[0] if standing and uses else None)

    @rule(mode=st.sampled_from(Mode))
    def change_mode(self, mode: Mode) -> None:
        self.mode = mode
        self.feed(ModeChanged(mode))
        self.keep()

    @rule(settings=SETTINGS)
    def change_settings(self, settings: TurnstileSettings) -> None:
        self.settings = settings
        self.feed(SettingsChanged())
        self.keep()

    def keep(self) -> None:
        """A release that lives on has lost the sides that are locked now."""
        if self.standing is not None:
            key, sides, until_ms = self.standing
            left = sides & self.settings.releasable(self.mode)
            assert left, "a release stands for no side"
            self.standing = (key, left, until_ms)

    @rule()
    def withdraw(self) -> None:
        self.feed(Withdraw())
        assert self.standing is None

    @rule()
    def reset(self) -> None:
        self.feed(StateReset())
        assert self.state.shown is TurnState.WAITING

    @invariant()
    def an_output_is_on_for_a_release_or_a_free_side_and_for_nothing_else(self) -> None:
        released = self.standing[1] if self.standing else frozenset()
        expected = released | self.settings.free(self.mode)
        assert {side for side in Side if self.told[side]} == expected
        assert self.state.unlocked == expected

    @invariant()
    def it_is_never_locked_against_fire_or_an_emergency(self) -> None:
        assert all(self.told.values()) or not self.mode.releases

    @invariant()
    def every_release_but_the_standing_one_has_ended(self) -> None:
        assert (self.state.release is None) is (self.standing is None)
        if self.state.release and self.standing:
            found = (self.state.release.key, self.state.release.sides, self.state.release.until_ms)
            assert found == self.standing

    @invariant()
    def a_repeated_mode_or_setting_changes_nothing(self) -> None:
        until_ms = due_ms(self.state)
        if until_ms is None or self.now_ms < until_ms:
            for event in (ModeChanged(self.mode), SettingsChanged(), TimePassed()):
                again = step(self.settings, self.state, event, self.now_ms)
                assert (again.effects, again.state) == ((), self.state)


def test_a_turnstile_keeps_its_promises_whatever_happens() -> None:
    run_state_machine_as_test(Turnstile, settings=hypothesis_settings(deadline=None))
