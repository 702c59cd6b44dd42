"""Every word of a trigger has words for people."""

from __future__ import annotations

from gateway.explain.trigger_words import VERDICTS
from gateway.triggers.values import TriggerVerdict
from gateway.triggers.words import TRIGGER_EVENTS, MessageDestination, TriggerAction
from gateway.web.trigger_words import ACTION_WORDS, DESTINATION_WORDS, EVENT_WORDS, VERDICT_WORDS


def test_every_word_of_a_trigger_is_worded() -> None:
    assert set(EVENT_WORDS) == set(TRIGGER_EVENTS)
    assert set(ACTION_WORDS) == set(TriggerAction)
    assert set(DESTINATION_WORDS) == set(MessageDestination)
    assert set(VERDICT_WORDS) == set(VERDICTS) == set(TriggerVerdict)
