"""The frames that cross the pipes between the sandbox and its child processes."""

from __future__ import annotations

import struct
from enum import IntEnum

# What the child puts before a script: one line, so script lines are one less than evaluator lines.
PREFIX_LINES = 1
# The file name that the evaluator gives to scripts, in errors and traces, and to the library.
SCRIPT_FILE = "script"
LIBRARY_FILE = "$.util"

REQUEST_HEADER = struct.Struct("!BII")  # Ask, bytes of script, bytes of input
REPLY_HEADER = struct.Struct("!BBI")  # Answer, 1 when the child ends after this reply, bytes of body


class Ask(IntEnum):
    RUN = 1
    CHECK = 2


class Answer(IntEnum):
    READY = 1
    VALUE = 2  # body: the evaluator's JSON text
    ERROR = 3  # body: the evaluator's error text
    IMPORT_REFUSED = 4  # body: the same; the script tried to import
    OUTPUT_TOO_LARGE = 5
    OUT_OF_MEMORY = 6


def pack_request(ask: Ask, script: bytes, input_json: bytes) -> bytes:
    return REQUEST_HEADER.pack(ask, len(script), len(input_json)) + script + input_json


def pack_reply(answer: Answer, body: bytes = b"", *, last: bool = False) -> bytes:
    return REPLY_HEADER.pack(answer, last, len(body)) + body
