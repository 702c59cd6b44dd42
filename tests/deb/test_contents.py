"""What is in each built package, of whichever architecture.

Packages of another architecture than this machine's are looked into and not run.
"""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

import pytest

from .packages import DIST, version_of

PACKAGES = sorted(DIST.glob("gateway_*.deb"))
ELF_MACHINES = {"amd64": 0x3E, "arm64": 0xB7}
TOPS = {"bin", "lib", "share"}


@pytest.fixture(scope="module", params=PACKAGES, ids=lambda path: path.name)
def package(request: pytest.FixtureRequest) -> Path:
    return Path(request.param)


def test_there_are_packages() -> None:
    assert PACKAGES


def test_every_native_library_is_of_the_packages_architecture_and_python(package: Path) -> None:
    architecture = package.stem.rpartition("_")[2]
    minor = {"deb12": "311", "deb13": "313"}[version_of(package).partition("~")[2]]
    found, strange = 0, []
    with (
        subprocess.Popen(
            ["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE
        ) as unpacking,
        tarfile.open(fileobj=unpacking.stdout, mode="r|") as archive,
    ):
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            head = content.read(20) if content else b""
            if head[:4] != b"\x7fELF":
                continue
            found += 1
            wrong_python = "cpython-" in member.name and f"cpython-{minor}" not in member.name
            if int.from_bytes(head[18:20], "little") != ELF_MACHINES[architecture] or wrong_python:
                strange.append(member.name)
    assert strange == []
    assert found > 20


def test_it_puts_files_below_usr_alone_and_none_where_a_person_edits(package: Path) -> None:
    listed = subprocess.run(
        ["dpkg-deb", "-c", str(package)], check=True, capture_output=True, text=True
    ).stdout
    names = [line.split()[5].removeprefix("./") for line in listed.splitlines()]
    parts = [name.split("/") for name in names if name]
    assert {part[0] for part in parts} == {"usr"}
    assert {part[1] for part in parts if len(part) > 1 and part[1]} == TOPS
    assert not [name for name in names if "__pycache__" in name]
