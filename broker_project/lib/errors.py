"""The error family. A class is named by what to do next, and carries two texts: one for people, one for us."""

from __future__ import annotations


class BrokerError(Exception):
    """Base of every expected failure.

    ``sentence`` is shown to people: what happened and what to change. ``detail`` is for the log: an excerpt of the
    answer, a line number. Neither ever holds a secret. ``code`` is the stable name stored with a delivery.
    """

    code = "error"

    def __init__(self, sentence: str, *, detail: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.detail = detail


class Retryable(BrokerError):
    """The same call may succeed later; nothing was changed by this one."""

    code = "api"


class RateLimited(Retryable):
    """The remote asked us to slow down. ``retry_after`` is in seconds, None when it did not say."""

    code = "rate_limited"

    def __init__(self, sentence: str, *, detail: str = "", retry_after: float | None = None) -> None:
        super().__init__(sentence, detail=detail)
        self.retry_after = retry_after


class Unavailable(Retryable):
    """The remote answered that it cannot serve now (5xx), or a read got no answer.

    ``retry_after`` is in seconds, None when it did not say.
    """

    code = "unavailable"

    def __init__(self, sentence: str, *, detail: str = "", retry_after: float | None = None) -> None:
        super().__init__(sentence, detail=detail)
        self.retry_after = retry_after


class NotSent(Retryable):
    """The request never left: connection refused, name not found, TLS failed."""

    code = "not_sent"


class OutcomeUnknown(BrokerError):
    """A write was sent and no answer came. It may have happened: look before writing again."""

    code = "outcome_unknown"


class Rejected(BrokerError):
    """This record will never pass as it is; a repeat gives the same answer."""

    code = "rejected"


class InvalidRecord(Rejected):
    """The remote refused the values (400, 422)."""

    code = "validation"


class NotFound(Rejected):
    """The remote does not know the record (404, 410)."""

    code = "not_found"


class Conflict(Rejected):
    """The remote refused the write because of the record's present state (409)."""

    code = "conflict"


class NeedsOperator(BrokerError):
    """A person must act before anything of this connector can succeed."""

    code = "needs_operator"


class AuthFailed(NeedsOperator):
    """The remote refused our credentials (401): nothing of this connector can succeed until a person corrects them."""

    code = "authentication"


class Forbidden(AuthFailed):
    """The remote knows us and refused this call (403): other records may well pass."""


class Misconfigured(NeedsOperator):
    """A setting is missing or cannot work."""

    code = "configuration"


class MappingError(BrokerError):
    """A transformation failed. The same input fails again, so it is never retried.

    ``target`` names the mapping, ``line`` the script line (1-based) where one is known.
    """

    code = "transformation"

    def __init__(self, sentence: str, *, detail: str = "", target: str = "", line: int | None = None) -> None:
        super().__init__(sentence, detail=detail)
        self.target = target
        self.line = line
