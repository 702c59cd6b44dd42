"""How the command line comes by a password, and what it says of a weak one."""

from __future__ import annotations

import sys

import click

SHORT = 10
"""Characters. An attacker at the network has to wait between guesses, so this is no long key."""

_KNOWN = ("admin", "password", "senha", "qwerty", "letmein", "welcome", "iddevice", "controlid")
"""Words that lists of common and of factory passwords begin with."""


def read_password(*, from_stdin: bool) -> str:
    """A password from the first line of standard input, else asked for twice at the terminal."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\n")
    password: str = click.prompt("New password", hide_input=True, confirmation_prompt=True)
    return password


def weakness(login: str, password: str) -> str | None:
    """Why `password` is easily guessed; None when nothing speaks against it."""
    plain = password.casefold()
    if plain == login.casefold():
        return "it is the login itself"
    if any(plain.strip("0123456789!") == word for word in _KNOWN):
        return "it is on every list of common passwords"
    if len(set(plain)) < 4 or plain in "01234567890123456789":
        return "it is a row of few characters"
    if len(password) < SHORT:
        return f"it has less than {SHORT} characters"
    return None


def warn_if_weak(login: str, password: str) -> None:
    """Say on standard error that a password is weak. It is the owner's choice all the same."""
    why = weakness(login, password)
    if why is not None:
        click.echo(f"warning: the password of {login} is weak: {why}", err=True)
