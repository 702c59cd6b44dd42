"""Which configuration keys the device acts on: what the declarations say is what the code reads."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import gateway
from gateway.controller.state.config import EffectiveConfig
from gateway.objects.configuration import Kind
from gateway.objects.configuration_keys import CONFIGURATION, DOORS
from gateway.settings import SiteFile
from gateway.store.policy.snapshot import without_rules

Key = tuple[str, str]

PACKAGE = Path(gateway.__file__).parent
PASSED_ON = {
    "cli/doctor/stored.py",
    "commands/audit.py",
    "commands/configuration.py",
    "commands/context.py",
    "commands/gpio.py",
    "store/backup.py",
}
"""Files that handle any key: for the client that names it, or to check every stored value."""
SNAPSHOTS = {
    "controller/state/config.py",
    "controller/state/modes.py",
    "store/policy/exception_modes.py",
    "explain/site_view.py",
    "controller/flight/rules.py",
    "cli/doctor/portals.py",
    "cli/doctor/triggers.py",
}
"""Where the values of a snapshot are read. `modes` puts in modes that the database could not store,
`site_view` says what the controller makes of them, `rules` writes them down whatever they are, and
`portals` finds those that nothing acts on, and `triggers` whether the monitor has an address."""
STORAGE = {"store/objects/store.py", "store/policy/snapshot.py"}
"""Where all values are fetched, for those who ask for some."""
ONLY_TOLD = {("general", "language")}
"""What is read for an answer alone, of `get_language`."""


class Recorded(Mapping[Key, str]):
    """The values of a new device, and which of them were asked for."""

    def __init__(self) -> None:
        self._values = {(key.module, key.key): key.default for key in CONFIGURATION}
        self.asked: set[Key] = set()

    def __getitem__(self, key: Key) -> str:
        self.asked.add(key)
        return self._values[key]

    def __iter__(self) -> Iterator[Key]:
        raise AssertionError("whoever goes through all values reads none in particular")

    def __len__(self) -> int:
        return len(self._values)


def full_site() -> SiteFile:
    """A site that has everything which a site file can name."""
    pins = iter(range(100))

    def contact(**more: str) -> dict[str, object]:
        return {"pin": next(pins), **more}

    def relay() -> dict[str, object]:
        return {"pin": next(pins), "locked": "low", "unlocked": "high"}

    def way() -> dict[str, object]:
        return {"relay": relay(), "turn": contact(idle="high")}

    doors = [
        {
            "id": number,
            "name": f"door{number}",
            "strike": relay(),
            "egress": "mechanical",
            "sensor": contact(),
            "rex": contact(),
        }
        for number in DOORS
    ]
    return SiteFile.model_validate(
        {
            "site": {"name": "Full", "timezone": "UTC", "board": "simulated"},
            "door": doors,
            "sec_box": [
                {
                    "name": "box",
                    "egress": "mechanical",
                    "port": "simulated",
                    "address": 1,
                    "relay": 0,
                    "sensor": 0,
                    "rex": {"input": 1},
                }
            ],
            "turnstile": {
                "name": "turnstile",
                "clockwise": way(),
                "anticlockwise": way(),
                "egress": "mechanical",
            },
            "tamper": contact(idle="high"),
        }
    )


def read_by_the_controller() -> set[Key]:
    site, values = full_site(), Recorded()
    snapshot = replace(without_rules(), configuration=values, version=1)
    EffectiveConfig.proved(site, snapshot)
    return values.asked


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield str(path.relative_to(PACKAGE)), ast.parse(path.read_text(encoding="utf-8"))


def asked_of_the_store() -> set[Key]:
    """What every `configuration(keys)` and `setting(module, key)` of the code reads: the literal
    keys, those of a constant or else, where they have another name, any key whose two names are
    texts of that file."""
    found: set[Key] = set()
    constants = dict(named_keys())
    for name, tree in trees():
        if name in PASSED_ON:
            continue
        for node in ast.walk(tree):
            match node:
                case ast.Call(
                    func=ast.Attribute(attr="configuration"), args=[ast.Name(id), *_]
                ) if id in constants:
                    found |= constants[id]
                case ast.Call(func=ast.Attribute(attr="configuration"), args=[asked, *_]):
                    found |= literally(asked) or named_in(tree)
                case ast.Call(func=ast.Attribute(attr="setting"), args=asked):
                    match asked:
                        case [ast.Constant(str(module)), ast.Constant(str(key))]:
                            found.add((module, key))
                        case _:
                            found |= named_in(tree)
    return found


def named_keys() -> Iterator[tuple[str, set[Key]]]:
    """Constants of the code that are literal keys."""
    for _, tree in trees():
        for node in tree.body:
            match node:
                case ast.Assign(targets=[ast.Name(id)], value=ast.Dict() as value):
                    if keys := literally(value):
                        yield id, keys


def literally(asked: ast.expr) -> set[Key]:
    try:
        modules = ast.literal_eval(asked)
    except ValueError:
        return set()
    if not all(isinstance(keys, list) for keys in modules.values()):
        return set()
    return {(module, key) for module, keys in modules.items() for key in keys}


def named_in(tree: ast.Module) -> set[Key]:
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    return {(key.module, key.key) for key in CONFIGURATION if {key.module, key.key} <= texts}


def test_a_key_is_declared_live_when_something_reads_it_and_only_then() -> None:
    asked = asked_of_the_store()
    live = {(key.module, key.key) for key in CONFIGURATION if key.live}
    assert live == (read_by_the_controller() | asked) - ONLY_TOLD
    assert asked >= ONLY_TOLD


def test_nothing_reads_values_in_a_way_that_the_test_above_cannot_see() -> None:
    for name, tree in trees():
        calls = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        for node in ast.walk(tree):
            match node:
                case ast.Attribute(attr="configuration") if id(node) not in calls:
                    assert name in SNAPSHOTS, f"{name}:{node.lineno}"
                case ast.ImportFrom(module="gateway.store.objects.configuration"):
                    assert name in STORAGE | PASSED_ON, f"{name}:{node.lineno}"


def test_a_key_that_the_device_acts_on_is_checked_when_it_is_set() -> None:
    for key in CONFIGURATION:
        assert (key.kind is not Kind.TEXT) == key.live, f"{key.module}.{key.key}"
