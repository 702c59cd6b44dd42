"""Requests made up from the description: no failure of ours, no refusal but the described ones.

`HYPOTHESIS_PROFILE=fuzz` (as `make fuzz` sets it) goes on for long.
"""

from __future__ import annotations

import json
import os
from types import SimpleNamespace
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gateway.api.controlid.endpoints import PATHS, http_of
from gateway.api.openapi.document import document
from gateway.api.serving.limits import Limits
from gateway.commands import site_file
from gateway.commands.absent import ABSENT

LONG = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
EXAMPLES = int(os.environ.get("GATEWAY_FUZZ_EXAMPLES", "300" if LONG else "3"))
"""Of each kind, for each endpoint."""
ANSWER_S = 20
"""A request that has no answer by then hangs."""

DESCRIBED = document()
SCHEMA = schemathesis.openapi.from_dict(DESCRIBED)
POSITIVE, NEGATIVE = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
OTHER_NAMES = {
    f"{method.lower()}_{name}_fcgi"
    for name, command in PATHS.items()
    if name != command.name
    for method in http_of(command).methods
} | {
    # Refused all alike: one of them is asked in every run.
    *(f"{method}_{name}_fcgi" for name in list(ABSENT)[1:] for method in ("get", "post")),
    "post_execute_actions",
    "get_logout_fcgi",
    "get_session_is_valid_fcgi",
}
CASES = [
    (path, method, mode, session)
    for path, methods in DESCRIBED["paths"].items()
    for method, operation in methods.items()
    # That all refuse whoever has no session is seen in test_transport.py.
    for mode, session in (
        (POSITIVE, True),
        (NEGATIVE, True),
        *([(POSITIVE, False)] if LONG else []),
    )
    # What takes nothing cannot be asked wrongly.
    if mode is POSITIVE or "requestBody" in operation
    # Other names of a command are tried in long runs only.
    if LONG or operation["operationId"] not in OTHER_NAMES
]

pytestmark = pytest.mark.hypothesis


def check(reply: schemathesis.Response, described: dict[str, Any]) -> None:
    """The answer is one that the description knows, in a shape that it gives."""
    if reply.status_code == 414:  # the server, of a line that is too long for any command
        assert len(str(reply.request.url)) > Limits().head_bytes // 2
        return
    status = str(reply.status_code)
    assert status in described["responses"], f"{reply.status_code}: {reply.text[:500]}"
    assert status != "500", reply.text[:500]
    media = reply.headers["content-type"][0].partition(";")[0]
    assert media in described["responses"][status]["content"]
    if media == "application/json":
        json.loads(reply.content)


@pytest.fixture(scope="module")
def bearer(throwaway: SimpleNamespace) -> str:
    """A token of the second vendor's API."""
    token: str = throwaway.context.tokens.create("schemathesis")
    return token


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The controller stores no site file here, which the api would wait for each time."""
    monkeypatch.setattr(site_file, "STORED_WITHIN_S", 0.0)


@pytest.mark.parametrize(("path", "method", "mode", "session"), CASES)
def test_whatever_is_asked_gets_an_answer_that_is_described(
    throwaway: SimpleNamespace, bearer: str, path: str, method: str, mode: Any, session: bool
) -> None:
    operation = SCHEMA[path][method.upper()]
    described = DESCRIBED["paths"][path][method]

    @settings(
        max_examples=EXAMPLES if session else EXAMPLES // 3,
        suppress_health_check=list(HealthCheck),
        # Making a failure small takes minutes, and here the first one found says enough.
        phases=[Phase.generate],
    )
    @given(st.data())
    def ask(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy(generation_mode=mode))
        case.query = {**(case.query or {}), "session": throwaway.token()} if session else {}
        case.cookies = {}
        case.headers.clear()
        if session:
            case.headers["Authorization"] = f"Bearer {bearer}"
        reply = case.call(base_url=throwaway.url, timeout=ANSWER_S, allow_redirects=False)
        check(reply, described)
        if not session and described["security"]:
            assert reply.status_code in {400, 401}

    ask()
