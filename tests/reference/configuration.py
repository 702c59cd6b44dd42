"""The page of the configuration keys."""

from __future__ import annotations

from gateway.objects.configuration import VALUE_MAX, ConfigurationKey, Kind
from gateway.objects.configuration_keys import CONFIGURATION

from .markdown import code, table

ABOUT = f"""\
# Configuration

Every module and key of `get_configuration` and `set_configuration`. Made from the declarations in
`gateway/objects/configuration_keys.py` by `make docs`.

Values are text on the wire; numbers and booleans are taken too. A key that acts on a part of the
device is live: that part obeys it, and a value outside of its limits is refused.
`tests/unit/controller/test_controller_configuration.py` proves that these are the keys that the
device reads. The others are stored and given back as they came, up to {VALUE_MAX:,} characters.
An unknown module or key is left out of an answer and refused when it is set. The modules `onvif`,
`camera_overlay` and `pjsip` are unknown on purpose: clients believe in a camera as soon as one of
their keys answers.
"""


def page() -> str:
    """The whole page."""
    lines = [ABOUT]
    for module in dict.fromkeys(key.module for key in CONFIGURATION):
        keys = [key for key in CONFIGURATION if key.module == module]
        lines += [f"## {module}", ""]
        lines += [*table(("key", "takes", "default", "acts on"), map(_row, keys)), ""]
    return "\n".join(lines)


def _row(key: ConfigurationKey) -> tuple[str, str, str, str]:
    default = code(key.default) if key.default else ""
    name = code(key.key)
    acts_on = "told by the site file" if key.derived else key.effect or "stored"
    takes = "nothing" if key.derived else _takes(key)
    return f"*{name}*" if key.secret else name, takes, default, acts_on


def _takes(key: ConfigurationKey) -> str:
    match key.kind:
        case Kind.FLAG:
            return "0 or 1"
        case Kind.INT:
            empty = "" if key.default else ", or empty"
            return f"{key.minimum} to {key.maximum}{empty}"
        case Kind.CHOICE:
            return ", ".join(code(choice) if choice else "empty" for choice in key.choices)
        case Kind.DOORS:
            return f"comma list of {key.others}"
        case Kind.TEXT | Kind.VERSION:
            return key.kind.value
