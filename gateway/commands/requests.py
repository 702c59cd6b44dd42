"""Request models, and the refusals of requests in the words of the vendor's device.

Unknown members are ignored: clients send stray ones (`finish`, `filter`, `join` on a create).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from gateway.errors import WordedText, worded
from gateway.objects.fields import invalid_member, invalid_value, wire_type_of
from gateway.store.tables.accounts import LONGEST_LOGIN, LONGEST_PASSWORD, SHORTEST_PASSWORD

_EXPECTED = {
    "string_type": "string",
    "int_type": "int",
    "bool_type": "bool",
    "list_type": "array",
    "dict_type": "object",
    "model_type": "object",
    "model_attributes_type": "object",
}
"""From pydantic's name of an error to the device's name of the expected type."""


class RequestModel(BaseModel):
    """The members of a request, with the JSON types that the device requires."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


Model = TypeVar("Model", bound=RequestModel)


def parse(model: type[Model], body: Mapping[str, object]) -> Model:
    """`body` as a `model`.

    Raises InvalidRequest, which names the first wrong member, the expected and the found type.
    """
    try:
        return model.model_validate(body)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
    member = _member(problem["loc"])
    if problem["type"] == "missing":
        raise invalid_member(member, _expected_of(model, problem["loc"]), "undefined")
    expected = _EXPECTED.get(problem["type"])
    if expected is None:
        refusal = invalid_value(member, problem["msg"])
        refusal.why = _why(problem["type"], problem.get("ctx", {}))
        raise refusal
    raise invalid_member(member, expected, wire_type_of(problem["input"]))


def _why(kind: str, bounds: Mapping[str, Any]) -> WordedText | str:
    """Pydantic's error `kind` for somebody who sees the member in a form; empty for most."""
    match kind:
        case "string_too_short" if bounds["min_length"] == 1:
            return worded("it is missing")
        case "string_too_short":
            return worded("it has at least %(count)s characters", count=bounds["min_length"])
        case "string_too_long":
            return worded("it has at most %(count)s characters", count=bounds["max_length"])
        case "greater_than_equal":
            return worded("allowed: %(low)s or more", low=bounds["ge"])
        case "less_than_equal":
            return worded("allowed: %(high)s or less", high=bounds["le"])
    return ""


def _member(location: tuple[int | str, ...]) -> str:
    """The innermost member of a location in a request, with the indices after it."""
    name = ""
    for part in location:
        name = f"{name}[{part}]" if isinstance(part, int) else part
    return name


def _expected_of(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    """The device's name for the type of a member that is missing."""
    schema: Any = model.model_json_schema(by_alias=True)
    definitions = schema.get("$defs", {})
    for part in location:
        # The schema of a member that may be null lists two alternatives.
        schema = next((it for it in schema.get("anyOf", ()) if "$ref" in it), schema)
        reference = schema.get("$ref", "").rpartition("/")[2]
        schema = definitions.get(reference, schema)
        if "discriminator" in schema:  # the location then names the chosen alternative
            schema = {"$ref": schema["discriminator"]["mapping"][part]}
        else:
            schema = schema["items"] if isinstance(part, int) else schema["properties"][part]
    names = {"integer": "int", "boolean": "bool"}
    kind = str(schema.get("type", "object"))
    return names.get(kind, kind)


def _flag(value: object) -> object:
    return bool(value) if type(value) is int and value in {0, 1} else value


def _query_flag(value: object) -> object:
    words = {"0": False, "false": False, "1": True, "true": True}
    return words.get(value.lower(), value) if isinstance(value, str) else _flag(value)


Flag = Annotated[bool, BeforeValidator(_flag)]
"""Clients send 0 and 1 where the device documents false and true."""
OptionalFlag = Annotated[bool | None, BeforeValidator(_flag)]
QueryFlag = Annotated[bool, BeforeValidator(_query_flag)]
"""A flag that may be in the query, where every member is text."""


class NoMembers(RequestModel):
    """A request without members."""


NewPassword = Annotated[str, Field(min_length=SHORTEST_PASSWORD, max_length=LONGEST_PASSWORD)]


class LoginRequest(RequestModel):
    """`login`."""

    login: Annotated[str, Field(max_length=LONGEST_LOGIN)]
    password: Annotated[str, Field(max_length=LONGEST_PASSWORD)]


class NewLoginRequest(RequestModel):
    """`change_login`."""

    login: Annotated[str, Field(max_length=LONGEST_LOGIN)]
    password: NewPassword


class PasswordRequest(RequestModel):
    """`user_hash_password`."""

    password: Annotated[str, Field(max_length=LONGEST_PASSWORD)]


class LoadRequest(RequestModel):
    """`load_objects`; the store checks the members of the search."""

    model_config = ConfigDict(extra="allow")

    object_name: str = Field(alias="object")

    def search(self) -> dict[str, object]:
        """The whole request as received."""
        return {**(self.model_extra or {}), "object": self.object_name}


class CreateRequest(RequestModel):
    """`create_objects`, `create_or_modify_objects`."""

    object_name: str = Field(alias="object")
    values: list[dict[str, Any]]


class ModifyRequest(RequestModel):
    """`modify_objects`. Without `where` every row changes."""

    object_name: str = Field(alias="object")
    values: dict[str, Any]
    where: Any = None


class DestroyRequest(RequestModel):
    """`destroy_objects`. Without `where` the table is emptied."""

    object_name: str = Field(alias="object")
    where: Any = None


class MetadataRequest(RequestModel):
    """`object_metadata`; the filter `custom` names the tables of custom fields."""

    filter: str | None = None


class ActionItem(RequestModel):
    """One action with its parameters, `k=v` separated by commas."""

    action: str
    parameters: str | None = None


class ActionsRequest(RequestModel):
    """`execute_actions`."""

    actions: list[ActionItem]


class AlarmRequest(RequestModel):
    """`alarm_status`. An empty body asks, although one page of the vendor has true as default."""

    stop: Flag = False


class ConfigurationRequest(RequestModel):
    """`get_configuration`: the members are the modules."""

    model_config = ConfigDict(extra="allow")

    def modules(self) -> dict[str, Any]:
        """The members as received, by module."""
        return dict(self.model_extra or {})


class ConfigurationChange(ConfigurationRequest):
    """`set_configuration`: the members are the modules."""
