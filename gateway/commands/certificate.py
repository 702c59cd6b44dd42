"""The certificate with which this device answers over HTTPS."""

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
    """`ssl_certificate_change`: the body is not JSON but the PEM text itself."""

    body: bytes


def certificate_file(data: Path) -> Path:
    """Where the certificate of the data directory `data` is.

    Beside the api's database, wherever that really is: the one directory in which an installed
    api process may make files, which replacing one in a single step takes.
    """
    return (data / STORE_FILE).resolve().parent / HTTPS_FILE


def ssl_certificate_change(call: Call[CertificateRequest]) -> Done:
    """Serve HTTPS with another certificate and key, in PEM form, from the next connection on."""
    replace_certificate(
        certificate_file(call.context.data), call.request.body, call.context.clock.utc()
    )
    return DONE


COMMANDS = (
    Command(
        ssl_certificate_change,
        Right.ADMINISTRATOR,
        audit=Audit(AuditType.NETWORK, lambda _: "", refusals=True),
        errors=(StorageError,),
    ),
)
