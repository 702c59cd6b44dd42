"""What `make release` refuses, what it builds, and that it publishes nothing by itself."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway import __version__

RELEASED = f"""# Changelog

## [Unreleased]

### Added

## [{__version__}] - 2026-11-27

### Added

- A door.
"""
PACKAGE = f"gateway_{__version__}~deb12_amd64.deb"
COPIED = ("Makefile", "pyproject.toml", "README.md", "LICENSE", ".gitignore", ".ci/release")
FOLDERS = ("gateway", "hw", "systemd", "udev")
LINTERS = ("ruff", "mypy", "lint-imports")


def program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/bash\n{text}\n")
    path.chmod(0o755)


def git(tree: Path, *arguments: str) -> str:
    who = ["-c", "user.name=Test", "-c", "user.email=test@example.invalid"]
    command = ["git", "-C", str(tree), *who, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def origin(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of the product alone, ready to be released."""
    tree = tmp_path_factory.mktemp("origin")
    for name in FOLDERS:
        shutil.copytree(root / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in COPIED:
        (tree / name).parent.mkdir(exist_ok=True)
        shutil.copy(root / name, tree / name)
    (tree / "CHANGELOG.md").write_text(RELEASED)
    for name in ("setup", "audit"):
        program(tree / ".ci" / name, "true")
    # As .ci/deb names what it makes; tests/unit/packaging/test_deb.py is about that.
    program(tree / ".ci/deb", f'mkdir -p dist; echo package >"dist/{PACKAGE}"')
    git(tree, "init", "-q", "-b", "main")
    git(tree, "add", "-A")
    git(tree, "commit", "-q", "-m", "Begin")
    return tree


@pytest.fixture
def clone(origin: Path, tmp_path: Path) -> Path:
    return cloned(origin, tmp_path)


def cloned(origin: Path, directory: Path) -> Path:
    """A clone of it, whose linters only note that they ran."""
    tree = directory / "clone"
    git(directory, "clone", "-q", str(origin), str(tree))
    for name in LINTERS:
        program(tree / ".venv/bin" / name, f'echo "{name} $*" >>.venv/calls')
    program(tree / ".venv/bin/python", f'exec {sys.executable} "$@"')
    program(tree / ".venv/bin/cyclonedx-py", "echo {} >dist/gateway.cdx.json")
    return tree


def release(tree: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "release", *words],
        cwd=tree,
        env={key: value for key, value in os.environ.items() if not key.startswith("MAKE")},
        capture_output=True,
        text=True,
        check=False,
    )


@dataclass(frozen=True)
class Released:
    """A release that succeeded."""

    tree: Path
    output: str
    origin_before: str


@pytest.fixture(scope="module")
def released(origin: Path, tmp_path_factory: pytest.TempPathFactory) -> Released:
    """Made once, for it is built twice; an earlier one had left a file in `dist`."""
    tree = cloned(origin, tmp_path_factory.mktemp("released"))
    (tree / "dist").mkdir()
    (tree / "dist/gateway-0.0.1.tar.gz").touch()
    before = git(origin, "rev-parse", "main")
    answer = release(tree)
    assert answer.returncode == 0, answer.stderr
    return Released(tree, answer.stdout, before)


def commit(tree: Path, name: str, old: str, new: str) -> None:
    text = (tree / name).read_text()
    assert old in text
    (tree / name).write_text(text.replace(old, new))
    git(tree, "commit", "-q", "-a", "-m", "Change")


def refused(tree: Path) -> str:
    """Why the release is refused; nothing was linted or built."""
    answer = release(tree)
    assert answer.returncode != 0
    assert not (tree / ".venv/calls").exists()
    assert not (tree / "dist").exists()
    return answer.stderr


def test_a_release_is_linted_and_built_twice_with_notes_and_sums(released: Released) -> None:
    clone = released.tree
    calls = (clone / ".venv/calls").read_text().splitlines()
    assert [call.split()[0] for call in calls] == ["ruff", *LINTERS]
    name = f"gateway-{__version__}"
    built = {path.name for path in (clone / "dist").iterdir()}
    whole = {f"{name}.tar.gz", f"{name}-py3-none-any.whl", PACKAGE, "gateway.cdx.json"}
    assert built == {*whole, f"{name}-notes.md", "SHA256SUMS"}
    assert (clone / f"dist/{name}-notes.md").read_text() == "### Added\n\n- A door.\n"
    sums = (clone / "dist/SHA256SUMS").read_text().splitlines()
    assert {line.split()[1] for line in sums} == {*whole, f"{name}-notes.md"}
    for file in (f"{name}.tar.gz", f"{name}-py3-none-any.whl", PACKAGE):
        assert f"built twice, identical: {file}\n" in released.output
    with tarfile.open(clone / f"dist/{name}.tar.gz") as sdist:
        packed = set(sdist.getnames())
    assert {f"{name}/{file}" for file in ("Makefile", "CHANGELOG.md", ".ci/release")} <= packed
    assert not [file for file in packed if "/.venv/" in file]


def test_a_release_prints_how_to_publish_and_publishes_nothing(
    released: Released, origin: Path
) -> None:
    clone = released.tree
    assert f"git tag -a v{__version__}" in released.output
    assert f"git push origin main v{__version__}" in released.output
    assert git(clone, "tag") == ""
    assert git(origin, "tag") == ""
    assert git(origin, "rev-parse", "main") == released.origin_before
    assert git(clone, "status", "--porcelain") == ""


def test_what_an_earlier_release_left_in_dist_is_not_published_with_it(released: Released) -> None:
    assert not (released.tree / "dist/gateway-0.0.1.tar.gz").exists()


def test_a_linter_that_complains_ends_the_release_before_the_build(clone: Path) -> None:
    program(clone / ".venv/bin/mypy", "exit 1")
    assert release(clone).returncode != 0
    assert not (clone / "dist").exists()


def test_a_package_that_another_build_makes_otherwise_ends_the_release(clone: Path) -> None:
    program(clone / ".ci/deb", f'mkdir -p dist; pwd >"dist/{PACKAGE}"')
    git(clone, "commit", "-q", "-a", "-m", "Change")
    answer = release(clone)
    assert answer.returncode != 0
    assert f"two builds of {PACKAGE} differ" in answer.stderr
    assert not (clone / "dist/SHA256SUMS").exists()


def test_a_key_signs_the_sums_as_minisign_does(clone: Path, root: Path) -> None:
    (clone / ".ci/bundle").write_bytes((root / ".ci/bundle").read_bytes())
    git(clone, "add", "-A")
    git(clone, "commit", "-q", "-m", "Sign")
    key = clone.parent / "key"
    command = [sys.executable, str(clone / ".ci/bundle"), "key", str(key)]
    subprocess.run(command, check=True, capture_output=True)
    answer = release(clone, f"KEY={key}")
    assert answer.returncode == 0, answer.stderr
    signed = (clone / "dist/SHA256SUMS.minisig").read_text().splitlines()
    assert signed[2] == "trusted comment: file:SHA256SUMS"
    if program_ := shutil.which("minisign"):
        words = [program_, "-Vm", str(clone / "dist/SHA256SUMS"), "-p", f"{key}.pub"]
        assert subprocess.run(words, check=False, capture_output=True).returncode == 0


def test_a_version_without_a_section_is_refused(clone: Path) -> None:
    commit(clone, "gateway/__init__.py", __version__, "9.8.7")
    why = refused(clone)
    assert "must be '## [9.8.7] - YYYY-MM-DD'" in why
    assert f"found '## [{__version__}] - 2026-11-27'" in why


def test_a_section_without_a_date_is_refused(clone: Path) -> None:
    commit(clone, "CHANGELOG.md", " - 2026-11-27", "")
    assert f"found '## [{__version__}]'" in refused(clone)


def test_a_change_that_is_still_unreleased_is_refused(clone: Path) -> None:
    commit(clone, "CHANGELOG.md", "### Added\n\n## [", "### Added\n\n- A window.\n\n## [")
    assert f"move them under [{__version__}]" in refused(clone)


@pytest.mark.parametrize("name", ["README.md", "new.txt"])
def test_a_tree_with_changes_is_refused_and_they_are_named(clone: Path, name: str) -> None:
    (clone / name).write_text("changed")
    why = refused(clone)
    assert "the tree is not clean" in why
    assert name in why


def test_another_branch_is_refused(clone: Path) -> None:
    git(clone, "checkout", "-q", "-b", "side")
    assert "made on main, this is side" in refused(clone)


def test_a_version_that_has_its_tag_is_refused(clone: Path) -> None:
    git(clone, "tag", f"v{__version__}")
    assert "is released already; raise __version__" in refused(clone)


def test_all_that_is_wrong_is_said_at_once(clone: Path) -> None:
    git(clone, "checkout", "-q", "--detach")
    (clone / "CHANGELOG.md").write_text("# Changelog\n")
    why = refused(clone)
    assert "a detached HEAD" in why
    assert "not clean" in why
    assert "found 'none'" in why


def test_the_hooks_run_what_make_lint_runs(root: Path) -> None:
    hooks = [
        line.strip().removeprefix("entry: ")
        for line in (root / ".pre-commit-config.yaml").read_text().splitlines()
        if line.strip().startswith("entry: ")
    ]
    recipe = subprocess.run(
        ["make", "-s", "-n", "-o", "setup-test", "lint"],
        cwd=root,
        env={key: value for key, value in os.environ.items() if not key.startswith("MAKE")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert hooks == recipe.stdout.splitlines()
