"""User photos over a real socket."""

from __future__ import annotations

import base64
import http.client
import io
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gateway.store.tables.photos import Photos

NOT_AN_IMAGE = "Image file not recognized. Image should be either JPG or PNG."
LIMIT = 2 * 1024 * 1024
NOW = 1_751_371_200 - 3 * 3600
"""The clock of the device of these tests, in device time."""
EVA, ANA, NOBODY = 8_101, 8_102, 8_103

Call = Callable[..., requests.Response]


def picture(kind: str, width: int = 200, height: int = 160) -> bytes:
    shades = bytes(x * 7 % 256 for x in range(width * height))
    file = io.BytesIO()
    Image.frombytes("L", (width, height), shades).save(file, kind)
    return file.getvalue()


JPG, PNG = picture("JPEG"), picture("PNG")


@pytest.fixture
def people(ask: Callable[..., Any]) -> Iterator[None]:
    rows = [{"id": number, "name": "somebody"} for number in (EVA, ANA)]
    assert ask("create_objects", {"object": "users", "values": rows})[0] == 200
    yield
    where = {"users": {"id": [EVA, ANA]}}
    assert ask("destroy_objects", {"object": "users", "where": where})[0] == 200


@pytest.fixture
def call(device: SimpleNamespace, new_token: Callable[..., str]) -> Call:
    """Any method, any body; members in the query."""

    def send(
        command: str, method: str = "POST", login: str = "admin", **options: Any
    ) -> requests.Response:
        session = options.pop("session", None) or new_token(login)
        query = {**options.pop("query", {}), "session": session}
        url = f"{device.url}/{command}.fcgi"
        return requests.request(method, url, params=query, timeout=30, **options)

    return send


def put(call: Call, user_id: object, image: bytes = JPG, **more: Any) -> requests.Response:
    query = {"user_id": user_id, "timestamp": 1_700_000_000, "match": 0, **more.pop("query", {})}
    headers = {"Content-Type": "application/octet-stream"}
    return call("user_set_image", data=image, query=query, headers=headers, **more)


def text_of(image: bytes) -> str:
    return base64.b64encode(image).decode()


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("image", "media"), [(JPG, "image/jpeg"), (PNG, "image/png")], ids=["jpg", "png"]
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_a_photo_comes_back_byte_by_byte(call: Call, image: bytes, media: str, method: str) -> None:
    answer = put(call, EVA, image, method=method)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"user_id": EVA, "success": True, "scores": {}, "errors": []}
    for asking in (
        call("user_get_image", "GET", query={"user_id": EVA}),
        call("user_get_image", "POST", query={"user_id": EVA}),
        call("user_get_image", "POST", json={"user_id": EVA}),
        call("user_get_image", "POST", json={"user_id": EVA}, query={"user_id": ANA}),
    ):
        assert asking.status_code == 200, asking.text
        assert asking.content == image
        assert asking.headers["Content-Type"] == media
        assert asking.headers["Content-Length"] == str(len(image))
        assert "Content-Disposition" not in asking.headers
        assert asking.headers["Access-Control-Allow-Origin"] == "*"
    head = call("user_get_image", "HEAD", query={"user_id": EVA})
    assert (head.status_code, head.content, head.headers["Content-Type"]) == (200, b"", media)


@pytest.mark.usefixtures("people")
def test_a_client_that_calls_the_body_an_image_is_understood(call: Call) -> None:
    answer = call(
        "user_set_image",
        "PUT",
        data=JPG,
        query={"user_id": EVA},
        headers={"Content-Type": "image/jpeg"},
    )
    assert answer.status_code == 200, answer.text
    assert call("user_get_image", "GET", query={"user_id": EVA}).content == JPG


@pytest.mark.usefixtures("people")
def test_a_photo_comes_with_its_time_stamp_on_demand(call: Call, ask: Callable[..., Any]) -> None:
    put(call, EVA)
    known = {"timestamp": 1_700_000_000, "image": text_of(JPG)}
    query = {"user_id": EVA, "get_timestamp": 1}
    assert call("user_get_image", "GET", query=query).json() == known
    assert ask("user_get_image", {"user_id": EVA, "get_timestamp": True}) == (200, known)
    search = {"object": "users", "fields": ["image_timestamp"], "where": {"users": {"id": EVA}}}
    assert ask("load_objects", search) == (200, {"users": [{"image_timestamp": 1_700_000_000}]})
    call("user_set_image", data=JPG, query={"user_id": EVA, "timestamp": ""})
    assert call("user_get_image", "GET", query=query).json()["timestamp"] == NOW


@pytest.mark.usefixtures("people")
def test_who_has_no_photo_gets_a_404_with_a_text(call: Call) -> None:
    for user_id, said in ((EVA, "User has no image"), (NOBODY, "User does not exist")):
        for more in ({}, {"get_timestamp": 1}):
            answer = call("user_get_image", "GET", query={"user_id": user_id, **more})
            assert answer.status_code == 404
            assert answer.json() == {"error": said, "code": 1}
    for wrong in ({}, {"user_id": ""}, {"user_id": "x"}, {"user_id": 0}, {"user_id": 1 << 64}):
        answer = call("user_get_image", "GET", query=wrong)
        assert (answer.status_code, answer.json()["error"]) == (400, "Invalid user_id")


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("user_id", "image", "said"),
    [
        (EVA, JPG[:-40], NOT_AN_IMAGE),
        (EVA, PNG[: len(PNG) // 2], NOT_AN_IMAGE),
        (EVA, b"", NOT_AN_IMAGE),
        (EVA, picture("GIF"), NOT_AN_IMAGE),
        (EVA, picture("JPEG", 100, 100), "Image is 100x100 pixels."),
        (EVA, picture("JPEG", 2_000, 200), "Image is 2000x200 pixels."),
        (NOBODY, JPG, "User does not exist"),
        ("Eva", JPG, "Invalid user_id"),
        ("", JPG, "Invalid user_id"),
        (-1, JPG, "Invalid user_id"),
    ],
)
def test_a_photo_is_refused_with_a_reason(
    call: Call, device: SimpleNamespace, user_id: Any, image: bytes, said: str
) -> None:
    put(call, EVA, PNG)
    answer = put(call, user_id, image)
    assert answer.status_code == 200
    body = answer.json()
    message = body["errors"][0]["message"]
    assert message.startswith(said)
    assert body == {
        "user_id": user_id if user_id in {EVA, NOBODY} else 0,
        "success": False,
        "errors": [{"code": 1, "message": message}],
    }
    found = Photos(device.context.store).find(EVA)
    assert found is not None
    assert found.image == PNG


@pytest.mark.usefixtures("people")
def test_members_in_the_query_are_checked(call: Call) -> None:
    for query, named in (
        ({"match": 2}, "match"),
        ({"match": "perhaps"}, "match"),
        ({"timestamp": "now"}, "timestamp"),
        ({"timestamp": -1}, "timestamp"),
        ({"timestamp": 1 << 63}, "timestamp"),
    ):
        answer = put(call, EVA, query=query)
        assert answer.status_code == 400, query
        assert answer.json()["error"].startswith(f"Invalid member '{named}' (")
    for match in (0, 1, "true"):
        assert put(call, EVA, query={"match": match}).status_code == 200
    assert put(call, EVA, query={"body": "x", "stray": "y"}).status_code == 200
    assert call("user_get_image", "GET", query={"user_id": EVA}).content == JPG


@pytest.mark.usefixtures("people")
def test_a_photo_has_two_megabytes_at_most(call: Call) -> None:
    longest = JPG + bytes(LIMIT - len(JPG))
    assert put(call, EVA, longest).status_code == 200
    assert call("user_get_image", "GET", query={"user_id": EVA}).content == longest
    known = call("user_get_image_list", json={"user_ids": [EVA, EVA, EVA]}).json()["user_images"]
    assert [base64.b64decode(it["image"]) for it in known] == [longest] * 3
    answer = put(call, EVA, longest + b"\0")
    assert answer.status_code == 413
    assert answer.json()["error"]
    assert call("user_get_image", "GET", query={"user_id": EVA}).content == longest


@pytest.mark.usefixtures("people")
def test_a_photo_in_chunks_is_taken(device: SimpleNamespace, new_token: Callable[..., str]) -> None:
    host, port = device.address
    line = http.client.HTTPConnection(host, port, timeout=30)
    path = f"/user_set_image.fcgi?user_id={EVA}&session={new_token()}"
    line.request("POST", path, iter((JPG[:1000], JPG[1000:])), encode_chunked=True)
    answer = line.getresponse()
    assert answer.status == 200, answer.read()
    line.close()
    found = Photos(device.context.store).find(EVA)
    assert found is not None
    assert found.image == JPG


@pytest.mark.usefixtures("people")
def test_a_test_says_what_setting_would_and_keeps_nothing(
    call: Call, ask: Callable[..., Any]
) -> None:
    answer = call("user_test_image", data=JPG)
    assert answer.status_code == 200
    assert answer.json() == {"success": True, "scores": {}, "errors": []}
    refusal = call("user_test_image", data=JPG[:-40])
    assert refusal.status_code == 200
    assert refusal.json() == {
        "success": False,
        "errors": [{"code": 1, "message": NOT_AN_IMAGE}],
    }
    assert ask("user_list_images") == (200, {"user_ids": []})


@pytest.mark.usefixtures("people")
def test_lists_of_photos_go_in_and_out(call: Call, ask: Callable[..., Any]) -> None:
    photos = [
        {"user_id": ANA, "timestamp": 5, "image": text_of(PNG)},
        {"user_id": NOBODY, "timestamp": 6, "image": text_of(JPG)},
        {"user_id": EVA, "timestamp": 7, "image": text_of(JPG)},
    ]
    status, answer = ask("user_set_image_list", {"match": False, "user_images": photos})
    assert status == 200
    assert [(it["user_id"], it["success"]) for it in answer["results"]] == [
        (ANA, True), (NOBODY, False), (EVA, True),
    ]  # fmt: skip
    assert call("user_list_images", "GET").json() == {"user_ids": [EVA, ANA]}
    info = [{"user_id": EVA, "timestamp": 7}, {"user_id": ANA, "timestamp": 5}]
    assert call("user_list_images", "GET", query={"get_timestamp": 1}).json() == {
        "image_info": info
    }
    assert ask("user_list_images", {"get_timestamp": 1}) == (200, {"image_info": info})
    ask("user_destroy_image", {"user_id": ANA})
    status, answer = ask("user_get_image_list", {"user_ids": [NOBODY, EVA, ANA, 0]})
    assert (status, answer["user_images"]) == (
        200,
        [
            {"id": NOBODY, "error": {"code": 1, "message": "User does not exist"}},
            {"id": EVA, "timestamp": 7, "image": text_of(JPG)},
            {"id": ANA, "error": {"code": 1, "message": "User has no image"}},
            {"id": 0, "error": {"code": 1, "message": "Invalid user_id"}},
        ],
    )
    assert ask("user_get_image_list", {"user_ids": []}) == (200, {"user_images": []})
    assert ask("user_get_image_list", {"user_ids": [EVA] * 100})[0] == 200
    for wrong in ([EVA] * 101, ["x"], EVA):
        status, answer = ask("user_get_image_list", {"user_ids": wrong})
        assert status == 400
        assert "user_ids" in answer["error"]


@pytest.mark.usefixtures("people")
def test_whoever_is_deleted_takes_the_photo_along(call: Call, ask: Callable[..., Any]) -> None:
    put(call, EVA)
    put(call, ANA)
    body = {"object": "users", "where": {"users": {"id": EVA}}}
    assert ask("destroy_objects", body) == (200, {"changes": 1})
    assert call("user_get_image", "GET", query={"user_id": EVA}).status_code == 404
    assert ask("user_list_images") == (200, {"user_ids": [ANA]})
    ask("create_objects", {"object": "users", "values": [{"id": EVA, "name": "another"}]})
    assert call("user_get_image", "GET", query={"user_id": EVA}).status_code == 404


@pytest.mark.usefixtures("people")
def test_an_operator_keeps_photos_and_a_stranger_sees_none(
    call: Call, device: SimpleNamespace
) -> None:
    assert put(call, EVA, login="operator").status_code == 200
    asked = call("user_get_image", "GET", login="operator", query={"user_id": EVA})
    assert asked.content == JPG
    done = call("user_destroy_image", login="operator", json={"user_id": EVA})
    assert (done.status_code, done.json()) == (200, {})
    for command in (
        "user_get_image", "user_list_images", "user_get_image_list", "user_set_image",
        "user_set_image_list", "user_test_image", "user_destroy_image",
        "face_template_count_distinct",
    ):  # fmt: skip
        url = f"{device.url}/{command}.fcgi"
        answer = requests.post(url, params={"user_id": EVA}, data=JPG, timeout=30)
        assert (answer.status_code, answer.json()["error"]) == (401, "Invalid session")


@pytest.mark.usefixtures("people")
def test_face_templates_are_counted_by_person(ask: Callable[..., Any]) -> None:
    _, before = ask("face_template_count_distinct")
    rows = [{"user_id": EVA, "template": "AA==", "length": 1}] * 2
    assert ask("create_objects", {"object": "face_templates", "values": rows})[0] == 200
    assert ask("face_template_count_distinct") == (200, {"count": before["count"] + 1})


@pytest.mark.hypothesis
def test_whatever_is_sent_is_taken_or_refused(
    call: Call, ask: Callable[..., Any], new_token: Callable[..., str]
) -> None:
    ask("create_or_modify_objects", {"object": "users", "values": [{"id": EVA, "name": "x"}]})
    session = new_token()
    names = st.sampled_from(["user_id", "timestamp", "match", "get_timestamp", "body"])
    values = st.one_of(st.sampled_from([str(EVA), "1", "0", "-1"]), st.text(max_size=20))

    @given(
        command=st.sampled_from(["user_set_image", "user_test_image", "user_get_image"]),
        query=st.dictionaries(names, values, max_size=4),
        body=st.one_of(
            st.binary(max_size=200),
            st.tuples(
                st.sampled_from([JPG, PNG]), st.integers(0, 3_000), st.binary(max_size=4)
            ).map(lambda it: it[0][: it[1]] + it[2] + it[0][it[1] + len(it[2]) :]),
        ),
    )
    def send(command: str, query: dict[str, str], body: bytes) -> None:
        query = {name: value for name, value in query.items() if value.isprintable()}
        answer = call(command, session=session, query={"user_id": EVA, **query}, data=body)
        assert answer.status_code in {200, 400, 404}, answer.text
        if answer.status_code != 200:
            assert answer.json()["error"]

    send()
    ask("destroy_objects", {"object": "users", "where": {"users": {"id": EVA}}})
