"""Who may use the readers at pcscd: since Debian 13 pcscd asks polkit about every client."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from gateway.settings.profiles import shipped_folder

RULE_FILE = "gateway-readers.rules"
INSTALLED = Path("/usr/share/polkit-1/rules.d") / RULE_FILE
"""Where the installer puts the rule for the controller's user."""
LOCAL = Path("/etc/polkit-1/rules.d") / RULE_FILE
"""Where the administrator of a machine puts a rule for another user."""
SERVICE_USER = "gateway-controller"
"""Whom the shipped rule allows."""


def refusal(user: str | None = None) -> str:
    """Why pcscd refuses `user` (this process's by default), and the command that cures it.

    Whether the rule is there cannot be told: its directory may be readable to polkit alone.
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


def _this_user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
