"""Request models, and how their refusals are worded: as the device words them.

Unknown members are ignored: clients send stray ones (`finish`, `filter`, `join` on a create).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from gateway.errors import InvalidRequest
from gateway.objects.fields import invalid_member, wire_type_of
from gateway.store.tables.accounts import LONGEST_LOGIN, LONGEST_PASSWORD

_EXPECTED = {
    "string_type": "string",
    "int_type": "int",
    "bool_type": "bool",
    "list_type": "array",
    "dict_type": "object",
    "model_type": "object",
    "model_attributes_type": "object",
}
"""pydantic's name of a refusal -> the device's name of the type."""


class RequestModel(BaseModel):
    """A request's members, with the JSON types that the device insists on."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


Model = TypeVar("Model", bound=RequestModel)


def parse(model: type[Model], body: Mapping[str, object]) -> Model:
    """`body` as a `model`.

    Raises InvalidRequest naming the first wrong member, what was expected and what was there.
    """
    try:
        return model.model_validate(body)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False)[0]
    member = _member(problem["loc"])
    if problem["type"] == "missing":
        raise invalid_member(member, _expected_of(model, problem["loc"]), "undefined")
    expected = _EXPECTED.get(problem["type"])
    if expected is None:
        raise InvalidRequest(f"Invalid member '{member}' ({problem['msg']})")
    raise invalid_member(member, expected, wire_type_of(problem["input"]))


def _member(location: tuple[int | str, ...]) -> str:
    """The innermost name of a place in a request, with the indices that follow it."""
    name = ""
    for part in location:
        name = f"{name}[{part}]" if isinstance(part, int) else part
    return name


def _expected_of(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    """The device's name for the type of a member that is missing."""
    schema: Any = model.model_json_schema(by_alias=True)
    definitions = schema.get("$defs", {})
    for part in location:
        # A member that may be null is described as one of two.
        schema = next((it for it in schema.get("anyOf", ()) if "$ref" in it), schema)
        reference = schema.get("$ref", "").rpartition("/")[2]
        schema = definitions.get(reference, schema)
        if "discriminator" in schema:  # then the place names the alternative that was chosen
            schema = {"$ref": schema["discriminator"]["mapping"][part]}
        else:
            schema = schema["items"] if isinstance(part, int) else schema["properties"][part]
    names = {"integer": "int", "boolean": "bool"}
    kind = str(schema.get("type", "object"))
    return names.get(kind, kind)


def flag(value: object) -> object:
    """Clients send 0 and 1 where the device documents false and true."""
    return bool(value) if type(value) is int and value in {0, 1} else value


class NoMembers(RequestModel):
    """A command that takes nothing."""


class LoginRequest(RequestModel):
    """`login`, `change_login`."""

    login: Annotated[str, Field(max_length=LONGEST_LOGIN)]
    password: Annotated[str, Field(max_length=LONGEST_PASSWORD)]


class PasswordRequest(RequestModel):
    """`user_hash_password`."""

    password: Annotated[str, Field(max_length=LONGEST_PASSWORD)]


class LoadRequest(RequestModel):
    """`load_objects`; the members of the search are the store's to read."""

    model_config = ConfigDict(extra="allow")

    object_name: str = Field(alias="object")

    def search(self) -> dict[str, object]:
        """The whole request, as it came."""
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
    """`alarm_status`: the empty body asks, although one page calls true the default of `stop`."""

    stop: Annotated[bool, BeforeValidator(flag)] = False


class ConfigurationRequest(RequestModel):
    """`get_configuration`: the members are the modules."""

    model_config = ConfigDict(extra="allow")

    def modules(self) -> dict[str, Any]:
        """Module -> what was asked of it."""
        return dict(self.model_extra or {})


class ConfigurationChange(ConfigurationRequest):
    """`set_configuration`: the members are the modules."""
