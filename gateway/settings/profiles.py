"""Finds the files that ship with the program, and loads the profiles in `hw/`."""

from __future__ import annotations

import tomllib
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from gateway.errors import SettingsError
from gateway.settings.refusals import describe

Model = TypeVar("Model", bound=BaseModel)


def shipped_folder(name: str) -> Traversable:
    """The folder `name` in the installed package, else in the source checkout."""
    package = resources.files("gateway")
    shipped = package / "_share" / name
    if shipped.is_dir():
        return shipped
    return Path(str(package)).parent / name


def hw_folder(name: str) -> Traversable:
    """The folder `name` of `hw/`."""
    return shipped_folder("hw") / name


def names_in(folder: str) -> list[str]:
    """The names of the profiles in a folder, without `.toml`."""
    names = [entry.name for entry in hw_folder(folder).iterdir()]
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def load_checked(model: type[Model], folder: str, name: str) -> Model:
    """The profile `name` of a folder as `model`, whose field `name` must equal it.

    Raises SettingsError naming the file and the wrong key.
    """
    source = f"hw/{folder}/{name}.toml"
    try:
        data = tomllib.loads((hw_folder(folder) / f"{name}.toml").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise SettingsError(f"{source} cannot be read: {error}") from error
    try:
        found = model.model_validate(data)
    except ValidationError as error:
        raise SettingsError(f"{source}: {describe(error, data, model)}") from error
    said = getattr(found, "name", name)
    if said != name:
        raise SettingsError(f"{source}: name is {said!r}, the file says {name!r}")
    return found
