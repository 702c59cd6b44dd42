"""Configuration keys: their allowed values and defaults.

All values are text on the wire and in the database (Control iD Access API, 3.6).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, StrEnum
from types import MappingProxyType

from gateway.errors import InvalidRequest
from gateway.objects.fields import storable_text, wire_type_of
from gateway.objects.server_address import server_address

VALUE_MAX = 4_096
"""Characters of a value."""

DOOR_MAX = 4
"""The highest number that a door may have."""

_PATH = re.compile(r"[!\"$-\[\]-~]*")
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_DOOR = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)
"""The number of a door; the id of a SecBox has no known length."""
_DECIMAL = re.compile(r"[0-9]{1,9}(\.[0-9]{1,6})?")
_VERSION = re.compile(r"[0-9]{1,4}(\.[0-9]{1,4}){1,3}")
_SHOWN = 40
"""Characters of a refused list shown in the refusal."""


class Kind(StrEnum):
    """The form of a value's text."""

    FLAG = "flag"
    INT = "int"
    """A whole number; also empty if that is the default."""
    DECIMAL = "decimal"
    """A number, with decimals or without."""
    CHOICE = "choice"
    DOORS = "doors"
    VERSION = "version"
    """Numbers separated by dots."""
    SERVER = "server"
    """A host, or `http://` or `https://` with a host, a port and a path; empty for none."""
    PATH = "path"
    """The path of a URL, with a query if need be."""
    TEXT = "text"


class SettingGroup(Enum):
    """What the live keys are about, in the order in which an installer needs them."""

    DOORS = "doors", "Doors and locks", "Open time, sensor, exit button and interlock of each door."
    READERS = "readers", "Readers", "Byte order of cards, UHF tags, buzzers."
    IDENTIFICATION = "identification", "Identification", "Cards, PINs, QR codes, second factor."
    PASSBACK = "passback", "Anti-passback", "Nobody enters twice without having left."
    TURNSTILE = "turnstile", "Turnstile", "Direction, open time and free sides."
    ALARMS = "alarms", "Alarms", "Held open, forced, tampering, duress; siren and bell."
    ONLINE = (
        "online",
        "Online modes and messages",
        "Who decides, and who hears of events: online modes, monitor, push.",
    )
    PEOPLE = "data", "Personal data", "Photos, and what expired people leave behind."
    DEVICE = "device", "Device", "Time zone, network time, version, reboot."

    def __init__(self, slug: str, title: str, about: str) -> None:
        self.slug = slug
        self.title = title
        self.about = about
        """What is in it, as a sentence."""


@dataclass(frozen=True, slots=True)
class ConfigurationKey:
    """One key of a module."""

    module: str
    key: str
    default: str = ""
    kind: Kind = Kind.TEXT
    minimum: int = 0
    maximum: int = 0
    """Bounds of a number, inclusive; unused for other kinds."""
    choices: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    """The values of a choice and what a person calls them; also those of a flag, if on and off do
    not say it. Other values are refused: a typo must not cancel an emergency."""
    label: str = ""
    """What a person calls it. All live keys have one."""
    help: str = ""
    """What it does, in one or two sentences."""
    unit: str = ""
    """Of a number."""
    danger: str = ""
    """What goes wrong with a careless value; empty if nothing grave does."""
    group: SettingGroup = SettingGroup.DEVICE
    """Unused for keys that are not live."""
    door: int = 0
    """The door that it is about; 0 for none in particular."""
    reader: int = 0
    """The index of the Wiegand reader that it is about; 0 for none in particular."""
    effect: str = ""
    """The part of this device that acts on it; empty if it is only stored and returned."""
    secret: bool = False
    derived: bool = False
    """The site file declares it: clients can read it, not set it."""

    @property
    def others(self) -> str:
        """The doors that a list of doors may name."""
        return ", ".join(str(door) for door in range(1, DOOR_MAX + 1) if door != self.door)

    @property
    def name(self) -> str:
        """Module and key, which name it in refusals."""
        return f"{self.module}.{self.key}"

    @property
    def told(self) -> str:
        """Label, help and danger as one text."""
        return ". ".join(filter(None, (self.label, f"{self.help} {self.danger}".strip())))

    @property
    def worded(self) -> Mapping[str, str]:
        """Those of the choices that have words other than the value itself."""
        return {value: words for value, words in self.choices.items() if value != words}

    @property
    def live(self) -> bool:
        """True if this device acts on it."""
        return bool(self.effect)

    def text(self, value: object) -> str:
        """The text to store for `value`, a string, number or boolean.

        Raises InvalidRequest, naming the key, what was found and what is allowed.
        """
        if self.derived:
            raise InvalidRequest(f"{self.module}.{self.key} cannot be set: the site file says it")
        text = _as_text(value)
        if text is None:
            raise self._refused(wire_type_of(value), "a string, a number or a boolean is")
        if self.kind is Kind.INT and (text or self.default):
            if not _WHOLE.fullmatch(text) or not self.minimum <= int(text) <= self.maximum:
                raise self._refused(repr(text), f"{self.minimum} to {self.maximum} is")
            return str(int(text))
        if self.kind is Kind.DOORS:
            return self._doors(text)
        self._check_form(text)
        if len(text) > VALUE_MAX:
            raise self._refused(f"a text of {len(text)} characters", f"at most {VALUE_MAX} is")
        return storable_text(self.key, text)

    def _check_form(self, text: str) -> None:
        shown = repr(text[:_SHOWN])
        match self.kind:
            case Kind.FLAG if text not in {"0", "1"}:
                raise self._refused(shown, "0 and 1 are")
            case Kind.DECIMAL if not self._in_bounds(text):
                raise self._refused(shown, f"{self.minimum} to {self.maximum} is")
            case Kind.CHOICE if text not in self.choices:
                raise self._refused(shown, f"{', '.join(self.choices)} are")
            case Kind.VERSION if not _VERSION.fullmatch(text):
                raise self._refused(shown, "numbers with dots between, as 6.11.2, are")
            case Kind.PATH if not _PATH.fullmatch(text):
                raise self._refused(shown, "ASCII without spaces, # and \\ is")
            case Kind.SERVER if text.strip():
                server_address(f"{self.module}.{self.key}", text)
            case _:
                pass

    def _in_bounds(self, text: str) -> bool:
        return bool(_DECIMAL.fullmatch(text)) and self.minimum <= float(text) <= self.maximum

    def _doors(self, text: str) -> str:
        """The list in order, each door once; empty for none."""
        words = [word.strip() for word in text.split(",")] if text.strip() else []
        if not all(_DOOR.fullmatch(word) and int(word) != self.door for word in words):
            shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
            raise self._refused(
                repr(shown), f"a comma list of {self.others} and ids of SecBoxes is"
            )
        return ",".join(str(door) for door in sorted({int(word) for word in words}))

    def _refused(self, found: str, allowed: str) -> InvalidRequest:
        return InvalidRequest(f"{self.module}.{self.key} cannot be {found}: {allowed} allowed")


def flag(
    module: str,
    key: str,
    default: str,
    label: str,
    about: str,
    *,
    danger: str = "",
    words: Mapping[str, str] | None = None,
) -> ConfigurationKey:
    """A switch; `words` say its two values where on and off do not."""
    return ConfigurationKey(
        module,
        key,
        default,
        Kind.FLAG,
        label=label,
        help=about,
        danger=danger,
        choices=MappingProxyType(words or {}),
    )


def number(
    module: str,
    key: str,
    default: str,
    bounds: tuple[int, int],
    label: str,
    about: str,
    unit: str = "",
) -> ConfigurationKey:
    """A whole number within `bounds`, inclusive."""
    low, high = bounds
    return ConfigurationKey(
        module, key, default, Kind.INT, low, high, label=label, help=about, unit=unit
    )


def choice(
    module: str,
    key: str,
    default: str,
    choices: Mapping[str, str],
    label: str,
    about: str,
    *,
    danger: str = "",
) -> ConfigurationKey:
    """One of `choices`, each value with its words."""
    return ConfigurationKey(
        module,
        key,
        default,
        Kind.CHOICE,
        choices=MappingProxyType(choices),
        label=label,
        help=about,
        danger=danger,
    )


def acts_on(
    group: SettingGroup, effect: str, *keys: ConfigurationKey, door: int = 0, reader: int = 0
) -> tuple[ConfigurationKey, ...]:
    """`keys` as live ones: `effect` names the part of the device that acts on them."""
    return tuple(replace(key, group=group, effect=effect, door=door, reader=reader) for key in keys)


def _as_text(value: object) -> str | None:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    return value if isinstance(value, str) else None


class Catalogue:
    """All configuration keys of a device."""

    def __init__(
        self,
        keys: tuple[ConfigurationKey, ...],
        aliases: Mapping[tuple[str, str], tuple[str, str]],
    ) -> None:
        """`aliases` maps other (module, name) pairs to module and key."""
        self._keys = {(key.module, key.key): key for key in keys}
        if len(self._keys) != len(keys):
            raise ValueError("a configuration key is declared twice")
        self._aliases = aliases
        self.modules = frozenset(module for module, _ in (*self._keys, *aliases))

    def __iter__(self) -> Iterator[ConfigurationKey]:
        return iter(self._keys.values())

    def find(self, module: str, key: str) -> ConfigurationKey | None:
        """The key that clients call `key`, None if there is none."""
        return self._keys.get(self._aliases.get((module, key), (module, key)))

    def known(self, module: str, key: str) -> ConfigurationKey:
        """As `find`. Raises InvalidRequest with the vendor's text if there is none."""
        found = self.find(module, key)
        if found is None:
            raise InvalidRequest(
                f"Node or attribute not found. Node path: config->{module}->param[name={key}]"
            )
        return found
