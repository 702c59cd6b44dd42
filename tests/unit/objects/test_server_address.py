"""Servers' addresses as clients write them into configuration keys."""

from __future__ import annotations

import pytest

from gateway.errors import InvalidRequest
from gateway.objects.server_address import server_address

PATH = "api/notifications"


@pytest.mark.parametrize(
    ("host", "port", "path", "shown", "target"),
    [
        ("10.0.0.5", "8000", PATH, "http://10.0.0.5:8000", "/api/notifications/dao"),
        ("10.0.0.5", "", "/api/notifications/", "http://10.0.0.5:80", "/api/notifications/dao"),
        ("server.example", "80", "", "http://server.example:80", "/dao"),
        ("10.0.0.5:8000", "", "a", "http://10.0.0.5:8000", "/a/dao"),
        ("10.0.0.5:8000", "9000", "a", "http://10.0.0.5:8000", "/a/dao"),
        ("https://s.example", "", PATH, "https://s.example:443", "/api/notifications/dao"),
        ("https://s.example:8443/hook", "", "a/b", "https://s.example:8443", "/hook/a/b/dao"),
        ("fd00::5", "8000", "a", "http://[fd00::5]:8000", "/a/dao"),
        ("[fd00::5]", "8000", "a", "http://[fd00::5]:8000", "/a/dao"),
        ("h", "1", "a?secret=x&b=1/2", "http://h:1", "/a/dao?secret=x&b=1/2"),
        ("h", "1", "?secret=x", "http://h:1", "/dao?secret=x"),
        ("h", "1", "a b/ç", "http://h:1", "/a%20b/%C3%A7/dao"),
        ("h", "1", "a%20b", "http://h:1", "/a%20b/dao"),
        (" h ", "1", " a ", "http://h:1", "/a/dao"),
    ],
)
def test_the_topic_follows_the_path_and_stands_before_the_query(
    host: str, port: str, path: str, shown: str, target: str
) -> None:
    address = server_address("monitor.hostname", host, port, path)
    assert (address.shown, address.target("dao")) == (shown, target)


@pytest.mark.parametrize(
    "host",
    ["ftp://h", "http://", "a b", "h:99999", "h:eighty", "http://[::1", "h\r\nX: 1", "ção.example"],
)
def test_what_is_no_address_is_refused_by_the_name_of_its_key(host: str) -> None:
    with pytest.raises(InvalidRequest, match=r"monitor\.hostname"):
        server_address("monitor.hostname", host, "80", PATH)


def test_a_newline_in_a_path_cannot_begin_another_header() -> None:
    target = server_address("k", "h", "80", "a\r\nHost: b?c\r\nd").target("dao")
    assert "\r" not in target
    assert "\n" not in target
    assert " " not in target


@pytest.mark.parametrize(
    "text",
    [
        "htps://name:hidden@acs.example/hidden?key=hidden",
        "https://name:hidden@acs.example:99999/hidden?key=hidden",
        "https://name:hidden@[acs.example/hidden",
        "name:hidden@acs example/hidden?hidden#hidden",
        "https://?hidden",
    ],
)
def test_a_refusal_repeats_nothing_of_an_address_that_may_be_secret(text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        server_address("devices 7 ip", text)
    assert "hidden" not in str(refused.value)
    assert "acs" not in text or "acs" in str(refused.value)
