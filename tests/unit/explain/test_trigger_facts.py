"""What the journal tells sets triggers off, and nothing that they write themselves."""

from __future__ import annotations

from gateway.explain.event import Occurrence
from gateway.explain.trigger_words import VERDICTS
from gateway.triggers.values import TriggerVerdict
from gateway.triggers.words import TIMED, MessageDestination, TriggerAction, TriggerEvent
from gateway.web.trigger_words import (
    ACTION_WORDS,
    DESTINATION_WORDS,
    TRIGGER_EVENTS,
    VERDICT_WORDS,
)

OWN = {
    "trigger_waits",
    "trigger_done",
    "trigger_refused",
    "trigger_cancelled",
    "trigger_late",
    "output_on",
    "output_off",
}
TOO_LATE = {"stopped"}
"""Nothing is done after it."""


def test_everything_that_the_log_tells_can_set_a_trigger_off() -> None:
    told = {occurrence.value for occurrence in Occurrence} - OWN - TOO_LATE
    assert {event.value for event in TriggerEvent} - {event.value for event in TIMED} == told


def test_every_word_of_a_trigger_is_worded() -> None:
    assert set(TRIGGER_EVENTS) == set(TriggerEvent)
    assert set(ACTION_WORDS) == set(TriggerAction)
    assert set(DESTINATION_WORDS) == set(MessageDestination)
    assert set(VERDICT_WORDS) == set(VERDICTS) == set(TriggerVerdict)
