"""Parts of others are listed with version, licence and hash: none is forgotten or changed."""

from __future__ import annotations

import hashlib
from importlib.resources import files

import pytest

from gateway.web.vendored import VENDORED, VendoredPart

_FOLDER = files("gateway.web") / "static" / "vendor"


def test_every_file_is_listed_once() -> None:
    listed = [name for part in VENDORED for name in (*part.files, part.licence_file)]
    assert sorted(listed) == sorted(file.name for file in _FOLDER.iterdir())


@pytest.mark.parametrize("part", VENDORED, ids=lambda part: part.name)
def test_a_part_is_what_was_released_with_its_licence(part: VendoredPart) -> None:
    for name, digest in part.files.items():
        assert hashlib.sha256(_FOLDER.joinpath(name).read_bytes()).hexdigest() == digest
    licence = _FOLDER.joinpath(part.licence_file).read_text(encoding="utf-8")
    assert {"0BSD": "Zero-Clause BSD", "MIT": "MIT"}[part.licence] in licence


def test_the_manual_lists_the_same() -> None:
    page = (files("gateway") / "docs" / "page.md").read_text(encoding="utf-8")
    for part in VENDORED:
        assert f"| [{part.name}]({part.source}) | {part.version} | {part.licence} |" in page
