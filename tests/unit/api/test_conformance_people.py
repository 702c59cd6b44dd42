"""Photos and enrolment over a real socket: each command carried out and refused."""

from __future__ import annotations

import base64
from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
import requests
from PIL import Image

if TYPE_CHECKING:
    from tests.unit.api.conftest import StrawController

Order = Callable[..., requests.Response]

USER = 50


def photo(shade: int = 90) -> bytes:
    file = BytesIO()
    Image.new("RGB", (320, 240), (shade, 120, 150)).save(file, "JPEG")
    return file.getvalue()


@pytest.fixture(autouse=True)
def _one_person(order: Order) -> None:
    order("destroy_objects", {"object": "users"})
    row = {"id": USER, "name": "Eva", "registration": "50"}
    assert order("create_objects", {"object": "users", "values": [row]}).status_code == 200


def listed(order: Order) -> list[int]:
    found: list[int] = order("user_list_images").json()["user_ids"]
    return found


@pytest.mark.effect(
    "user_set_image",
    "user_get_image",
    "user_list_images",
    "user_get_image_list",
    "user_destroy_image",
)
def test_a_photo_is_kept_given_back_and_destroyed(order: Order) -> None:
    data = photo()
    assert listed(order) == []
    taken = order("user_set_image", data=data, user_id=USER, timestamp=77, match=0).json()
    assert (taken["user_id"], taken["success"], taken["errors"]) == (USER, True, [])
    assert listed(order) == [USER]
    file = order("user_get_image", user_id=USER)
    assert (file.headers["Content-Type"], file.content) == ("image/jpeg", data)
    (row,) = order("user_get_image_list", {"user_ids": [USER]}).json()["user_images"]
    assert row == {"id": USER, "timestamp": 77, "image": base64.b64encode(data).decode()}
    assert order("user_destroy_image", {"user_id": USER}).json() == {}
    assert listed(order) == []


@pytest.mark.effect("user_set_image_list", "user_test_image")
def test_photos_are_taken_one_by_one_and_a_test_keeps_none(order: Order) -> None:
    assert order("user_test_image", data=photo()).json()["success"] is True
    assert listed(order) == []
    good = {"user_id": USER, "timestamp": 77, "image": base64.b64encode(photo()).decode()}
    body = {"match": False, "user_images": [good, {**good, "user_id": 51}]}
    results = order("user_set_image_list", body).json()["results"]
    assert [result["success"] for result in results] == [True, False]
    assert listed(order) == [USER]


@pytest.mark.refusal("user_set_image", "user_test_image", "user_set_image_list")
def test_what_is_no_photo_is_refused_and_not_kept(order: Order) -> None:
    for reply in (
        order("user_set_image", data=b"no photo", user_id=USER, timestamp=77, match=0),
        order("user_test_image", data=b"no photo"),
    ):
        assert (reply.status_code, reply.json()["success"]) == (200, False)
    assert order("user_set_image_list", {"user_images": "all"}).status_code == 400
    assert listed(order) == []


@pytest.mark.refusal(
    "user_get_image", "user_get_image_list", "user_list_images", "user_destroy_image"
)
def test_photos_are_asked_for_by_the_ids_of_people(order: Order) -> None:
    assert order("user_get_image", user_id=USER).status_code == 404
    for command, body, said in (
        ("user_get_image_list", {"user_ids": list(range(1, 102))}, "user_ids"),
        ("user_list_images", {"get_timestamp": "soon"}, "get_timestamp"),
        ("user_destroy_image", {}, "user_id"),
    ):
        reply = order(command, body)
        assert reply.status_code == 400, command
        assert said in reply.json()["error"]


@pytest.mark.effect("face_template_count_distinct")
def test_faces_are_counted_by_people(order: Order) -> None:
    assert order("face_template_count_distinct").json() == {"count": 0}
    rows = [{"user_id": USER, "template": "AAEC", "length": 3}] * 2
    order("create_objects", {"object": "face_templates", "values": rows})
    assert order("face_template_count_distinct").json() == {"count": 1}


@pytest.mark.effect("remote_enroll", "enroller_state", "cancel_remote_enroll")
def test_a_card_at_a_reader_becomes_the_persons(order: Order, straw: StrawController) -> None:
    straw.reads["card"] = 4_711
    wish = {"type": "card", "user_id": USER, "save": True, "sync": True, "countdown": 5}
    enrolled = order("remote_enroll", wish).json()
    assert (enrolled["success"], enrolled["card_value"]) == (True, 4_711)
    (card,) = order("load_objects", {"object": "cards"}).json()["cards"]
    assert (card["user_id"], card["value"]) == (USER, 4_711)
    state = order("enroller_state").json()
    assert (state["enroller_state"], state["last_enroll"]) == ("NORMAL_STATE", True)
    assert order("cancel_remote_enroll").json() == {}


@pytest.mark.refusal("remote_enroll")
def test_what_no_reader_takes_is_not_enrolled(order: Order) -> None:
    for wish, status, said in (
        ({"type": "face", "user_id": USER, "save": True}, 400, "no sensor for face"),
        ({"type": "card", "user_id": 51, "save": True}, 400, "no user 51"),
        ({"type": "card", "user_id": USER, "countdown": 0}, 400, "countdown"),
    ):
        reply = order("remote_enroll", wish)
        assert reply.status_code == status
        assert said in reply.json()["error"]
