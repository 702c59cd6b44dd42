"""Which reader at pcscd the site file means: by its name, or by the beginning of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

from gateway.errors import NotFound
from gateway.settings import PcscReader


def reader_among(requested: str, present: Sequence[str]) -> str:
    """The one reader of that name or beginning; raises NotFound naming those that are present."""
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
        "see its cable and `reader`"
    )


def name_problems(readers: Iterable[PcscReader]) -> Iterator[str]:
    """Where two names may mean one reader: a card present would be two identifications."""
    by_length = sorted(readers, key=lambda reader: len(reader.reader))
    for one, other in combinations(by_length, 2):
        if other.reader.startswith(one.reader):
            yield (
                f"reader {other.name!r} reader: {other.reader!r} begins as {one.reader!r} of reader"
                f" {one.name!r} does (allowed: names of different readers)"
            )
