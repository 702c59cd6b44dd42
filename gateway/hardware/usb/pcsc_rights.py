"""Who may use the readers at pcscd: since Debian 13 pcscd asks polkit about every client."""

from __future__ import annotations

import os
import pwd
import re
from pathlib import Path

from gateway.settings.profiles import shipped_folder

RULE_FILE = "gateway-readers.rules"
INSTALLED = Path("/usr/share/polkit-1/rules.d") / RULE_FILE
"""Where the installer puts the rule for the controller's user."""
LOCAL = Path("/etc/polkit-1/rules.d") / RULE_FILE
"""Where the administrator of a machine puts a rule for another user."""

_USER = re.compile(r'subject\.user === "([^"]+)"')


def refusal(user: str | None = None, installed: Path = INSTALLED) -> str:
    """Why pcscd refuses `user` (this process's by default), and the command that cures it."""
    user = user or _this_user()
    shipped = Path(str(shipped_folder("systemd"))) / "polkit" / RULE_FILE
    (service_user,) = _USER.findall(shipped.read_text(encoding="utf-8"))
    problem = f"pcscd refuses user {user!r}: "
    if user == "root" or (user == service_user and user in _allowed_by(installed)):
        return (
            f"{problem}polkit allows that user, but does not run or has not read its rules. "
            "To start it again: sudo systemctl restart polkit"
        )
    if user == service_user:
        return (
            f"{problem}the polkit rule {installed} is missing or does not allow that user. "
            f"To install it: sudo install -D -m 644 {shipped} {installed}"
        )
    return (
        f"{problem}no polkit rule allows that user. "
        f"To allow it: sed s/{service_user}/{user}/ {shipped} | sudo tee {LOCAL}"
    )


def _allowed_by(rule: Path) -> list[str]:
    """The users that the file `rule` allows; none if there is no such file."""
    try:
        return _USER.findall(rule.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []


def _this_user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
