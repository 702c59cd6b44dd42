"""Checks signatures of Ed25519 (RFC 8032): by the library, or by Debian's openssl where a broken
release may have no library that works."""

from __future__ import annotations

import base64
import subprocess
import tempfile
from pathlib import Path

from gateway.errors import NotSupportedHere

OPENSSL = "/usr/bin/openssl"
_PUBLIC_KEY = bytes.fromhex("302a300506032b6570032100")
"""What comes before the 32 bytes of a public key in its DER (RFC 8410, section 4)."""
_CHECK_S = 60.0


def verified_by_library(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether `public` (32 bytes) made `signature` (64 bytes) of `message`."""
    # Imported here: it takes 18 MB of memory.
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def verified_by_openssl(public: bytes, signature: bytes, message: bytes) -> bool:
    """As `verified_by_library`. Raises NotSupportedHere where openssl cannot be started."""
    encoded = base64.b64encode(_PUBLIC_KEY + public).decode()
    pem = f"-----BEGIN PUBLIC KEY-----\n{encoded}\n-----END PUBLIC KEY-----\n".encode()
    with tempfile.TemporaryDirectory(prefix="gateway-signature-") as made:
        files = {"key": pem, "signature": signature, "message": message}
        for name, content in files.items():
            (Path(made) / name).write_bytes(content)
        words = ("-inkey", "key", "-rawin", "-in", "message", "-sigfile", "signature")
        try:
            done = subprocess.run(  # noqa: S603 - fixed words
                [OPENSSL, "pkeyutl", "-verify", "-pubin", *words],
                cwd=made,
                capture_output=True,
                check=False,
                timeout=_CHECK_S,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NotSupportedHere(f"{OPENSSL} cannot check the signature: {error}") from error
    return done.returncode == 0
