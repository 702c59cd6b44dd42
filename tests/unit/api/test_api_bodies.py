"""Request bodies off a socket."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.api.bodies import Body, BodyError, ChunkedBody, SizedBody


class Dribble:
    """A source that gives at most `step` bytes at a time and notes how much was asked for."""

    def __init__(self, data: bytes, step: int) -> None:
        self._data = io.BytesIO(data)
        self._step = step
        self.largest = 0

    def read1(self, size: int, /) -> bytes:
        self.largest = max(self.largest, size)
        return self._data.read(min(size, self._step))

    def readline(self, size: int, /) -> bytes:
        return self._data.readline(size)

    def rest(self) -> bytes:
        return self._data.read()


def chunk(data: bytes) -> bytes:
    return b"%x;name=value\r\n%b\r\n" % (len(data), data)


def never() -> bool:
    return False


@given(
    pieces=st.lists(st.binary(min_size=1, max_size=50), max_size=8),
    step=st.integers(1, 60),
    size=st.integers(1, 80),
)
def test_chunks_are_put_together_and_what_follows_is_left_alone(
    pieces: list[bytes], step: int, size: int
) -> None:
    wire = b"".join(map(chunk, pieces)) + b"0\r\nTrailer: x\r\n\r\nGET / HTTP/1.1\r\n"
    source = Dribble(wire, step)
    body = ChunkedBody(source, never)
    taken = b""
    while data := body.read(size):
        taken += data
    assert taken == b"".join(pieces)
    assert body.finished
    assert source.rest() == b"GET / HTTP/1.1\r\n"


@given(data=st.binary(max_size=200), step=st.integers(1, 60), size=st.integers(1, 80))
def test_an_announced_length_ends_the_body(data: bytes, step: int, size: int) -> None:
    source = Dribble(data + b"next", step)
    body = SizedBody(source, never, len(data))
    taken = b""
    while part := body.read(size):
        assert len(part) <= size
        taken += part
    assert taken == data
    assert body.finished
    assert source.rest() == b"next"


@given(data=st.binary(max_size=200))
def test_a_whole_read_and_a_buffered_one_see_the_same(data: bytes) -> None:
    assert SizedBody(Dribble(data, 7), never, len(data)).read() == data
    assert io.BufferedReader(SizedBody(Dribble(data, 7), never, len(data))).read() == data


def test_a_huge_chunk_is_taken_in_small_pieces() -> None:
    source = Dribble(b"ffffffffffff\r\n" + b"x" * 100_000, 1_000_000)
    body = ChunkedBody(source, never)
    assert len(body.read(80_000)) == 80_000
    assert source.largest <= 65_536


@pytest.mark.parametrize(
    "wire",
    [
        b"5\r\nabc",
        b"-5\r\nabcde\r\n0\r\n\r\n",
        b"+5\r\nabcde\r\n0\r\n\r\n",
        b"\r\n",
        b"zz\r\n",
        b"3\r\nabcde\r\n0\r\n\r\n",
        b"3" + b" " * 300 + b"\r\nabc\r\n0\r\n\r\n",
        b"11111111111111111\r\n",
        b"3\nabc\n0\n\n",
        b"0\r\n" + b"a: b\r\n" * 100 + b"\r\n",
        b"0\r\n",
        b"",
    ],
)
def test_malformed_chunks_are_refused_for_good(wire: bytes) -> None:
    body = ChunkedBody(Dribble(wire, 1_000), never)
    with pytest.raises(BodyError):
        body.read()
    assert body.broken
    with pytest.raises(BodyError):
        body.read()


def test_a_client_that_goes_away_inside_a_body_is_noticed() -> None:
    body = SizedBody(Dribble(b"abc", 10), never, 5)
    with pytest.raises(BodyError, match="ended inside"):
        body.read()
    assert not body.finished


class Silent(Dribble):
    def read1(self, size: int, /) -> bytes:
        raise TimeoutError(f"timed out waiting for {size} bytes")


@pytest.mark.parametrize(
    "body",
    [SizedBody(Dribble(b"abc", 1), lambda: True, 3), SizedBody(Silent(b"", 1), never, 3)],
    ids=["trickling", "silent"],
)
def test_a_body_that_takes_too_long_is_refused(body: Body) -> None:
    with pytest.raises(BodyError, match="too long"):
        body.read()
    assert body.broken


def test_discarding_stops_at_its_bound() -> None:
    source = Dribble(b"x" * 300_000, 1_000_000)
    body = SizedBody(source, never, 300_000)
    body.discard(100_000)
    assert not body.finished
    assert 100_000 <= 300_000 - len(source.rest()) <= 100_000 + 65_536
