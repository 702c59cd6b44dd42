"""Configuration keys as forms, one for each group, drawn from their declarations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from flask import Response

from gateway.commands.rights import Right
from gateway.errors import DeviceUnavailable, InvalidRequest, NotSupportedHere
from gateway.objects.configuration import ConfigurationKey, Kind, SettingGroup
from gateway.objects.configuration_keys import CONFIGURATION
from gateway.settings import SiteFile, WiegandReader
from gateway.web.languages import gettext as _
from gateway.web.setting_words import Title, allowed, default_words, title
from gateway.web.visit import View, Visit

GROUPS = {group.slug: group for group in SettingGroup}
_WAS = "was:"
"""Before the name of a field that holds the value that the form was made with."""
_MOST_FOUND = 50


@dataclass(frozen=True, slots=True)
class Setting:
    """One key in a form."""

    key: ConfigurationKey
    value: str
    """As stored, or as typed; empty for a secret."""
    was: str
    """As stored when the form was made; empty for a secret."""
    refused: str = ""
    """Why the typed value was refused."""

    @property
    def changed(self) -> bool:
        """The device has another value than a new one."""
        return not self.key.secret and self.was != self.key.default

    @property
    def default(self) -> str:
        """The value of a new device in words."""
        return default_words(self.key)

    @property
    def allowed(self) -> str:
        """What may be typed."""
        return allowed(self.key)


def group(visit: Visit, slug: str) -> Response:
    """The form of a group."""
    return _form(visit, GROUPS[slug])


def save(visit: Visit, slug: str) -> Response:
    """Set what was changed in the form, or one key to its default: all or none."""
    shown, form = GROUPS[slug], visit.form
    keys = {key.name: key for key in settable(shown, visit.context.site)}
    typed = {name: _typed(visit, key) for name, key in keys.items() if name in form}
    changed = {
        name: value
        for name, value in typed.items()
        if value != ("" if keys[name].secret else form.get(f"{_WAS}{name}", ""))
    }
    reset = keys.get(form.get("reset") or form.get("sure", ""))
    wanted = {reset.name: reset.default} if reset else changed
    refused = _refused(keys, wanted)
    dangers = {} if "sure" in form else {name: keys[name] for name in wanted if keys[name].danger}
    if refused or not wanted:
        return _form(visit, shown, typed, refused)
    if dangers:
        return _form(visit, shown, typed, dangers=dangers.values(), reset=reset)
    try:
        answer = visit.run("set_configuration", **_modules(keys, wanted))
    except (InvalidRequest, NotSupportedHere, DeviceUnavailable) as error:
        return _form(visit, shown, typed, _placed(keys, wanted, str(error)))
    left = {name: typed[name] for name in changed if name not in wanted}
    return _form(visit, shown, left, saved=len(wanted), warning=str(answer.get("warning", "")))


def settable(group: SettingGroup | None, site: SiteFile) -> list[ConfigurationKey]:
    """The live keys of a group, or of all, but for those of doors and readers that are absent."""
    doors = {0, *(door.id for door in site.door)}
    readers = {0, *(it.index for it in site.reader if isinstance(it, WiegandReader))}
    return [
        key
        for key in CONFIGURATION
        if key.live
        and not key.derived
        and group in (None, key.group)
        and key.door in doors
        and key.reader in readers
        and (key.group is not SettingGroup.TURNSTILE or site.turnstile)
    ]


def found(visit: Visit, text: str) -> list[tuple[ConfigurationKey, Title]]:
    """The settings whose words or name have every word of `text`, with the heading of each."""
    words = text.casefold().split()
    site = visit.context.site
    hits = []
    for key in settable(None, site):
        heading = title(key, site)
        said = (key.name, _(key.label), _(key.help), _(key.group.title), heading.words)
        if words and all(word in " ".join(said).casefold() for word in words):
            hits.append((key, heading))
    return hits[:_MOST_FOUND]


def _typed(visit: Visit, key: ConfigurationKey) -> str:
    """A list has one field for each door that may be in it, all others one after a hidden one."""
    given = visit.form.getlist(key.name)
    return ",".join(filter(None, given)) if key.kind is Kind.DOORS else given[-1].strip()


def _refused(keys: Mapping[str, ConfigurationKey], values: Mapping[str, str]) -> dict[str, str]:
    """All wrong values: the command names the first one only."""
    refused = {}
    for name, value in values.items():
        try:
            keys[name].text(value)
        except InvalidRequest as error:
            refused[name] = allowed(keys[name]) or str(error)
    return refused


def _placed(
    keys: Mapping[str, ConfigurationKey], sent: Mapping[str, str], text: str
) -> dict[str, str]:
    """The command's refusal at the field that it names, else under the empty name."""
    name = next((it for it in keys if text.startswith((f"{it} ", f"{it}:"))), "")
    return {name or (next(iter(sent)) if len(sent) == 1 else ""): text}


def _modules(
    keys: Mapping[str, ConfigurationKey], values: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    modules: dict[str, dict[str, str]] = {}
    for name, value in values.items():
        modules.setdefault(keys[name].module, {})[keys[name].key] = value
    return modules


def _form(
    visit: Visit,
    shown: SettingGroup,
    typed: Mapping[str, str] | None = None,
    refused: Mapping[str, str] | None = None,
    *,
    dangers: Iterable[ConfigurationKey] = (),
    reset: ConfigurationKey | None = None,
    saved: int = 0,
    warning: str = "",
) -> Response:
    typed, refused = typed or {}, refused or {}
    site = visit.context.site
    keys = settable(shown, site)
    modules: dict[str, list[str]] = {}
    for key in keys:
        modules.setdefault(key.module, []).append(key.key)
    stored = visit.run("get_configuration", **modules)

    def setting(key: ConfigurationKey) -> Setting:
        was = "" if key.secret else str(stored[key.module][key.key])
        value = "" if key.secret else typed.get(key.name, was)
        return Setting(key, value, was, refused.get(key.name, ""))

    sections = [
        (heading, [setting(key) for key in of])
        for heading, of in groupby(keys, lambda key: title(key, site))
    ]
    return visit.page(
        "settings/group.html",
        422 if refused else 200,
        group=shown,
        sections=sections,
        doors=site.doors(),
        refused={name: text for name, text in refused.items() if name},
        trouble=refused.get("", ""),
        dangers=[(key, title(key, site)) for key in dangers],
        reset=reset,
        saved=saved,
        warning=warning,
    )


_PATH = f"/settings/<any({','.join(GROUPS)}):slug>"

VIEWS = (
    View(_PATH, group, Right.ADMINISTRATOR),
    View(_PATH, save, Right.ADMINISTRATOR, "POST"),
)
