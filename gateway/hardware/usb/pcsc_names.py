"""Finds the pcscd reader for a name in the site file, or for the beginning of a name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

from gateway.errors import NotFound
from gateway.settings import PcscReader


def reader_among(requested: str, present: Sequence[str]) -> str:
    """Return the one reader with that name or beginning; raises NotFound that names all."""
    if requested in present:
        return requested
    fitting = [name for name in present if name.startswith(requested)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise NotFound(
            f"{requested!r} is the beginning of {len(fitting)} readers: "
            f"{', '.join(fitting)}; name one of them"
        )
    raise NotFound(
        f"pcscd has no reader {requested!r}; it has: {', '.join(present) or 'none'}; "
        "check its cable and the key `reader`"
    )


def name_problems(readers: Iterable[PcscReader]) -> Iterator[str]:
    """Yield names that may match the same reader: a card would be two identifications."""
    by_length = sorted(readers, key=lambda reader: len(reader.reader))
    for one, other in combinations(by_length, 2):
        if other.reader.startswith(one.reader):
            yield (
                f"reader {other.name!r} reader: {other.reader!r} begins as {one.reader!r} of reader"
                f" {one.name!r} does (allowed: names of different readers)"
            )
