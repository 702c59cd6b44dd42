"""Derives a lock's pin and levels from its relay, kind and contact and the relay board's profile.

The site file may also give pin and levels directly.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from gateway.errors import SettingsError
from gateway.settings.hats import Hat, hat_names, load_hat, relay_at
from gateway.settings.refusals import closest
from gateway.settings.wires import Contact, Level, LockKind

_Table = dict[str, Any]
_STAND_IN_PIN = 2
"""Pin of a lock that is refused anyway."""
_KIND = 'kind = "strike" or "magnet" is missing (or the pin\'s levels, locked and unlocked)'


def with_wired_locks(data: Mapping[str, Any]) -> tuple[_Table, list[str]]:
    """Fill in pin and levels of the locks in the tables of a site file; also return the problems.

    A lock with a problem gets stand-in values, so that everything else is checked too.
    """
    site = data.get("site")
    names = site.get("hats", ()) if isinstance(site, Mapping) else ()
    # The check of the key refuses a single name; use it for the locks all the same.
    wiring = _Wiring([names] if isinstance(names, str) else names)
    found = dict(data)
    doors = data.get("door")
    if isinstance(doors, list | tuple):
        found["door"] = [_with_lock(door, wiring) for door in doors]
    outputs = data.get("output")
    if isinstance(outputs, list | tuple):
        found["output"] = [wiring.switched(output, _named(output)) for output in outputs]
    lifts = data.get("elevator")
    if isinstance(lifts, list | tuple):
        found["elevator"] = [_with_floors(lift, wiring) for lift in lifts]
    turnstile = data.get("turnstile")
    if isinstance(turnstile, Mapping):
        found["turnstile"] = {
            key: wiring.replaced(value, "relay", f"turnstile {key} relay")
            for key, value in turnstile.items()
        }
    return found, wiring.problems


def _with_lock(door: object, wiring: _Wiring) -> object:
    if not isinstance(door, Mapping):
        return door
    name = f"door {door['name']!r}" if "name" in door else "door"
    if "lock" in door and "strike" in door:
        wiring.problems.append(f"{name}: lock and strike are the same key: leave one of them out")
    for key in ("lock", "strike"):
        door = wiring.replaced(door, key, f"{name} {key}")
    if isinstance(door, Mapping) and "operator" in door:
        door = {**door, "operator": wiring.switched(door["operator"], f"{name} operator")}
    return door


def _named(output: object) -> str:
    return f"output {output.get('name')!r}" if isinstance(output, Mapping) else "output"


def _with_floors(lift: object, wiring: _Wiring) -> object:
    floors = lift.get("floor") if isinstance(lift, Mapping) else None
    if not isinstance(lift, Mapping) or not isinstance(floors, list | tuple):
        return lift
    where = f"elevator {lift['name']!r} floor" if "name" in lift else "elevator floor"
    wired = [wiring.switched(floor, where) for floor in floors]
    return {**lift, "floor": wired}


class _Wiring:
    """Wires locks by the relay boards of a site, and collects problems."""

    def __init__(self, names: object) -> None:
        self._names = [str(name) for name in names] if isinstance(names, list | tuple) else []
        self.problems: list[str] = []
        self._complete = True
        """Every board of the site has a profile."""

    @cached_property
    def _hats(self) -> list[Hat]:
        """The boards with a profile; each unknown one is one problem, not one per lock."""
        found = []
        for name in self._names:
            try:
                found.append(load_hat(name))
            except SettingsError as error:
                self.problems.append(str(error))
                self._complete = False
        return found

    def replaced(self, table: Any, key: str, where: str) -> Any:
        """`table` with pin and levels in its lock `key`."""
        lock = table.get(key) if isinstance(table, Mapping) else None
        if not isinstance(lock, Mapping):
            return table
        try:
            return {**table, key: self._wired(lock)}
        except ValueError as error:
            if self._complete:
                self.problems.append(f"{where}: {error}")
            elif lock.get("kind") is None:
                self.problems.append(f"{where}: {_KIND}")
            stand_in = {"locked": Level.LOW, "unlocked": Level.HIGH, "pin": _STAND_IN_PIN}
            return {**table, key: {**stand_in, **lock}}

    def switched(self, output: Any, where: str) -> Any:
        """The table of an output with the pin and the level of the relay that it may name."""
        if not isinstance(output, Mapping) or not isinstance(output.get("relay"), str):
            return output
        try:
            pin, active = self._channel(output["relay"], output.get("pin"))
        except ValueError as error:
            if self._complete:
                self.problems.append(f"{where}: {error}")
            return {"active": Level.HIGH, "pin": _STAND_IN_PIN, **output}
        return {**({"active": active} if active else {}), **output, "pin": pin}

    def _wired(self, lock: Mapping[str, Any]) -> _Table:
        wired = dict(lock)
        kind, contact = _member(LockKind, lock.get("kind")), lock.get("contact", Contact.NO)
        contact = _member(Contact, contact)
        active: Level | None = None
        if isinstance(lock.get("relay"), str):
            wired["pin"], active = self._channel(lock["relay"], lock.get("pin"))
        elif "relay" in lock:
            # The check of `relay` refuses it; do not refuse a missing pin too.
            wired.setdefault("pin", _STAND_IN_PIN)
            return {"locked": Level.LOW, "unlocked": Level.HIGH, **wired}
        if "locked" in lock or "unlocked" in lock:
            return wired
        if "kind" not in lock:
            raise ValueError(_KIND)
        if kind is None or contact is None or not isinstance(wired.get("pin"), int):
            # The check of each key refuses it; do not refuse missing levels too.
            return {**wired, "locked": Level.LOW, "unlocked": Level.HIGH}
        active = active or self._level(wired["pin"])
        on_locks = energised_while_locked(kind, contact)
        off = Level.LOW if active is Level.HIGH else Level.HIGH
        wired["locked"], wired["unlocked"] = (active, off) if on_locks else (off, active)
        return wired

    def _channel(self, name: str, pin: object) -> tuple[object, Level | None]:
        """Pin and energising level of the relay `name`."""
        relays = [hat for hat in self._hats if hat.kind == "relay"]
        channels = {it.name: (hat, it) for hat in reversed(relays) for it in hat.channels}
        if name not in channels:
            near = closest(name, channels)
            said = f"; did you mean {near!r}?" if near else ""
            known = ", ".join(channels) or "none: name the relay board in site.hats"
            raise ValueError(f"there is no relay {name!r} (allowed: {known}){said}")
        hat, channel = channels[name]
        if channel.gpio is None:
            if pin is None:
                raise ValueError(
                    f"{name} of {hat.title} is wired by hand: say to which pin, such as pin = 17"
                )
            return pin, channel.active
        if pin not in {None, channel.gpio}:
            raise ValueError(f"{name} of {hat.title} is pin {channel.gpio}, not {pin}")
        return channel.gpio, channel.active

    def _level(self, pin: int) -> Level:
        """The level that energises the relay at `pin`."""
        driven = relay_at(self._hats, pin)
        relays = [
            f"{it.name} {it.gpio}"
            for hat in self._hats
            if hat.kind == "relay"
            for it in hat.channels
            if it.gpio is not None
        ]
        if driven is None and relays:
            raise ValueError(
                f"pin {pin} is no relay of site.hats ({', '.join(relays)}): name the relay, such "
                f'as relay = "{relays[0].split()[0]}", or give locked and unlocked'
            )
        if driven is None:
            boards = ", ".join(name for name in hat_names() if load_hat(name).kind == "relay")
            raise ValueError(
                "which level switches its relay on is not known: name the relay board in "
                f"site.hats ({boards}), or give locked and unlocked"
            )
        return driven.active


def energised_while_locked(kind: LockKind, contact: Contact) -> bool:
    """Whether the relay of such a lock is on while the door is locked."""
    return (kind is LockKind.MAGNET) is (contact is Contact.NO)


def _member(words: Any, value: object) -> Any:
    return words(value) if value in list(words) else None
