"""The programs of this room, for systemd and the package's scripts: `safe begin`, `safe page`,
`safe story`, `safe relays`, `safe update-helper` and `safe went-back REASON`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from gateway.errors import GatewayError
from gateway.host.passed_socket import passed_socket
from gateway.host.relay_plan import PLAN_FILE
from gateway.host.update_install import UPLOADED, note_went_back
from gateway.host.update_request import serve_update
from gateway.safe.relays import put_all
from gateway.safe.server import SafePage
from gateway.safe.site import read_safe_site
from gateway.safe.story import STORY, tell

DATA = Path("/var/lib/gateway")


def main(words: Sequence[str]) -> None:
    """Run what the first word names."""
    try:
        match words:
            case ["page"]:
                SafePage(read_safe_site(DATA), DATA).serve()
            case ["begin" | "story" as word]:
                tell(STORY, begin=word == "begin")
            case ["relays"]:
                sys.exit(0 if put_all(DATA / "controller" / PLAN_FILE) else 1)
            case ["update-helper"]:
                with passed_socket("gateway-update.socket") as listener:
                    serve_update(listener, DATA / "api" / UPLOADED)
            case ["went-back", because]:
                note_went_back(because)
            case _:
                sys.exit("usage: safe begin|page|story|relays|update-helper|went-back REASON")
    except GatewayError as error:
        sys.exit(f"gateway: {error}")
