"""Signed updates: a Debian package behind a signature, in one file.

Six lines come first, then the package:

    gateway-update 1
    untrusted comment: ...
    <signature of the package: base64 of "ED", the key's id, and Ed25519 over BLAKE2b-512>
    trusted comment: version:1.2.0 release:deb13 architecture:arm64 from:1.0.0 size:18044742
    <signature of that signature with the trusted comment: base64>
    (an empty line)

Lines 2 to 5 are the signature file that minisign (https://jedisct1.github.io/minisign) makes and
checks, and the public key has minisign's form too:

    head -n 5 FILE | tail -n 4 >gateway.deb.minisig; tail -n +7 FILE >gateway.deb
    minisign -V -p update.pub -m gateway.deb
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

from gateway.errors import InvalidRequest, NotSupportedHere
from gateway.host.signatures import verified_by_library

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

FORM = 1
LARGEST_UPDATE = 128 * 1024 * 1024
"""Bytes of the whole file; a package has 18 MB."""
KEY_FILES = (Path("/etc/gateway/update.pub"), Path("/usr/lib/gateway/update.pub"))
"""The site's own key, and the one that the package brings. Each is trusted."""

_MAGIC = "gateway-update"
_LINE = 512
_UNTRUSTED, _TRUSTED = "untrusted comment: ", "trusted comment: "
_KEY_BYTES = 42
_SIGNATURE_BYTES = 74
_CHUNK = 1 << 20
_COMMENT = re.compile(
    r"version:(?P<version>\d+(?:\.\d+){0,3}) release:(?P<release>deb\d+) "
    r"architecture:(?P<architecture>[a-z0-9]+) from:(?P<oldest>\d+(?:\.\d+){0,3}) "
    r"size:(?P<size>\d{1,10})",
    re.ASCII,
)


class UpdateRefused(InvalidRequest):
    """The file is no update that this device takes; nothing was changed."""


@dataclass(frozen=True, slots=True)
class UpdateKey:
    """A public key that updates are checked with."""

    key_id: bytes
    public: bytes

    @classmethod
    def read(cls, text: str) -> Self:
        """From minisign's form: a comment, then base64. Raises ValueError."""
        raw = base64.b64decode(text.strip().splitlines()[-1], validate=True)
        if len(raw) != _KEY_BYTES or raw[:2] != b"Ed":
            raise ValueError("not a public key of Ed25519 in minisign's form")
        return cls(raw[2:10], raw[10:])

    def write(self) -> str:
        """In minisign's form."""
        raw = base64.b64encode(b"Ed" + self.key_id + self.public).decode()
        return f"{_UNTRUSTED}gateway updates, key {self.name}\n{raw}\n"

    @property
    def name(self) -> str:
        """As minisign names it."""
        return self.key_id[::-1].hex().upper()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the key, in groups, for people to compare."""
        digest = hashlib.sha256(self.public).hexdigest()[:32]
        return " ".join(digest[at : at + 4] for at in range(0, len(digest), 4))


@dataclass(frozen=True, slots=True)
class UpdateFacts:
    """What a checked update says of itself."""

    version: str
    release: str
    """The Debian release that the package is for, such as deb13."""
    architecture: str
    """As Debian names it."""
    oldest: str
    """The oldest release of the gateway that can be upgraded so."""
    size: int
    """Bytes of the package."""
    signed_by: str
    """The fingerprint of the key."""

    @property
    def comment(self) -> str:
        """As it is signed."""
        return (
            f"version:{self.version} release:{self.release} architecture:{self.architecture} "
            f"from:{self.oldest} size:{self.size}"
        )


def read_keys(files: Iterable[Path] = KEY_FILES) -> list[UpdateKey]:
    """The keys in those files that exist. Raises NotSupportedHere where there is none, or one
    cannot be read."""
    keys = []
    for path in files:
        try:
            keys.append(UpdateKey.read(path.read_text(encoding="ascii")))
        except FileNotFoundError:
            continue
        except (OSError, ValueError, IndexError) as error:
            raise NotSupportedHere(f"{path} cannot be read: {error}") from error
    if not keys:
        raise NotSupportedHere(
            f"this device knows no key for updates; put the publisher's into {KEY_FILES[0]}"
        )
    return keys


def check_bundle(
    file: BinaryIO,
    keys: Iterable[UpdateKey],
    verified: Callable[[bytes, bytes, bytes], bool] = verified_by_library,
) -> UpdateFacts:
    """Check the signatures of the whole update; `file` then stands at the package.

    `verified` tells whether a public key made a signature of a message (Ed25519).
    Raises UpdateRefused naming what is wrong, and OSError.
    """
    _check_form(_line(file))
    if not _line(file).startswith(_UNTRUSTED):
        raise UpdateRefused("this update carries no signature")
    raw, comment = _decoded(_line(file), _SIGNATURE_BYTES), _line(file)
    outer = _decoded(_line(file), 64)
    if _line(file) or not comment.startswith(_TRUSTED) or raw[:2] != b"ED":
        raise UpdateRefused("this update carries no signature that can be read")
    signed = comment.removeprefix(_TRUSTED)
    key = next((it for it in keys if it.key_id == raw[2:10]), None)
    if key is None:
        name = raw[2:10][::-1].hex().upper()
        raise UpdateRefused(f"this update was signed with the key {name}, unknown to this device")
    if not verified(key.public, outer, raw[10:] + signed.encode()):
        raise UpdateRefused("the signature of this update is forged or damaged")
    found = _COMMENT.fullmatch(signed)
    if found is None:
        raise UpdateRefused(f"this update says of itself what cannot be read: {signed}")
    size = int(found["size"])
    start = file.tell()
    digest, length = _digest(file)
    if length != size:
        raise UpdateRefused(
            f"this update is cut off: {length} of {size} bytes of the package are there"
            if length < size
            else f"this update has {length - size} bytes too many"
        )
    if not verified(key.public, raw[10:], digest):
        raise UpdateRefused("the package in this update was changed after it was signed")
    file.seek(start)
    return UpdateFacts(
        version=found["version"],
        release=found["release"],
        architecture=found["architecture"],
        oldest=found["oldest"],
        size=size,
        signed_by=key.fingerprint,
    )


def check_fits(
    update: UpdateFacts, *, version: str, release: str, architecture: str, older: bool = False
) -> None:
    """Raise UpdateRefused unless the update is for a device with this installed version, Debian
    release and architecture. `older` permits one that is not newer."""
    if update.architecture != architecture:
        raise UpdateRefused(
            f"this update is for {update.architecture}, this device is {architecture}"
        )
    if update.release != release:
        raise UpdateRefused(f"this update is for {update.release}, this device has {release}")
    if _order(version) < _order(update.oldest):
        raise UpdateRefused(
            f"this update needs release {update.oldest} or newer, {version} is installed; "
            f"install {update.oldest} first"
        )
    if not older and _order(update.version) <= _order(version):
        raise UpdateRefused(f"release {version} is installed, this update is {update.version}")


def sign_bundle(
    package: BinaryIO, target: BinaryIO, facts: UpdateFacts, key: Ed25519PrivateKey
) -> None:
    """Write the update of a package of `facts.size` bytes. Raises ValueError for facts that
    `check_bundle` would not read."""
    if not _COMMENT.fullmatch(facts.comment):
        raise ValueError(f"an update cannot say this of itself: {facts.comment}")
    start = package.tell()
    digest, length = _digest(package)
    if length != facts.size:
        raise ValueError(f"the package has {length} bytes, not {facts.size}")
    signed = _signature(digest, f"gateway {facts.version}", facts.comment, key)
    target.write(f"{_MAGIC} {FORM}\n{signed}\n".encode())
    package.seek(start)
    while part := package.read(_CHUNK):
        target.write(part)


def sign_file(file: BinaryIO, name: str, key: Ed25519PrivateKey) -> str:
    """What minisign writes beside a file of this name, and checks."""
    digest, _ = _digest(file)
    return _signature(digest, name, f"file:{name}", key)


def _signature(digest: bytes, about: str, comment: str, key: Ed25519PrivateKey) -> str:
    """Four lines; `comment` is signed too."""
    signature = key.sign(digest)
    own = public_part(key)
    lines = (
        f"{_UNTRUSTED}{about}, key {own.name}",
        base64.b64encode(b"ED" + own.key_id + signature).decode(),
        f"{_TRUSTED}{comment}",
        base64.b64encode(key.sign(signature + comment.encode())).decode(),
    )
    return "".join(f"{line}\n" for line in lines)


def public_part(key: Ed25519PrivateKey) -> UpdateKey:
    """What devices check with. The key's id is of the key itself."""
    public = key.public_key().public_bytes_raw()
    return UpdateKey(hashlib.blake2b(public, digest_size=8).digest(), public)


def _check_form(line: str) -> None:
    word, _, form = line.partition(" ")
    if word != _MAGIC:
        raise UpdateRefused("this file is no update of the gateway")
    if form != str(FORM):
        raise UpdateRefused(
            f"this update has form {form[:20]}, this release reads form {FORM} alone"
        )


def _line(file: BinaryIO) -> str:
    line = file.readline(_LINE)
    if not line.endswith(b"\n"):
        raise UpdateRefused("this file is no update of the gateway, or it is cut off")
    try:
        return line[:-1].decode("ascii")
    except UnicodeDecodeError:
        raise UpdateRefused("this file is no update of the gateway") from None


def _decoded(line: str, length: int) -> bytes:
    try:
        raw = base64.b64decode(line, validate=True)
    except (ValueError, binascii.Error):
        raw = b""
    if len(raw) != length:
        raise UpdateRefused("this update carries no signature that can be read")
    return raw


def _digest(file: BinaryIO) -> tuple[bytes, int]:
    digest, length = hashlib.blake2b(), 0
    while part := file.read(_CHUNK):
        length += len(part)
        if length > LARGEST_UPDATE:
            raise UpdateRefused(f"this update is larger than {LARGEST_UPDATE} bytes")
        digest.update(part)
    return digest.digest(), length


def _order(version: str) -> tuple[int, ...]:
    """Sorts versions; of a version's further parts, such as a release candidate's, none counts."""
    numbers = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(map(int, numbers[0].split("."))) if numbers else ()
