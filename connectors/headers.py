"""The headers of a request or an answer."""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, Mapping


class Headers(Mapping[str, str]):
    """Names in any case, shown as they were first written. ``fields`` is lower-case name -> (name, value)."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, tuple[str, str]]) -> None:
        self._fields = fields

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower()][1]

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._fields.values())

    def __len__(self) -> int:
        return len(self._fields)

    def items(self) -> ItemsView[str, str]:
        return dict(self._fields.values()).items()
