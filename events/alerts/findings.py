"""What a look at the database found wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One cause. ``code`` is its error class; ``place`` tells apart causes of one kind that no connector does (a
    company, say). ``mark`` grows with every new failure; 0 when nothing is counted. ``is_capped``: there are more."""

    kind: str
    connector_id: int | None = None
    code: str = ""
    place: str = ""
    count: int = 1
    is_capped: bool = False
    mark: int = 0
    sentence: str
    advice: str
    example: str = ""
    example_delivery: UUID | None = None
    since: datetime | None = None

    @property
    def cause(self) -> str:
        """The same for the same cause at every look."""
        whose = str(self.connector_id) if self.connector_id else self.place or "all"
        return f"{self.kind}:{whose}:{self.code}"[:150]


@dataclass
class Look:
    """All findings of one look. ``unsure`` are kinds of which not everything was read: what was not found of them may
    still be there."""

    findings: list[Finding] = field(default_factory=list)
    unsure: set[str] = field(default_factory=set)
