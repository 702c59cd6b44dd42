"""The HTTPS certificate of this device."""

from __future__ import annotations

from pathlib import Path

from typing_extensions import TypedDict

from gateway.commands.answers import DONE, Done
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call
from gateway.commands.requests import NoMembers, RequestModel
from gateway.commands.rights import Right
from gateway.errors import NotFound, StorageError
from gateway.host.certificate import (
    fingerprint_of,
    is_self_signed,
    replace_certificate,
    served_certificate,
)
from gateway.host.certificate_facts import facts_of
from gateway.store.files import STORE_FILE
from gateway.store.tables.audit import AuditType

HTTPS_FILE = "https.pem"
"""Key and certificate."""


class CertificateRequest(RequestModel):
    """`ssl_certificate_change`: the body is PEM text."""

    body: bytes


class CertificateShown(TypedDict):
    """Answer to `ssl_certificate_information`. Times are Unix seconds of UTC."""

    fingerprint: str
    subject: str
    issuer: str
    names: list[str]
    not_before_utc: int
    not_after_utc: int
    self_signed: bool


def certificate_file(data: Path) -> Path:
    """The file of the certificate, for the data directory `data`.

    It is in the directory of the api's database, links resolved: the only one in which an installed
    api process may create files, as atomic replacement requires.
    """
    return (data / STORE_FILE).resolve().parent / HTTPS_FILE


def ssl_certificate_change(call: Call[CertificateRequest]) -> Done:
    """Replace certificate and key, in PEM form; effective from the next connection."""
    replace_certificate(
        certificate_file(call.context.data), call.request.body, call.context.clock.utc()
    )
    return DONE


def ssl_certificate_information(call: Call[NoMembers]) -> CertificateShown:
    """The certificate that HTTPS shows: its fingerprint (SHA-256, hexadecimal) to compare with what
    a browser shows, subject and issuer (RFC 4514), the names it is for, and its validity."""
    path = certificate_file(call.context.data)
    if not path.exists():
        raise NotFound("this device has no certificate: HTTPS makes one when it is switched on")
    certificate = served_certificate(path)
    facts = facts_of(certificate)
    return {
        "fingerprint": fingerprint_of(certificate),
        "subject": facts.subject,
        "issuer": facts.issuer,
        "names": list(facts.names),
        "not_before_utc": facts.not_before_utc,
        "not_after_utc": facts.not_after_utc,
        "self_signed": is_self_signed(path),
    }


COMMANDS = (
    Command(ssl_certificate_information, Right.ADMINISTRATOR, errors=(NotFound, StorageError)),
    Command(
        ssl_certificate_change,
        Right.OWNER,
        audit=Audit(kind=AuditType.NETWORK, refusals=True),
        errors=(StorageError,),
    ),
)
