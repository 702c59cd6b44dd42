"""The HTTPS certificate of this device."""

from __future__ import annotations

from pathlib import Path

from gateway.commands.answers import DONE, Done
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call
from gateway.commands.requests import RequestModel
from gateway.commands.rights import Right
from gateway.errors import StorageError
from gateway.host.certificate import replace_certificate
from gateway.store.files import STORE_FILE
from gateway.store.tables.audit import AuditType

HTTPS_FILE = "https.pem"
"""Key and certificate."""


class CertificateRequest(RequestModel):
    """`ssl_certificate_change`: the body is PEM text."""

    body: bytes


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


COMMANDS = (
    Command(
        ssl_certificate_change,
        Right.OWNER,
        audit=Audit(kind=AuditType.NETWORK, refusals=True),
        errors=(StorageError,),
    ),
)
