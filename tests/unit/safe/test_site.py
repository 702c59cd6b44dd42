"""What the safe page takes from a site file, whatever state that is in."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.safe.site import INSTALLED, SafeDoor, SafeSite, read_safe_site
from gateway.settings import LockState, parse_site
from tests.demo_site import DEMO


def test_it_says_of_the_doors_what_the_site_file_says(tmp_path: Path) -> None:
    text = DEMO.replace('name = "front"', 'name = "front"\non_fault = "unlocked"', 1)
    (tmp_path / "gateway.toml").write_text(text, encoding="utf-8")
    found, checked = read_safe_site(tmp_path), parse_site(text, "site")
    assert found.name == checked.site.name
    assert found.plain == checked.http.plain_address
    assert found.tls == checked.http.tls
    wanted = [SafeDoor(it.shown, it.on_fault is LockState.UNLOCKED) for it in checked.doors()]
    assert list(found.doors) == wanted
    assert SafeDoor("front", unlocked=True) in [
        SafeDoor(it.name, it.unlocked) for it in found.doors
    ]


def test_a_damaged_file_is_replaced_by_its_last_good_copy(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_bytes(b"\xff[[door")
    (tmp_path / "gateway.toml.last-good").write_text(DEMO, encoding="utf-8")
    assert read_safe_site(tmp_path).name == "Demo"


def test_without_a_file_it_listens_where_an_installed_device_does(tmp_path: Path) -> None:
    assert read_safe_site(tmp_path) == SafeSite("", *INSTALLED)


@pytest.mark.parametrize(
    "text",
    [
        "site = 3\nhttp = [1]\ndoor = 7\n",
        "[http]\nlisten = 80\ntls = { a = 1 }\n[[door]]\nname = 3\n",
        'turnstile = "x"\nsec_box = [[1]]\n',
    ],
)
def test_wrong_values_are_left_out(text: str, tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text(text, encoding="utf-8")
    assert read_safe_site(tmp_path) == SafeSite("", "127.0.0.1:8080", None)
