"""User photos: stored and served, never matched (Control iD Access API, user photos).

Not documented by the vendor and decided here:

- A refused photo, alone or in a list, is answered with 200 and the documented object: `success`
  false and the reason in `errors`. Clients read these members and take any other status for a
  device that is away. An unreadable `user_id` is answered as 0.
- `scores` are empty, since faces are not matched. `match` must be a flag and has no effect.
- A time stamp that is missing or 0 becomes the device's time, since 0 stands for no photo.
- With `general.keep_user_image` 0 a photo is checked and then discarded, with the former photo.
- `dangling` photos, of deleted people, do not exist: a photo is deleted with its person. Such a
  request does nothing and succeeds.
- Lists have at most 100 photos, the vendor's limit for reading.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, NotRequired

from typing_extensions import TypedDict

from gateway.commands.answers import DONE, ByteStream, Done, Rows
from gateway.commands.audit import SHOWN, audited_write
from gateway.commands.command import Audit, Command
from gateway.commands.context import Call, CommandContext
from gateway.commands.photo_files import check_photo, media_type
from gateway.commands.photo_requests import (
    INVALID_USER,
    CheckImageRequest,
    DestroyImageRequest,
    GetImageRequest,
    GetImagesRequest,
    ListedImage,
    ListImagesRequest,
    SetImageRequest,
    SetImagesRequest,
    user_id_of,
)
from gateway.commands.requests import NoMembers, parse
from gateway.errors import InvalidRequest, NotFound, StorageError
from gateway.objects.people import USER_ID_MAX
from gateway.store.tables.photos import NOT_AN_IMAGE, Photo, Photos, count_people_with_faces

NO_USER = "User does not exist"
_ERROR_CODE = 1
"""The vendor's code for every refusal that does not concern the face."""


@dataclass(frozen=True, slots=True)
class _CheckedPhoto:
    """The verdict on one photo."""

    user_id: int
    photo: Photo | None
    """None for a refused photo."""
    refusal: str = ""


class ImageAnswer(TypedDict):
    """Answer to `user_get_image` with `get_timestamp`."""

    timestamp: int
    image: str


class Stamp(TypedDict):
    """A person with a photo, and its time stamp."""

    user_id: int
    timestamp: int


class PhotoList(TypedDict, total=False):
    """Answer to `user_list_images`: `image_info` with `get_timestamp`, otherwise `user_ids`."""

    user_ids: list[int]
    image_info: list[Stamp]


class PhotoError(TypedDict):
    """Why a photo is missing or was refused."""

    code: int
    message: str


class PhotoFound(TypedDict):
    """One of the requested photos."""

    id: int
    timestamp: NotRequired[int]
    image: NotRequired[str]
    error: NotRequired[PhotoError]


class PhotosFound(TypedDict):
    """Answer to `user_get_image_list`."""

    user_images: list[PhotoFound]


class PhotoTaken(TypedDict):
    """The result for one photo; without `user_id` if the request has none."""

    user_id: NotRequired[int]
    success: bool
    scores: NotRequired[dict[str, object]]
    errors: list[PhotoError]


class PhotosTaken(TypedDict):
    """Answer to `user_set_image_list`."""

    results: list[PhotoTaken]


class Count(TypedDict):
    """Answer to `face_template_count_distinct`."""

    count: int


def user_get_image(call: Call[GetImageRequest]) -> Annotated[ImageAnswer | ByteStream, ImageAnswer]:
    """The photo of a person: the file, or JSON with its time stamp."""
    photos, user_id = Photos(call.context.store), user_id_of(call.request.user_id)
    photo = photos.find(user_id)
    if photo is None:
        raise NotFound(_without(photos, user_id))
    if call.request.get_timestamp:
        return {"timestamp": photo.timestamp, "image": _text(photo)}
    image = photo.image
    return ByteStream(iter((image,)), len(image), media_type=media_type(image))


def user_list_images(
    call: Call[ListImagesRequest],
) -> Annotated[Mapping[str, object] | Rows, PhotoList]:
    """The people with a photo; with `get_timestamp` also its time stamp."""
    stamps = Photos(call.context.store).stamps()
    if call.request.get_timestamp:
        rows = ({"user_id": it.user_id, "timestamp": it.timestamp} for it in stamps)
        return Rows("image_info", rows)
    return {"user_ids": [it.user_id for it in stamps]}


def user_get_image_list(call: Call[GetImagesRequest]) -> Annotated[Rows, PhotosFound]:
    """The photos of several people, in the order of the request, or an `error` for no photo.

    Photos are read while they are sent, so that few are in memory at a time.
    """
    photos = Photos(call.context.store)

    def rows() -> Iterator[Mapping[str, object]]:
        for user_id in call.request.user_ids:
            known = 1 <= user_id <= USER_ID_MAX
            photo = photos.find(user_id) if known else None
            if photo is not None:
                yield {"id": user_id, "timestamp": photo.timestamp, "image": _text(photo)}
            else:
                said = _without(photos, user_id) if known else INVALID_USER
                yield {"id": user_id, "error": _error(said)}

    return Rows("user_images", rows())


def user_set_image(call: Call[SetImageRequest]) -> Annotated[Mapping[str, object], PhotoTaken]:
    """Store a JPG or PNG of 160x160 to 1920x1080 pixels, landscape or portrait, for a person.

    The body is the file; `user_id`, `timestamp` and `match` are in the query.
    """
    checked = _check(call.context, call.request.user_id, call.request.timestamp, call.request.body)
    (answer,) = _keep(call, "user_set_image", [checked])
    return answer


def user_set_image_list(
    call: Call[SetImagesRequest],
) -> Annotated[Mapping[str, object], PhotosTaken]:
    """Store those of several photos that pass the check; answers a result for each."""
    checked = [_check_listed(call.context, listed) for listed in call.request.user_images]
    return {"results": _keep(call, "user_set_image_list", checked)}


def user_test_image(call: Call[CheckImageRequest]) -> Annotated[Mapping[str, object], PhotoTaken]:
    """Whether `user_set_image` would accept this file; nothing is stored."""
    try:
        check_photo(call.request.body)
    except InvalidRequest as error:
        return _verdict(str(error))
    return _verdict("")


def user_destroy_image(call: Call[DestroyImageRequest]) -> Done:
    """Delete photos; people without a photo are ignored."""
    photos, chosen = Photos(call.context.store), call.request.chosen()
    if chosen is None:
        photos.remove_all()
    else:
        photos.remove(chosen)
    return DONE


def face_template_count_distinct(call: Call[NoMembers]) -> Count:
    """How many people have a face template."""
    return {"count": count_people_with_faces(call.context.store)}


def _check(context: CommandContext, user_id: object, timestamp: int, image: bytes) -> _CheckedPhoto:
    number = 0
    try:
        number = user_id_of(user_id)
        _check_user(context, number)
        check_photo(image)
    except InvalidRequest as error:
        return _CheckedPhoto(number, None, str(error))
    now = context.device_time.stamp(context.clock.utc())
    return _CheckedPhoto(number, Photo(timestamp or now, image))


def _check_user(context: CommandContext, user_id: int) -> None:
    if not context.has_row("users", user_id):
        raise InvalidRequest(NO_USER)


def _check_listed(context: CommandContext, listed: Mapping[str, object]) -> _CheckedPhoto:
    try:
        request = parse(ListedImage, listed)
    except InvalidRequest as error:
        # The vendor's wording.
        return _CheckedPhoto(_readable(listed.get("user_id")), None, f"Failed: {error}")
    try:
        image = base64.b64decode(request.image, validate=True)
    except (binascii.Error, ValueError):
        return _CheckedPhoto(_readable(request.user_id), None, NOT_AN_IMAGE)
    return _check(context, request.user_id, request.timestamp, image)


def _readable(user_id: object) -> int:
    try:
        return user_id_of(user_id)
    except InvalidRequest:
        return 0


def _keep(
    call: Call[object], verb: str, checked: Sequence[_CheckedPhoto]
) -> list[Mapping[str, object]]:
    """Store the accepted photos in one transaction; answers a result for each, in order."""
    if all(it.photo is None for it in checked):
        return [_verdict(it.refusal, it.user_id) for it in checked]
    photos = Photos(call.context.store)
    keeping = call.context.setting("general", "keep_user_image") != "0"
    put = _put if keeping else _discard
    answers: list[Mapping[str, object]] = []
    # The audit entry lists these rows, so they are collected while they are written.
    written: list[dict[str, object]] = []
    with audited_write(call, verb, "users", new=written) as outcome:
        for it in checked:
            refusal = it.refusal if it.photo is None else put(photos, it.user_id, it.photo)
            if not refusal and it.photo is not None:
                stamp = it.photo.timestamp if keeping else 0
                written.append({"id": it.user_id, "image_timestamp": stamp})
            answers.append(_verdict(refusal, it.user_id))
        outcome.count = len(written)
    return answers


def _put(photos: Photos, user_id: int, photo: Photo) -> str:
    """Store a photo; returns the reason of a refusal, or an empty text."""
    try:
        photos.put(user_id, photo)
    except NotFound:  # deleted since it was checked
        return NO_USER
    except InvalidRequest as error:
        return str(error)
    return ""


def _discard(photos: Photos, user_id: int, photo: Photo) -> str:
    """Store neither this photo nor the former one."""
    del photo
    photos.remove([user_id])
    return ""


def _verdict(refusal: str, user_id: int | None = None) -> Mapping[str, object]:
    """The API's object about one photo; without a person for `user_test_image`."""
    whose = {} if user_id is None else {"user_id": user_id}
    if refusal:
        return {**whose, "success": False, "errors": [_error(refusal)]}
    return {**whose, "success": True, "scores": {}, "errors": []}


def _error(message: str) -> dict[str, object]:
    return {"code": _ERROR_CODE, "message": message}


def _without(photos: Photos, user_id: int) -> str:
    return "User has no image" if photos.has_user(user_id) else NO_USER


def _text(photo: Photo) -> str:
    return base64.b64encode(photo.image).decode("ascii")


def _audit_detail(request: DestroyImageRequest) -> str:
    chosen = request.chosen()
    if chosen is None:
        return " of everybody"
    more = len(chosen) - SHOWN
    return f" of users {chosen[:SHOWN]}{f' and {more} more' if more > 0 else ''}"


COMMANDS = (
    Command(user_get_image, errors=(NotFound,), example={"user_id": 1, "get_timestamp": True}),
    Command(user_list_images, example={"get_timestamp": True}),
    Command(user_get_image_list, example={"user_ids": [1, 50]}),
    Command(user_set_image, errors=(StorageError,)),
    Command(
        user_set_image_list,
        errors=(StorageError,),
        example={
            "match": False,
            "user_images": [{"user_id": 50, "timestamp": 1700000000, "image": "/9j/4A=="}],
        },
    ),
    Command(user_test_image),
    Command(
        user_destroy_image,
        audit=Audit(_audit_detail),
        errors=(StorageError,),
        example={"user_ids": [50, 51]},
    ),
    Command(face_template_count_distinct),
)
