"""Checks a photo before it is stored (Control iD Access API, user photos).

The check decodes the file, so that clients can later show it; it looks for no face. A JPEG that
libjpeg decodes in spite of small damage passes.
"""

from __future__ import annotations

import io
import struct
import threading
import warnings
import zlib

from gateway.errors import InvalidRequest
from gateway.store.tables.photos import NOT_AN_IMAGE, PNG_BEGIN, check_photo_file

SHORTEST_SIDE = 160
LONG_SIDE, SHORT_SIDE = 1920, 1080
"""Pixels, in landscape or portrait."""
JPEG, PNG = "image/jpeg", "image/png"

_MOST_SCANS = 100
"""Scans of a JPEG; usual files have at most 10. The decoder processes the whole picture in each."""
_SCAN = b"\xff\xda"
_PNG_END = b"IEND\xaeB`\x82"
_LONGEST_TEXTS = 1 << 20
"""Bytes of the decompressed texts of a PNG."""
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
"""Errors of the decoder for a malformed file."""
_turn = threading.Lock()


def media_type(image: bytes) -> str:
    """The media type of a checked photo."""
    return PNG if image.startswith(PNG_BEGIN) else JPEG


def check_photo(image: bytes) -> None:
    """Raise InvalidRequest unless `image` is a JPG or PNG of allowed size that can be decoded.

    Decodes one photo at a time, with up to some 15 MB of memory.
    """
    check_photo_file(image)
    if image.count(_SCAN) > _MOST_SCANS and not image.startswith(PNG_BEGIN):
        raise InvalidRequest(NOT_AN_IMAGE)
    # Clients could fill the log with warnings. The filter is global to the process, hence the lock.
    with _turn, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _decode(image)


def _decode(image: bytes) -> None:
    # Imported here: some 8 MB that a device without photos does not need.
    from PIL import Image, PngImagePlugin

    PngImagePlugin.MAX_TEXT_MEMORY = _LONGEST_TEXTS
    kinds = ("JPEG", "PNG")
    try:
        # Reads the header only, so that a decompression bomb is refused before it is decoded.
        with Image.open(io.BytesIO(image), formats=kinds) as opened:
            _check_sides(*opened.size)
            opened.verify()  # the checksums of a PNG; the object is unusable afterwards
        with Image.open(io.BytesIO(image), formats=kinds) as opened:
            # The draft mode reads every byte of a JPEG but decodes fewer pixels.
            opened.draft("L", (SHORTEST_SIDE, SHORTEST_SIDE))
            opened.load()
    except InvalidRequest:
        raise
    except (*_DAMAGE, Image.DecompressionBombError) as error:
        raise InvalidRequest(NOT_AN_IMAGE) from error
    if image.startswith(PNG_BEGIN) and _PNG_END not in image:
        raise InvalidRequest(NOT_AN_IMAGE)


def _check_sides(width: int, height: int) -> None:
    short, long = sorted((width, height))
    if short < SHORTEST_SIDE or short > SHORT_SIDE or long > LONG_SIDE:
        raise InvalidRequest(
            f"Image is {width}x{height} pixels. It should have {SHORTEST_SIDE}x{SHORTEST_SIDE} to"
            f" {LONG_SIDE}x{SHORT_SIDE}."
        )
