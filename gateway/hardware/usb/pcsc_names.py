"""Which reader at pcscd the site file means: by its name, or by the beginning of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

from gateway.errors import NotFound
from gateway.settings import PcscReader


def reader_among(wanted: str, there: Sequence[str]) -> str:
    """The one reader of that name or beginning; raises NotFound naming those that are there."""
    if wanted in there:
        return wanted
    fitting = [name for name in there if name.startswith(wanted)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise NotFound(
            f"{wanted!r} is the beginning of {len(fitting)} readers: "
            f"{', '.join(fitting)}; name one of them"
        )
    raise NotFound(
        f"pcscd has no reader {wanted!r}; it has: {', '.join(there) or 'none'}; "
        "see its cable and `reader`"
    )


def name_problems(readers: Iterable[PcscReader]) -> Iterator[str]:
    """Where two names may mean one reader: a card there would be two identifications."""
    by_length = sorted(readers, key=lambda reader: len(reader.reader))
    for one, other in combinations(by_length, 2):
        if other.reader.startswith(one.reader):
            yield (
                f"reader {other.name!r} reader: {other.reader!r} begins as {one.reader!r} of reader"
                f" {one.name!r} does (allowed: names of different readers)"
            )
