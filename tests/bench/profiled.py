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
from gateway.api.serving.exchange import Exchange, Piece
from gateway.cli.logs import log_to_stderr
from gateway.uplink.uplink import Uplink

LINES = 30

_profile = cProfile.Profile()
_real_step = Exchange.step


def _step(exchange: Exchange) -> Piece:
    """Make a piece on any thread: a profile belongs to the one that enables it."""
    if "_objects." not in exchange.path:  # the hash of a password would lead the list
        return _real_step(exchange)
    _profile.enable()
    try:
        return _real_step(exchange)
    finally:
        _profile.disable()


def _end_with_input() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    log_to_stderr()
    threading.Thread(target=_end_with_input, name="end", daemon=True).start()
    with patch.object(Exchange, "step", _step):
        run_api(Path(sys.argv[1]), "127.0.0.1:0", outward=Uplink)
    shown = io.StringIO()
    pstats.Stats(_profile, stream=shown).strip_dirs().sort_stats("tottime").print_stats(LINES)
    sys.stdout.write(shown.getvalue())
