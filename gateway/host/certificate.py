"""The HTTPS certificate and its key: one PEM file with mode 0600.

`cryptography` takes 18 MB of memory, so the functions that make or check a certificate import it;
those that look at one do without it.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
import ssl
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import InvalidRequest, StorageError
from gateway.files import read_whole, write_whole
from gateway.host.clock_trust import RELEASED
from gateway.host.network import network

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

VALID_FOR = timedelta(days=3650)
"""Ten years, since nobody renews a self-signed certificate."""
LONGEST_FILE = 1 << 20
"""Bytes of the file with key and certificates."""
LONGEST_PEM = 65_536
"""Bytes; enough for a key, a certificate and a long chain."""


_BLOCK = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_TURNS = 10
"""More than a handshake has messages to and fro."""
_SEQUENCE, _VERSION = 0x30, 0xA0
"""ASN.1 tags (X.690, 8.1.2)."""


def make_self_signed(path: Path, now: datetime) -> None:
    """Write a new key and a self-signed certificate to `path`.

    The certificate is valid from this software's release on, so that an unset clock does no harm.
    Raises StorageError.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    found = network()
    key = ec.generate_private_key(ec.SECP256R1())
    # A common name has at most 64 characters (RFC 5280, upper bounds).
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, found.hostname[:64] or "gateway")])
    names = [*_host_names(found.hostname), "localhost"]
    addresses = {ipaddress.ip_address(text) for text in (found.ip, "127.0.0.1", "::1")}
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(RELEASED)
        .not_valid_after(max(now, RELEASED) + VALID_FOR)
        .add_extension(
            x509.SubjectAlternativeName(
                [
                    *map(x509.DNSName, names),
                    *(
                        x509.IPAddress(a)
                        for a in sorted(addresses, key=str)
                        if not a.is_unspecified
                    ),
                ]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
        )
    )
    certificate = builder.sign(key, hashes.SHA256())
    _write(path, _pem(key, [certificate]))


def _host_names(hostname: str) -> list[str]:
    """Return the machine's names, mDNS included, that are valid in a certificate."""
    label = hostname.partition(".")[0]
    names = dict.fromkeys((hostname, label, f"{label}.local"))
    return [
        name for name in names if re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", name)
    ]


def replace_certificate(path: Path, pem: bytes, now: datetime) -> None:
    """Replace the key and certificates at `path` by those in `pem`, atomically.

    The device's certificate precedes those of its issuers; the key may be anywhere. Raises
    InvalidRequest that says what is wrong, and StorageError; then nothing has changed.
    """
    if len(pem) > LONGEST_PEM:
        raise InvalidRequest(f"The certificate is longer than {LONGEST_PEM} bytes")
    key = _read_key(pem)
    certificates = _read_certificates(pem)
    if certificates[0].public_key() != key.public_key():
        raise InvalidRequest("The key is not that of the first certificate")
    expired = certificates[0].not_valid_after_utc
    if expired <= now:
        raise InvalidRequest(f"The certificate expired on {expired:%Y-%m-%d %H:%M:%S} UTC")
    _check_usage(certificates[0])
    _write(path, _pem(key, certificates))


def _blocks(pem: bytes) -> Iterator[tuple[bytes, bytes]]:
    for found in _BLOCK.finditer(pem):
        yield found[1], found[0]


def _read_key(pem: bytes) -> PrivateKeyTypes:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    keys = [block for label, block in _blocks(pem) if label.endswith(b"PRIVATE KEY")]
    if len(keys) != 1:
        found = "none" if not keys else str(len(keys))
        raise InvalidRequest(f"One private key in PEM form is needed (found {found})")
    try:
        return load_pem_private_key(keys[0], password=None)
    except TypeError:
        raise InvalidRequest("The private key is encrypted; send it without a passphrase") from None
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidRequest("The private key cannot be read") from None


def _read_certificates(pem: bytes) -> list[x509.Certificate]:
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    blocks = [block for label, block in _blocks(pem) if label == b"CERTIFICATE"]
    if not blocks:
        raise InvalidRequest("A certificate in PEM form is needed (found none)")
    try:
        certificates = [x509.load_pem_x509_certificate(block) for block in blocks]
        certificates[0].public_key()
        certificates[0].not_valid_after_utc  # noqa: B018 - read lazily: it must be readable
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidRequest("The certificate cannot be read") from None
    return certificates


def _check_usage(certificate: x509.Certificate) -> None:
    """Refuse a certificate that clients take for anything but a server's."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID

    try:
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    except ValueError:
        raise InvalidRequest("The certificate's extensions cannot be read") from None
    if not {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & {*usage}:
        raise InvalidRequest("The certificate is not for servers (extended key usage)")


def _pem(key: PrivateKeyTypes, certificates: list[x509.Certificate]) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private + b"".join(each.public_bytes(Encoding.PEM) for each in certificates)


def _write(path: Path, pem: bytes) -> None:
    """Write `pem` to `path` atomically, after TLS has accepted it."""
    try:
        write_whole(path, pem, check=server_context)
    except ssl.SSLError as error:
        raise InvalidRequest(f"TLS refuses the certificate: {error.reason or error}") from error
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror}") from error


def server_context(path: Path) -> ssl.SSLContext:
    """Return the TLS context for serving HTTPS (TLS 1.2 or later) with the file at `path`.

    Raises OSError, which includes ssl.SSLError, when the file cannot be read or used.
    """
    read_whole(path, LONGEST_FILE)  # OpenSSL would wait for a pipe
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    # An empty password keeps OpenSSL from asking on the terminal.
    context.load_cert_chain(path, password="")
    _shake_hands(context)
    return context


def _shake_hands(context: ssl.SSLContext) -> None:
    """Let a client of our own connect: some keys that OpenSSL loads cannot serve any.

    Raises ssl.SSLError.
    """
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE  # whom clients trust is theirs to say
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        trusting.wrap_bio(to_client, to_server),
        context.wrap_bio(to_server, to_client, server_side=True),
    )
    shaken = 0
    for _ in range(_TURNS):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            shaken += 1
        if shaken >= len(ends):
            return
    raise ssl.SSLError("the handshake does not end")


def expires(path: Path) -> datetime:
    """Return when the certificate at `path` expires, in UTC.

    Raises StorageError when the file cannot be read, InvalidRequest when it has no certificate.
    """
    try:
        pem = read_whole(path, LONGEST_FILE)
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from error
    return _read_certificates(pem)[0].not_valid_after_utc


def is_self_signed(path: Path) -> bool:
    """Return whether the certificate at `path` is self-signed; False without a certificate."""
    try:
        return _issuer_is_subject(_first(path))
    except (OSError, ValueError):
        return False


def fingerprint_of(certificate: bytes) -> str:
    """The SHA-256 of a certificate (DER), in upper-case hexadecimal digits."""
    return hashlib.sha256(certificate).hexdigest().upper()


def file_fingerprint(path: Path) -> str:
    """The fingerprint of the certificate at `path`, which clients are shown. Raises as
    `served_certificate`."""
    return fingerprint_of(served_certificate(path))


def served_certificate(path: Path) -> bytes:
    """The certificate at `path` (DER), without its key and its issuers.

    Raises StorageError when the file cannot be read, InvalidRequest when it has no certificate.
    """
    try:
        return _first(path)
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from error
    except ValueError:
        raise InvalidRequest(f"{path} has no certificate") from None


def _first(path: Path) -> bytes:
    """The first certificate at `path` (DER). Raises OSError, ValueError."""
    pem = read_whole(path, LONGEST_FILE).decode("ascii")
    start = pem.index(ssl.PEM_HEADER)
    end = pem.index(ssl.PEM_FOOTER, start) + len(ssl.PEM_FOOTER)
    return ssl.PEM_cert_to_DER_cert(pem[start:end])


def _issuer_is_subject(der: bytes) -> bool:
    """Compare issuer and subject of a certificate. The fields are [version], serial, algorithm,
    issuer, validity, subject (RFC 5280, 4.1). Raises ValueError."""
    (tag, certificate), *_ = _elements(der)
    (inner, signed), *_ = _elements(certificate)
    if tag != _SEQUENCE or inner != _SEQUENCE:
        raise ValueError("not a certificate")
    fields = list(_elements(signed))
    if fields and fields[0][0] == _VERSION:
        del fields[0]
    if len(fields) < 6:
        raise ValueError("not a certificate")
    return fields[2] == fields[4]


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of each element in `der` (X.690, 8.1); raises ValueError."""
    at = 0
    while at < len(der):
        tag, first = der[at], der[at + 1] if at + 1 < len(der) else 0x80
        at += 2
        length = first
        if first & 0x80:
            count = first & 0x7F
            length = int.from_bytes(der[at : at + count], "big")
            at += count
            if not 1 <= count <= 4:
                raise ValueError("not DER")
        if at + length > len(der):
            raise ValueError("cut short")
        yield tag, der[at : at + length]
        at += length
