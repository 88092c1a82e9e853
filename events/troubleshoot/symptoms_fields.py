"""Symptoms: values and fields, scripts and mappings."""

from __future__ import annotations

from typing import Final

from .symptom import Symptom

VALUES: Final = (
    Symptom(
        slug="required-field-missing",
        title="A required field is missing (400)",
        steps=(
            "Find the field in the answer, then in the mapping: is there a row for it?",
            "Was its source empty in this event? Give it a default.",
            "Use Set Static when it always has the same value.",
        ),
        codes=("validation",),
        places=("mappings", "dead_letters"),
    ),
    Symptom(
        slug="invalid-value",
        title="A value is not valid (422)",
        steps=(
            "Which type and form does the target want?",
            "Convert it: Date Convert for dates, Range Map for numbers, a script for the rest.",
        ),
        codes=("validation",),
        places=("mappings", "dead_letters"),
    ),
    Symptom(
        slug="invalid-option",
        title="A value is not among the choices",
        steps=(
            "Press Refresh fields: the list may have changed.",
            "Compare the spelling, capitals included, with the entries of the Array Map.",
        ),
        codes=("validation",),
        places=("mappings", "settings", "dead_letters"),
    ),
    Symptom(
        slug="field-not-filled",
        title="A field stays empty",
        steps=(
            "Trace it in the log: source value, action, result.",
            "Is the path right, and is the source filled?",
            "May the target be written, and has it the type that the row gives?",
        ),
        codes=("some_fields", "nothing_mapped", "filled_already"),
        places=("mappings", "settings", "logs"),
    ),
    Symptom(
        slug="array-map-misses",
        title="An Array Map finds no entry",
        steps=(
            "Compare the real value in the log with the entries: capitals, blanks, a number against text.",
            "Add the entry, or bring the value into one form with a script first; add a default for what is new.",
        ),
        codes=("some_fields",),
        places=("mappings",),
    ),
    Symptom(
        slug="type-mismatch",
        title="A type does not fit",
        steps=(
            "Sync copies as it is. Use an action that converts: Date Convert, Range Map, or a script.",
            "The Field Mappings page marks rows whose types cannot fit.",
        ),
        codes=("validation",),
        places=("mappings", "dead_letters"),
    ),
)

SCRIPTS: Final = (
    Symptom(
        slug="script-fails",
        title="A script fails",
        steps=(
            "The log names the line. Run the script on this payload on the page.",
            "Guard members that may be null or missing.",
            "Split it into locals, and look at each with std.trace.",
        ),
        codes=("transformation", "script_skipped", "nothing_sent"),
        places=("mappings", "triggers", "dead_letters"),
    ),
    Symptom(
        slug="nested-field-default",
        title="A nested field gives the default",
        steps=(
            "Is the field in this event at all? Compare the path with the payload, step by step.",
            "A list needs its index, such as contacts[0].email.",
        ),
        codes=("some_fields", "transformation"),
        places=("mappings", "events"),
    ),
    Symptom(
        slug="date-wrong",
        title="A date is empty or wrong",
        steps=(
            "Compare a real value with the input format, sign by sign.",
            "Use names of time zones such as America/Chicago.",
            "Give empty dates a default.",
        ),
        codes=("some_fields", "transformation"),
        places=("mappings", "events"),
    ),
)
