"""HTTPS of the installed program: made by `init`, changed while it runs, alone if so wanted."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.host.certificate import make_self_signed

if TYPE_CHECKING:
    from tests.e2e.conftest import Maker, Running, Site

ANY_PORT = "127.0.0.1:0"
HTTPS_ONLY = """
[site]
name = "Safe"
timezone = "America/Sao_Paulo"
board = "simulated"

[http]
listen = "127.0.0.1:1"
tls = "127.0.0.1:0"
plain = false
"""


def https_url(running: Running) -> str:
    """Where the api process says that it serves HTTPS."""
    noted = running.runtime.holder("api") or ""
    return next(word for word in noted.split() if word.startswith("https://"))


def post(running: Running, url: str, command: str, **body: Any) -> requests.Response:
    return requests.post(
        f"{url}/{command}.fcgi",
        params={"session": running.api.token},
        verify=str(running.site.data / "https.pem"),
        timeout=20,
        **body,
    )


def shown(url: str) -> bytes:
    where = urlsplit(url)
    assert where.hostname is not None
    assert where.port is not None
    pem = ssl.get_server_certificate((where.hostname, where.port), timeout=20)
    return x509.load_pem_x509_certificate(pem.encode()).fingerprint(hashes.SHA256())


def new_pem() -> bytes:
    """A certificate that an office signed, with its key."""
    authority, key = (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP256R1()),
    )
    now = datetime.now(UTC)

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    certificate = (
        x509.CertificateBuilder()
        .subject_name(name("door"))
        .issuer_name(name("office"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .sign(authority, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def test_init_makes_a_certificate_for_its_owner_alone(make: Maker) -> None:
    site = make.demo()
    assert (site.data / "https.pem").stat().st_mode & 0o777 == 0o600


def test_https_beside_http_and_a_new_certificate_without_a_restart(
    make: Maker, start: Callable[..., Running], eventually: Callable[..., Any]
) -> None:
    running = start(make.demo(), ANY_PORT, "--https", ANY_PORT)
    assert running.url.startswith("http://")
    url = https_url(running)
    network = post(running, url, "system_information").json()["network"]
    assert (network["ssl_enabled"], network["self_signed_certificate"]) == (True, True)
    before = shown(url)

    refused = post(running, url, "ssl_certificate_change", data=b"nonsense")
    assert refused.status_code == 400
    assert shown(url) == before

    pids = [running.child(role) for role in ("controller", "api")]
    assert post(running, url, "ssl_certificate_change", data=new_pem()).json() == {}
    assert shown(url) != before
    assert [running.child(role) for role in ("controller", "api")] == pids
    network = running.api.ask("system_information")["network"]
    assert (network["ssl_enabled"], network["self_signed_certificate"]) == (True, False)

    # An api process that dies comes back at both addresses, with that certificate.
    now = shown(url)
    running.kill("api")

    def back() -> bool:
        try:
            return shown(url) == now and requests.get(running.url, timeout=20).status_code == 200
        except OSError:
            return False

    eventually(back, "the api on both addresses")


@pytest.fixture
def https_only(make: Maker) -> Site:
    site = make.site(HTTPS_ONLY)
    (site.data / "https.pem").unlink()
    return site


def test_a_site_may_have_https_alone_and_a_missing_certificate_is_made_at_the_start(
    https_only: Site, tmp_path: Path, eventually: Callable[..., Any]
) -> None:
    # A start of its own: the fixture's client knows no certificates.
    said = tmp_path / "said"
    with said.open("wb") as output:
        process = https_only.home.start("run", "--data", https_only.data, stdout=output)
    try:
        eventually(lambda: said.read_text().endswith("\n"), "the line `ready URL`")
        url = said.read_text().removeprefix("ready ").strip()
        assert url.startswith("https://127.0.0.1:")
        certificate = https_only.data / "https.pem"
        assert certificate.stat().st_mode & 0o777 == 0o600
        reply = requests.get(f"{url}/session_is_valid.fcgi", verify=str(certificate), timeout=20)
        assert reply.json() == {"session_is_valid": False}
    finally:
        process.terminate()
        process.wait(30)


def test_https_alone_needs_an_address(make: Maker, tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text(HTTPS_ONLY.replace('tls = "127.0.0.1:0"\n', ""))
    with pytest.raises(AssertionError, match="plain = false needs an address for tls"):
        make.init(tmp_path / "data", "--site", site)


def test_two_certificates_of_one_machine_differ(tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_self_signed(tmp_path / name, datetime.now(UTC))
    assert (tmp_path / "a").read_bytes() != (tmp_path / "b").read_bytes()
