"""The page answers what a browser should not have sent as a refusal, never as its own failure."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from flask.testing import FlaskClient

from gateway.errors import ControllerUnavailable, DeviceUnavailable, GatewayError

MANY = {f"field{number}": "1" for number in range(1_001)}


def test_a_form_of_too_many_parts_is_too_large(browser: FlaskClient) -> None:
    answer = browser.post("/settings/certificate", data=MANY, content_type="multipart/form-data")
    assert answer.status_code == 413
    assert "This cannot be done." in answer.text


def test_a_door_that_does_not_exist_is_not_found(browser: FlaskClient) -> None:
    assert browser.get("/doors/1/menu").status_code == 200
    assert browser.get("/doors/99/menu").status_code == 404


def test_an_unreadable_address_of_the_open_page_leads_to_the_sign_in(
    stranger: FlaskClient,
) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://["}
    answer = stranger.get("/people", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/sign-in?over=1&next=%2F"


def test_a_second_test_of_the_network_does_not_blame_the_controller(
    browser: FlaskClient, throwaway: SimpleNamespace
) -> None:
    with throwaway.context.probe_lock:
        answer = browser.post("/settings/servers/monitor/test")
    assert "Another test of the network is running" in answer.text
    assert "The door controller does not answer." not in answer.text


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (DeviceUnavailable("door 1 cannot be reached"), "This is not possible at the moment."),
        (ControllerUnavailable("no answer"), "The door controller does not answer."),
    ],
)
def test_the_page_says_who_does_not_answer(
    browser: FlaskClient,
    throwaway: SimpleNamespace,
    monkeypatch: pytest.MonkeyPatch,
    error: GatewayError,
    said: str,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(throwaway.context.controller, "ask", refuse)
    for headers in ({}, {"HX-Request": "true"}):
        answer = browser.post("/doors/1/open", headers=headers)
        assert answer.status_code == 503
        assert said in answer.text
        assert str(error) in answer.text


def test_nobody_is_made_or_renamed_without_a_name(
    browser: FlaskClient, throwaway: SimpleNamespace
) -> None:
    store = throwaway.context.store
    [number] = store.insert("users", [{"name": "Ana"}])
    for path in ("/people/new", f"/people/{number}/edit"):
        answer = browser.post(path, data={"name": "  ", "registration": "7"})
        assert answer.status_code == 400
        assert "it is missing" in answer.text
    assert [row["name"] for row in store.load({"object": "users"}).rows] == ["Ana"]
