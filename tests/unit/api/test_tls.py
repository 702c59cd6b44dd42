"""HTTPS: who gets through the handshake, and which certificate is shown."""

from __future__ import annotations

import http.client
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import structlog.testing
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.api.controlid.app import create_app
from gateway.api.server import Listener, Server
from gateway.commands.certificate import certificate_file
from gateway.errors import InvalidRequest, StorageError
from gateway.host.certificate import is_self_signed, make_self_signed, served_certificate
from gateway.host.certificate_facts import facts_of

NOW = datetime(2025, 7, 1, 12, tzinfo=UTC)
"""The throw-away device's clock."""
DAY = timedelta(days=1)

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def new_key() -> Key:
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: Key, password: bytes | None = None) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption(),
    )


def certificate_pem(
    key: Key,
    name: str = "door",
    *,
    issuer: tuple[str, Key] | None = None,
    until: datetime = NOW + 300 * DAY,
    client: bool = False,
) -> bytes:
    issued_by, signed_with = issuer or (name, key)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issued_by)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - 400 * DAY)
        .not_valid_after(until)
    )
    if client:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
        builder = builder.add_extension(usage, critical=False)
    certificate = builder.sign(signed_with, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def secure_device(device: SimpleNamespace) -> Iterator[SimpleNamespace]:
    path = certificate_file(device.context.data)
    make_self_signed(path, NOW)
    with Server(create_app(device.context), Listener("127.0.0.1", 0, path)) as server:
        yield SimpleNamespace(
            url=server.url, address=server.address, path=path, context=device.context
        )
    path.unlink()


@pytest.fixture
def secure(secure_device: SimpleNamespace) -> SimpleNamespace:
    """The device over HTTPS, with a certificate of its own making."""
    make_self_signed(secure_device.path, NOW)
    return secure_device


@pytest.fixture
def change(secure: SimpleNamespace, new_token: Callable[..., str]) -> Callable[..., Any]:
    """Sends a certificate; status and JSON."""

    def send(pem: bytes, login: str = "admin") -> tuple[int, Any]:
        reply = requests.post(
            f"{secure.url}/ssl_certificate_change.fcgi?session={new_token(login)}",
            data=pem,
            headers={"Content-Type": "application/octet-stream"},
            verify=str(secure.path),
            timeout=30,
        )
        return reply.status_code, reply.json()

    return send


def https_connection(
    address: tuple[str, int], context: ssl.SSLContext
) -> http.client.HTTPSConnection:
    host, port = address
    return http.client.HTTPSConnection(host, port, timeout=30, context=context)


def shown(address: tuple[str, int]) -> bytes:
    """The name in the certificate that a new connection is shown."""
    return x509.load_pem_x509_certificate(
        ssl.get_server_certificate(address, timeout=30).encode()
    ).subject.public_bytes()


def subject(name: str) -> bytes:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]).public_bytes()


def test_https_serves_the_api_and_its_certificate_is_good_for_this_address(
    secure: SimpleNamespace,
) -> None:
    assert secure.url.startswith("https://127.0.0.1:")
    with requests.Session() as client:
        for _ in range(3):  # one connection
            reply = client.post(
                f"{secure.url}/session_is_valid.fcgi", verify=str(secure.path), timeout=30
            )
            assert (reply.status_code, reply.json()) == (200, {"session_is_valid": False})


def test_a_client_that_does_not_know_the_certificate_refuses_it(secure: SimpleNamespace) -> None:
    with pytest.raises(requests.exceptions.SSLError):
        requests.post(f"{secure.url}/session_is_valid.fcgi", timeout=30)


def test_only_the_owner_may_read_the_file(secure: SimpleNamespace) -> None:
    assert secure.path.stat().st_mode & 0o777 == 0o600
    assert is_self_signed(secure.path)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_two_requests_in_one_piece_are_both_answered(
    secure: SimpleNamespace, version: ssl.TLSVersion
) -> None:
    context = ssl.create_default_context(cafile=secure.path)
    context.minimum_version = context.maximum_version = version
    # The first is longer than what is read at once, so that the second waits deciphered.
    first = b"POST /session_is_valid.fcgi?x=%b HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
    last = b"GET /session_is_valid.fcgi HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    padding = b"x" * (8192 - len(first) + 2)
    with (
        socket.create_connection(secure.address, timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as connection,
    ):
        connection.sendall(first % padding + last)
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
    assert answer.count(b'{"session_is_valid":false}') == 2


def test_old_tls_is_refused(secure: SimpleNamespace) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(secure.address, timeout=30) as plain,
        pytest.raises((ssl.SSLError, ConnectionError)),
    ):
        context.wrap_socket(plain)


def test_plain_http_is_told_to_use_https(secure: SimpleNamespace) -> None:
    reply = requests.post(
        secure.url.replace("https", "http") + "/session_is_valid.fcgi", timeout=30
    )
    assert reply.status_code == 400
    assert reply.json() == {"error": "This port speaks HTTPS only", "code": 1}


def test_a_client_that_says_nothing_does_not_keep_others_waiting(secure: SimpleNamespace) -> None:
    with socket.create_connection(secure.address, timeout=30):
        reply = requests.get(
            f"{secure.url}/session_is_valid.fcgi", verify=str(secure.path), timeout=5
        )
        assert reply.status_code == 200


def test_noise_ends_the_connection_and_nothing_else(secure: SimpleNamespace) -> None:
    with structlog.testing.capture_logs() as logged:
        with socket.create_connection(secure.address, timeout=30) as connection:
            connection.sendall(b"\x16\x03\x01" + b"\xff" * 100)
            while connection.recv(4096):
                pass
        assert requests.get(
            f"{secure.url}/session_is_valid.fcgi", verify=str(secure.path), timeout=30
        ).ok
    assert [entry for entry in logged if entry["log_level"] in {"warning", "error"}] == []


def test_a_body_that_is_too_long_still_gets_its_answer(
    secure: SimpleNamespace, new_token: Callable[..., str]
) -> None:
    context = ssl.create_default_context(cafile=secure.path)
    connection = https_connection(secure.address, context)
    try:
        connection.request(
            "POST", f"/create_objects.fcgi?session={new_token()}", body=b" " * (3 << 20)
        )
        assert connection.getresponse().status == 413
    finally:
        connection.close()


def test_a_new_certificate_is_shown_at_the_next_connection(
    secure: SimpleNamespace, change: Callable[..., Any]
) -> None:
    authority, key = new_key(), new_key()
    context = ssl.create_default_context(cafile=secure.path)
    old = https_connection(secure.address, context)
    try:
        old.request("GET", "/session_is_valid.fcgi")
        assert old.getresponse().read()
        pem = (
            b"what: a door\n"
            + certificate_pem(key, "new door", issuer=("office", authority))
            + certificate_pem(authority, "office")
            + key_pem(key)
        )
        assert change(pem) == (200, {})
        assert shown(secure.address) == subject("new door")
        # A connection that stands goes on.
        old.request("GET", "/session_is_valid.fcgi")
        assert old.getresponse().status == 200
    finally:
        old.close()
    assert secure.path.stat().st_mode & 0o777 == 0o600
    assert not is_self_signed(secure.path)
    assert sorted(secure.path.parent.glob("*https.pem*")) == [secure.path]


@pytest.mark.effect("ssl_certificate_information")
@pytest.mark.refusal("ssl_certificate_information")
def test_the_certificate_that_is_served_is_told(
    secure: SimpleNamespace, new_token: Callable[..., str]
) -> None:
    def told(login: str = "admin") -> requests.Response:
        url = f"{secure.url}/ssl_certificate_information.fcgi?session={new_token(login)}"
        return requests.post(url, verify=str(secure.path), timeout=30)

    own = told().json()
    pem = ssl.get_server_certificate(secure.address, timeout=30)
    served = x509.load_pem_x509_certificate(pem.encode())
    assert own["fingerprint"] == served.fingerprint(hashes.SHA256()).hex().upper()
    assert (own["self_signed"], own["issuer"]) == (True, own["subject"])
    assert {"localhost", "127.0.0.1"} <= set(own["names"])
    validity = served.not_valid_before_utc, served.not_valid_after_utc
    assert (own["not_before_utc"], own["not_after_utc"]) == tuple(
        int(it.timestamp()) for it in validity
    )
    assert told("operator").status_code == 403


def test_a_certificate_is_told_without_its_library_in_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "https.pem"
    make_self_signed(path, NOW)
    served = served_certificate(path)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    assert "localhost" in facts_of(served).names
    with pytest.raises(InvalidRequest, match="cannot be read"):
        facts_of(served[:-1])


WEAK = rsa.generate_private_key(public_exponent=65_537, key_size=1024)  # noqa: S505 - must be weak
KEY, OTHER = new_key(), new_key()
ODD = ec.generate_private_key(ec.SECP256K1())
GOOD = certificate_pem(KEY)


@pytest.mark.parametrize(
    ("pem", "words"),
    [
        (b"", "One private key in PEM form is needed (found none)"),
        (b'{"certificate": 1}', "One private key"),
        (GOOD, "One private key"),
        (GOOD + key_pem(KEY) + key_pem(OTHER), "(found 2)"),
        (key_pem(KEY), "A certificate in PEM form is needed"),
        (GOOD + key_pem(OTHER), "The key is not that of the first certificate"),
        (certificate_pem(OTHER, "a") + GOOD + key_pem(KEY), "not that of the first"),
        (GOOD + key_pem(KEY, b"secret"), "encrypted"),
        (
            certificate_pem(KEY, until=NOW - DAY) + key_pem(KEY),
            "The certificate expired on 2025-06-30 12:00:00 UTC",
        ),
        (GOOD.replace(b"MII", b"AAA") + key_pem(KEY), "The certificate cannot be read"),
        (GOOD + key_pem(KEY).replace(b"\nM", b"\nA"), "The private key cannot be read"),
        (GOOD + key_pem(KEY) + b"x" * 70_000, "longer than 65536"),
        (certificate_pem(WEAK) + key_pem(WEAK), "TLS refuses the certificate"),
        (certificate_pem(ODD) + key_pem(ODD), "TLS refuses the certificate"),
        (certificate_pem(KEY, client=True) + key_pem(KEY), "not for servers"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_a_certificate_that_cannot_serve_is_refused_and_the_old_one_stays(
    secure: SimpleNamespace, change: Callable[..., Any], pem: bytes, words: str
) -> None:
    before = secure.path.read_bytes()
    status, answer = change(pem)
    assert status == 400
    assert words in answer["error"]
    assert secure.path.read_bytes() == before
    assert sorted(secure.path.parent.glob("*https.pem*")) == [secure.path]


def test_only_an_administrator_changes_the_certificate(change: Callable[..., Any]) -> None:
    pem = GOOD + key_pem(KEY)
    assert change(pem, "operator") == (403, {"error": "Invalid access level", "code": 1})


def test_a_file_that_somebody_spoilt_leaves_the_last_good_one_in_force(
    secure: SimpleNamespace,
) -> None:
    before = shown(secure.address)
    spoilt = secure.path.with_suffix(".new")
    spoilt.write_text("nothing")
    spoilt.replace(secure.path)
    with structlog.testing.capture_logs() as logged:
        assert shown(secure.address) == before
        assert shown(secure.address) == before
    warnings = [entry["event"] for entry in logged if entry["log_level"] == "warning"]
    assert warnings == ["the new certificate cannot be used; the last one stays"]


def test_without_a_usable_certificate_there_is_no_server(
    device: SimpleNamespace, tmp_path: Path
) -> None:
    (tmp_path / "https.pem").write_text("nothing")
    for name in ("https.pem", "missing.pem"):
        with pytest.raises(StorageError, match=name):
            Server(create_app(device.context), Listener("127.0.0.1", 0, tmp_path / name))


@pytest.mark.parametrize("text", ["", "nothing", ssl.PEM_HEADER + "\nMAA=\n" + ssl.PEM_FOOTER])
def test_what_is_no_certificate_is_not_self_signed(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.pem").write_text(text)
    assert not is_self_signed(tmp_path / "a.pem")


@pytest.mark.parametrize(
    "key", [new_key(), rsa.generate_private_key(65_537, 2048)], ids=["ec", "rsa"]
)
def test_self_signed_is_told_from_signed(tmp_path: Path, key: Key) -> None:
    (tmp_path / "a.pem").write_bytes(certificate_pem(key, "a"))
    assert is_self_signed(tmp_path / "a.pem")
    (tmp_path / "b.pem").write_bytes(certificate_pem(key, "b", issuer=("a", OTHER)))
    assert not is_self_signed(tmp_path / "b.pem")
