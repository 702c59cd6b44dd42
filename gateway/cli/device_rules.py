"""`gateway device-rules`: udev rules that give the site's input devices to the controller.

A USB scanner that types is a keyboard to the kernel, and no property distinguishes it from the
keyboard that somebody logs in with. So the shipped rules give the controller's user no keyboard;
these rules add only those that the site file names as readers, by their lasting links.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click

from gateway.cli.options import data_option_of
from gateway.errors import GatewayError, SettingsError
from gateway.settings import SITE_FILE, SiteFile, read_current_site

RULES_FILE = Path("/etc/udev/rules.d/70-gateway-readers.rules")
"""After udev's own 60-persistent-input.rules, which makes the links that it matches."""

_LASTING = re.compile(r"/dev/(input/by-(?:id|path)/[\w.:@#+\\-]+)", re.ASCII)
"""Excludes what udev(7) reads as a pattern or the end of a value."""
_HEAD = (
    "# Input devices that the site file names as readers. Written by `gateway device-rules`;\n"
    "# run it again after a change of the site file.\n"
)


@click.command("device-rules")
@data_option_of(SITE_FILE)
@click.option(
    "--install", is_flag=True, help=f"Write them to {RULES_FILE} and let udev apply them (root)."
)
def device_rules(data: Path, *, install: bool) -> None:
    """Print the udev rules for the input devices that are readers of the site."""
    text = rules_of(read_current_site(data))
    if not install:
        click.echo(text, nl=False)
        return
    if RULES_FILE.exists() and RULES_FILE.read_text(encoding="utf-8") == text:
        return
    try:
        RULES_FILE.write_text(text, encoding="utf-8")
    except OSError as error:
        raise GatewayError(f"{RULES_FILE} cannot be written: {error.strerror}") from error
    _apply()


def rules_of(site: SiteFile) -> str:
    """The whole rules file; only its comment when no reader is an input device.

    Raises SettingsError for an input device that the site file does not name by a lasting link.
    """
    return _HEAD + "".join(
        f'SUBSYSTEM=="input", KERNEL=="event[0-9]*", SYMLINK=="{link}", '
        f'GROUP:="gateway-controller", MODE:="0660"\n'
        for link in _links(site)
    )


def _links(site: SiteFile) -> Iterator[str]:
    """The input devices of all readers, whichever key of a reader names them."""
    for reader in site.reader:
        for key, value in reader.model_dump().items():
            if not isinstance(value, str) or not value.startswith("/dev/input/"):
                continue
            found = _LASTING.fullmatch(value)
            if found is None:
                raise SettingsError(
                    f"reader {reader.name!r} {key}: {value!r} is not a lasting name "
                    f"(allowed: a link in /dev/input/by-id or /dev/input/by-path)"
                )
            yield found[1]


def _apply() -> None:
    udevadm = shutil.which("udevadm", path=f"{os.defpath}:/usr/sbin:/sbin")
    if udevadm is None:
        raise GatewayError(f"{RULES_FILE} is written, but udevadm is missing: restart to apply it")
    for words in (["control", "--reload"], ["trigger", "--subsystem-match=input"]):
        done = subprocess.run(  # noqa: S603 - a fixed command line
            [udevadm, *words], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise GatewayError(f"udevadm {words[0]}: {done.stderr.strip() or done.returncode}")
