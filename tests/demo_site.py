"""The site file of the demo."""

from __future__ import annotations

from importlib.resources import files

DEMO = files("gateway.cli").joinpath("demo.toml").read_text(encoding="utf-8")
