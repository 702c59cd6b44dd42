"""Swipes while twelve clients ask the api for one kind of work, with the unit's priorities."""

from __future__ import annotations

import http.client
import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from PIL import Image

from .client import Client
from .figures import Expectations, p50, p99, say, table
from .processes import Process, api, ask, swiper
from .sites import Site, card_of
from .swipes import Plan

CLIENTS = 12
AIM_MS = 20
WARM_S = 0.5
_USER = 1_001

Work = Callable[[Client, int], object]
"""One request of a client; the number is the request's."""


def _page(client: Client, number: int) -> object:
    offset = number * 100 % 9_000
    return client.post("load_objects", {"object": "users", "limit": 100, "offset": offset})


def _export(client: Client, _: int) -> object:
    return client.post("export_objects", {"objects": [{"object": "users"}]})


def _import(client: Client, number: int) -> object:
    rows = "".join(f"{50_000 + number % 50 + row},x\n" for row in range(200))
    body = {"object": "groups", "data": f"id,name\n{rows}", "dry_run": True}
    return client.post("import_objects", body)


def _photo(client: Client, _: int) -> object:
    return client.post("user_get_image", {}, f"user_id={_USER}")


def _configure(client: Client, number: int) -> object:
    return client.post("set_configuration", {"general": {"beep_enabled": str(number % 2)}})


def _live(client: Client, _: int) -> object:
    return client.post("doors_state", {})


@dataclass(slots=True)
class _Load:
    """Twelve threads that repeat one kind of work."""

    url: str
    password: str
    right: int = 0
    wrong: int = 0
    seconds: float = 0.0
    _going: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def running(self, work: Work | None) -> Iterator[None]:
        """Clients at work until left; `work` None logs in over and over."""
        self._going = True
        with ThreadPoolExecutor(CLIENTS) as pool:
            done = [pool.submit(self._run, work, number) for number in range(CLIENTS)]
            time.sleep(WARM_S)
            began, before = time.monotonic(), self.right
            try:
                yield
            finally:
                self.right -= before
                self.seconds = time.monotonic() - began
                self._going = False
            for each in done:
                each.result()

    def _run(self, work: Work | None, number: int) -> None:
        client: Client | None = None
        while self._going:
            try:
                if client is None or work is None:
                    if client:
                        client.close()
                    client = Client(self.url, self.password)
                if work is not None:
                    work(client, number)
            except (RuntimeError, OSError, http.client.HTTPException):
                if client:
                    client.close()
                client = None
                with self._lock:
                    self.wrong += 1
                time.sleep(0.05)
            else:
                number += CLIENTS
                with self._lock:
                    self.right += self._going
        if client:
            client.close()


LOADS: Mapping[str, Work | None] = {
    "loads of objects": _page,
    "exports": _export,
    "imports (dry)": _import,
    "logins": None,
    "photos": _photo,
    "configuration writes": _configure,
    "live state": _live,
}


def _give_photo(url: str, password: str) -> None:
    picture = BytesIO()
    Image.effect_noise((400, 400), 80).save(picture, "JPEG")
    client = Client(url, password)
    client.post("user_set_image", picture.getvalue(), f"user_id={_USER}&timestamp=1&match=0")
    client.close()


def as_service(process: Process, weight: int, nice: int) -> None:
    """Give every thread its nice value, and the session its share beside other sessions."""
    for task in Path(f"/proc/{process.pid}/task").iterdir():
        os.setpriority(os.PRIO_PROCESS, int(task.name), nice)
    share = Path(f"/proc/{process.pid}/autogroup")
    if share.exists():
        share.write_text(str(weight), encoding="ascii")


PRIORITIES = {"none": (0, 0), "Nice=": (0, -10), "CPUWeight=": (-10, -10)}
"""Nice value of the session, which stands for the weight of a control group, and of its threads."""
UNIT = "CPUWeight="
"""What the installed unit has."""


def measure(site: Site, plan: Plan, expected: Expectations) -> None:
    """Print, for each load and priority, p50 and p99 of swipes beside those of the idle device."""
    found: dict[str, dict[str, list[int]]] = {}
    rates: dict[str, str] = {}
    with ExitStack() as stack:
        _, url = stack.enter_context(api(site))
        _give_photo(url, site.password)
        for name, (share, nice) in PRIORITIES.items():
            with swiper(site, plan.nice) as process:
                swiped(process, site, plan, 0)
                as_service(process, share, nice)
                found.setdefault("idle", {})[name] = swiped(process, site, plan, 1)
                for kind, work in LOADS.items():
                    load = _Load(url, site.password)
                    with load.running(work):
                        found.setdefault(kind, {})[name] = swiped(process, site, plan, 2)
                    rate = load.right / load.seconds
                    rates[kind] = f"{rate:.0f}" + (f" ({load.wrong} refused)" if load.wrong else "")
                    time.sleep(WARM_S)
    say()
    say(f"Swipe to relay under {CLIENTS} clients, in milliseconds; load {os.getloadavg()[0]:.1f}")
    heads = [f"{name} {part}" for name in PRIORITIES for part in ("p50", "p99")]
    table(
        ("load", *heads, "answers/s"),
        (
            (
                kind,
                *(part(waits[name]) for name in PRIORITIES for part in (p50, p99)),
                rates.get(kind, ""),
            )
            for kind, waits in found.items()
        ),
    )
    for kind, waits in found.items():
        expected.below(f"{kind}: p99 of a swipe", p99(waits[UNIT]), AIM_MS, " ms")


def swiped(process: Process, site: Site, plan: Plan, seed: int) -> list[int]:
    people = random.Random(seed).sample(range(site.users), plan.samples)  # noqa: S311 - a sample
    cards = [card_of(person) for person in people]
    answer = ask(process, {"do": "swipe", "cards": cards, "pace_ms": plan.pace_ms, "seed": seed})
    waits: list[int] = answer["waits"]
    return waits
