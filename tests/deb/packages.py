"""Other releases of the built package, for an upgrade, a bad one and a downgrade."""

from __future__ import annotations

import hashlib
import re
import subprocess
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gateway.host.update_bundle import UpdateFacts, public_part, sign_bundle

DIST = Path(__file__).resolve().parents[2] / "dist"
BROKEN = "\nraise RuntimeError('a release that does not start')\n"

SIMULATED = "if profile.simulated:"
"""Where gateway/cli/api.py refuses to change a computer with a simulated board."""


def version_of(package: Path) -> str:
    """Such as 1.2.0~deb12."""
    command = ["dpkg-deb", "--field", str(package), "Version"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def built(release: str, architecture: str = "amd64") -> Path:
    """The package that `make deb` built last for a release such as deb12."""
    named = DIST.glob(f"gateway_*~{release}_{architecture}.deb")
    found = sorted(named, key=lambda it: it.stat().st_mtime)
    assert found, f"no package of {release}, {architecture} in {DIST}; run: make deb"
    return found[-1]


def variant(
    package: Path, version: str, directory: Path, *, broken: bool = False, updatable: bool = False
) -> Path:
    """`package` as release `version`; with `broken` its api ends as soon as it starts, with
    `updatable` its page takes updates on a simulated board."""
    old = version_of(package)
    suffix = old.partition("~")[2]
    tree = directory / f"tree-{version}"
    subprocess.run(["dpkg-deb", "-R", str(package), str(tree)], check=True)
    for name in ("control", "preinst", "postinst", "prerm", "postrm"):
        file = tree / "DEBIAN" / name
        file.write_text(file.read_text().replace(old, f"{version}~{suffix}"))
    watch = tree / "usr/lib/gateway/bin/watch"
    watch.write_text(watch.read_text().replace(old, f"{version}~{suffix}"))
    (program,) = tree.glob("usr/lib/gateway/lib/*/site-packages/gateway")
    own = program / "__init__.py"
    own.write_text(re.sub(r'__version__ = ".*"', f'__version__ = "{version}"', own.read_text()))
    if broken:
        api = program / "api/__init__.py"
        api.write_text(api.read_text() + BROKEN)
    if updatable:
        platform = program / "cli/api.py"
        text = platform.read_text()
        assert text.count(SIMULATED) == 1
        platform.write_text(text.replace(SIMULATED, "if not profile:"))
    sums = (f"{_md5(path)}  {path.relative_to(tree)}\n" for path in _files(tree / "usr"))
    (tree / "DEBIAN/md5sums").write_text("".join(sums))
    target = directory / f"gateway_{version}~{suffix}_amd64.deb"
    subprocess.run(
        ["dpkg-deb", "-Zgzip", "-z1", "--root-owner-group", "-b", str(tree), str(target)],
        check=True,
        capture_output=True,
    )
    subprocess.run(["rm", "-rf", str(tree)], check=True)
    return target


def signed_update(package: Path, key: Ed25519PrivateKey, target: Path) -> Path:
    """`package` as an update, at `target`."""
    version, _, release = version_of(package).partition("~")
    size = package.stat().st_size
    facts = UpdateFacts(version, release, "amd64", "0.1.0", size, public_part(key).fingerprint)
    with package.open("rb") as source, target.open("wb") as file:
        sign_bundle(source, file, facts, key)
    return target


def _files(directory: Path) -> list[Path]:
    return sorted(it for it in directory.rglob("*") if it.is_file() and not it.is_symlink())


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
