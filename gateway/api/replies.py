"""Headers and bodies that all answers share (Access API, 1.1, 1.3, 1.4)."""

from __future__ import annotations

import json
import re

COMMON_HEADERS = (
    ("Cache-Control", "no-store, no-cache, must-revalidate, post-check=0, pre-check=0"),
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Headers", "origin, x-csrftoken, content-type, accept"),
    # Not of real devices: no browser takes an uploaded photo for a page.
    ("X-Content-Type-Options", "nosniff"),
)
"""What goes out with every answer, errors and OPTIONS included; real devices send the same."""
JSON_TYPE = "application/json; charset=utf-8"
INVALID_SESSION = "Invalid session"
"""The only error text that may contain "session": clients read it as expiry and log in again."""

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
"""Kept, since `json.dumps` with these options makes an encoder for every value."""
ERROR_CODE = 1
"""The only code ever seen on a device."""
_EXPIRY_WORD = re.compile("session", re.IGNORECASE)


def encode(value: object) -> bytes:
    """`value` as compact JSON in UTF-8."""
    return _JSON.encode(value).encode()


def error_body(text: str) -> bytes:
    """The device's error shape around `text`."""
    return encode({"error": error_text(text), "code": ERROR_CODE})


def error_text(text: str) -> str:
    """`text` as clients may be told it.

    It may quote the client. The word that clients read as expiry is shortened there, so that
    no client logs in again because of a misspelt field.
    """
    if text != INVALID_SESSION:
        text = _EXPIRY_WORD.sub(lambda found: f"{found[0][:4]}.", text)
    # UTF-8 cannot encode half a surrogate pair that a client sent and `text` quotes.
    return text.encode(errors="backslashreplace").decode()
