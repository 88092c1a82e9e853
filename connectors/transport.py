"""Sends requests over pooled connections, and says what a failure means.

This is our own code because whether a request left is what "nothing is doubled" rests on, and a general client hides
it behind its retries; going through one also took over a third of the work of a delivery. It speaks HTTP/1.1 and
follows, keeps and repeats nothing, one case excepted (``fetch``). Only ``connectors.http`` uses this module.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from functools import cache
from time import monotonic

from broker_project.lib.errors import BrokerError, NotSent, OutcomeUnknown, Rejected, Unavailable
from connectors.answer import BROKEN, MAX_ANSWER, Answer, AnswerTooLong, unpacked
from connectors.call import Call
from connectors.connection import Connection, opened
from connectors.headers import Headers
from connectors.request import Origin, Request

_POOLED_PLACES, _POOLED_CONNECTIONS = 256, 64
_IDLE_LIMIT = 4.0  # seconds; common servers close idle connections after 5, and a write lost in that race is ambiguous

_Place = tuple[Origin, bool]
"""Where a connection leads, and whether it may lead into the own network: who may not gets none of those."""


def fetch(request: Request, call: Call) -> tuple[int, Headers, bytes]:
    """Status, headers and whole body of the answer. Raises what ``Caller.request`` documents, redirects excepted.

    A write is sent once. A read that meets a connection which the server closed while it was idle is sent once more.
    """
    host = request.origin.host
    try:
        answer = _answer(request, call)
        body = unpacked(bytes(answer.body), answer.headers.get("Content-Encoding", ""))
    except AnswerTooLong:
        raise _too_long(call, host) from None
    except (OSError, *BROKEN) as exc:
        raise _unanswered(exc, call, host) from None
    return answer.status, answer.headers, body


def _answer(request: Request, call: Call) -> Answer:
    place, wire, pool = (request.origin, call.allow_private), request.wire(), _connections()
    connection = pool.take(place)
    if connection is not None:
        answer = Answer(without_body=request.method == "HEAD")
        try:
            return _exchanged(connection, wire, answer, call, place)
        except OSError as exc:
            if call.writes or answer.received or isinstance(exc, TimeoutError):
                raise
    answer = Answer(without_body=request.method == "HEAD")
    return _exchanged(opened(request.origin, call), wire, answer, call, place)


def _exchanged(connection: Connection, wire: bytes, answer: Answer, call: Call, place: _Place) -> Answer:
    keep = False
    try:
        keep = connection.exchange(wire, answer, call)
    finally:
        answer.close()
        if keep:
            _connections().put(place, connection)
        else:
            connection.close()
    return answer


class Pool:
    """Idle connections, the latest used first. Keeps no cookies, and nothing of one caller that another could see."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: OrderedDict[_Place, list[Connection]] = OrderedDict()  # the place used last comes last

    def take(self, place: _Place) -> Connection | None:
        """A connection that nobody else has now; None when none is left that can be trusted."""
        while True:
            with self._lock:
                waiting = self._idle.get(place)
                connection = waiting.pop() if waiting else None
            if connection is None or connection.is_usable(_IDLE_LIMIT):
                return connection
            connection.close()

    def put(self, place: _Place, connection: Connection) -> None:
        """Keep ``connection`` for the next one; close what is too much, here or at the place unused for longest."""
        surplus: list[Connection] = []
        with self._lock:
            waiting = self._idle.setdefault(place, [])
            self._idle.move_to_end(place)
            (waiting if len(waiting) < _POOLED_CONNECTIONS else surplus).append(connection)
            if len(self._idle) > _POOLED_PLACES:
                surplus += self._idle.popitem(last=False)[1]
        for each in surplus:
            each.close()


@cache
def _connections() -> Pool:
    return Pool()


os.register_at_fork(after_in_child=_connections.cache_clear)  # two processes must not talk on one socket


def _too_long(call: Call, host: str) -> BrokerError:
    sentence = f"{host} sent an answer of more than {MAX_ANSWER // 1024 // 1024} MiB, which is not read."
    if call.writes:
        return OutcomeUnknown(f"{sentence} What was written may be there; look before sending it again.")
    return Rejected(f"{sentence} Choose an address or parameters that answer with less.")


def _unanswered(exc: Exception, call: Call, host: str) -> BrokerError:
    if not call.sent:
        return NotSent(f"{host} could not be reached.", detail=type(exc).__name__)
    timed_out = isinstance(exc, TimeoutError) or monotonic() >= call.deadline
    what = "did not answer in time" if timed_out else "broke the connection off before its answer was complete"
    if not call.writes:
        return Unavailable(f"{host} {what}.", detail=type(exc).__name__)
    return OutcomeUnknown(
        f"{host} {what}. It may have done what was asked; look before sending it again.", detail=type(exc).__name__
    )
