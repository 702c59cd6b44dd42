"""`python -m reference`, from within tests/: writes the pages of what works, and the drawings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from . import command_line, commands, configuration, drawings, features, objects, semantics

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "gateway" / "docs"
DRAWINGS = ROOT / "hw" / "drawings"
PAGES: Mapping[str, Callable[[], str]] = {
    "api-commands.md": commands.page,
    "api-objects.md": objects.page,
    "command-line.md": command_line.page,
    "configuration.md": configuration.page,
    "features.md": features.page,
    "semantics.md": semantics.page,
}


def main() -> None:
    """Write every page and every drawing."""
    DOCS.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")
    for name, text in drawings.drawings().items():
        (DRAWINGS / f"{name}.svg").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
