"""The HTTP doors. Each authenticates, parses, makes one call of ``accept`` and answers 202; workers do the rest."""

from __future__ import annotations

import json
import logging
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import IntegrityError, InterfaceError, OperationalError
from django.http import Http404
from psycopg.errors import ForeignKeyViolation
from rest_framework import exceptions, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import exception_handler

from broker_project.lib import fast_json
from broker_project.lib.digest import digest
from broker_project.lib.errors import InvalidRecord, Misconfigured
from broker_project.lib.log_context import add
from connectors import registry, tracing
from connectors.fieldnation import webhooks
from connectors.models import Company, Connector
from connectors.platforms.contract import TriggerCall
from connectors.platforms.trigger import resolve_ids
from synclog.refused_models import RefusedCalls

from . import catalogue, normalise
from .accept import Accepted, Incoming, accept_event, accept_events
from .door import Door
from .models import Event, EventSource
from .payload import EventPayload, PayloadError, dedupe_key, parse_event
from .rate import TooOften, count_call
from .report import report
from .source_keys import HasSource, SourceKey, source_of, within_rate
from .triggered import accept_trigger, refuse_trigger

logger = logging.getLogger(__name__)

TRIGGER_MAX_BYTES = 1024 * 1024
IDEMPOTENCY_KEY_MAX = 255


class TooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "The request is too large."


class NotStored(exceptions.APIException):
    """The event may or may not be stored; a repeat is recognised as a duplicate."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "The database does not answer. Send the request again in a few seconds."
    wait = 5  # seconds, for the header Retry-After


class ChangedMeanwhile(NotStored):
    """What the event belongs to was deleted between its reading and the commit, which therefore failed."""

    default_detail = "Something that this belongs to was deleted at this moment. Send the request again."
    wait = 1


def problem(error: Exception, context: dict[str, Any]) -> Response | None:
    """Every refusal has the same shape: ``{"detail": sentence}``, with ``field`` where one member is at fault."""
    if isinstance(error, PayloadError):
        return Response({"detail": error.sentence, "field": error.field}, status=400)
    if isinstance(error, webhooks.UnreadableWebhook):
        return Response({"detail": error.sentence}, status=error.status)
    if isinstance(error, InvalidRecord):
        return Response({"detail": error.sentence}, status=400)
    if isinstance(error, RequestDataTooBig):
        error = TooLarge()
    if isinstance(error, (OperationalError, InterfaceError)):
        logger.warning("A request was answered 503: %s", error)
        error = NotStored()
    if isinstance(error, IntegrityError) and isinstance(error.__cause__, ForeignKeyViolation):
        logger.warning("A request was answered 503: %s", error)
        error = ChangedMeanwhile()
    return exception_handler(error, context)


def body_of(request: Request, limit: int) -> bytes:
    """The raw body. Raises TooLarge before reading when it announces more than ``limit`` bytes."""
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if announced.isdigit() and int(announced) > limit:
        raise TooLarge(f"The body has {announced} bytes; at most {limit} are taken.")
    body: bytes = request._request.body
    return body


def json_of(request: Request, limit: int) -> tuple[Any, int]:
    """The body as JSON, with its size in bytes. Raises 413, 415 or 400."""
    content_type = request.content_type.partition(";")[0].strip().lower()
    if content_type != "application/json" and not content_type.endswith("+json"):
        raise exceptions.UnsupportedMediaType(
            request.content_type or "(none)", detail="Send JSON, with Content-Type: application/json."
        )
    body = body_of(request, limit)
    try:
        return fast_json.loads(body), len(body)
    except (ValueError, RecursionError):
        raise PayloadError("The body is not valid JSON.", field="body") from None


class EventsView(Door):
    """``POST /events/``: one event, or a list of up to 1,000."""

    door = RefusedCalls.Door.API
    authentication_classes = [SourceKey]
    permission_classes = [HasSource]

    def post(self, request: Request) -> Response:
        source = source_of(request)
        self.company_id = source.company_id
        within_rate(source)
        body, size = json_of(request, settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        key = request.META.get("HTTP_IDEMPOTENCY_KEY", "").strip()
        if len(key) > IDEMPOTENCY_KEY_MAX:
            raise PayloadError(f"The Idempotency-Key has more than {IDEMPOTENCY_KEY_MAX} characters.", field="body")
        if isinstance(body, list):
            return self._list(body, size, key, source, request)
        if size > settings.EVENT_MAX_BYTES:
            raise TooLarge(f"The event has {size} bytes; one event may have {settings.EVENT_MAX_BYTES}.")
        event = _incoming(parse_event(body, size=size), key, request)
        accepted = accept_event(event, company=source.company, door=Event.Door.API, source=source)
        return Response(_answer(accepted, event), status=202)

    def _list(self, members: list[Any], size: int, key: str, source: EventSource, request: Request) -> Response:
        if len(members) > settings.EVENT_LIST_MAX:
            raise TooLarge(f"The list has {len(members)} events; at most {settings.EVENT_LIST_MAX} are taken.")
        if not members:
            raise PayloadError("The list is empty. Send at least one event.", field="body")
        good: list[Incoming] = []
        answers: list[dict[str, Any] | None] = []
        for index, member in enumerate(members):
            try:
                if size > settings.EVENT_MAX_BYTES and len(json.dumps(member)) > settings.EVENT_MAX_BYTES:
                    raise PayloadError(f"The event has more than {settings.EVENT_MAX_BYTES} bytes.", field="body")
                good.append(_incoming(parse_event(member, size=None), key and f"{key}#{index}", request))
                answers.append(None)
            except PayloadError as error:
                answers.append({"error": error.sentence, "field": error.field})
        taken = accept_events(good, company=source.company, door=Event.Door.API, source=source) if good else []
        accepted = iter([_answer(*pair) for pair in zip(taken, good, strict=True)])
        rows = [{"index": index, **(answer or next(accepted))} for index, answer in enumerate(answers)]
        return Response(
            {"accepted": len(good), "refused": len(members) - len(good), "events": rows}, status=202 if good else 400
        )


def _incoming(parsed: EventPayload, key: str, request: Request) -> Incoming:
    return Incoming(
        event_type=parsed.event_type,
        received_name=parsed.received_name,
        caution=parsed.caution,
        work_order_id=parsed.work_order_id,
        occurred_at=parsed.occurred_at,
        payload=parsed.payload,
        dedupe_key=dedupe_key(parsed, idempotency_key=key or None),
        trace={"from": request.META.get("REMOTE_ADDR", ""), **tracing.carried()},
    )


def _answer(accepted: Accepted, event: Incoming) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "id": str(accepted.id),
        "duplicate": accepted.duplicate_of is not None,
        "duplicate_of": str(accepted.duplicate_of) if accepted.duplicate_of else None,
        "deliveries": accepted.deliveries,
    }
    if event.caution:
        answer["caution"] = event.caution
    return answer


class EventView(Door):
    """``GET /events/{id}/``: what became of an event, delivery by delivery."""

    authentication_classes = [SourceKey]
    permission_classes = [HasSource]

    def get(self, request: Request, id: UUID) -> Response:
        event = Event.objects.filter(pk=id, company=source_of(request).company).first()
        if event is None:
            raise Http404
        return Response(report(event))


class WebhookView(Door):
    """Field Nation's webhooks (v3), POST or PUT, one address per company. The signature is checked on the raw bytes
    before anything is parsed."""

    door = RefusedCalls.Door.WEBHOOK

    def post(self, request: Request, key: UUID) -> Response:
        company = Company.objects.filter(webhook_key=key).first()
        self.company_id = company.pk if company else None
        raw = body_of(request, settings.EVENT_MAX_BYTES)
        self.why = _why_unsigned(company, raw, request.META.get("HTTP_X_FN_SIGNATURE"))
        if company is None or self.why:
            raise Unsigned
        webhook = webhooks.parse(raw, request.headers)
        event = _from_webhook(webhook)
        accepted = accept_event(event, company=company, door=Event.Door.WEBHOOK)
        # A duplicate gets 200: Field Nation only looks at the class of the status.
        return Response(_answer(accepted, event), status=200 if accepted.duplicate_of else 202)

    put = post


class Unsigned(exceptions.APIException):
    """The same answer for an unknown address and for a wrong signature."""

    status_code = status.HTTP_401_UNAUTHORIZED
    default_detail = "The signature is missing or wrong."


def _why_unsigned(company: Company | None, raw: bytes, signature: str | None) -> str:
    """Why this is not taken for a webhook of the company; "" when it is."""
    if company is None:
        return "No company has this webhook address."
    if not company.is_active:
        return "The company is switched off."
    secrets = company.webhook_secrets()
    if not secrets:
        return "No webhook secret is entered on the company's page."
    if not signature:
        return "It came without a signature."
    return "" if webhooks.signature_ok(raw, signature, secrets) else "The signature did not match the webhook secret."


def _from_webhook(webhook: webhooks.Webhook) -> Incoming:
    event = catalogue.from_webhook(webhook.event_name)
    trace = {
        "delivery_id": webhook.delivery_uuid,
        "attempt": webhook.attempt,
        "webhook_id": webhook.webhook_id,
        "trace_id": webhook.trace_id,
        "triggered_by": webhook.triggered_by,
        **tracing.carried(),
    }
    if event is None:
        why = catalogue.why_no_event(webhook.event_name)
        return Incoming(
            event_type="",
            received_name=webhook.event_name,
            no_event_code=str(why.value) if why else "",
            work_order_id=webhook.work_order_id,
            occurred_at=webhook.timestamp,
            payload=dict(webhook.body),
            dedupe_key=webhooks.dedupe_key(webhook.webhook_id, webhook.delivery_uuid),
            trace=trace,
        )
    payload = normalise.from_webhook(event=event, occurred_at=webhook.timestamp, work_order=dict(webhook.work_order))
    parsed = parse_event(payload, size=None)
    return Incoming(
        event_type=parsed.event_type,
        received_name=webhook.event_name,
        work_order_id=parsed.work_order_id,
        occurred_at=parsed.occurred_at,
        payload=parsed.payload,
        dedupe_key=webhooks.dedupe_key(webhook.webhook_id, webhook.delivery_uuid),
        trace=trace,
    )


class TriggerView(Door):
    """The trigger URL of a connector, in both forms, POST or GET. The token is checked before the body is parsed."""

    door = RefusedCalls.Door.TRIGGER
    counted = frozenset({401, 403})  # a call with a valid token is logged with its connector

    def post(self, request: Request, token: str = "") -> Response:
        token = token or request.GET.get("client_token", "")
        connector = self._connector(token)
        add(connector_id=connector.pk)
        content_type = (request.META.get("CONTENT_TYPE") or "").partition(";")[0].strip().lower()
        sender = request.META.get("REMOTE_ADDR", "")
        trace = {"from": sender, "method": request.method, "content_type": content_type, **tracing.carried()}
        if connector.trigger_token_hash != digest(token):
            trace["old_token"] = True
        try:
            self._within_rate(connector)
            ids = self._ids(request, connector, content_type)
        except REFUSED as error:
            _log_refusal(connector, error, trace)
            raise
        accepted = accept_trigger(connector, ids, trace=trace)
        rows = [
            {
                "id": str(answer.id),
                "external_id": external_id,
                "merged_into": str(answer.duplicate_of) if answer.duplicate_of else None,
                "deliveries": answer.deliveries,
            }
            for answer, external_id in zip(accepted, ids, strict=True)
        ]
        return Response({"events": rows, "status": connector.status}, status=202)

    get = post

    def _connector(self, token: str) -> Connector:
        connector = Connector.of_trigger_token(token) if 0 < len(token) <= IDEMPOTENCY_KEY_MAX else None
        if connector is None:
            self.why = "No connector has this token."
            raise UnknownToken
        self.company_id, self.connector_id, self.why = connector.company_id, connector.pk, connector.why_not(token)
        if self.why:
            raise UnknownToken
        return connector

    def _within_rate(self, connector: Connector) -> None:
        limit = connector.trigger_rate_limit
        if limit is not None:
            sentence = f"This trigger URL takes {limit:,} calls a minute."
            count_call(f"trigger-url:{connector.pk}", limit=limit, sentence=sentence)

    def _ids(self, request: Request, connector: Connector, content_type: str) -> list[str]:
        """The records that the call names. Raises TooLarge, InvalidRecord, NoPlatform, or PayloadError when it names
        none."""
        body = body_of(request, TRIGGER_MAX_BYTES)
        call = TriggerCall(query=dict(request.GET.lists()), body=body, content_type=content_type)
        try:
            platform = registry.platform(connector.platform)
        except Misconfigured as error:
            raise NoPlatform(error.sentence) from None
        ids = resolve_ids(call, platform)
        if not ids:
            raise PayloadError(
                "No record id was found. Send external_id in the query, or the id in the body, for example "
                '{"external_id": "1001"}.',
                field="external_id",
            )
        return ids


class NoPlatform(exceptions.APIException):
    """The connector's platform is not installed. ``sentence`` names it, for the log; the sender is told less."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = (
        "The broker cannot read calls of this connector now: the platform that it belongs to is not installed there. "
        "Tell whoever runs the broker, and send the call again later."
    )
    wait = 300  # seconds, for the header Retry-After

    def __init__(self, sentence: str) -> None:
        super().__init__()
        self.sentence = sentence


REFUSED = (RequestDataTooBig, TooLarge, TooOften, PayloadError, InvalidRecord, NoPlatform)
"""Why a call with a valid token is not taken."""


def _log_refusal(connector: Connector, error: Exception, trace: dict[str, Any]) -> None:
    """Of calls beyond the rate only the first of a minute: the limit is there to spare the database."""
    match error:
        case TooOften():
            if error.is_first:
                refuse_trigger(connector, "trigger_too_often", f"{error.sentence} More came in this one.", trace)
        case NoPlatform():
            refuse_trigger(connector, "trigger_no_platform", error.sentence, trace)
        case PayloadError():
            refuse_trigger(connector, "trigger_no_id", error.sentence, trace)
        case InvalidRecord():
            refuse_trigger(connector, "trigger_unreadable", error.sentence, trace)
        case _:
            refuse_trigger(connector, "trigger_too_large", f"It has more than {TRIGGER_MAX_BYTES:,} bytes.", trace)


class UnknownToken(exceptions.APIException):
    """The same answer for unknown and revoked tokens."""

    status_code = status.HTTP_401_UNAUTHORIZED
    default_detail = "The trigger token is not valid."
