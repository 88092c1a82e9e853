"""The mapped values by dotted path. Each is taken by the part that understands it; what is left over is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from broker_project.lib.errors import InvalidRecord
from connectors.fieldnation.fields import NOT_WRITABLE, TARGETS

# Its members are ids and names of the account's own, not paths.
_WHOLE = "custom_fields"


class Mapped:
    """Flat view of the nested output of the inbound mappings. null means "not given"; a text is cleared by ""."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        nested = dict(fields)
        inner = nested.pop("workorder", None)
        if isinstance(inner, Mapping):
            # Targets are documented with and without the prefix "workorder."; a member given both ways must agree.
            self._left = dict(_flat(inner))
            for path, value in _flat(nested):
                if path in self._left and self._left[path] != value:
                    raise _twice(path, f"workorder.{path}")
                self._left[path] = value
        else:
            self._left = dict(_flat(dict(fields)))

    def each(self, path: str) -> list[tuple[str, Any]]:
        """Every value given for ``path`` (canonical) under any of its names, with the name used."""
        names = (path, *TARGETS[path].also)
        return [(name, self._left.pop(name)) for name in names if name in self._left]

    def take(self, path: str) -> Any:
        """The value given for ``path`` (canonical) under any of its names; None when there is none.

        Raises InvalidRecord when two names bring different values.
        """
        given = self.each(path)
        if any(str(value) != str(given[0][1]) for _, value in given[1:]):
            raise _twice(given[0][0], given[1][0])
        return given[0][1] if given else None

    def refuse_the_rest(self) -> None:
        """Raise InvalidRecord when a value was not taken: nothing is ever dropped silently."""
        if self._left:
            raise InvalidRecord(" ".join(_why_not(path) for path in sorted(self._left)))


def _flat(nested: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in nested.items():
        path = f"{above}{key}"
        if isinstance(value, Mapping) and path != _WHOLE:
            yield from _flat(value, f"{path}.")
        elif value is not None:
            yield path, value


def _twice(one: str, other: str) -> InvalidRecord:
    return InvalidRecord(f"The targets “{one}” and “{other}” mean the same field but got different values. Map one.")


def _why_not(path: str) -> str:
    steps = path.split(".")
    for length in range(len(steps), 0, -1):
        reason = NOT_WRITABLE.get(".".join(steps[:length]))
        if reason:
            return f"“{path}” cannot be written: {reason}."
    near = get_close_matches(path, TARGETS, n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return f"Field Nation has no field “{path}”.{hint}"
