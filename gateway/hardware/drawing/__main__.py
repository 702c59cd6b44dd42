"""`python -m gateway.hardware.drawing FOLDER`: every drawing of hw/drawings anew."""

from __future__ import annotations

import sys
from pathlib import Path

from gateway.hardware.drawing.collection import drawings

if __name__ == "__main__":
    (folder,) = sys.argv[1:] or ["hw/drawings"]
    for name, text in drawings().items():
        (Path(folder) / f"{name}.svg").write_text(text, encoding="utf-8")
