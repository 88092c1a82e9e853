"""An answer, from its bytes as they come in whatever pieces. Knows no connection."""

from __future__ import annotations

import io
import zlib
from gzip import GzipFile

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from connectors.headers import Headers

MAX_ANSWER = 10 * 1024 * 1024
"""Bytes of an answer that are read, after decompression; a longer one is an error."""

_HEAD_LIMIT, _HEADERS = 65_536, 100


class AnswerTooLong(Exception):
    """More than MAX_ANSWER bytes."""


class Incomplete(ConnectionError):
    """The connection ended before the answer did."""


BROKEN = (HttpParserError, zlib.error, EOFError)
"""What ``feed`` and ``unpacked`` raise for bytes that are no answer (beside OSError)."""


class Answer:
    """Takes the bytes of one answer; interim answers (1xx) before it are skipped.

    Once ``is_whole``, ``status``, ``headers`` and ``body`` (not yet unpacked) stand; ``keeps_open`` tells whether the
    connection can be used again. Call ``close`` when done with it.
    """

    def __init__(self, *, without_body: bool = False) -> None:
        self.status = 0
        self.headers = Headers({})
        self.body = bytearray()
        self.is_whole = self.keeps_open = False
        self.received = 0  # bytes
        self._lines = 0
        self._without_body = without_body
        self._fields: dict[str, tuple[str, str]] = {}
        self._parser = HttpResponseParser(self)
        # As forgiving as other clients are towards old servers. How long a body is stays beyond doubt.
        self._parser.set_dangerous_leniencies(
            lenient_headers=True,
            lenient_chunked_length=True,
            lenient_optional_cr_before_lf=True,
            lenient_spaces_after_chunk_size=True,
        )

    def feed(self, data: bytes) -> None:
        """The next bytes; none at the end of the connection. Raises Incomplete, AnswerTooLong, HttpParserError."""
        if not data:
            self._end()
            return
        self.received += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            if not self.is_whole:
                raise
            self.keeps_open = False  # something follows that nobody asked for
        if not self.status and self.received > _HEAD_LIMIT:
            raise HttpParserError("a head without end")
        if len(self.body) > MAX_ANSWER or self.received > 2 * MAX_ANSWER:
            raise AnswerTooLong

    def close(self) -> None:
        """Part with the parser, which holds this answer as well: together they would wait for the garbage collector."""
        del self._parser

    def _end(self) -> None:
        coding = self.headers.get("Transfer-Encoding", "").lower()
        if not self.status or "Content-Length" in self.headers or coding.endswith("chunked"):
            raise Incomplete
        self.is_whole = True

    # --- called by the parser -------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self.is_whole:
            raise HttpParserError("a second answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.status:
            return  # a trailer
        self._lines += 1
        if self._lines > _HEADERS:
            raise HttpParserError("too many headers")
        shown, text = name.decode("latin-1"), value.decode("latin-1").strip(" \t")
        first = self._fields.get(shown.lower())
        self._fields[shown.lower()] = (first[0], f"{first[1]}, {text}") if first else (shown, text)

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if 100 <= status < 200 and status != 101:
            self._fields = {}
            return
        if status < 100 or not self._parser.get_http_version().startswith("1."):
            raise HttpParserError("no HTTP/1")
        self.status, self.headers = status, Headers(self._fields)
        self.keeps_open = self._parser.should_keep_alive()
        self.is_whole = self._without_body

    def on_body(self, piece: bytes) -> None:
        if not self.is_whole:
            self.body += piece

    def on_message_complete(self) -> None:
        if self.status:
            self.is_whole = True


def unpacked(body: bytes, codings: str) -> bytes:
    """``body`` without ``codings``, the value of its Content-Encoding; from an unknown one on it stays as it is.

    Raises AnswerTooLong; zlib.error, OSError or EOFError when it is not what its coding says.
    """
    for coding in reversed(codings.lower().split(",") if body else ()):
        if coding.strip() in ("gzip", "x-gzip"):
            body = GzipFile(fileobj=io.BytesIO(body)).read(MAX_ANSWER + 1)
        elif coding.strip() == "deflate":
            body = _inflated(body)
        else:
            break
        if len(body) > MAX_ANSWER:
            raise AnswerTooLong
    return body


def _inflated(body: bytes) -> bytes:
    """With the wrapping that the standard asks for, or without, as some servers send it."""
    unpacking = zlib.decompressobj()
    try:
        unpacked = unpacking.decompress(body, MAX_ANSWER + 1)
    except zlib.error:
        unpacking = zlib.decompressobj(-zlib.MAX_WBITS)
        unpacked = unpacking.decompress(body, MAX_ANSWER + 1)
    if not unpacking.eof and len(unpacked) <= MAX_ANSWER:
        raise EOFError
    return unpacked
