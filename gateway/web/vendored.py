"""The parts of others in the folder `static/vendor`, each with its licence beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.web import assets


@dataclass(frozen=True, slots=True)
class VendoredPart:
    """One part of others, as it was released."""

    name: str
    version: str
    licence: str
    """By its SPDX name."""
    source: str
    licence_file: str
    files: Mapping[str, str]
    """File -> its SHA-256, hexadecimal."""

    @property
    def licence_address(self) -> str:
        """Where the device shows the text of the licence."""
        return assets.address(f"vendor/{self.licence_file}")


VENDORED = (
    VendoredPart(
        "htmx",
        "4.0.1",
        "0BSD",
        "https://htmx.org",
        "htmx.LICENSE",
        {"htmx.min.js": "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130"},
    ),
    VendoredPart(
        "Pico CSS, classless",
        "2.1.1",
        "MIT",
        "https://picocss.com",
        "pico.LICENSE",
        {
            "pico.classless.min.css": (
                "61207a40ffc02a42d1e50143651c121beab70ed413c934c1ff84fa263ba436b0"
            )
        },
    ),
    VendoredPart(
        "uPlot",
        "1.6.32",
        "MIT",
        "https://github.com/leeoniya/uPlot",
        "uplot.LICENSE",
        {
            "uplot.min.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
            "uplot.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
        },
    ),
)
