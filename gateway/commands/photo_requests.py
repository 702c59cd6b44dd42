"""Request models of the photo commands. Query members are text, so digits count as numbers."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from gateway.commands.requests import QueryFlag, RequestModel
from gateway.errors import InvalidRequest
from gateway.objects.fields import I64_MAX
from gateway.objects.people import USER_ID_MAX

MOST_LISTED = 100
"""Photos in one request or answer."""
INVALID_USER = "Invalid user_id"
"""The vendor's text."""

_DIGITS = re.compile(r"[0-9]{1,19}")
_USER_ID = {"type": "integer", "minimum": 1, "maximum": USER_ID_MAX}


def _number(value: object) -> object:
    return int(value) if isinstance(value, str) and _DIGITS.fullmatch(value) else value


def user_id_of(value: object) -> int:
    """The given id. Raises InvalidRequest with the vendor's text."""
    number = _number(value)
    if type(number) is not int or not 1 <= number <= USER_ID_MAX:
        raise InvalidRequest(INVALID_USER)
    return number


# Any type, because the refusal of an id has its own text.
UserId = Annotated[Any, WithJsonSchema(_USER_ID)]
Timestamp = Annotated[int, BeforeValidator(_number), Field(ge=0, le=I64_MAX)]


class GetImageRequest(RequestModel):
    """`user_get_image`."""

    user_id: UserId = None
    get_timestamp: QueryFlag = False


class ListImagesRequest(RequestModel):
    """`user_list_images`."""

    get_timestamp: QueryFlag = False


class GetImagesRequest(RequestModel):
    """`user_get_image_list`."""

    user_ids: list[int] = Field(max_length=MOST_LISTED)


class SetImageRequest(RequestModel):
    """`user_set_image`: the body is the file itself."""

    # The refusal of a missing id has its own text, so the field has a default.
    model_config = ConfigDict(json_schema_extra={"required": ["body", "user_id"]})

    body: bytes
    user_id: UserId = None
    timestamp: Timestamp = 0
    match: QueryFlag = False


Listed = Annotated[
    dict[str, Any],
    WithJsonSchema(
        {
            "type": "object",
            "properties": {
                "user_id": {"type": "integer"},
                "timestamp": {"type": "integer"},
                "image": {"type": "string"},
            },
            "required": ["user_id", "image"],
        }
    ),
]


class SetImagesRequest(RequestModel):
    """`user_set_image_list`. Each photo is checked by itself, since one alone may be refused."""

    user_images: list[Listed] = Field(max_length=MOST_LISTED)
    match: QueryFlag = False


class ListedImage(RequestModel):
    """One photo of `user_set_image_list`."""

    image: str
    """Base64."""
    user_id: UserId = None
    timestamp: Timestamp = 0


class CheckImageRequest(RequestModel):
    """`user_test_image`: the body is the file itself."""

    body: bytes


class DestroyImageRequest(RequestModel):
    """`user_destroy_image`: exactly one member is needed."""

    user_id: UserId = None
    user_ids: list[Annotated[int, Field(ge=1, le=USER_ID_MAX)]] | None = None
    everybody: QueryFlag = Field(False, alias="all")
    dangling: QueryFlag = False

    def chosen(self) -> list[int] | None:
        """The people whose photos to delete, None for everybody. Raises InvalidRequest."""
        given = (self.user_id is not None, self.user_ids is not None, self.everybody, self.dangling)
        if sum(given) != 1:
            raise InvalidRequest("One of user_id, user_ids, all and dangling is needed")
        if self.user_id is not None:
            return [user_id_of(self.user_id)]
        return None if self.everybody else self.user_ids or []
