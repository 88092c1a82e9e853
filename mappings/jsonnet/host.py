"""What the library may ask of Python: the input's text, numbers in texts, dates. Used in the child process only."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from broker_project.lib.errors import MappingError
from mappings import dates

_NUMBER = re.compile(r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?\s*", re.ASCII)
_INDEX = re.compile(r"(\d{1,9})\]", re.ASCII)

Reply = str | dict[str, str]


def number(text: Any) -> float | None:
    """The number that ``text`` spells, None when it spells none."""
    value = float(text) if isinstance(text, str) and _NUMBER.fullmatch(text) else None
    return None if value in (float("inf"), float("-inf")) else value


def index(text: Any) -> float | None:
    """The list index in ``3]``, the rest of a path step after its opening bracket; None when malformed."""
    found = _INDEX.fullmatch(text) if isinstance(text, str) else None
    return float(found[1]) if found else None


def date_convert(value: Any, format_input: Any, format_output: Any, timezone_in: Any, timezone_out: Any) -> Reply:
    return _sentence_or(
        lambda: dates.convert(
            _whole(value),
            input_format=format_input,
            output_format=format_output,
            timezone_in=timezone_in,
            timezone_out=timezone_out,
        )
    )


def date_add(value: Any, format_input: Any) -> Reply:
    return _sentence_or(lambda: dates.add_day(_whole(value), input_format=format_input))


def _whole(value: Any) -> Any:
    """JSONNET has only doubles; a Unix time is a whole number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _sentence_or(convert: Callable[[], str]) -> Reply:
    try:
        return convert()
    except MappingError as error:
        return {"sentence": error.sentence}
    except Exception as error:  # an exception would be lost in the evaluator: say at least which
        return {"sentence": f"The date could not be converted ({type(error).__name__})."}
