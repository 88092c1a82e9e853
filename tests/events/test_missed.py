"""Which webhook deliveries are asked for again: told from pages of the log alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.fieldnation.webhook_logs import Attempt, LogPage
from events import missed
from events.missed import Missed, reaches_back, undecided, with_page, within

NOON = datetime(2026, 6, 29, 12, tzinfo=UTC)
STATE, ACT = "workorder.schedule_updated", "workorder.message_posted"


def attempt(
    id: str, *, status: int | None = 500, event: str = STATE, order: int = 1, minutes: int = 600, number: int = 8
) -> Attempt:
    """``minutes`` before noon."""
    return Attempt(f"{id}:{number}", "hook", order, event, status, number, NOON - timedelta(minutes=minutes))


def page(*attempts: Attempt, is_last: bool = False) -> LogPage:
    return LogPage(attempts, is_last=is_last)


def read(*pages: LogPage, here: frozenset[str] = frozenset()) -> Missed:
    found = Missed()
    for one in pages:
        found = with_page(found, one, here=here, young_after=NOON - timedelta(minutes=11))
    return found


def test_the_newest_failed_delivery_stands_for_the_state_of_a_work_order() -> None:
    found = read(page(attempt("new"), attempt("old"), attempt("other", order=2)), page(attempt("older")))
    assert found.wanted == ("new:8", "other:8")
    assert found.left_alone == 2


def test_every_failed_act_is_wanted() -> None:
    found = read(page(attempt("second", event=ACT), attempt("first", event=ACT)))
    assert found.wanted == ("second:8", "first:8")
    assert found.left_alone == 0


def test_an_event_of_no_known_name_or_work_order_is_wanted_each_time() -> None:
    unknown = [attempt(id, event="workorder.new_in_2027") for id in ("a", "b")]
    nowhere = [Attempt(f"{id}:8", "hook", None, STATE, 500, 8, NOON) for id in ("c", "d")]
    assert read(page(*unknown, *nowhere)).wanted == ("a:8", "b:8", "c:8", "d:8")


def test_a_delivery_whose_later_attempt_arrived_is_not_wanted_on_whatever_page_that_stands() -> None:
    later, earlier = attempt("a", status=202, number=3), attempt("a", number=2)
    assert read(page(later, earlier)) == read(page(later), page(earlier))
    assert read(page(later), page(earlier)).wanted == ()


def test_only_the_newest_attempt_of_a_delivery_counts() -> None:
    found = read(page(attempt("a", number=8), attempt("a", number=7)), page(attempt("a", number=6)))
    assert found.wanted == ("a:8",)
    assert found.left_alone == 0


def test_what_is_here_is_left_alone_and_stands_for_the_older_ones() -> None:
    found = read(page(attempt("here"), attempt("older")), here=frozenset({"here"}))
    assert (found.wanted, found.left_alone) == ((), 2)
    acts = page(attempt("here", event=ACT), attempt("older", event=ACT))
    assert read(acts, here=frozenset({"here"})).wanted == ("older:8",)


def test_what_field_nation_still_repeats_is_left_to_it_for_now() -> None:
    found = read(page(attempt("a", number=2, minutes=1), attempt("b", order=2, number=4, minutes=3)))
    assert (found.wanted, found.young, found.young_since) == ((), 2, NOON - timedelta(minutes=3))
    given_up = page(attempt("a", number=8, minutes=1), attempt("b", order=2, status=401, number=1, minutes=1))
    assert read(given_up).wanted == ("a:8", "b:1")
    assert read(page(attempt("c", number=2, minutes=12))).wanted == ("c:2",)


def test_the_undecided_are_those_that_with_page_decides() -> None:
    known = read(page(attempt("a")))
    later = page(attempt("a"), attempt("b", status=200), attempt("b"), attempt("c"))
    assert [found.delivery for found in undecided(later, known)] == ["c"]


def test_the_log_is_read_back_to_the_moment_given() -> None:
    newer, older = attempt("a", minutes=10), attempt("b", minutes=30)
    since = NOON - timedelta(minutes=20)
    assert not reaches_back(page(newer), since=since, gap_seen=True)
    assert reaches_back(page(newer, older), since=since, gap_seen=False)
    assert within(page(newer, older), since).attempts == [newer]
    assert within(page(newer, older), None).attempts == (newer, older)


def test_without_a_moment_the_log_is_read_back_to_a_page_without_failures_before_the_gap() -> None:
    good = attempt("a", status=200)
    assert not reaches_back(page(good), since=None, gap_seen=False)  # after the gap, which may lie further back
    assert not reaches_back(page(attempt("b")), since=None, gap_seen=False)
    assert not reaches_back(page(good, attempt("b")), since=None, gap_seen=True)
    assert reaches_back(page(good), since=None, gap_seen=True)
    assert reaches_back(page(is_last=True), since=None, gap_seen=False)


def test_a_job_takes_up_only_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(missed, "MOST", 2)
    assert not read(page(attempt("a"))).is_full
    assert read(page(attempt("a"), attempt("b", order=2))).is_full


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
        log.append(attempt(id, status=status if is_first_seen else 500, event=events[id], number=number + 1))
    pages = [page(*log[start : start + size]) for start in range(0, len(log), size)]
    cut, whole = read(*pages), read(page(*log))
    assert (cut.wanted, cut.left_alone) == (whole.wanted, whole.left_alone)
