"""The page of the configuration keys."""

from __future__ import annotations

from gateway.objects.configuration import VALUE_MAX, ConfigurationKey, Kind
from gateway.objects.configuration_keys import CONFIGURATION

from .markdown import code, table

ABOUT = f"""\
# Configuration

Every module and key of `get_configuration` and `set_configuration`. `make docs` generates this page
from `gateway/objects/configuration_keys.py`.

The API transfers values as text; it also accepts numbers and booleans. A key with an entry under
"acts on" is live: the device obeys it and refuses a value outside its limits.
`tests/unit/controller/test_configuration.py` proves that these are the keys that the
device reads. The others are stored and returned unchanged, up to {VALUE_MAX:,} characters. An
answer omits unknown modules and keys; setting one is refused. The modules `onvif`,
`camera_overlay` and `pjsip` are unknown on purpose: clients assume a camera if one of their
keys exists.
"""


def page() -> str:
    """The whole page."""
    lines = [ABOUT]
    for module in dict.fromkeys(key.module for key in CONFIGURATION):
        keys = [key for key in CONFIGURATION if key.module == module]
        lines += [f"## {module}", ""]
        lines += [*table(("key", "takes", "default", "acts on", "meaning"), map(_row, keys)), ""]
    return "\n".join(lines)


def _row(key: ConfigurationKey) -> tuple[str, str, str, str, str]:
    default = code(key.default) if key.default else ""
    name = code(key.key)
    acts_on = "told by the site file" if key.derived else _effect(key) or "stored"
    takes = "nothing" if key.derived else _takes(key)
    return f"*{name}*" if key.secret else name, takes, default, acts_on, key.told


def _effect(key: ConfigurationKey) -> str:
    of = f" of door {key.door}" if key.door else f" {key.reader}" if key.reader else ""
    return f"{key.effect}{of}"


_WORDS = {
    Kind.FLAG: "0 or 1",
    Kind.SERVER: "a host, or `http://` or `https://` with a host",
    Kind.PATH: "the path of a URL",
}


def _choice(choice: tuple[str, str]) -> str:
    value, words = choice
    shown = code(value) if value else "empty"
    return shown if value == words else f"{shown} ({words})"


def _takes(key: ConfigurationKey) -> str:
    match key.kind:
        case Kind.INT | Kind.DECIMAL:
            empty = "" if key.default else ", or empty"
            unit = f" {key.unit}" if key.unit else ""
            return f"{key.minimum} to {key.maximum}{unit}{empty}"
        case Kind.CHOICE:
            return ", ".join(map(_choice, key.choices.items()))
        case Kind.DOORS:
            return f"comma list of {key.others}, or ids of SecBoxes"
        case Kind.FLAG | Kind.SERVER | Kind.PATH | Kind.TEXT | Kind.VERSION:
            return _WORDS.get(key.kind, key.kind.value)
