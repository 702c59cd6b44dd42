"""The description of the API says all there is, and what it says is so."""

from __future__ import annotations

import html
import json
import re
import shlex
from collections.abc import Callable, Iterator
from contextlib import suppress
from html.parser import HTMLParser
from pkgutil import iter_modules
from types import SimpleNamespace
from typing import Any, NoReturn

import jsonschema_rs
import pytest
import requests

from gateway import commands
from gateway.api.controlid.endpoints import PATHS, http_of
from gateway.api.openapi.document import document
from gateway.api.openapi.groups import GROUPS
from gateway.commands.certificate import certificate_file
from gateway.commands.context import CommandContext
from gateway.commands.minop import MINOP_COMMANDS
from gateway.commands.online_server import ReachedServer
from gateway.errors import (
    ControllerUnavailable,
    DeviceUnavailable,
    InvalidRequest,
    NotSupportedHere,
)
from gateway.host.certificate import make_self_signed
from gateway.objects.catalogue import REGISTRY
from gateway.objects.configuration_keys import CONFIGURATION
from gateway.objects.custom import CustomColumn
from gateway.store.objects.custom import (
    add_columns,
    add_table,
    column_id,
    remove_columns,
    remove_tables,
    table_id,
)
from gateway.store.objects.store import Store
from gateway.store.tables.accounts import Role
from gateway.store.tables.photos import Photo, Photos

DESCRIBED = document()
COMPONENTS = DESCRIBED["components"]["schemas"]
FCGI = {name: DESCRIBED["paths"].get(f"/{name}.fcgi", {}) for name in PATHS}


def validator(schema: Any, components: Any = COMPONENTS) -> Any:
    """Checks against a schema of the description."""
    # The components are large: only what refers to them is compiled with them.
    if '"$ref"' in json.dumps(schema):
        schema = {**schema, "components": {"schemas": components}}
    return jsonschema_rs.Draft202012Validator(schema)


def narrowed(inside: Any) -> Any:
    """Schemas where no member may be there that is not described."""
    if isinstance(inside, list):
        return [narrowed(each) for each in inside]
    if not isinstance(inside, dict):
        return inside
    found = {name: narrowed(each) for name, each in inside.items()}
    return {"additionalProperties": False, **found} if "properties" in found else found


NARROWED = narrowed(COMPONENTS)


def answer_of(name: str) -> Any:
    """The schema of what a command answers in JSON."""
    return FCGI[name]["post"]["responses"]["200"]["content"]["application/json"]["schema"]


def shape(value: Any) -> Any:
    """The members and kinds of an answer, without its values."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value[:1]]
    return type(value)


def schemas(inside: Any) -> Iterator[dict[str, Any]]:
    if isinstance(inside, dict):
        if "schema" in inside:
            yield inside["schema"]
        for value in inside.values():
            yield from schemas(value)


# complete


def test_every_command_is_described_under_each_of_its_names_and_methods() -> None:
    for name, command in PATHS.items():
        operations = FCGI[name]
        assert set(operations) == {method.lower() for method in http_of(command).methods}
        for operation in operations.values():
            assert operation["summary"]
            assert operation["requestBody"]["content"]
            refused = command.answer is NoReturn
            assert ("400" if refused else "200") in operation["responses"]
            assert not (refused and "200" in operation["responses"])


def test_nothing_is_described_that_is_not_there(device: SimpleNamespace) -> None:
    names = {re.sub(r"^/|\.fcgi$", "", path) for path in DESCRIBED["paths"]}
    others = {
        "api/v1/execute",
        "openapi.json",
        "docs",
        "docs/api",
        "metrics",
        "health",
        "health/live",
    }
    assert names == set(PATHS) | others
    for path in DESCRIBED["paths"]:
        assert requests.options(f"{device.url}{path}", timeout=30).status_code == 200
        answer = requests.delete(f"{device.url}{path}", timeout=30)
        assert answer.status_code == 405


def test_every_command_that_takes_members_has_an_example() -> None:
    for command in PATHS.values():
        needed = any(field.is_required() for field in command.request.model_fields.values())
        if needed and not http_of(command).raw:
            assert command.example is not None, command.name


def test_every_object_and_field_is_described() -> None:
    for declared in REGISTRY:
        names = {field.name for field in declared.fields}
        assert set(COMPONENTS[f"{declared.name}_row"]["properties"]) == names
        if not declared.read_only:
            asked = COMPONENTS[f"{declared.name}_change"]["properties"]
            assert set(asked) == names | set(declared.aliases)
        assert (f"{declared.name}_new" in COMPONENTS) == (declared.addable)


def test_every_configuration_key_is_described() -> None:
    for component in ("Configuration", "ConfigurationValues"):
        modules = COMPONENTS[component]["properties"]
        found = {(name, key) for name, module in modules.items() for key in module["properties"]}
        keys = (key for key in CONFIGURATION if component == "Configuration" or not key.derived)
        assert found == {(key.module, key.key) for key in keys}


def test_every_command_of_the_second_vendor_is_described() -> None:
    operation = DESCRIBED["paths"]["/api/v1/execute"]["post"]
    choices = operation["requestBody"]["content"]["application/json"]["schema"]["oneOf"]
    named = {
        f"{choice['properties']['CommandName']['const']} "
        f"{choice['properties']['CommandEntity']['const']}"
        for choice in choices
    }
    assert named == set(MINOP_COMMANDS)
    assert operation["security"] == [{"token": []}]


def test_every_schema_is_a_schema_and_every_reference_leads_somewhere() -> None:
    validator({"anyOf": list(schemas(DESCRIBED["paths"]))})
    for schema in COMPONENTS.values():
        jsonschema_rs.meta.validate(schema)
    for name in re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(DESCRIBED)):
        assert name in COMPONENTS
    identities = [
        operation["operationId"]
        for operations in DESCRIBED["paths"].values()
        for operation in operations.values()
    ]
    assert len(identities) == len(set(identities))


# true


def test_what_needs_a_session_says_so() -> None:
    for name, command in PATHS.items():
        for operation in FCGI[name].values():
            if not command.needs.with_session:
                assert operation["security"] == []
            else:
                assert operation["security"] == [{"query": []}, {"cookie": []}]


def test_examples_are_what_their_schema_says() -> None:
    for name, command in PATHS.items():
        example = command.example
        if example is not None:
            content = FCGI[name]["post"]["requestBody"]["content"]["application/json"]
            assert content["example"] == example
            validator(content["schema"]).validate(example)


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every path and method with its operation."""
    for path, methods in DESCRIBED["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_every_answer_in_json_has_an_example_that_its_schema_allows() -> None:
    for path, _, operation in operations():
        done = operation["responses"].get("200", {"content": {}})["content"]
        content = done.get("application/json")
        if content and content["schema"] and path != "/openapi.json":
            validator(content["schema"]).validate(content["example"])


def members(inside: Any) -> Iterator[dict[str, Any]]:
    """Every schema with a type of its own, wherever it stands."""
    if isinstance(inside, dict):
        if "type" in inside or "anyOf" in inside:
            yield inside
        inside = list(inside.values())
    if isinstance(inside, list):
        for value in inside:
            yield from members(value)


def test_every_default_is_a_value_that_may_be_given() -> None:
    for schema in members(DESCRIBED):
        if "default" in schema and "variables" not in schema:
            validator(schema).validate(schema["default"])


def test_bounds_have_the_words_of_json_schema() -> None:
    for schema in members(DESCRIBED):
        assert not {"ge", "le", "gt", "lt"} & set(schema)


def test_servers_are_this_device_and_others_with_and_without_tls() -> None:
    urls = [server["url"] for server in DESCRIBED["servers"]]
    assert urls == ["/", "https://{address}", "http://{address}"]


def test_every_command_is_in_a_group_that_is_described() -> None:
    groups = [tag["name"] for tag in DESCRIBED["tags"]]
    assert len(groups) == len(set(groups))
    for path, _, operation in operations():
        (tag,) = operation["tags"]
        assert tag in groups, path


def test_a_group_lists_no_module_that_does_not_exist() -> None:
    modules = {each.name for each in iter_modules(commands.__path__)}
    assert {room for group in GROUPS for room in group.rooms} <= modules | {"description"}


def curl_of(operation: dict[str, Any], **variables: str) -> SimpleNamespace:
    """The request of an operation's line for a shell, as curl would make it."""
    (shown,) = operation["x-codeSamples"]
    text = shown["source"]
    for name, value in variables.items():
        text = text.replace(f"${name}", value)
    program, *words = shlex.split(text)
    assert program == "curl"
    made = SimpleNamespace(method="GET", url=words.pop(), body=None, headers={})
    while words:
        option, value = words.pop(0), words.pop(0)
        if option == "--json":
            made.method, made.body = "POST", json.loads(value)
        elif option == "--data-binary":
            made.method = "POST"
        elif option == "-X":
            made.method = value
        elif option == "-H":
            made.headers.update([value.split(": ", 1)])
        else:
            assert option == "-o"
    return made


def test_every_operation_has_a_curl_line_that_makes_its_request() -> None:
    for path, method, operation in operations():
        made = curl_of(operation, GATEWAY="https://device", SESSION="abc", TOKEN="def")
        address, _, query = made.url.partition("?")
        assert (made.method, address) == (method.upper(), f"https://device{path}")
        wanted = [name for choice in operation["security"] for name in choice]
        assert ("session=abc" in query) == ("query" in wanted)
        assert (made.headers.get("Authorization") == "Bearer def") == ("token" in wanted)
        content = operation.get("requestBody", {"content": {}})["content"]
        assert made.body == content.get("application/json", {}).get("example")


def test_a_curl_line_is_carried_out(throwaway: SimpleNamespace) -> None:
    operation = DESCRIBED["paths"]["/load_objects.fcgi"]["post"]
    made = curl_of(operation, GATEWAY=throwaway.url, SESSION=throwaway.token())
    reply = requests.request(made.method, made.url, json=made.body, timeout=30)
    assert reply.status_code == 200


CALLED = [
    name
    for name, command in PATHS.items()
    # Those that end the session, change what other tests stand on, take a file or need a code,
    # a site file or a network on trial.
    if name == command.name
    and not http_of(command).raw
    and command.answer is not NoReturn
    and name
    not in {
        *("login", "logout", "change_login", "reset_to_factory_default", "backup_objects"),
        *("begin_setup", "confirm_site_file"),
        *("confirm_system_network", "take_back_system_network"),
    }
]


def prepare_custom_fields(store: Store, command: str) -> None:
    """Have what the example of `command` removes, and not what it adds."""
    table = "_Contractors72250"
    with suppress(InvalidRequest):
        remove_tables(store, [table_id(store, table)])
    for name in ("cpf", "rg"):
        with suppress(InvalidRequest):
            remove_columns(store, [column_id(store, "c_users", name)])
    if command == "object_remove":
        add_table(store, table, "Firms", [(CustomColumn("x"), "x")])
    if command == "object_remove_fields":
        add_columns(store, "c_users", [(CustomColumn("cpf"), "CPF")])


def prepare_machine(context: CommandContext, command: str) -> None:
    """The device has a certificate, a server that answers, and a threat level."""
    if command == "ssl_certificate_information":
        make_self_signed(certificate_file(context.data), context.clock.utc())
    if command == "test_destination":
        reached = ReachedServer("http://10.0.0.5:80", 1.5, 200)
        object.__setattr__(context, "probe_destination", lambda _: reached)
    if command == "set_threat_level":
        row = {"id": 2, "level": 2, "name": "guards"}
        context.store.insert_or_modify("threat_levels", [row])


@pytest.mark.parametrize("name", CALLED)
def test_an_example_is_carried_out_and_answered_as_described(
    throwaway: SimpleNamespace, order: Callable[..., requests.Response], name: str
) -> None:
    command = PATHS[name]
    if name == "revoke_token" and not throwaway.context.tokens.all():
        throwaway.context.tokens.create("turnstile")
    if name in {"create_login", "modify_login", "delete_login", "end_login_sessions"}:
        accounts = throwaway.context.accounts
        if accounts.find("reception"):
            accounts.delete("reception")
        if name != "create_login":
            accounts.set_password("reception", "secret", Role.OPERATOR)
    if name in {"user_get_image", "antipassback_state", "load_objects", "search"}:
        throwaway.context.store.insert_or_modify("users", [{"id": 1, "name": "Ana"}])
        Photos(throwaway.context.store).put(1, Photo(1, b"photo"))
    prepare_custom_fields(throwaway.context.store, name)
    if name == "undo_import":
        order("import_objects", {"object": "groups", "data": "name\nNorth\n"})
    prepare_machine(throwaway.context, name)
    reply = requests.post(
        f"{throwaway.url}/{name}.fcgi?session={throwaway.token()}",
        json=PATHS[name].example,
        timeout=30,
    )
    if reply.status_code == 400 and NotSupportedHere in command.errors:
        assert set(reply.json()) == {"error", "code"}
        return
    assert reply.status_code == 200, reply.text
    assert reply.headers["Content-Type"].partition(";")[0] == http_of(command).answers
    if http_of(command).answers == "application/json":
        validator(narrowed(answer_of(name)), NARROWED).validate(reply.json())
    if command.answered is not None:
        assert shape(reply.json()) == shape(command.answered)


def test_rows_are_answered_as_described(ask: Callable[..., Any]) -> None:
    described = validator(answer_of("load_objects"))
    for declared in REGISTRY:
        status, answer = ask("load_objects", {"object": declared.name})
        assert (declared.name, status) == (declared.name, 200)
        described.validate(answer)


def test_the_configuration_is_answered_as_described(ask: Callable[..., Any]) -> None:
    status, answer = ask("get_configuration", {})
    assert status == 200
    validator(COMPONENTS["Configuration"]).validate(answer)
    assert set(answer) == set(COMPONENTS["Configuration"]["properties"])


def test_what_the_description_says_of_a_missing_controller_is_so(lonely: SimpleNamespace) -> None:
    for name, command in PATHS.items():
        described = "503" in FCGI[name]["post"]["responses"]
        away = ControllerUnavailable in command.errors
        assert described == (away or DeviceUnavailable in command.errors)
        if away:
            reply = requests.post(
                f"{lonely.url}/{name}.fcgi?session={lonely.token}",
                json=command.example,
                timeout=30,
            )
            assert (name, reply.status_code) == (name, 503)
            validator(COMPONENTS["Error"]).validate(reply.json())


# served


def test_the_description_is_served_without_a_session(device: SimpleNamespace) -> None:
    reply = requests.get(f"{device.url}/openapi.json", timeout=30)
    assert reply.status_code == 200
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
    assert reply.json() == DESCRIBED


def test_neither_description_nor_page_tell_anything_about_the_site(device: SimpleNamespace) -> None:
    for path in ("openapi.json", "docs/api"):
        text = requests.get(f"{device.url}/{path}", timeout=30).text
        identity = device.context.identity
        for secret in (identity.serial, str(identity.device_id), "Sao_Paulo", device.password):
            assert secret not in text


def test_the_page_names_everything_and_needs_nothing_from_elsewhere(
    device: SimpleNamespace,
) -> None:
    reply = requests.get(f"{device.url}/docs/api", timeout=30)
    assert reply.status_code == 200
    assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
    assert "<script" not in reply.text
    assert not re.search(r"(src|href)=\"(https?:)?//", reply.text)
    for name in PATHS:
        assert f'id="/{name}.fcgi"' in reply.text
    for declared in REGISTRY:
        assert f'id="object-{declared.name}"' in reply.text
        for field in declared.fields:
            assert f"<code>{field.name}</code>" in reply.text
    for key in CONFIGURATION:
        assert f"<code>{key.key}</code>" in reply.text


class Places(HTMLParser):
    """Which sections of the page lie in a fold."""

    def __init__(self) -> None:
        super().__init__()
        self.folded: dict[str, bool] = {}
        self._folds = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._folds += tag == "details"
        identity = dict(attrs).get("id")
        if tag == "section" and identity:
            self.folded[identity] = self._folds > 0

    def handle_endtag(self, tag: str) -> None:
        self._folds -= tag == "details"


def test_the_page_groups_commands_and_folds_those_that_are_refused(device: SimpleNamespace) -> None:
    page = requests.get(f"{device.url}/docs/api", timeout=30).text
    for tag in DESCRIBED["tags"]:
        assert f"<h2>{tag['name']}</h2>" in page
    places = Places()
    places.feed(page)
    for name, command in PATHS.items():
        refused = command.answer is NoReturn
        assert places.folded[f"/{name}.fcgi"] is refused


def test_the_page_shows_address_tls_error_shape_and_a_curl_line_for_each(
    device: SimpleNamespace,
) -> None:
    page = html.unescape(requests.get(f"{device.url}/docs/api", timeout=30).text)
    assert "GATEWAY=https://" in page
    assert "CURL_CA_BUNDLE" in page
    assert "Without TLS, passwords and sessions cross the network readable" in page
    error = COMPONENTS["Error"]["examples"][0]
    validator(COMPONENTS["Error"]).validate(error)
    assert json.dumps(error) in page
    for name, command in PATHS.items():
        if name == command.name:
            assert FCGI[name]["post"]["x-codeSamples"][0]["source"] in page


def test_the_page_shows_names_as_code_and_no_backticks(device: SimpleNamespace) -> None:
    page = requests.get(f"{device.url}/docs/api", timeout=30).text
    assert "`" not in page
    assert "<code>?session=</code>" in page


def test_the_page_names_every_choice_of_a_request_with_several_forms(
    device: SimpleNamespace,
) -> None:
    page = html.unescape(requests.get(f"{device.url}/docs/api", timeout=30).text)
    section = page.partition('id="/api/v1/execute"')[2].partition("</section>")[0]
    for name in MINOP_COMMANDS:
        for word in name.split():
            assert f'"{word}"' in section


def test_the_page_shows_limits_defaults_and_examples(device: SimpleNamespace) -> None:
    text = requests.get(f"{device.url}/docs/api", timeout=30).text
    assert "from 100, to 600000" in text  # relay1_timeout
    assert "3000" in text
    assert "&#34;parameters&#34;: &#34;door=1&#34;" in text
    assert "at most 4000 characters" in text
