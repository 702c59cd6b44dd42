"""`python -m reference`, from within tests/: writes the pages of what works into the package."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from . import commands, configuration, objects, semantics

DOCS = Path(__file__).parents[2] / "gateway" / "docs"
PAGES: Mapping[str, Callable[[], str]] = {
    "api-commands.md": commands.page,
    "api-objects.md": objects.page,
    "configuration.md": configuration.page,
    "semantics.md": semantics.page,
}


def main() -> None:
    """Write every page."""
    DOCS.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
