"""What a server answers to a question (Access API, 5.3), read as it comes. Pure.

Only `event` is needed. A text may stand for a number. What makes no sense opens nothing: an answer
without a decision is event 14, one whose actions cannot be carried out as they are is a denial.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Mapping
from typing import Any, Literal

import pydantic_core
from pydantic import ValidationError

from gateway.commands.requests import ActionItem
from gateway.errors import GatewayError
from gateway.link.messages import AnswerQuestion, OnlineCredential, Opening
from gateway.settings import Side

Event = Literal[3, 4, 6, 7, 14]
Openings = tuple[tuple[Opening, ...], tuple[Side, ...]]
"""Doors, and directions of the turnstile."""
ReadActions = Callable[[list[ActionItem]], Openings]
"""Raises InvalidRequest for an action that cannot be carried out."""

NOT_IDENTIFIED: Event = 3
PENDING: Event = 4
DENIED: Event = 6
GRANTED: Event = 7
NO_DECISION: Event = 14
_EVENTS: dict[int, Event] = {each: each for each in (NOT_IDENTIFIED, PENDING, DENIED, GRANTED)}
# `biometry` and `face` are factors that this device cannot read: the server judges the next one.
_FACTORS: dict[str, OnlineCredential] = {
    "card": "card",
    "pin": "pin",
    "password": "password",
    "qrcode": "qrcode",
}
_LONGEST_TEXT = 1_000
_LARGEST_ID = (1 << 63) - 1
_DIGITS = 19


def read_answer(question_id: str, body: bytes, read_actions: ReadActions) -> AnswerQuestion:
    """The answer in `body`; nothing that it may hold raises."""
    result = _result(body)
    if result is None:
        return AnswerQuestion(
            question=question_id, event=NO_DECISION, why="the answer has no result"
        )
    event = _EVENTS.get(_number(result.get("event")) or 0, NO_DECISION)
    openings: Openings | None = None
    why = ""
    if event is NO_DECISION:
        why = "the answer has no event that is known"
    elif event is GRANTED and result.get("actions") is not None:
        try:
            openings = _openings(result["actions"], read_actions)
        except (GatewayError, ValueError) as error:
            event, why = DENIED, f"the answer's actions cannot be carried out: {error}"
    return AnswerQuestion(
        question=question_id,
        event=event,
        why=why[:_LONGEST_TEXT],
        user_id=_number(result.get("user_id")),
        user_name=_text(result.get("user_name")),
        portal_id=_number(result.get("portal_id")) or None,
        openings=None if openings is None else openings[0],
        turnstile=() if openings is None else openings[1],
        next_factor=_FACTORS.get(_text(result.get("next_event"))) if event is PENDING else None,
        message=_text(result.get("message")),
        duress=_text(result.get("duress")).lower() in {"1", "true"},
    )


def _result(body: bytes) -> Mapping[str, Any] | None:
    try:
        # NaN, infinity, and a nesting of hundreds are refused here.
        answer = pydantic_core.from_json(
            body.removeprefix(codecs.BOM_UTF8), allow_inf_nan=False, cache_strings=False
        )
    except ValueError:
        return None
    result = answer.get("result") if isinstance(answer, dict) else None
    return result if isinstance(result, dict) else None


def _openings(actions: object, read_actions: ReadActions) -> Openings:
    """Raises ValueError, or a GatewayError, for what cannot be carried out."""
    if not isinstance(actions, list):
        raise ValueError("actions must be a list")  # noqa: TRY004 - one error for all that is wrong
    items = []
    for action in actions:
        try:
            items.append(ActionItem.model_validate(action))
        except ValidationError:
            raise ValueError("an action needs the texts action and parameters") from None
    return read_actions(items)


def _number(value: object) -> int | None:
    """An id or event given as number or text; None for anything else."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str):
        digits = value.strip()
        value = int(digits) if digits.isdecimal() and len(digits) <= _DIGITS else None
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _LARGEST_ID else None


def _text(value: object) -> str:
    if isinstance(value, bool | int | float):
        value = str(value)
    return value.strip()[:_LONGEST_TEXT] if isinstance(value, str) else ""
