"""`gateway licences`: what is installed, and under which licence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import gateway
from gateway.cli.licences import licences


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of packages with the program in it."""
    (tmp_path / "gateway").mkdir()
    monkeypatch.setattr(gateway, "__file__", str(tmp_path / "gateway/__init__.py"))
    for name, said, text in (
        ("gateway", "License-Expression: Apache-2.0", "Apache License"),
        ("Older", "Classifier: License :: OSI Approved :: BSD License", "Redistribution"),
        ("silent", "Summary: says nothing", "Permission is hereby granted, free of charge, to"),
        ("bare", "License: Some words\n        over lines", ""),
    ):
        place = tmp_path / f"{name}-1.2.dist-info"
        (place / "licenses").mkdir(parents=True)
        about = f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.2\n{said}\n"
        (place / "METADATA").write_text(about)
        if text:
            (place / "licenses/LICENSE.txt").write_text(text)
    return tmp_path


def test_every_part_is_named_with_its_licence(installed: Path) -> None:
    answer = CliRunner().invoke(licences)
    assert answer.exit_code == 0
    lines = answer.stdout.splitlines()
    assert lines[:4] == [
        "bare 1.2: Some words",
        "gateway 1.2: Apache-2.0",
        "Older 1.2: BSD License",
        "silent 1.2: MIT",
    ]
    assert "htmx 4.0.1: 0BSD" in lines
    assert installed.name not in answer.stdout


@pytest.mark.usefixtures("installed")
def test_full_prints_the_texts(tmp_path: Path) -> None:
    assert (tmp_path / "gateway").is_dir()
    answer = CliRunner().invoke(licences, ["--full"])
    assert "    Redistribution\n" in answer.stdout
    found = json.loads(CliRunner().invoke(licences, ["--full", "--json"]).stdout)
    assert {part["name"]: part["texts"] for part in found}["gateway"] == ["Apache License"]
    short = json.loads(CliRunner().invoke(licences, ["--json"]).stdout)
    assert not any(part["texts"] for part in short)
