"""The `initial` tables of a site file: are they values of the configuration?"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.errors import InvalidRequest, SettingsError
from gateway.objects.configuration_keys import CONFIGURATION
from gateway.settings import SiteFile
from gateway.settings.refusals import closest


def check_initial(site: SiteFile) -> None:
    """Raises SettingsError naming each value, with its table, that the configuration has not."""
    problems = list(_problems(site))
    if problems:
        raise SettingsError("; ".join(problems))


def _problems(site: SiteFile) -> Iterator[str]:
    for module, values in site.initial.items():
        if module not in CONFIGURATION.modules:
            near = closest(module, CONFIGURATION.modules)
            cure = f"did you mean {near!r}?" if near else "gateway/docs/configuration.md lists all"
            yield f"[initial.{module}]: unknown table; {cure}"
            continue
        for key, value in values.items():
            declared = CONFIGURATION.find(module, key)
            if declared is None:
                yield f"[initial.{module}] {key}: unknown key; {_cure(module, key)}"
                continue
            try:
                declared.text(value)
            except InvalidRequest as error:
                yield f"[initial.{module}] {key}: {error}"


def _cure(module: str, key: str) -> str:
    homes = [it.module for it in CONFIGURATION if it.key == key]
    if len(homes) == 1:
        return f"it belongs to [initial.{homes[0]}]"
    near = closest(key, [it.key for it in CONFIGURATION if it.module == module])
    return f"did you mean {near!r}?" if near else "gateway/docs/configuration.md lists all"
