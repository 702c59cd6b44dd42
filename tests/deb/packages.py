"""Other releases of the built package, for an upgrade, a bad one and a downgrade."""

from __future__ import annotations

import hashlib
import re
import subprocess
from pathlib import Path

DIST = Path(__file__).resolve().parents[2] / "dist"
BROKEN = "\nraise RuntimeError('a release that does not start')\n"


def version_of(package: Path) -> str:
    """Such as 1.2.0~deb12."""
    command = ["dpkg-deb", "--field", str(package), "Version"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def built(release: str) -> Path:
    """The package that `make deb` built last for a release such as deb12, on amd64."""
    found = sorted(DIST.glob(f"gateway_*~{release}_amd64.deb"), key=lambda it: it.stat().st_mtime)
    assert found, f"no package of {release} in {DIST}; run: make deb"
    return found[-1]


def variant(package: Path, version: str, directory: Path, *, broken: bool = False) -> Path:
    """`package` as release `version`; with `broken` its api ends as soon as it starts."""
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


def _files(directory: Path) -> list[Path]:
    return sorted(it for it in directory.rglob("*") if it.is_file() and not it.is_symlink())


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
