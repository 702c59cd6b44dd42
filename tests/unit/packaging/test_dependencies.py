"""Every package that is imported is declared, and the lock file is of what is declared."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

NO_DISTRIBUTION = {"smartcard": "pyscard", "smbus2": "smbus2", "spidev": "spidev"}
"""Modules of packages that exist on boards only."""
OURS = {"gateway", "tests", "_typeshed"}
"""The last is known to type checkers only."""


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text())


def imported(directory: Path) -> Iterator[tuple[str, Path]]:
    """Modules of others that the files below `directory` import, by their first name."""
    for path in directory.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                names = [node.module]
            for name in names:
                first = name.partition(".")[0]
                if first not in sys.stdlib_module_names and first not in OURS:
                    yield first, path


@pytest.mark.parametrize(
    ("directory", "extras"),
    [("gateway", ["pcsc", "pi", "osdp", "i2c", "spi"]), ("tests/unit", ["test", "pcsc", "pi"])],
)
def test_every_imported_package_is_declared(
    root: Path, project: dict[str, Any], directory: str, extras: list[str]
) -> None:
    texts = project["project"]["dependencies"] + [
        text for extra in extras for text in project["project"]["optional-dependencies"][extra]
    ]
    declared = {canonicalize_name(Requirement(text).name) for text in texts}
    distributions = packages_distributions()
    missing = {
        name: str(path.relative_to(root))
        for name, path in imported(root / directory)
        if name not in {"reference", "bench", "vm"}  # of tests, beside tests/unit
        and canonicalize_name(NO_DISTRIBUTION.get(name) or distributions[name][0]) not in declared
    }
    assert missing == {}


def locked(root: Path) -> dict[str, tuple[str, int]]:
    """Package -> its version and the number of its hashes."""
    text = (root / "systemd/locked-requirements").read_text().replace("\\\n", " ")
    found: dict[str, tuple[str, int]] = {}
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            name, version = re.split("==", line.split()[0], maxsplit=1)
            found[canonicalize_name(name)] = (version, line.count("--hash=sha256:"))
    return found


def test_the_lock_file_has_a_fitting_version_of_every_declared_package(
    root: Path, project: dict[str, Any]
) -> None:
    of = locked(root)
    wanted = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["pi"],
    ]
    for requirement in map(Requirement, wanted):
        version, _ = of[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{requirement}: {version}; run: make lock"


def test_every_locked_package_has_hashes_and_no_address(root: Path) -> None:
    assert [name for name, (_, hashes) in locked(root).items() if not hashes] == []
    assert "://" not in (root / "systemd/locked-requirements").read_text()
