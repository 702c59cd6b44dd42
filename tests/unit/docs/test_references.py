"""What the manual refers to is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from .references import links, pages, problems

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("page", pages(ROOT), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_link_command_option_and_key_that_a_page_names_exists(page: Path) -> None:
    assert problems(page, ROOT) == []


def test_the_index_links_every_page() -> None:
    index = ROOT / "gateway/docs/index.md"
    assert set(pages(ROOT)) - {ROOT / "README.md", index} == links(index)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[x](gone.md)", "the link gone.md leads to no file"),
        ("[x](#gone)", "the link #gone leads to no heading"),
        ("# Here\n\n[x](#here)", None),
        ("`gateway/gone.py`", "there is no file gateway/gone.py"),
        ("`gateway/clock.py`", None),
        ("`hw/boards/*.toml`", None),
        ("`hw/boards/*.gone`", "there is no file hw/boards/*.gone"),
        ("`gateway gone --data DIR`", "gateway has no command 'gone'"),
        ("`gateway doctor --gone`", "gateway doctor has no option --gone"),
        ("`gateway login add --data DIR --role administrator`", None),
        ("```sh\n.venv/bin/gateway run --gone\n```", "gateway run has no option --gone"),
        ("`make gone`", "the Makefile has no target gone"),
        ("`make test-vm`", None),
        ("`[gone]`", "the site file has no table [gone]"),
        ("`[power.mains_fail]`", None),
        ("```toml\n[http]\ngone = 1\n```", "the site file has no key http.gone"),
        ("```toml\n[[reader]]\nname = 'x'\n```", None),
    ],
)
def test_a_reference_that_leads_nowhere_is_found(
    text: str, why: str | None, tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    page.write_text(text + "\n")
    assert problems(page, ROOT) == ([why] if why else [])
