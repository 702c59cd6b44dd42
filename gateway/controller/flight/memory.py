"""What the controller remembers between two steps, taken out of it and put back.

A record may begin in the middle of a run. What the desks and panels know is whatever data their
attributes hold: so a new one is remembered without being named here. What decides nothing, or is
made anew from the rules, is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from gateway.controller.bindings import Bindings
from gateway.controller.flight.codec import Hide, NotDataError, decode, encode
from gateway.controller.inbox import Inbox
from gateway.controller.journal_writer import JournalWriter
from gateway.controller.policies import PolicyKeeper
from gateway.errors import BrokenRecord

_NOT_REMEMBERED = (Bindings, Inbox, JournalWriter, PolicyKeeper)
_RULES = {"is": "the rules"}
"""Stands for the one set of rules that decides."""
_OURS = "gateway.controller."
_RECORDING = "gateway.controller.flight."


def remember(root: object, hide: Hide) -> dict[str, Any]:
    """The data in `root` and everything it works with: path -> value as JSON."""
    found: dict[str, Any] = {}
    for path, owner, name in _attributes(root):
        try:
            found[path] = encode(getattr(owner, name), hide)
        except NotDataError:
            # Of a collaborator, what it knows has paths of its own.
            if isinstance(getattr(owner, name), Bindings):
                found[path] = _RULES
    return found


def recall(root: object, memory: Mapping[str, Any], resume: Callable[[], Bindings]) -> None:
    """Put back what `remember` found into a `root` that was built alike.

    Where rules decided already, `resume` lets them do so again, once all else is back. Raises
    BrokenRecord when the two do not fit.
    """
    left = set(memory)
    ruled = []
    for path, owner, name in _attributes(root):
        if path in left:
            left.remove(path)
            if memory[path] == _RULES:
                ruled.append((owner, name))
            else:
                setattr(owner, name, decode(memory[path]))
    if ruled:
        bindings = resume()
        for owner, name in ruled:
            setattr(owner, name, bindings)
    if left:
        raise BrokenRecord(f"this version remembers nothing called {min(left)!r}")


def _attributes(root: object) -> Iterator[tuple[str, object, str]]:
    """Every attribute of ours in reach of `root`, each object's once: path, owner, name."""
    seen: set[int] = set()
    ahead: list[tuple[str, object]] = [("", root)]
    while ahead:
        path, owner = ahead.pop()
        if id(owner) in seen:
            continue
        seen.add(id(owner))
        # A dataclass that acts only names others; one that is data was found in its owner.
        names = _fields(owner)
        for name in list(vars(owner)) if names is None else names:
            where = f"{path}.{name}".lstrip(".")
            if names is None:
                yield where, owner, name
            ahead += _collaborators(where, getattr(owner, name))


def _fields(owner: Any) -> list[str] | None:
    """The names of a dataclass's fields; None for any other object."""
    return [each.name for each in fields(owner)] if is_dataclass(owner) else None


def _collaborators(path: str, value: object) -> Iterator[tuple[str, object]]:
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _collaborators(f"{path}[{key}]", each)
    elif _acts(value):
        yield path, value


def _acts(value: object) -> bool:
    """Whether `value` is one of the controller's own objects, and has attributes to look at."""
    module = type(value).__module__
    ours = module.startswith(_OURS) and not module.startswith(_RECORDING)
    if not ours or isinstance(value, _NOT_REMEMBERED):
        return False
    return hasattr(value, "__dict__") or is_dataclass(value)
