"""Lists over tables that grow for ever: no COUNT(*) over all rows, search by exact ids that an index serves."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import TextFilter

MAX_BIGINT = 2**63 - 1


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts and pages no further than ``cap`` rows, so that a page costs the same however long the table is."""

    cap = 10_000
    template_name = "broker/pagination.html"

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: self.cap].count())

    @property
    def is_capped(self) -> bool:
        return self.count >= self.cap


class PrunableList:
    """A list over a big table. No date hierarchy: it would read every row to find the days."""

    show_full_result_count = False
    paginator = CappedPaginator
    list_per_page = 50
    list_max_show_all = 0

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)  # type: ignore[misc]
        if not request.GET:  # nothing is filtered away, so there is no more to show
            changelist.full_result_count = changelist.result_count
        return changelist


class ReadOnly:
    """Evidence: nobody adds, changes or deletes it by hand."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ExactSearch:
    """Search that compares whole ids: a work order id, an external id, an id of ours.

    ``search_numbers``, ``search_texts`` and ``search_ids`` name the fields; each should have an index.
    """

    search_fields: Sequence[str] = ("pk",)  # shows the search box
    search_numbers: Sequence[str] = ()
    search_texts: Sequence[str] = ()
    search_ids: Sequence[str] = ()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip().replace("\0", "")
        if not term:
            return queryset, False
        found = Q(pk__in=[])
        for field in self.search_texts:
            found |= Q(**{field: term})
        if term.isascii() and term.isdigit() and int(term) <= MAX_BIGINT:
            for field in self.search_numbers:
                found |= Q(**{field: int(term)})
        if id := _uuid(term):
            for field in self.search_ids:
                found |= Q(**{field: id})
        return queryset.filter(found), False


def _uuid(term: str) -> UUID | None:
    try:
        return UUID(term)
    except ValueError:
        return None


class ExactFilter(TextFilter):  # type: ignore[misc]
    """A filter in which a whole value is typed; subclasses set ``title`` and ``parameter_name``, a field."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = str(self.value() or "").strip().replace("\0", "")
        return queryset.filter(**{self.parameter_name: value}) if value else queryset
