"""Access rights at pcscd: since Debian 13 pcscd asks polkit about every client."""

from __future__ import annotations

import os
import pwd
import socket
from enum import Enum, auto
from pathlib import Path

from gateway.settings.profiles import shipped_folder

RULE_FILE = "gateway-readers.rules"
INSTALLED = Path("/usr/share/polkit-1/rules.d") / RULE_FILE
"""Installed rule for the controller's user."""
LOCAL = Path("/etc/polkit-1/rules.d") / RULE_FILE
"""An administrator's rule for another user."""
_SOCKET = "/run/pcscd/pcscd.comm"
_PATIENCE_S = 2.0
SERVICE_USER = "gateway-controller"
"""The user that the shipped rule permits."""


def refusal(user: str | None = None) -> str:
    """Return why pcscd refuses `user` (default: this process's) and the command that repairs it.

    The rule's presence is unknown: its directory may be readable to polkit only.
    """
    user = user or _this_user()
    shipped = Path(str(shipped_folder("systemd"))) / "polkit" / RULE_FILE
    problem = f"pcscd refuses user {user!r}: "
    restart = "sudo systemctl restart polkit"
    if user == "root":
        return f"{problem}polkit, which it asks, does not run. To start it: {restart}"
    if user == SERVICE_USER:
        return (
            f"{problem}the polkit rule {INSTALLED} is missing, or polkit does not run or has not "
            f"read it. To install it: sudo install -D -m 644 {shipped} {INSTALLED} && {restart}"
        )
    return (
        f"{problem}no polkit rule allows that user. To allow it: "
        f"sed s/{SERVICE_USER}/{user}/ {shipped} | sudo tee {LOCAL} && {restart}"
    )


class Access(Enum):
    """pcscd's reaction to a connection."""

    AWAY = auto()
    ALLOWED = auto()
    REFUSED = auto()


def access() -> Access:
    """Connect to pcscd without sending anything.

    pcscd closes the connection at once when polkit denies the user. The library reports that with
    varying codes, which also occur after pcscd has ended.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_PATIENCE_S)
        try:
            connection.connect(os.environ.get("PCSCLITE_CSOCK_NAME", _SOCKET))
            return Access.ALLOWED if connection.recv(1) else Access.REFUSED
        except TimeoutError:
            return Access.ALLOWED
        except OSError:
            return Access.AWAY


def _this_user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
