"""Answers from bytes alone: how long they are, what is skipped, what is refused, and in whatever pieces they come."""

from __future__ import annotations

import gzip
import zlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.answer import BROKEN, MAX_ANSWER, Answer, AnswerTooLong, Incomplete, unpacked

LENGTH = b"HTTP/1.1 200 OK\r\nX-One: a\r\nContent-Length: 5\r\nx-one:  b \r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n"
    b"3;ext=1\r\nhel\r\n2\r\nlo\r\n0\r\nX-Trailer: t\r\n\r\n"
)
TO_THE_END = b"HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\nhello"


def read(*pieces: bytes, end: bool = False, without_body: bool = False) -> Answer:
    answer = Answer(without_body=without_body)
    for piece in pieces:
        answer.feed(piece)
    if end:
        answer.feed(b"")
    return answer


def test_repeated_headers_are_joined_under_their_first_name() -> None:
    answer = read(LENGTH)

    assert dict(answer.headers) == {"X-One": "a, b", "Content-Length": "5"}
    assert answer.headers["x-ONE"] == "a, b"


@given(st.sampled_from([LENGTH, CHUNKED, TO_THE_END]), st.lists(st.integers(1, 200), max_size=12))
@settings(max_examples=200, deadline=None)
def test_the_pieces_do_not_matter(raw: bytes, cuts: list[int]) -> None:
    places = [0, *sorted({cut for cut in cuts if cut < len(raw)}), len(raw)]
    pieces = [raw[start:stop] for start, stop in pairwise(places)]

    split, at_once = (read(*parts, end=raw is TO_THE_END) for parts in (pieces, [raw]))

    for answer in (split, at_once):
        assert answer.is_whole
        assert bytes(answer.body) == b"hello"
    assert (split.status, dict(split.headers), split.keeps_open) == (
        at_once.status,
        dict(at_once.headers),
        at_once.keeps_open,
    )


def test_interim_answers_and_trailers_leave_nothing() -> None:
    answer = read(CHUNKED)

    assert (answer.status, dict(answer.headers)) == (201, {"Transfer-Encoding": "chunked", "X-A": "1"})


@given(st.sampled_from([LENGTH, CHUNKED]), st.integers(0, 300))
@settings(max_examples=100, deadline=None)
def test_an_answer_cut_off_is_never_whole(raw: bytes, kept: int) -> None:
    answer = read(*[piece for piece in [raw[: kept % len(raw)]] if piece])

    assert not answer.is_whole
    with pytest.raises(Incomplete):
        answer.feed(b"")


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nX: y\r\n", b"HTTP/1.1 200 OK\r\n\r"])
def test_a_head_cut_off_is_no_answer(head: bytes) -> None:
    with pytest.raises(Incomplete):
        read(head, end=True)


@pytest.mark.parametrize(
    ("raw", "status", "keeps_open"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, True),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", 304, True),
        (b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", 200, False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", 200, False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", 200, True),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nxyz", 101, False),
        (b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", 200, True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n", 200, False),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\nabc", 304, False),
    ],
)
def test_an_answer_without_a_body(raw: bytes, status: int, keeps_open: bool) -> None:
    answer = read(raw)

    assert (answer.is_whole, answer.status, answer.keeps_open) == (True, status, keeps_open)
    assert answer.body == b""


def test_the_answer_to_head_announces_a_body_and_has_none() -> None:
    answer = read(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", without_body=True)

    assert (answer.is_whole, answer.keeps_open, bytes(answer.body)) == (True, True, b"")


def test_a_body_behind_the_answer_to_head_is_not_read() -> None:
    assert read(LENGTH, without_body=True).body == b""


@pytest.mark.parametrize(
    "raw",
    [
        b"220 mail.example.test ready\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 4, 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 65_536,
    ],
)
def test_what_is_no_answer_is_refused(raw: bytes) -> None:
    with pytest.raises(BROKEN):
        read(raw)


def test_a_body_may_be_as_long_as_allowed_and_no_longer() -> None:
    head, piece = b"HTTP/1.1 200 OK\r\n\r\n", bytes(1024 * 1024)

    assert len(read(head, *[piece] * 10).body) == MAX_ANSWER
    with pytest.raises(AnswerTooLong):
        read(head, *[piece] * 10, b"x")


def test_an_endless_trailer_is_too_long() -> None:
    with pytest.raises(AnswerTooLong):
        read(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", *[b"y" * 1024 * 1024] * 20)


def raw_deflate(body: bytes) -> bytes:
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packing.compress(body) + packing.flush()


@pytest.mark.parametrize(
    ("body", "codings"),
    [
        (b"hello", ""),
        (b"hello", "identity"),
        (gzip.compress(b"hello", mtime=0), "GZip"),
        (gzip.compress(b"hel", mtime=0) + gzip.compress(b"lo", mtime=0), "x-gzip"),
        (zlib.compress(b"hello"), "deflate"),
        (raw_deflate(b"hello"), "deflate"),
        (gzip.compress(zlib.compress(b"hello"), mtime=0), "deflate, gzip"),
    ],
)
def test_bodies_are_unpacked(body: bytes, codings: str) -> None:
    assert unpacked(body, codings) == b"hello"


def test_an_empty_body_needs_no_unpacking() -> None:
    assert unpacked(b"", "gzip") == b""


@pytest.mark.parametrize(
    ("body", "codings"),
    [
        (b"no gzip", "gzip"),
        (gzip.compress(b"hello", mtime=0)[:-4], "gzip"),
        (b"no deflate", "deflate"),
        (zlib.compress(b"hello")[:-2], "deflate"),
    ],
)
def test_a_broken_or_half_packed_body_is_refused(body: bytes, codings: str) -> None:
    with pytest.raises((*BROKEN, OSError)):
        unpacked(body, codings)


@pytest.mark.parametrize("codings", ["gzip", "deflate", "gzip, gzip"])
def test_a_bomb_is_not_unpacked(codings: str) -> None:
    bomb = bytes(MAX_ANSWER + 1)
    for coding in codings.split(", "):
        bomb = gzip.compress(bomb) if coding == "gzip" else zlib.compress(bomb)

    with pytest.raises(AnswerTooLong):
        unpacked(bomb, codings)
