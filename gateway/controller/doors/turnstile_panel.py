"""The turnstile: connects its state machine to outputs, contacts and journal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from uuid import uuid4

from gateway.access.log_events import AccessEvent, OpeningCause
from gateway.controller.state.component import (
    Component,
    Effect,
    Emit,
    FireChanged,
    GrantLapsed,
    GrantUsed,
    OpeningId,
    PolicyApplied,
)
from gateway.controller.state.config import EffectiveConfig
from gateway.controller.state.ports import StrikePort
from gateway.controller.state.recorder import Receipt, Recorder
from gateway.doors.turnstile import TurnstileState, due_ms, refusal, step
from gateway.doors.turnstile_values import (
    LEFT,
    DriveSide,
    GaveUp,
    Release,
    StateReset,
    Turned,
    TurnSensed,
    TurnstileEffect,
    TurnstileEvent,
    TurnstileSettings,
    Withdraw,
)
from gateway.doors.values import (
    CommandRefused,
    Mode,
    ModeChanged,
    Refusal,
    SettingsChanged,
    TimePassed,
    effective_mode,
)
from gateway.hardware.events import TURN_INPUTS, HardwareEvent, InputLevel
from gateway.link.messages import TurnstileStatus
from gateway.objects.modes import DEVICE
from gateway.settings import Level, LockState, Side, Turnstile
from gateway.store.journal import EntryKind
from gateway.store.policy.exception_modes import DoorModes


def _new_key() -> str:
    return str(uuid4())


@dataclass(frozen=True, slots=True)
class TurnstilePanelState:
    """The state of the turnstile's machine and contacts, and the accesses behind its releases."""

    turnstile: TurnstileState
    starting: bool
    active: Mapping[Side, bool]
    granted: Mapping[str, tuple[int, int]]
    """Release -> its access log and grant."""
    fire: bool
    bound: bool


class TurnstilePanel(Component):
    """Passes events to the machine and carries out its effects."""

    def __init__(
        self,
        turnstile: Turnstile,
        outputs: Mapping[Side, StrikePort],
        recorder: Recorder,
        emit: Emit,
        new_key: Callable[[], str] = _new_key,
    ) -> None:
        """`new_key` makes the uuid of an event, which clients see."""
        self.turnstile = turnstile
        self._outputs = outputs
        self._recorder = recorder
        self._emit = emit
        self._new_key = new_key
        self._settings = TurnstileSettings()
        unlocked = (side for side in Side if outputs[side].state is LockState.UNLOCKED)
        self._state = TurnstileState.initial(frozenset(unlocked))
        self._starting = bool(self._state.unlocked)
        """`on_start` unlocked it, and no policy is in force yet."""
        self._active: dict[Side, bool] = {}
        self._granted: dict[str, tuple[int, int]] = {}
        """Release -> its access log and grant."""
        self._portal_ids: dict[Side, int] = {}
        self._modes = DoorModes()
        self._fire = False
        self._bound = False

    def state(self) -> TurnstilePanelState:
        return TurnstilePanelState(
            self._state,
            self._starting,
            dict(self._active),
            dict(self._granted),
            self._fire,
            self._bound,
        )

    def restore(self, state: TurnstilePanelState) -> None:
        self._state = state.turnstile
        self._starting = state.starting
        self._active = dict(state.active)
        self._granted = dict(state.granted)
        self._fire = state.fire
        self._bound = state.bound

    def configure(self, config: EffectiveConfig) -> None:
        """Take over the settings of a snapshot; nothing happens yet."""
        self._settings = config.turnstile or TurnstileSettings()
        self._portal_ids = {side: config.topology.portal_of_side(side) for side in Side}
        self._modes = config.modes[DEVICE]

    def bind(self, config: EffectiveConfig, now_ms: int) -> None:
        """Take over the settings of a new snapshot."""
        self._bound = True
        self.configure(config)
        self.feed(SettingsChanged(mode=self._note_mode()), now_ms)

    def _policy_in_force(self) -> None:
        """The first policy is in force, which ends `on_start`."""
        if self._starting:
            self._starting = False
            name, unlocked = self.turnstile.name, sorted(self._state.unlocked)
            self._recorder.note(EntryKind.ON_START, turnstile=name, unlocked=unlocked)

    def handle(self, event: HardwareEvent | Effect, now_ms: int) -> None:
        match event:
            case InputLevel(name=name, high=high):
                for side, contact in TURN_INPUTS.items():
                    if name == contact:
                        self.turn_level(side, now_ms, high=high)
            case FireChanged(on=on):
                self.fire(now_ms, on=on)
            case PolicyApplied():
                self._policy_in_force()

    def turn_level(self, side: Side, now_ms: int, *, high: bool) -> None:
        """Take the level of the contact of `side`; the first reading is never a turn."""
        active = high is (self.turnstile.way(side).turn.idle is Level.LOW)
        before = self._active.get(side)
        self._active[side] = active
        if self._bound and active and before is False:
            self.feed(TurnSensed(side), now_ms)

    def fire(self, now_ms: int, *, on: bool) -> None:
        """A fire began, or was reset."""
        self._fire = on
        if self._bound:
            self.feed(ModeChanged(self._note_mode()), now_ms)
        elif on and self.turnstile.fire_release:
            # An exit must not wait for the rules; `bind` turns the fire into a mode.
            for output in self._outputs.values():
                output.drive(LockState.UNLOCKED)

    def _note_mode(self) -> Mode:
        """Return the mode in force, and journal it if it has changed."""
        fire = (Mode.FIRE,) if self._fire and self.turnstile.fire_release else ()
        mode = effective_mode(self._modes.device, *fire)
        if mode is not self._state.mode:
            by = self._modes.requested(mode)
            name = self.turnstile.name
            self._recorder.note(EntryKind.MODE, turnstile=name, mode=mode.value, **by)
        return mode

    @property
    def mode(self) -> Mode:
        return self._state.mode

    def modes(self) -> Mapping[OpeningId, Mode]:
        return {("turnstile", self.turnstile.name): self.mode}

    def refusal(self, sides: frozenset[Side]) -> Refusal | None:
        """Why the turnstile cannot be released to `sides` now; None if it can."""
        return refusal(self._settings, self._state, sides)

    def release(self, sides: frozenset[Side], now_ms: int) -> str:
        """Release the turnstile for one person to any of `sides`; return the release's key.

        `refusal` must have allowed it.
        """
        key = self._new_key()
        self.feed(Release(sides, key), now_ms)
        return key

    def opened_by_client(self, event: AccessEvent, by: str, sides: frozenset[Side]) -> Receipt:
        """Journal a release requested by a client with the login `by`."""
        portals = (self._portal_ids[side] for side in sides)
        portal_id = min(filter(None, portals), default=0)
        return self._recorder.opening(event, OpeningCause.OPENED_BY_CLIENT, portal_id, by=by)

    def granted_as(self, key: str, access_log_id: int, grant: int) -> None:
        """Tie the release `key` to an access log, which becomes event 13 if nobody passes."""
        self._granted[key] = (access_log_id, grant)

    def reset(self, now_ms: int) -> None:
        """Reset the event state."""
        self.feed(StateReset(), now_ms)

    def close(self, now_ms: int) -> None:
        """Withdraw a release: nobody will see the turn."""
        self.feed(Withdraw(), now_ms)

    def feed(self, event: TurnstileEvent, now_ms: int) -> tuple[TurnstileEffect, ...]:
        """Pass `event` to the machine and carry out its effects, outputs first; return them."""
        transition = step(self._settings, self._state, event, now_ms)
        self._state = transition.state
        for effect in transition.effects:
            if isinstance(effect, DriveSide):
                state = LockState.UNLOCKED if effect.unlocked else LockState.LOCKED
                self._outputs[effect.side].drive(state)
        for effect in transition.effects:
            self._record(effect, now_ms)
        return transition.effects

    def _record(self, effect: TurnstileEffect, now_ms: int) -> None:
        match effect:
            case Turned(side=side, key=key):
                access_log_id, grant = self._granted.pop(key or "", (0, 0))
                self._recorder.turned(
                    key or self._new_key(),
                    left=side is LEFT,
                    entrance=effect.entrance,
                    allowed=effect.allowed,
                    access_log_id=access_log_id,
                )
                self._emit(GrantUsed(grant), now_ms)
            case GaveUp(key=key):
                access_log_id, grant = self._granted.pop(key, (0, 0))
                self._recorder.gave_up(key, access_log_id)
                self._emit(GrantLapsed(grant, 0), now_ms)
            case DriveSide() | CommandRefused():
                pass

    def tick(self, now_ms: int) -> None:
        """Tell the machine that time has passed, if something is due."""
        due = due_ms(self._state)
        if due is not None and due <= now_ms:
            self.feed(TimePassed(), now_ms)

    def due_ms(self) -> int | None:
        return due_ms(self._state)

    def status(self) -> TurnstileStatus:
        released = self._state.release.sides if self._state.release else frozenset()
        return TurnstileStatus(
            name=self.turnstile.name,
            unlocked=tuple(s for s in Side if self._outputs[s].state is LockState.UNLOCKED),
            released=tuple(side for side in Side if side in released),
            mode=self._state.mode.value,
            event_state=int(self._state.shown),
        )
