"""Catch up after downtime: find the webhook deliveries that never arrived in Field Nation's log, ask for them again.

A job of several steps: list our webhooks, read the log of each, ask for repeats, and look once more when Field Nation
was still repeating some by itself. A repeat arrives like any webhook. Asking twice makes Field Nation send twice, so
what was asked for is kept with the job, for later jobs too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone

from broker_project.lib.errors import Misconfigured, NotFound, RateLimited, Retryable
from connectors.access import caller
from connectors.fieldnation import webhooks
from connectors.fieldnation.webhook_logs import Attempt, Hook, WebhooksApi
from connectors.models import Company
from connectors.tokens import tokens_for

from .job_step import Step, items_per_step
from .missed import MOST, Missed, decide, reaches_back, undecided, with_page
from .models import Event, Job
from .sentences import explain

PAGES_PER_STEP = 2
REPEATS_PER_STEP = 10
CALL_SECONDS = 0.7
"""Field Nation takes 100 calls a minute; this leaves room for others."""
YOUNG = timedelta(minutes=11)
"""Longer than Field Nation's longest pause between two attempts, 640 seconds."""
ROUNDS = 3
JOBS_REMEMBERED = 20
PER_MINUTE = 60


@dataclass(frozen=True, kw_only=True)
class Progress:
    """The job's cursor. ``unread`` are the webhooks whose log is not read yet, None before they are known; ``page``
    is the next page of the first. Once all are read, ``wanted`` is still to be asked for, the oldest first; ``asked``
    was asked for, without the attempts. ``is_cut``: more had failed than one job takes up. ``young``: deliveries that
    the next round looks at again; ``watched`` those that this round does, None in the first."""

    unread: tuple[str, ...] | None = None
    page: int = 1
    gap_seen: bool = False
    missed: Missed = field(default_factory=Missed)
    wanted: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    left_alone: int = 0
    switched_off: tuple[str, ...] = ()
    is_cut: bool = False
    young: tuple[str, ...] = ()
    watched: tuple[str, ...] | None = None
    round: int = 1
    since: datetime | None = None
    next_since: datetime | None = None

    @classmethod
    def of(cls, job: Job) -> Progress:
        given: dict[str, Any] = dict(job.cursor)
        if not given:
            return cls(since=_moment(job.parameters.get("since")))
        moments = {name: _moment(given[name]) for name in ("since", "next_since")}
        lists = {name: tuple(value) for name, value in given.items() if isinstance(value, list)}
        return cls(**{**given, **lists, **moments, "missed": Missed.of(given["missed"])})

    def plain(self) -> dict[str, Any]:
        values: dict[str, Any] = {one.name: getattr(self, one.name) for one in fields(self)}
        moments = {name: values[name] and values[name].isoformat() for name in ("since", "next_since")}
        lists = {name: list(value) for name, value in values.items() if isinstance(value, tuple)}
        return {**values, **moments, **lists, "missed": self.missed.plain()}


def parameters(*, since: datetime | None = None) -> dict[str, Any]:
    """The parameters of a job. ``since`` (aware) is how far back the log is read; without it, to before the gap."""
    return {"since": since.isoformat() if since else None}


def step(job: Job) -> Step:
    """A handful of calls, no transaction around them; done again, it may make Field Nation send a webhook again."""
    progress = Progress.of(job)
    company = _company(job)
    api = _api(company)
    if progress.unread is None:
        return _begin(job, progress, api.hooks(), company)
    if progress.unread:
        return _read(job, progress, api, company)
    return _ask(job, progress, api)


def is_ours(hook: Hook, company: Company) -> bool:
    """Whether the webhook brings events to this company's address here, under whatever host name."""
    try:
        return str(company.webhook_key) in urlsplit(hook.url.lower()).path.split("/")
    except ValueError:
        return False


def _company(job: Job) -> Company:
    company = job.company
    if company is None or not company.is_active:
        raise Misconfigured("The company is switched off, so its webhooks are refused. Switch it on.")
    return company


def _api(company: Company) -> WebhooksApi:
    credentials = company.credentials()
    through = caller(credentials=credentials)
    return WebhooksApi(credentials, through, tokens_for(f"company:{company.pk}", asdict(credentials)))


def _begin(job: Job, progress: Progress, hooks: Iterable[Hook], company: Company) -> Step:
    ours = [hook for hook in hooks if is_ours(hook, company)]
    if not ours:
        return Step(cursor=job.cursor, finished=True, sentence=explain("catch_up_no_webhook", company=company.name))
    switched_off = tuple(f"{hook.webhook_id} ({hook.status})" for hook in ours if not hook.is_active)
    unread = tuple(hook.webhook_id for hook in ours if hook.is_active)
    if not unread:
        sentence = explain("catch_up_switched_off", webhooks=", ".join(switched_off))
        return Step(cursor=job.cursor, finished=True, sentence=sentence)
    return _onward(job, replace(progress, unread=unread, switched_off=switched_off), calls=1)


def _read(job: Job, progress: Progress, api: WebhooksApi, company: Company) -> Step:
    """Read on in the log of the first webhook that is not read yet."""
    assert progress.unread
    webhook_id = progress.unread[0]
    for calls in range(1, PAGES_PER_STEP + 1):
        page = api.log(webhook_id, page=progress.page)
        new = undecided(page, progress.missed, since=progress.since)
        missed = with_page(
            progress.missed,
            page,
            here=_here(new, progress, job, webhook_id=webhook_id, company=company),
            young_after=_young_after(progress),
            since=progress.since,
        )
        is_read = missed.is_full or reaches_back(page, since=progress.since, gap_seen=progress.gap_seen)
        gap_seen = progress.gap_seen or bool(new)
        progress = replace(progress, missed=missed, page=progress.page + 1, gap_seen=gap_seen)
        if is_read:
            return _onward(job, _with_log_read(progress), calls=calls)
    return _onward(job, progress, calls=PAGES_PER_STEP)


def _young_after(progress: Progress) -> datetime:
    """Failed later than this, Field Nation repeats it by itself. In the last round nothing is left to that."""
    return timezone.now() - YOUNG if progress.round < ROUNDS else datetime.max.replace(tzinfo=UTC)


def _with_log_read(progress: Progress) -> Progress:
    """On to the next webhook, or to the decision. What served to decide is not kept while we ask."""
    missed, others = progress.missed, (progress.unread or ())[1:]
    if others and not missed.is_full:
        return replace(progress, unread=others, page=1, gap_seen=False)
    decision = decide(missed, watched=progress.watched)
    begun = [missed.failed[delivery].begun_at for delivery in missed.young]
    return replace(
        progress,
        unread=(),
        missed=Missed(),
        is_cut=missed.is_full,
        wanted=tuple(decision.wanted),
        left_alone=progress.left_alone + decision.left_alone,
        young=tuple(missed.young),
        next_since=min(begun, default=None),
    )


def _here(attempts: Sequence[Attempt], progress: Progress, job: Job, *, webhook_id: str, company: Company) -> set[str]:
    """Failed deliveries that are stored all the same (our answer was lost), or were asked for before."""
    keys = {webhooks.dedupe_key(webhook_id, attempt.delivery): attempt.delivery for attempt in attempts}
    if not keys:
        return set()
    stored = Event.objects.filter(company=company, dedupe_key__in=list(keys)).values_list("dedupe_key", flat=True)
    earlier = (
        Job.objects.filter(kind=Job.Kind.CATCH_UP, company=company)
        .exclude(pk=job.pk)
        .order_by("-created_at")
        .values_list("cursor__asked", flat=True)[:JOBS_REMEMBERED]
    )
    asked = {delivery for deliveries in earlier for delivery in deliveries or ()}
    return {keys[key] for key in stored if key} | asked | set(progress.asked)


def _ask(job: Job, progress: Progress, api: WebhooksApi) -> Step:
    """Ask for the oldest deliveries that are wanted; what Field Nation took is kept when it asks us to slow down."""
    asked: list[str] = []
    gone, wait = 0, 0.0
    for delivery_id in progress.wanted[: min(REPEATS_PER_STEP, items_per_step(job))]:
        try:
            api.retry(delivery_id)
            asked.append(delivery_id.rpartition(":")[0] or delivery_id)
        except NotFound:
            gone += 1
        except Retryable as error:
            if not asked and not gone:
                raise
            wait = (error.retry_after if isinstance(error, RateLimited) else None) or 0.0
            break
    taken = len(asked) + gone
    onward = replace(
        progress,
        wanted=progress.wanted[taken:],
        asked=(*progress.asked, *asked),
        left_alone=progress.left_alone + gone,
    )
    return _onward(job, onward, calls=taken, done=len(asked), wait=wait)


def _onward(job: Job, progress: Progress, *, calls: int, done: int = 0, wait: float = 0.0) -> Step:
    """The step that leads to ``progress``: on with it, another round, or the end.

    What is left alone is counted at the end only: it costs no call, so it must not slow the job's pace.
    """
    made = Step(done=done, cursor=progress.plain(), wait_seconds=max(wait, calls * CALL_SECONDS))
    facts = {"done": job.done + done, "left": progress.left_alone}
    if progress.unread:
        sentence = explain("catch_up_reading", count=len(decide(progress.missed).wanted))
        return replace(made, sentence=_said(sentence, progress))
    if progress.wanted:
        sentence = explain("catch_up_asking", waiting=len(progress.wanted), **facts)
        return replace(made, sentence=_said(sentence, progress))
    if progress.young:
        sentence = explain("catch_up_young", count=len(progress.young), minutes=round(YOUNG.total_seconds() / 60))
        cursor = _next_round(progress).plain()
        wait = YOUNG.total_seconds()
        return replace(made, cursor=cursor, sentence=_said(sentence, progress), wait_seconds=wait)
    ended = explain("catch_up_done", **facts) if facts["done"] or facts["left"] else explain("catch_up_nothing")
    return replace(made, left_alone=progress.left_alone, finished=True, sentence=_said(ended, progress))


def _next_round(progress: Progress) -> Progress:
    return Progress(
        round=progress.round + 1,
        since=progress.next_since,
        watched=progress.young,
        asked=progress.asked,
        left_alone=progress.left_alone,
        is_cut=progress.is_cut,
    )


def _said(sentence: str, progress: Progress) -> str:
    """``sentence`` with what a person has to know besides."""
    said = [sentence]
    if progress.is_cut:
        said.append(explain("catch_up_more", count=MOST))
    if progress.switched_off:
        said.append(explain("catch_up_switched_off", webhooks=", ".join(progress.switched_off)))
    return " ".join(said)


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
