"""JSON of clients and of servers, read more strictly than Python does."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

from gateway.errors import InvalidRequest

DEEPEST = 32
"""Levels of objects and arrays; no command has a use for more than 8."""


def read_json(data: bytes) -> Mapping[str, object]:
    """The JSON object in `data`; empty for no data and `null`.

    Stricter than Python's reader: raises InvalidRequest also for NaN, Infinity, numbers that
    overflow and half surrogate pairs.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"Invalid JSON: not UTF-8 at byte {error.start}") from error
    if not text.strip():
        return {}
    try:
        value: Any = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise InvalidRequest(
            f"Invalid JSON: {error.msg} at line {error.lineno} column {error.colno} "
            f"(char {error.pos})"
        ) from error
    except RecursionError:
        raise InvalidRequest("Invalid JSON: nested too deep") from None
    except InvalidRequest:
        raise
    except ValueError as error:  # an integer of thousands of digits
        raise InvalidRequest("Invalid JSON: a number has too many digits") from error
    _check_depth(value)
    if "\\u" in text:
        _refuse_half_pairs(value)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidRequest("Invalid JSON: an object is needed")
    return value


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    raise InvalidRequest("Invalid JSON: nested too deep")


def _refuse_half_pairs(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise InvalidRequest("Invalid JSON: half a surrogate pair") from error


def _no_constant(word: str) -> NoReturn:
    raise InvalidRequest(f"Invalid JSON: {word} is not a number")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise InvalidRequest("Invalid JSON: a number is too large")
    return number
