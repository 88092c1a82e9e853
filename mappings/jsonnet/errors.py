"""From the evaluator's errors to sentences for the author of a script."""

from __future__ import annotations

import re
from enum import Enum

from broker_project.lib.errors import MappingError

from .child import ChildEnded, End
from .frames import LIBRARY_FILE, PREFIX_LINES, SCRIPT_FILE, Answer
from .limits import Limits

_SENTENCE_CHARACTERS = 400
_DETAIL_CHARACTERS = 2000
_RUNTIME = "RUNTIME ERROR: "
# Places look like `script:3:5-9`, `script:3:5` or, over several lines, `script:(3:5)-(4:2)`.
_PLACE = re.compile(rf"(?<![\w$.]){SCRIPT_FILE}:\(?(\d+):\d+(?:\)?-\(?\d+(?::\d+\))?)?")
_FRAME = re.compile(rf"^\t{SCRIPT_FILE}:\(?(\d+):", re.MULTILINE)
_DEFAULTED = "Read it with $.util.lookup_field and a default"


class ErrorKind(Enum):
    """What went wrong with a script."""

    SYNTAX = "syntax"
    NULL_ACCESS = "null_access"
    TYPE = "type"
    LOGIC = "logic"
    LIMIT = "limit"
    MANIFEST = "manifest"


class ScriptError(MappingError):
    """A script failed. ``traces`` is what it had traced before."""

    def __init__(
        self,
        kind: ErrorKind,
        *,
        name: str,
        what: str,
        detail: str = "",
        line: int | None = None,
        traces: tuple[str, ...] = (),
    ) -> None:
        place = f"script {name}" if line is None else f"script {name}, line {line}"
        sentence = f"{place[0].upper()}{place[1:]}: {what}"
        if len(sentence) > _SENTENCE_CHARACTERS:
            sentence = sentence[:_SENTENCE_CHARACTERS] + "…"
        super().__init__(sentence, detail=detail[:_DETAIL_CHARACTERS], line=line)
        self.kind = kind
        self.traces = traces


# The first pattern that fits the evaluator's message decides. {0} is what its group found.
_MEANINGS: tuple[tuple[re.Pattern[str], ErrorKind, str], ...] = tuple(
    (re.compile(pattern), kind, what)
    for pattern, kind, what in (
        (r"Field does not exist: (.+)", ErrorKind.NULL_ACCESS, f'there is no field "{{0}}". {_DEFAULTED}.'),
        (r"Value non indexable: .*valueNull", ErrorKind.NULL_ACCESS, f"it reads a member of null. {_DEFAULTED}."),
        (r"Value non indexable: .*value(\w+)", ErrorKind.TYPE, "it reads a member of a value that has none ({0})."),
        (r"(Index .+ out of bounds.*)", ErrorKind.NULL_ACCESS, f"the list is shorter: {{0}}. {_DEFAULTED}."),
        (
            r"max stack frames exceeded",
            ErrorKind.LIMIT,
            "it calls itself too deeply. Use std.foldl or std.map instead.",
        ),
        (r"couldn't manifest function", ErrorKind.MANIFEST, "its result holds a function. Call it with ()."),
        (r"((?:Unexpected type|.*parameter must be|.*required).*)", ErrorKind.TYPE, "{0}. Convert the value first."),
        (r"(failed to parse JSON.*|.* is not a base \d+ integer)", ErrorKind.TYPE, "{0}."),
        (r"(Missing argument.*|function has no parameter.*|Too many arguments.*)", ErrorKind.LOGIC, "{0}."),
    )
)

_REFUSALS: dict[Answer, str] = {
    Answer.OUTPUT_TOO_LARGE: "its result is larger than {0.output_bytes:,} bytes. Return less.",
    Answer.OUT_OF_MEMORY: "it needs more than {0.memory_bytes:,} bytes of memory. Build smaller values.",
}

_ENDS: dict[End, str] = {
    End.TIME: "it ran longer than {0.wall_seconds:g} seconds and was stopped. Look for a function that never ends.",
    End.CPU: "it used more than {0.cpu_seconds} seconds of processor time and was stopped.",
    End.MEMORY: "it needs more than {0.memory_bytes:,} bytes of memory and was stopped. Build smaller values, or end "
    "a recursion sooner.",
    End.STACK: "it calls itself too deeply. Use std.foldl or std.map instead.",
    End.DIED: "its process ended without an answer; it may have been ended from outside. Replay the delivery.",
    End.GARBLED: "its process gave an answer that makes no sense and was stopped. Replay the delivery.",
}


def ended(ended: ChildEnded, *, name: str, limits: Limits, traces: tuple[str, ...]) -> ScriptError:
    """The error for a run that spoiled, or lost, its process."""
    what = _ENDS[ended.end].format(limits)
    return ScriptError(ErrorKind.LIMIT, name=name, what=what, detail=ended.detail, traces=traces)


def refused(
    answer: Answer, body: bytes, *, script: str, name: str, limits: Limits, traces: tuple[str, ...] = ()
) -> ScriptError:
    """The error for an answer that is no value. ``body`` is the evaluator's error text."""
    if answer in _REFUSALS:
        return ScriptError(ErrorKind.LIMIT, name=name, what=_REFUSALS[answer].format(limits), traces=traces)
    text = body.decode("utf-8", "replace")
    kind, what = _meaning(text)
    if answer is Answer.IMPORT_REFUSED:
        kind, what = ErrorKind.LOGIC, "imports are not available. Write what you need into the script."
    line = _line(text)
    last_line = script.rstrip().count("\n") + 1
    if kind is ErrorKind.SYNTAX and line is not None and line > last_line:
        line, what = last_line, f"it ends too early: a bracket or an expression is missing ({what})."
    return ScriptError(kind, name=name, what=what, detail=_for_people(text, name), line=line, traces=traces)


def _meaning(text: str) -> tuple[ErrorKind, str]:
    if not text.startswith(_RUNTIME):
        return ErrorKind.SYNTAX, _PLACE.sub("", text.split("\n", 1)[0]).strip()
    message = text.removeprefix(_RUNTIME).split("\n\t", 1)[0].strip()
    for pattern, kind, what in _MEANINGS:
        if found := pattern.match(message):
            return kind, what.format(*(group.rstrip(".") for group in found.groups()))
    return ErrorKind.LOGIC, message


def _line(text: str) -> int | None:
    """The script's own line (1-based): of the place itself, or of the innermost call that stands in the script."""
    if not text.startswith(_RUNTIME):
        found = _PLACE.match(text)
        return max(int(found[1]) - PREFIX_LINES, 1) if found else None
    lines = [int(line) - PREFIX_LINES for line in _FRAME.findall(text)]
    return next((line for line in lines if line > 0), None)


def _for_people(text: str, name: str) -> str:
    """The raw message with our names and line numbers turned into the author's."""
    corrected = _PLACE.sub(lambda found: f"{name}:{max(int(found[1]) - PREFIX_LINES, 1)}", text)
    return corrected.replace(f"\t{LIBRARY_FILE}:", f"\t{LIBRARY_FILE} line ").strip()
