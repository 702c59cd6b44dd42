"""Where the page is once a proposed site file is in force."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask

from gateway.settings import HttpSettings
from gateway.settings.compose import composed
from gateway.web.views.site import _address

PRESENT = HttpSettings(listen="0.0.0.0:80", tls="0.0.0.0:443")
SITE = {"name": "Depot", "timezone": "UTC", "board": "simulated"}


@pytest.mark.parametrize(
    ("http", "at", "moved"),
    [
        ({"listen": "0.0.0.0:80", "tls": "0.0.0.0:443"}, "http://door.local", ""),
        ({"listen": "0.0.0.0:8080"}, "http://door.local", "http://door.local:8080"),
        (
            {"listen": "0.0.0.0:80", "tls": "0.0.0.0:8443"},
            "https://10.0.0.7",
            "https://10.0.0.7:8443",
        ),
        (
            {"listen": "0.0.0.0:80", "tls": "0.0.0.0:443", "plain": False},
            "http://[fd00::7]",
            "https://[fd00::7]:443",
        ),
        ({"listen": "0.0.0.0:80"}, "https://door.local", "http://door.local:80"),
    ],
)
def test_the_page_names_its_next_address(http: dict[str, Any], at: str, moved: str) -> None:
    visit: Any = SimpleNamespace(context=SimpleNamespace(site=SimpleNamespace(http=PRESENT)))
    text = composed({"site": SITE, "http": http})
    with Flask("test").test_request_context(base_url=at):
        expected = f"{moved}/settings/site" if moved else ""
        assert _address(visit, text) == expected
