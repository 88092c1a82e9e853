"""Catch up after downtime: find the webhook deliveries that never arrived in Field Nation's log, ask for them again.

A job of several steps: list our webhooks, read the log of each, ask for repeats, and look once more when Field Nation
was still repeating some by itself. A repeat arrives like any webhook. Asking twice makes Field Nation send twice, so
what was asked for is kept with the job, for later jobs too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone

from broker_project.lib.digest import digest
from broker_project.lib.errors import Misconfigured, NotFound, RateLimited, Retryable
from connectors.access import caller
from connectors.fieldnation.webhook_logs import Hook, LogPage, WebhooksApi
from connectors.models import Company
from connectors.tokens import tokens_for

from .job_step import Step, items_per_step
from .missed import MOST, Missed, reaches_back, undecided, with_page, within
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
    is the next page of the first; ``asked`` are the deliveries that were asked for, without their attempt;
    ``is_cut`` says that more had failed than one job takes up."""

    unread: tuple[str, ...] | None = None
    page: int = 1
    gap_seen: bool = False
    missed: Missed = field(default_factory=Missed)
    counted: int = 0
    asked: tuple[str, ...] = ()
    switched_off: tuple[str, ...] = ()
    is_cut: bool = False
    round: int = 1
    since: datetime | None = None

    @classmethod
    def of(cls, job: Job) -> Progress:
        given: dict[str, Any] = dict(job.cursor)
        if not given:
            return cls(since=_moment(job.parameters.get("since")))
        missed = given["missed"]
        read = {name: frozenset(missed[name]) for name in ("known", "stands_for")}
        since = _moment(missed["young_since"])
        missed = Missed(**{**missed, **read, "wanted": tuple(missed["wanted"]), "young_since": since})
        lists = {name: tuple(given[name]) for name in ("asked", "switched_off")}
        unread = None if given["unread"] is None else tuple(given["unread"])
        return cls(**{**given, **lists, "unread": unread, "missed": missed, "since": _moment(given["since"])})

    def plain(self) -> dict[str, Any]:
        values = asdict(self)
        values["since"] = self.since.isoformat() if self.since else None
        since = self.missed.young_since
        values["missed"] |= {
            "known": sorted(self.missed.known),
            "stands_for": sorted(self.missed.stands_for),
            "young_since": since.isoformat() if since else None,
        }
        return values


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


def webhook_key(webhook_id: str, delivery: str) -> str:
    """The dedupe key under which the webhook door stores a delivery."""
    return digest(f"webhook:{webhook_id}:{delivery}")


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
    webhook_id, *others = progress.unread
    for calls in range(1, PAGES_PER_STEP + 1):
        page = api.log(webhook_id, page=progress.page)
        recent = within(page, progress.since)
        here = _here(recent, progress, job, webhook_id=webhook_id, company=company)
        missed = with_page(progress.missed, recent, here=here, young_after=_young_after(progress))
        done = missed.is_full or reaches_back(page, since=progress.since, gap_seen=progress.gap_seen)
        gap_seen = progress.gap_seen or any(not attempt.is_good for attempt in recent.attempts)
        progress = replace(progress, missed=missed, page=progress.page + 1, gap_seen=gap_seen)
        if done:
            return _onward(job, _with_log_read(progress, others), calls=calls)
    return _onward(job, progress, calls=PAGES_PER_STEP)


def _young_after(progress: Progress) -> datetime:
    """Failed later than this, Field Nation repeats it by itself. In the last round nothing is left to that."""
    return timezone.now() - YOUNG if progress.round < ROUNDS else datetime.max.replace(tzinfo=UTC)


def _with_log_read(progress: Progress, others: Sequence[str]) -> Progress:
    missed = progress.missed
    progress = replace(progress, page=1, gap_seen=False, is_cut=missed.is_full)
    if others and not missed.is_full:
        return replace(progress, unread=tuple(others))
    # what served to decide is not carried through all the steps that ask
    return replace(progress, unread=(), missed=replace(missed, known=frozenset(), stands_for=frozenset()))


def _here(page: LogPage, progress: Progress, job: Job, *, webhook_id: str, company: Company) -> set[str]:
    """Failed deliveries that are stored all the same (our answer was lost), or were asked for before."""
    keys = {webhook_key(webhook_id, attempt.delivery): attempt.delivery for attempt in undecided(page, progress.missed)}
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
    limit = min(REPEATS_PER_STEP, items_per_step(job))
    batch = progress.missed.wanted[-limit:][::-1]
    asked: list[str] = []
    gone, wait = 0, 0.0
    for delivery_id in batch:
        try:
            api.retry(delivery_id)
        except NotFound:
            gone += 1
        except Retryable as error:
            if not asked and not gone:
                raise
            wait = (error.retry_after if isinstance(error, RateLimited) else None) or 0.0
            break
        asked.append(delivery_id)
    taken = len(asked) + gone
    wanted = progress.missed.wanted[: len(progress.missed.wanted) - taken]
    onward = replace(
        progress,
        missed=replace(progress.missed, wanted=wanted),
        asked=(*progress.asked, *(delivery_id.rpartition(":")[0] or delivery_id for delivery_id in asked)),
    )
    return _onward(job, onward, calls=taken, done=len(asked), gone=gone, wait=wait)


def _onward(job: Job, progress: Progress, *, calls: int, done: int = 0, gone: int = 0, wait: float = 0.0) -> Step:
    """The step that leads to ``progress``: on with it, another round, or the end."""
    left = gone + progress.missed.left_alone - progress.counted
    progress = replace(progress, counted=progress.missed.left_alone)
    made = Step(done=done, left_alone=left, cursor=progress.plain(), wait_seconds=max(wait, calls * CALL_SECONDS))
    facts = {"done": job.done + done, "left": job.left_alone + left}
    young, waiting = progress.missed.young, len(progress.missed.wanted)
    if progress.unread:
        return replace(made, sentence=_said(explain("catch_up_reading", count=waiting), progress))
    if waiting:
        return replace(made, sentence=_said(explain("catch_up_asking", waiting=waiting, **facts), progress))
    if young:
        sentence = explain("catch_up_young", count=young, minutes=round(YOUNG.total_seconds() / 60))
        again = Progress(
            round=progress.round + 1,
            since=progress.missed.young_since,
            asked=progress.asked,
            missed=Missed(known=frozenset(progress.asked)),
        )
        wait = YOUNG.total_seconds()
        return replace(made, cursor=again.plain(), sentence=_said(sentence, progress), wait_seconds=wait)
    ended = explain("catch_up_done", **facts) if facts["done"] or facts["left"] else explain("catch_up_nothing")
    return replace(made, finished=True, sentence=_said(ended, progress))


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
