"""The real api process, which notes where its time goes while it answers.

`python -m bench.profiled DATA`: at the end of its input it writes the profile and ends. Requests
have to come one after the other.
"""

from __future__ import annotations

import cProfile
import io
import os
import pstats
import signal
import sys
import threading
from pathlib import Path
from unittest.mock import patch

from gateway.api.process import run_api
from gateway.api.wire import WireRequest
from gateway.cli.logs import log_to_stderr

LINES = 30

_profile = cProfile.Profile()
_real_respond = WireRequest.respond


def _respond(request: WireRequest) -> None:
    """Answer on whichever thread has the request: a profile belongs to the one that enables it."""
    if b"_objects." not in request.path:  # the hash of a password would lead the list
        _real_respond(request)
        return
    _profile.enable()
    try:
        _real_respond(request)
    finally:
        _profile.disable()


def _end_with_input() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    log_to_stderr()
    threading.Thread(target=_end_with_input, name="end", daemon=True).start()
    with patch.object(WireRequest, "respond", _respond):
        run_api(Path(sys.argv[1]), "127.0.0.1:0")
    shown = io.StringIO()
    pstats.Stats(_profile, stream=shown).strip_dirs().sort_stats("tottime").print_stats(LINES)
    sys.stdout.write(shown.getvalue())
