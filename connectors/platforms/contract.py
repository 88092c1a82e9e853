"""What a platform must offer. Plain Python: no Django, no ORM, no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

from connectors.http import Caller

Json = Any


@dataclass(frozen=True)
class Setting:
    """One input of the connector's form. ``secret`` values are stored encrypted and never shown again."""

    name: str
    label: str
    help: str = ""
    kind: Literal["text", "url", "choice", "headers", "integer", "boolean"] = "text"
    required: bool = False
    secret: bool = False
    default: Json = ""
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class TestResult:
    """Answer of "Test connection": ``sentence`` says what was tried and, on failure, what to change."""

    __test__: ClassVar[bool] = False

    ok: bool
    sentence: str


@dataclass(frozen=True)
class Created:
    """The new record's id, and the record itself where the answer held it."""

    external_id: str
    record: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class TriggerCall:
    """An inbound trigger as the web layer saw it. ``body`` is raw bytes, ``content_type`` lower case, no parameters."""

    query: Mapping[str, Sequence[str]]
    body: bytes
    content_type: str


class TokenStore(Protocol):
    """Where an OAuth access token is kept between calls, shared by threads and processes."""

    def get(self) -> str | None: ...

    def put(self, token: str, expires_in: float) -> None:
        """Keep ``token``; ``expires_in`` in seconds from now."""

    def drop(self) -> None: ...


class Client(Protocol):
    """One connector's access to its system. Every method may raise the errors of ``broker_project.lib.errors``."""

    can_find: bool
    """True when ``find`` can look a record up by correlation; else an unknown create waits for a person."""

    replaces: bool
    """True when an update replaces the record by what is sent, so that unchanged fields must be sent too."""

    def test(self) -> TestResult: ...

    def read(self, external_id: str) -> dict[str, Json]:
        """The complete record. Raises NotFound."""

    def create(self, fields: Mapping[str, Json], *, correlation: str, target: str = "", parent_id: str = "") -> Created:
        """Create a record of the main object, or of the sub-object ``target`` (a note, say) under ``parent_id``."""

    def update(self, external_id: str, fields: Mapping[str, Json]) -> Mapping[str, Json]:
        """Write ``fields``; the record as the answer shows it afterwards, empty when it does not."""

    def correlation_in(self, record: Mapping[str, Json]) -> str:
        """The correlation that a record carries, as ``create`` wrote it; "" when it carries none."""

    def find(self, correlation: str) -> str | None:
        """Id of the record created with this ``correlation``, None when there is none."""


class Platform(Protocol):
    """The code that knows one kind of external system. Declared as data; the admin form is built from ``settings``."""

    slug: str
    label: str
    settings: tuple[Setting, ...]

    def check(self, settings: Mapping[str, Json], secrets: Mapping[str, str]) -> dict[str, str]:
        """Problems by setting name, each a sentence; empty when the settings can work."""

    def open(
        self, settings: Mapping[str, Json], secrets: Mapping[str, str], caller: Caller, tokens: TokenStore
    ) -> Client: ...

    def trigger_ids(self, call: TriggerCall) -> list[str]:
        """External ids named by this platform's own trigger dialect, in order; empty to use the common rules."""
