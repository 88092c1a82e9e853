"""Which webhook deliveries are asked for again: told from pages of the log alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.fieldnation.webhook_logs import Attempt, LogPage
from events import missed
from events.missed import Decision, Missed, decide, reaches_back, undecided, with_page

NOON = datetime(2026, 6, 29, 12, tzinfo=UTC)
STATE, ACT = "workorder.schedule_updated", "workorder.message_posted"


def attempt(
    id: str, *, status: int | None = 500, event: str = STATE, order: int = 1, minutes: int = 600, number: int = 8
) -> Attempt:
    """``minutes`` before noon."""
    return Attempt(f"{id}:{number}", "hook", order, event, status, number, NOON - timedelta(minutes=minutes))


def page(*attempts: Attempt, is_last: bool = False) -> LogPage:
    return LogPage(attempts, is_last=is_last)


def read(*pages: LogPage, here: frozenset[str] = frozenset(), since: datetime | None = None) -> Missed:
    found = Missed()
    for one in pages:
        found = with_page(found, one, here=here, young_after=NOON - timedelta(minutes=11), since=since)
    assert Missed.of(json.loads(json.dumps(found.plain()))) == found
    return found


def wanted(*pages: LogPage, here: frozenset[str] = frozenset()) -> tuple[list[str], int]:
    decision = decide(read(*pages, here=here))
    return list(decision.wanted), decision.left_alone


def test_the_newest_failed_delivery_stands_for_the_state_of_a_work_order() -> None:
    rows = attempt("new", minutes=601), attempt("other", order=2, minutes=602), attempt("old", minutes=603)
    assert wanted(page(*rows), page(attempt("older", minutes=604))) == (["other:8", "new:8"], 2)


def test_which_is_newer_is_told_by_the_first_attempts() -> None:
    """The older one was repeated for a while; the newer one was refused for good at once."""
    log = [
        attempt("older", minutes=580, number=3),
        attempt("newer", minutes=590, number=1, status=404),
        attempt("older", minutes=595, number=2),
        attempt("older", minutes=600, number=1),
    ]
    assert wanted(page(*log)) == (["newer:1"], 1)
    assert wanted(page(*log[:2]), page(*log[2:])) == (["newer:1"], 1)
    since = NOON - timedelta(minutes=597)  # the first attempt counts wherever the reading stops
    assert read(page(*log), since=since).failed["older"].begun_at == NOON - timedelta(minutes=600)


def test_every_failed_act_is_wanted_the_oldest_first() -> None:
    rows = page(attempt("second", event=ACT, minutes=1), attempt("first", event=ACT, minutes=2))
    assert wanted(rows) == (["first:8", "second:8"], 0)


def test_an_event_of_no_known_name_or_work_order_is_wanted_each_time() -> None:
    unknown = [attempt(id, event="workorder.new_in_2027") for id in ("d", "c")]
    nowhere = [Attempt(f"{id}:8", "hook", None, STATE, 500, 8, NOON - timedelta(hours=11)) for id in ("b", "a")]
    assert wanted(page(*unknown, *nowhere)) == (["a:8", "b:8", "c:8", "d:8"], 0)


def test_a_delivery_whose_later_attempt_arrived_is_not_wanted_on_whatever_page_that_stands() -> None:
    later, earlier = attempt("a", status=202, number=3), attempt("a", number=2)
    assert read(page(later, earlier)) == read(page(later), page(earlier))
    assert wanted(page(later), page(earlier)) == ([], 0)


def test_only_the_newest_attempt_of_a_delivery_counts() -> None:
    pages = page(attempt("a", number=8), attempt("a", number=7)), page(attempt("a", number=6))
    assert wanted(*pages) == (["a:8"], 0)


def test_what_is_here_is_left_alone_and_stands_for_older_ones_only() -> None:
    rows = [attempt("late", minutes=1), attempt("mid", minutes=2), attempt("early", minutes=3)]
    assert wanted(page(*rows), here=frozenset({"late"})) == ([], 3)
    assert wanted(page(*rows), here=frozenset({"mid"})) == (["late:8"], 2)
    acts = page(attempt("b", event=ACT), attempt("a", event=ACT))
    assert wanted(acts, here=frozenset({"b"})) == (["a:8"], 1)


def test_what_field_nation_still_repeats_is_left_to_it_for_now() -> None:
    found = read(page(attempt("a", number=2, minutes=1), attempt("b", order=2, number=4, minutes=3)))
    assert (found.young, decide(found)) == (["a", "b"], Decision([], 0))
    given_up = page(attempt("a", number=8, minutes=1), attempt("b", order=2, status=401, number=1, minutes=2))
    assert wanted(given_up) == (["b:1", "a:8"], 0)
    assert wanted(page(attempt("c", number=2, minutes=12))) == (["c:2"], 0)


def test_a_later_round_counts_only_what_it_watches() -> None:
    found = read(page(attempt("a"), attempt("b", order=2)), here=frozenset("ab"))
    assert decide(found).left_alone == 2
    assert decide(found, watched=["b", "gone"]).left_alone == 1


def test_the_undecided_are_those_that_with_page_decides() -> None:
    known = read(page(attempt("a")))
    later = page(attempt("a"), attempt("b", status=200), attempt("b"), attempt("c", minutes=1), attempt("d"))
    assert [found.delivery for found in undecided(later, known)] == ["c", "d"]
    assert [found.delivery for found in undecided(later, known, since=NOON - timedelta(minutes=5))] == ["c"]


def test_the_log_is_read_back_to_the_moment_given() -> None:
    newer, older = attempt("a", minutes=10), attempt("b", minutes=30)
    since = NOON - timedelta(minutes=20)
    assert not reaches_back(page(newer), since=since, gap_seen=True)
    assert reaches_back(page(newer, older), since=since, gap_seen=False)
    assert list(read(page(newer, older), since=since).failed) == ["a"]


def test_without_a_moment_the_log_is_read_back_to_a_page_without_failures_before_the_gap() -> None:
    good = attempt("a", status=200)
    assert not reaches_back(page(good), since=None, gap_seen=False)  # after the gap, which may lie further back
    assert not reaches_back(page(attempt("b")), since=None, gap_seen=False)
    assert not reaches_back(page(good, attempt("b")), since=None, gap_seen=True)
    assert reaches_back(page(good), since=None, gap_seen=True)
    assert reaches_back(page(is_last=True), since=None, gap_seen=False)


def test_a_job_takes_up_only_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(missed, "MOST", 2)
    rows = page(attempt("a"), attempt("b", order=2))
    assert not read(page(attempt("a"))).is_full
    assert not read(rows, here=frozenset({"a"})).is_full
    assert read(rows).is_full


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.sampled_from([200, 500]), st.sampled_from([STATE, ACT])), max_size=30
    ),
    st.integers(1, 30),
)
def test_how_the_log_is_cut_into_pages_changes_nothing(rows: list[tuple[str, int, str]], size: int) -> None:
    """Numbers fall from row to row, since the log is newest first; a delivery ends with its first good attempt."""
    log: list[Attempt] = []
    events = {id: event for id, _, event in rows}
    for number, (id, status, _) in zip(range(len(rows), 0, -1), rows, strict=True):
        is_first_seen = all(row.delivery != id for row in log)
        log.append(
            attempt(
                id, status=status if is_first_seen else 500, event=events[id], number=number + 1, minutes=60 - number
            )
        )
    pages = [page(*log[start : start + size]) for start in range(0, len(log), size)]
    assert wanted(*pages) == wanted(page(*log))
