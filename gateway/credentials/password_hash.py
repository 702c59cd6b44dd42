"""The vendor's hash of a user's password: PBKDF2-HMAC-SHA1 with a single round.

The hash is weak. It is kept because clients write such hashes and this device must verify against
them (Access API, user_hash_password). The hash is 32 bytes in lower-case hexadecimal; the salt is
32 printable ASCII characters used as bytes.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

_ROUNDS = 1
_KEY_BYTES = 32
_SALT_CHARACTERS = [chr(code) for code in range(0x20, 0x7E)]


def new_salt() -> str:
    """Return 32 random printable characters (0x20..0x7D)."""
    return "".join(secrets.choice(_SALT_CHARACTERS) for _ in range(32))


def hash_password(password: str, salt: str) -> str:
    """Return the hash of `password` with `salt`, 64 hexadecimal digits."""
    key = hashlib.pbkdf2_hmac("sha1", _bytes(password), _bytes(salt), _ROUNDS, _KEY_BYTES)
    return key.hex()


def verify(password: str, hashed: str, salt: str) -> bool:
    """Return whether `password` matches `hashed`; the comparison takes constant time.

    A stored text that is not a hash (empty, or a plain password) matches nothing.
    """
    return hmac.compare_digest(_bytes(hash_password(password, salt)), _bytes(hashed.lower()))


def _bytes(text: str) -> bytes:
    """Encode as UTF-8; lone surrogates, which JSON allows, are encoded too."""
    return text.encode("utf-8", "surrogatepass")
