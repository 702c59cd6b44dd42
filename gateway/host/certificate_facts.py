"""What a certificate says, read in a process of its own.

`cryptography` takes 18 MB of memory and stays loaded, and a certificate is looked at rarely.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from functools import lru_cache

from gateway.clock import unix_s
from gateway.errors import InvalidRequest, StorageError

LIMIT_S = 30.0
"""Of the process, on a busy device."""


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What a certificate says. Times are Unix seconds of UTC."""

    subject: str
    """RFC 4514, as `CN=door`; of the issuer too."""
    issuer: str
    names: tuple[str, ...]
    """Host names and addresses that it is for."""
    not_before_utc: int
    not_after_utc: int


@lru_cache(maxsize=1)
def facts_of(certificate: bytes) -> CertificateFacts:
    """What `certificate` (DER) says.

    Raises InvalidRequest when it cannot be read, StorageError when no process can be had for it.
    """
    try:
        done = subprocess.run(  # noqa: S603 - no word comes from a client
            [sys.executable, "-P", __file__],
            input=certificate,
            capture_output=True,
            timeout=LIMIT_S,
            check=True,
        )
        found = json.loads(done.stdout)
    except subprocess.TimeoutExpired as error:
        raise StorageError(f"the certificate was not read within {LIMIT_S:g} s") from error
    except OSError as error:
        raise StorageError(f"the certificate cannot be read: {error.strerror}") from error
    except (subprocess.CalledProcessError, ValueError) as error:
        raise InvalidRequest("The certificate cannot be read") from error
    return CertificateFacts(**found | {"names": tuple(found["names"])})


def _read(certificate: bytes) -> CertificateFacts:
    """The same in this process. Raises ValueError."""
    from cryptography import x509

    found = x509.load_der_x509_certificate(certificate)
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        names = x509.SubjectAlternativeName([])
    return CertificateFacts(
        found.subject.rfc4514_string(),
        found.issuer.rfc4514_string(),
        (
            *names.get_values_for_type(x509.DNSName),
            *map(str, names.get_values_for_type(x509.IPAddress)),
        ),
        unix_s(found.not_valid_before_utc),
        unix_s(found.not_valid_after_utc),
    )


if __name__ == "__main__":
    json.dump(asdict(_read(sys.stdin.buffer.read())), sys.stdout)
