"""What the command line says of a password."""

from __future__ import annotations

import pytest

from gateway.cli.login import warn_if_weak, weakness
from gateway.commands.provisioning import new_password


@pytest.mark.parametrize(
    ("login", "password", "why"),
    [
        ("admin", "admin", "login itself"),
        ("Reception-Desk", "reception-DESK", "login itself"),
        ("eva", "password1", "common"),
        ("eva", "Admin2024!", "common"),
        ("eva", "1234567890", "few characters"),
        ("eva", "0000000000000", "few characters"),
        ("eva", "abababababab", "few characters"),
        ("eva", "tulip-43!", "fewer than 10"),
    ],
)
def test_what_is_easily_guessed_is_told_why(
    login: str, password: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = weakness(login, password)
    assert found is not None
    assert why in found
    warn_if_weak(login, password)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == f"warning: the password of {login} is weak: {found}\n"


@pytest.mark.parametrize(
    "password",
    ["correct horse", "tulip-43!x", "ação número", pytest.param(new_password(), id="made up")],
)
def test_nothing_is_said_of_others(password: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert weakness("admin", password) is None
    warn_if_weak("admin", password)
    assert capsys.readouterr().err == ""


def test_no_two_made_up_passwords_are_alike() -> None:
    assert len({new_password() for _ in range(100)}) == 100
