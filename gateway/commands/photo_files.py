"""What a photo has to be before this device keeps it (Control iD Access API, user photos).

Nobody's face is looked for: there is no matching here. The file is decoded once, so that whoever
gets it later can show it. What libjpeg makes a picture of in spite of small damage counts as whole.
"""

from __future__ import annotations

import io
import struct
import threading
import warnings
import zlib

from gateway.errors import InvalidRequest

LARGEST_BYTES = 2 << 20
SHORTEST_SIDE = 160
LONG_SIDE, SHORT_SIDE = 1920, 1080
"""Pixels, lying or standing."""
NOT_AN_IMAGE = "Image file not recognized. Image should be either JPG or PNG."
"""The vendor's text, also for a file that is cut off or damaged."""
JPEG, PNG = "image/jpeg", "image/png"

_MOST_SCANS = 100
"""Of a JPEG; usual are 10 at most. Each one makes the decoder go over the whole picture again."""
_SCAN = b"\xff\xda"
_PNG_BEGIN, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
_LONGEST_TEXTS = 1 << 20
"""Bytes to which the texts of a PNG may unfold."""
_DAMAGE = (
    ArithmeticError,
    EOFError,
    LookupError,
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What the decoder stumbles with over a file that is not what it says."""
_turn = threading.Lock()


def media_type(image: bytes) -> str:
    """What a photo that was checked is sent as."""
    return PNG if image.startswith(_PNG_BEGIN) else JPEG


def check_photo(image: bytes) -> None:
    """Return when `image` is a JPG or PNG of allowed size that can be decoded.

    One is decoded at a time, which takes up to some 15 MB. Raises InvalidRequest.
    """
    if len(image) > LARGEST_BYTES:
        raise InvalidRequest(f"Image file is longer than {LARGEST_BYTES} bytes.")
    if image.count(_SCAN) > _MOST_SCANS and not image.startswith(_PNG_BEGIN):
        raise InvalidRequest(NOT_AN_IMAGE)
    # Its warnings would fill the log with what clients send; switching them off is the process's.
    with _turn, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _decode(image)


def _decode(image: bytes) -> None:
    # Some 8 MB that a device without photos does not need.
    from PIL import Image, PngImagePlugin

    PngImagePlugin.MAX_TEXT_MEMORY = _LONGEST_TEXTS
    kinds = ("JPEG", "PNG")
    try:
        # Only the head is read: what would unfold to gigabytes goes no further.
        with Image.open(io.BytesIO(image), formats=kinds) as opened:
            _check_sides(*opened.size)
            opened.verify()  # the check sums of a PNG; the picture cannot be used any more
        with Image.open(io.BytesIO(image), formats=kinds) as opened:
            # Every byte of a JPEG is read all the same, and a sixteenth of the pixels is made.
            opened.draft("L", (SHORTEST_SIDE, SHORTEST_SIDE))
            opened.load()
    except InvalidRequest:
        raise
    except (*_DAMAGE, Image.DecompressionBombError) as error:
        raise InvalidRequest(NOT_AN_IMAGE) from error
    if image.startswith(_PNG_BEGIN) and _PNG_END not in image:
        raise InvalidRequest(NOT_AN_IMAGE)


def _check_sides(width: int, height: int) -> None:
    short, long = sorted((width, height))
    if short < SHORTEST_SIDE or short > SHORT_SIDE or long > LONG_SIDE:
        raise InvalidRequest(
            f"Image is {width}x{height} pixels. It should have {SHORTEST_SIDE}x{SHORTEST_SIDE} to"
            f" {LONG_SIDE}x{SHORT_SIDE}."
        )
