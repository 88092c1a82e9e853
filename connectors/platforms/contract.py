"""What a platform must offer. Plain Python: no Django, no ORM, no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

from broker_project.lib.errors import BrokerError, Forbidden
from connectors.http import Caller

Json = Any


@dataclass(frozen=True)
class Setting:
    """One input of the connector's form. ``secret`` values are stored encrypted and never shown again.

    ``shown_when`` names a choice setting and the values with which this one applies; with others it is hidden, not
    checked and not stored. ``group`` is the heading it stands under; a new connector is tested with the first group.
    """

    name: str
    label: str
    help: str = ""
    kind: Literal["text", "url", "choice", "headers", "integer", "boolean"] = "text"
    required: bool = False
    secret: bool = False
    default: Json = ""
    choices: tuple[tuple[str, str], ...] = ()
    shown_when: tuple[str, tuple[str, ...]] | None = None
    group: str = ""

    def applies(self, settings: Mapping[str, Json], declared: Sequence[Setting]) -> bool:
        """Whether this one is used with the other settings as they are; ``declared`` gives their defaults."""
        if self.shown_when is None:
            return True
        name, values = self.shown_when
        default = next((setting.default for setting in declared if setting.name == name), "")
        return (settings.get(name) or default) in values


FieldType = Literal["text", "number", "boolean", "date", "datetime", "list", "object"]


@dataclass(frozen=True)
class FieldInfo:
    """One field of a record as a system describes it; ``path`` as mappings write it.

    ``readonly``: no target of a mapping; ``writeonly``: no source. ``choices`` are pairs of value and label,
    ``sample`` is a value in a record that was looked at.
    """

    path: str
    label: str
    type: FieldType = "text"
    required: bool = False
    readonly: bool = False
    custom: bool = False
    choices: tuple[tuple[Json, str], ...] = ()
    sample: Json = None
    writeonly: bool = False


@dataclass(frozen=True)
class Described:
    """The fields of one kind of record, and where the description comes from ("" when there is none)."""

    fields: tuple[FieldInfo, ...] = ()
    source: str = ""


@dataclass(frozen=True)
class Proposal:
    """Settings that fit one kind of record, read from the system's own description; a person checks them."""

    label: str
    settings: Mapping[str, Json]


@dataclass(frozen=True)
class TestResult:
    """Answer of "Test connection": ``sentence`` says what was tried and, on failure, what to change.

    ``code`` is that of the error, ``forbidden`` where the credentials are known and lack a right; "" when all is well.
    """

    __test__: ClassVar[bool] = False

    ok: bool
    sentence: str
    code: str = ""

    @classmethod
    def failed(cls, error: BrokerError, advice: str = "") -> TestResult:
        code = "forbidden" if isinstance(error, Forbidden) else error.code
        return cls(ok=False, sentence=f"{error.sentence} {advice}".strip(), code=code)


@dataclass(frozen=True)
class FirstLook:
    """What is known of a system before its records are configured."""

    result: TestResult
    proposals: tuple[Proposal, ...] = ()


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

    def describe(self, kind: str = "", *, sample_id: str = "") -> Described:
        """The fields of the main record, or of ``kind`` ("note"); nothing for a kind that the system has not.

        A system without a description shows a record instead: ``sample_id``, where the settings name none.
        """


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

    def first_look(
        self, settings: Mapping[str, Json], secrets: Mapping[str, str], caller: Caller, tokens: TokenStore
    ) -> FirstLook:
        """Test address and credentials when only the first group of settings is known; raises nothing expected."""

    def trigger_ids(self, call: TriggerCall) -> list[str]:
        """External ids named by this platform's own trigger dialect, in order; empty to use the common rules."""
