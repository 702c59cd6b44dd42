"""What is taken for a photo, what becomes of it, and what is told of it."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from gateway.commands import photo_files
from gateway.commands.context import Call
from gateway.commands.photo_files import check_photo, media_type
from gateway.commands.photo_requests import GetImagesRequest
from gateway.commands.photos import user_get_image_list
from gateway.errors import InvalidRequest
from gateway.store.tables.photos import LARGEST_BYTES, NOT_AN_IMAGE, Photos

if TYPE_CHECKING:
    from tests.unit.commands.conftest import Desk

NOW = 1_751_371_200 - 3 * 3600
"""The desk's clock in device time."""


def picture(kind: str, width: int = 200, height: int = 160, **options: Any) -> bytes:
    shades = bytes(x * 7 % 256 for x in range(width * height))
    file = io.BytesIO()
    Image.frombytes("L", (width, height), shades).convert("RGB").save(file, kind, **options)
    return file.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, *extra: bytes, pixels: bytes | None = None) -> bytes:
    """Black, in shades of grey."""
    data = bytes((width + 1) * height) if pixels is None else pixels
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    middle = b"".join((head, *extra, chunk(b"IDAT", zlib.compress(data))))
    return b"\x89PNG\r\n\x1a\n" + middle + chunk(b"IEND", b"")


JPG, PNG = picture("JPEG"), picture("PNG")


# what is taken


@pytest.mark.parametrize(
    "image",
    [
        JPG,
        PNG,
        picture("JPEG", 1920, 1080),
        picture("JPEG", 1080, 1920, progressive=True),
        picture("PNG", 160, 160),
        picture("JPEG", 160, 1920),
        png(200, 200, chunk(b"tEXt", b"Comment\0hello")),
    ],
    ids=["jpg", "png", "lying", "standing", "smallest", "narrow", "with a text"],
)
def test_a_photo_of_an_allowed_size_is_taken(image: bytes) -> None:
    check_photo(image)
    assert media_type(image) == ("image/png" if image[1:4] == b"PNG" else "image/jpeg")


def test_a_jpeg_of_several_pictures_as_phones_make_it_is_a_jpeg() -> None:
    file = io.BytesIO()
    first, second = (Image.new("RGB", (200, 200), shade) for shade in ("red", "blue"))
    first.save(file, "MPO", save_all=True, append_images=[second])
    check_photo(file.getvalue())
    assert media_type(file.getvalue()) == "image/jpeg"


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize(("width", "height"), [(159, 160), (1921, 1080), (1081, 1081), (160, 1921)])
def test_a_photo_of_another_size_is_refused_naming_it(kind: str, width: int, height: int) -> None:
    with pytest.raises(InvalidRequest, match=f"^Image is {width}x{height} pixels"):
        check_photo(picture(kind, width, height))


@pytest.mark.parametrize(
    "image", [JPG, PNG, picture("JPEG", progressive=True)], ids=["jpg", "png", "progressive"]
)
@pytest.mark.parametrize("left", [0.01, 0.3, 0.9, -13, -2, -1])
def test_a_file_that_is_cut_off_is_refused(image: bytes, left: float) -> None:
    end = int(left) if left < 0 else int(left * len(image))
    with pytest.raises(InvalidRequest) as refused:
        check_photo(image[:end])
    assert str(refused.value) == NOT_AN_IMAGE


def flipped(image: bytes, at: int) -> bytes:
    return image[:at] + bytes([image[at] ^ 0x10]) + image[at + 1 :]


@pytest.mark.parametrize(
    "image",
    [
        b"",
        b"GIF89a" + bytes(100),
        picture("GIF"),
        picture("BMP"),
        picture("WEBP"),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\xff\xd8\xff\xd9",
        flipped(PNG, len(PNG) // 2),
        flipped(PNG, len(PNG) - 13),
        png(200, 200, pixels=bytes(100)),
        png(200, 200)[:-12],
        png(50_000, 50_000, pixels=b""),
        png(10_000, 10_000, pixels=b""),
        png(200, 200, *[chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(900_000)))] * 3),
        png(200, 200, chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(9_000_000)))),
    ],
    ids=[
        "nothing", "a head", "gif", "bmp", "webp", "svg", "no picture", "a bit", "a check sum",
        "too few rows", "no end", "bomb", "smaller bomb", "text bomb", "profile bomb",
    ],
)  # fmt: skip
def test_what_is_neither_or_damaged_is_refused(image: bytes) -> None:
    with pytest.raises(InvalidRequest, match=r"^Image"):
        check_photo(image)


def test_a_bomb_is_never_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def decoded(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(Image.Image, "load", decoded)
    for side in (2_000, 10_000, 50_000):
        with pytest.raises(InvalidRequest):
            check_photo(png(side, side, pixels=b""))


def test_a_picture_that_is_gone_over_again_and_again_is_refused() -> None:
    image = picture("JPEG", progressive=True)
    last = image.rindex(b"\xff\xda")
    scan = image[last:-2]
    assert 2 < image.count(b"\xff\xda") <= photo_files._MOST_SCANS
    with pytest.raises(InvalidRequest):
        check_photo(image[:-2] + scan * photo_files._MOST_SCANS + b"\xff\xd9")


def test_a_file_has_two_megabytes_at_most() -> None:
    check_photo(JPG + bytes(LARGEST_BYTES - len(JPG)))
    with pytest.raises(InvalidRequest, match="longer than 2097152 bytes"):
        check_photo(JPG + bytes(LARGEST_BYTES - len(JPG) + 1))


@pytest.mark.hypothesis
@given(
    image=st.sampled_from([JPG, PNG]),
    edits=st.lists(st.tuples(st.integers(0, 5_000), st.binary(max_size=6)), max_size=4),
    end=st.integers(1, 6_000),
)
@example(image=JPG, edits=[], end=6_000)
def test_whatever_the_bytes_are_there_is_a_verdict(
    image: bytes, edits: list[tuple[int, bytes]], end: int
) -> None:
    for at, data in edits:
        image = image[:at] + data + image[at + len(data) :]
    try:
        check_photo(image[:end])
    except InvalidRequest as refused:
        assert str(refused).startswith("Image")  # noqa: PT017 - being taken is right as well


# what becomes of it


def encoded(image: bytes) -> str:
    return base64.b64encode(image).decode()


@pytest.fixture
def people(desk: Desk) -> Desk:
    values = [{"id": number, "name": f"n{number}"} for number in (1, 2, 3)]
    desk.ask("create_objects", {"object": "users", "values": values})
    return desk


def put(desk: Desk, *photos: Any, **more: Any) -> list[dict[str, Any]]:
    answer = desk.ask("user_set_image_list", {"user_images": list(photos), **more})
    assert list(answer) == ["results"]
    results: list[dict[str, Any]] = answer["results"]
    return results


def sent(user_id: object, image: object = None, **more: Any) -> dict[str, Any]:
    return {"user_id": user_id, "image": encoded(JPG) if image is None else image, **more}


def refused(user_id: int, message: str) -> dict[str, Any]:
    return {
        "user_id": user_id,
        "success": False,
        "errors": [{"code": 1, "message": message}],
    }


def taken(user_id: int) -> dict[str, Any]:
    return {"user_id": user_id, "success": True, "scores": {}, "errors": []}


def stamps(desk: Desk) -> dict[int, int]:
    info = desk.ask("user_list_images", {"get_timestamp": 1})["image_info"]
    rows = desk.ask("load_objects", {"object": "users"})["users"]
    known = {row["id"]: row["image_timestamp"] for row in rows if row["image_timestamp"]}
    assert {row["user_id"]: row["timestamp"] for row in info} == known
    return known


def test_each_photo_of_a_list_is_judged_for_itself(people: Desk) -> None:
    results = put(
        people,
        sent(3, timestamp=30),
        sent(99, timestamp=99),
        sent("x"),
        sent(2, encoded(JPG[:-50]), timestamp=20),
        sent(2, "no base64"),
        sent(1, encoded(PNG), timestamp=10),
        match=True,
    )
    assert results == [
        taken(3),
        refused(99, "User does not exist"),
        refused(0, "Invalid user_id"),
        refused(2, NOT_AN_IMAGE),
        refused(2, NOT_AN_IMAGE),
        taken(1),
    ]
    assert stamps(people) == {1: 10, 3: 30}


def test_a_wrong_member_of_one_photo_is_named_and_keeps_no_other_out(people: Desk) -> None:
    results = put(
        people,
        sent(1, 7),
        {"user_id": 1},
        sent(1, timestamp="then"),
        sent(1, timestamp=-1),
        sent(2),
    )
    assert results[:3] == [
        refused(1, "Failed: Invalid member 'image' (string expected, got int)"),
        refused(1, "Failed: Invalid member 'image' (string expected, got undefined)"),
        refused(1, "Failed: Invalid member 'timestamp' (int expected, got string)"),
    ]
    assert results[3]["errors"][0]["message"].startswith("Failed: Invalid member 'timestamp' (")
    assert results[4] == taken(2)
    assert list(stamps(people)) == [2]


def test_the_last_photo_of_one_person_in_a_list_stays(people: Desk) -> None:
    assert put(people, sent(1, timestamp=5), sent(1, encoded(PNG), timestamp=4)) == [taken(1)] * 2
    assert stamps(people) == {1: 4}
    found = Photos(people.store).find(1)
    assert found is not None
    assert found.image == PNG


@pytest.mark.parametrize("timestamp", [{}, {"timestamp": 0}])
def test_without_a_time_stamp_it_is_the_time_of_the_device(
    people: Desk, timestamp: dict[str, int]
) -> None:
    put(people, sent(1, **timestamp))
    assert stamps(people) == {1: NOW}


def test_a_list_has_a_bound_and_a_shape(people: Desk) -> None:
    for body, said in (
        ({"user_images": [sent(1)] * 101}, "'user_images'"),
        ({"user_images": [7]}, "Invalid member 'user_images[0]' (object expected, got int)"),
        ({}, "Invalid member 'user_images' (array expected, got undefined)"),
        ({"user_images": [sent(1)], "match": 2}, "Invalid member 'match' (bool"),
    ):
        status, error = people.refusal("user_set_image_list", body)
        assert status == 400
        assert said in error
    assert stamps(people) == {}
    assert len(put(people, *[sent(99)] * 100)) == 100


def test_a_site_that_keeps_no_photos_judges_and_discards_them(people: Desk) -> None:
    put(people, sent(1, timestamp=5), sent(2, timestamp=6))
    people.ask("set_configuration", {"general": {"keep_user_image": "0"}})
    results = put(people, sent(1, timestamp=7), sent(3), sent(2, "AAAA"))
    assert results == [taken(1), taken(3), refused(2, NOT_AN_IMAGE)]
    assert stamps(people) == {2: 6}


def test_there_is_no_room_for_more_than_the_bound(
    people: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.store.tables.photos.MOST_BYTES", len(JPG) + 10)
    results = put(people, sent(1, timestamp=5), sent(2), sent(1, timestamp=6))
    assert [it["success"] for it in results] == [True, False, True]
    assert "all photos together" in results[1]["errors"][0]["message"]
    assert stamps(people) == {1: 6}


def test_somebody_who_goes_while_the_photo_is_judged_is_not_there(
    people: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def goes(_: bytes) -> None:
        people.store.destroy("users", {"users": {"id": 1}})

    monkeypatch.setattr("gateway.commands.photos.check_photo", goes)
    assert put(people, sent(1), sent(2)) == [refused(1, "User does not exist"), taken(2)]


# destroyed


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ({"user_id": 1}, [2, 3]),
        ({"user_id": "1"}, [2, 3]),
        ({"user_ids": [3, 1, 99]}, [2]),
        ({"user_ids": []}, [1, 2, 3]),
        ({"all": True}, []),
        ({"all": 1}, []),
        ({"dangling": True}, [1, 2, 3]),
        ({"user_id": 2, "all": False}, [1, 3]),
    ],
)
def test_photos_are_destroyed_as_asked(people: Desk, body: Any, left: list[int]) -> None:
    put(people, *(sent(number) for number in (1, 2, 3)))
    assert people.ask("user_destroy_image", body) == {}
    assert list(stamps(people)) == left


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "One of user_id"),
        ({"all": False}, "One of user_id"),
        ({"user_id": 1, "all": True}, "One of user_id"),
        ({"user_ids": [1], "dangling": True}, "One of user_id"),
        ({"user_id": 0}, "Invalid user_id"),
        ({"user_ids": [1, "2"]}, "user_ids[1]"),
        ({"user_ids": [1 << 70]}, "user_ids[0]"),
    ],
)
def test_what_is_not_clear_destroys_nothing(people: Desk, body: Any, said: str) -> None:
    put(people, sent(1))
    status, error = people.refusal("user_destroy_image", body)
    assert (status, said in error) == (400, True), error
    assert list(stamps(people)) == [1]


def test_the_way_back_to_the_beginning_takes_the_photos(people: Desk) -> None:
    put(people, sent(1))
    people.ask("reset_to_factory_default", {})
    assert stamps(people) == {}


# told


def test_the_audit_log_tells_whose_photo_was_set_and_destroyed(people: Desk) -> None:
    before = len(people.audit())
    put(people, sent(1, timestamp=5), sent(99))
    put(people, sent(99))
    people.ask("user_destroy_image", {"user_ids": list(range(1, 9))})
    people.ask("user_destroy_image", {"all": True})
    told = people.audit()[before:]
    assert [line.partition(": ")[2] for line in told] == [
        'user_set_image_list users: 1 rows, new [{"id":1,"image_timestamp":5}]',
        "user_destroy_image of users [1, 2, 3, 4, 5] and 3 more",
        "user_destroy_image of everybody",
    ]
    assert all("admin" in line for line in told)


def test_an_exported_and_imported_table_of_people_claims_no_photo(
    people: Desk, new_desk: Callable[..., Desk]
) -> None:
    put(people, sent(1, timestamp=5))
    text = people.text("export_object", {"object": "users"})
    other = new_desk()
    other.ask("import_objects", {"object": "users", "data": text})
    assert stamps(other) == {}
    again = {"object": "users", "data": text, "resolution": "replace"}
    people.ask("import_objects", again)
    assert stamps(people) == {1: 5}


def test_a_backup_carries_the_photos_to_another_device(
    people: Desk, new_desk: Callable[..., Desk]
) -> None:
    put(people, sent(1, timestamp=5), sent(2, encoded(PNG), timestamp=6))
    file = people.send("backup_objects").data
    other = new_desk(600_000)
    assert other.send("restore_objects", data=file).status_code == 200
    assert stamps(other) == {1: 5, 2: 6}
    asked = other.ask("user_get_image_list", {"user_ids": [2, 1]})["user_images"]
    assert [it["image"] for it in asked] == [encoded(PNG), encoded(JPG)]


def test_a_list_of_photos_is_read_as_it_is_sent(
    people: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(people, *(sent(number) for number in (1, 2, 3)))
    asked: list[int] = []
    plain = Photos.find

    def find(self: Photos, user_id: int) -> Any:
        asked.append(user_id)
        return plain(self, user_id)

    monkeypatch.setattr(Photos, "find", find)
    caller: Any = None
    answer: Any = user_get_image_list(
        Call(people.context, caller, GetImagesRequest(user_ids=[1, 2, 3, 1]))
    )
    assert asked == []
    assert next(answer.rows)["id"] == 1
    assert asked == [1]
    assert [row["id"] for row in answer.rows] == [2, 3, 1]
