"""A view of the page, and one visit to it: a request with its caller and language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from flask import Response, redirect, request
from werkzeug.datastructures import MultiDict

from gateway.api.controlid.outgoing import respond
from gateway.commands.answers import Answer, Rows
from gateway.commands.context import CommandContext
from gateway.commands.rights import Caller, Right
from gateway.commands.table import COMMANDS, execute
from gateway.store.tables.accounts import Role
from gateway.web.rendering import render

HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Visit:
    """One request to the page."""

    context: CommandContext
    caller: Caller
    language: str

    @property
    def technician(self) -> bool:
        """Whether the caller may set the device up; an operator sees doors, people and log."""
        return self.caller.role is Role.ADMINISTRATOR

    @property
    def form(self) -> MultiDict[str, str]:
        """The fields of a posted form."""
        return request.form

    @property
    def query(self) -> MultiDict[str, str]:
        """The parameters of the address."""
        return request.args

    @property
    def in_part(self) -> bool:
        """Whether a script asks for a part of the page, not a browser for the whole."""
        return "HX-Request" in request.headers

    @property
    def local_now(self) -> datetime:
        """Now, in the site's zone."""
        return self.context.device_time.wall(self.context.clock.utc())

    def local(self, unix_s: float) -> datetime:
        """An instant of so many Unix seconds, in the site's zone."""
        return self.context.device_time.wall(datetime.fromtimestamp(unix_s, UTC))

    def answer(self, command: str, **members: object) -> Answer:
        """The answer to a command as the API gives it to this caller, with its right and audit.

        Raises what `gateway.commands.table.execute` raises.
        """
        return execute(COMMANDS[command], self.context, self.caller, lambda: members)

    def run(self, command: str, **members: object) -> Mapping[str, Any]:
        """As `answer`, for a command that answers an object."""
        return cast("Mapping[str, Any]", self.answer(command, **members))

    def together(self) -> AbstractContextManager[None]:
        """Within it, the writes of all commands are kept, or none."""
        return self.context.together()

    def rows(self, object_name: str, **search: object) -> list[Mapping[str, Any]]:
        """The rows of an object that `load_objects` answers to this caller."""
        answer = self.answer("load_objects", object=object_name, **search)
        return list(cast("Rows", answer).rows)

    def download(self, command: str, **members: object) -> Response:
        """The answer to a command as the API sends it: a file, or rows."""
        return respond(self.answer(command, **members))

    def page(self, template: str, /, status: int = 200, **values: object) -> Response:
        """A page, or with a template whose name begins with `_` a part of one."""
        return Response(render(template, visit=self, **values), status, content_type=HTML)

    def to(self, address: str) -> Response:
        """Leads the browser to another page, after a form that was posted without a script too."""
        if self.in_part:
            return Response(status=200, headers={"HX-Redirect": address})
        return redirect(address, 303)  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class View:
    """What the page answers at one address."""

    path: str
    """A route of Flask."""
    show: Callable[..., Response]
    """Called with the Visit and the values of the path."""
    needs: Right = Right.ANY_SESSION
    method: str = "GET"
    labels: Mapping[str, str] = field(default_factory=dict)
    """What people call the fields of the form that is posted here, and the members of the commands
    that it leads to: texts marked by `noted`."""
    body_of: str = ""
    """The command that the request's body is for, which may be as long as the API takes it; `show`
    gets it as `name`."""
