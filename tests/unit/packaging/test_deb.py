"""What `make deb` builds from; `make test-deb` tries the packages themselves."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def output(root: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    return done.stdout


def test_the_package_bundles_the_locked_versions_without_what_builds_the_project(
    root: Path,
) -> None:
    requirements = output(root, sys.executable, ".ci/deb_prune", "requirements")
    found = re.findall(r"^([a-z0-9.-]+)==", requirements, re.MULTILINE)
    assert {"gpiod", "libosdp", "peewee", "pydantic-core"} <= set(found)
    assert "hatchling" not in found
    assert len(found) == len(re.findall(r"== *[^\\]*\\\n +--hash=sha256:", requirements))


@pytest.mark.parametrize("script", ["preinst", "postinst", "prerm", "postrm", "watch"])
def test_each_maintainer_script_needs_no_file_of_the_package(
    script: str, root: Path, tmp_path: Path
) -> None:
    parts = [(root / f"systemd/{name}").read_text() for name in ("deployment", "debian/maintainer")]
    text = "".join(["set -euo pipefail\n", "top='' version='1~deb12'\n", *parts])
    assert not re.search(r"^(\.|source) ", text, re.MULTILINE)
    assert re.search(rf"^{script}\(\) \{{$", text, re.MULTILINE)
    (tmp_path / script).write_text(f'{text}{script} "$@"\n')
    output(tmp_path, "bash", "-n", script)
    # A word of dpkg that none of them acts on; `watch` takes none, and there is nothing to watch.
    output(tmp_path, "bash", script, "failed-upgrade")


def test_no_unit_names_a_path_that_the_package_does_not_have(root: Path) -> None:
    units = [*(root / "systemd").glob("*.service"), *(root / "systemd").glob("*.socket")]
    for unit in units:
        for path in re.findall(r"/opt/\S*", unit.read_text()):
            assert path.startswith("/opt/gateway"), unit  # which .ci/deb replaces
            assert path.removeprefix("/opt/gateway") in {"", "/bin/gateway"}, unit


def test_systemd_accepts_the_units_of_the_package_alone(root: Path, tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed (Debian package systemd)")
    for unit in (root / "systemd/debian").glob("*.*"):
        text = re.sub(
            r"(ExecStart\w*=\W*?)/usr/lib/gateway/bin/\w+", r"\1/bin/true", unit.read_text()
        )
        (tmp_path / unit.name).write_text(text)
    for unit in tmp_path.iterdir():
        words = (analyze, "verify", "--man=no", "--recursive-errors=no", str(unit))
        assert output(root, *words) == ""


def test_the_launcher_starts_the_interpreter_of_the_package(root: Path) -> None:
    text = (root / "systemd/debian/launcher").read_text()
    assert "PYTHONSAFEPATH=1 PYTHONNOUSERSITE=1" in text
    assert text.endswith('exec /usr/lib/gateway/bin/python -m gateway "$@"\n')
