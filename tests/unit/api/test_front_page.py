"""What a browser finds at the root."""

from __future__ import annotations

import re
from types import SimpleNamespace

import requests


def test_the_root_says_what_this_is_and_leads_to_manual_and_description(
    device: SimpleNamespace,
) -> None:
    reply = requests.get(f"{device.url}/", timeout=30)
    assert (reply.status_code, reply.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    policy = reply.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    links = re.findall(r'href="([^"]+)"', reply.text)
    assert links == ["/docs", "/docs/api", "/openapi.json"]
    for link in links:
        assert requests.get(f"{device.url}{link}", timeout=30).status_code == 200
    assert not re.search(r"<script|style=|src=", reply.text)
    assert device.context.site.site.name not in reply.text


def test_the_root_takes_no_commands(device: SimpleNamespace) -> None:
    reply = requests.post(f"{device.url}/", data=b"{}", timeout=30)
    assert (reply.status_code, set(reply.json())) == (405, {"error", "code"})
    assert requests.head(f"{device.url}/", timeout=30).status_code == 200
