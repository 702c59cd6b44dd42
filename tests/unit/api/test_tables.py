"""The pages in `gateway/docs` say what is so, and everything on them is proved."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gateway.api.controlid.endpoints import PATHS
from gateway.commands.table import COMMANDS
from gateway.objects.catalogue import REGISTRY

PAGES = [
    "api-commands.md",
    "api-objects.md",
    "command-line.md",
    "configuration.md",
    "features.md",
    "semantics.md",
]
TESTS = Path(__file__).parents[2]


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Gives a module of tests/reference, which writes the pages."""
    monkeypatch.syspath_prepend(str(TESTS))

    def module(name: str) -> ModuleType:
        return importlib.import_module(f"reference.{name}")

    return module


def test_the_pages_that_make_docs_writes_are_tested(reference: Any) -> None:
    assert sorted(reference("__main__").PAGES) == PAGES


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_what_make_docs_writes(reference: Any, page: str) -> None:
    writer = reference("__main__")
    assert (writer.DOCS / page).read_text(encoding="utf-8") == writer.PAGES[page]()


@pytest.mark.parametrize("kind", ["effect", "refusal"])
def test_every_command_is_seen_carried_out_and_refused_over_a_real_socket(
    reference: Any, kind: str
) -> None:
    assert sorted(reference("exercises").missing()[kind]) == []


def test_a_feature_names_tests_that_are_there(reference: Any) -> None:
    for named in reference("features").named_tests():
        file, _, function = named.partition("::")
        assert f"def {function}(" in (TESTS.parent / file).read_text(encoding="utf-8"), named


def test_a_proof_is_of_a_command_that_is_there(reference: Any) -> None:
    claims = reference("exercises").claims()
    names = {command.name for command in COMMANDS.values()}
    assert claims["effect"] | claims["refusal"] <= names


def test_everything_that_the_reference_names_is_there_or_has_a_reason(reference: Any) -> None:
    names = reference("names")
    for sections, absent, present in (
        (names.OBJECTS, names.ABSENT_OBJECTS, {declared.name for declared in REGISTRY}),
        (names.COMMANDS, names.ABSENT_COMMANDS, set(PATHS)),
    ):
        listed = [name for section in names.of_sections(sections).values() for name in section]
        assert len(listed) == len(set(listed))
        assert set(listed) - present == set(absent)
    assert {declared.name for declared in REGISTRY} <= set(" ".join(names.OBJECTS.values()).split())
