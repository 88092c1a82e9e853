"""``GET /workorders`` with the habits that cost time: a saved view per user, sticky filters, nearly empty items."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from broker_project.sandbox.store import Document, Store

from .parts import BadValue

LISTS: dict[str, tuple[str, ...]] = {
    "workorders_in_flight": ("Draft", "Published", "Routed", "Assigned", "Work Done"),
    "workorders_draft": ("Draft",),
    "workorders_published_routed": ("Published", "Routed"),
    "workorders_assigned": ("Assigned",),
    "workorders_problem": (),
    "workorders_work_done": ("Work Done",),
    "workorders_approved": ("Approved", "Paid"),
    "workorders_all": (),
}
SORTS = ("id", "title", "schedule", "status", "pay", "created_date")
FILTERS = (
    "f_work_order_id",
    "f_search",
    "f_created",
    "f_created_date",
    "f_client",
    "f_project",
    "f_manager",
)
DEFAULT_VIEW = {"list": "workorders_in_flight", "sort": "id", "order": "asc", "filters": {}}
LARGEST_PAGE = 250


def list_work_orders(store: Store, query: Mapping[str, str], *, user_id: int) -> dict[str, Any]:
    """One page. Without ``sticky=false`` the user's saved view fills the gaps and is replaced by what was asked.

    ``columns`` chooses the members of the items; without it they hold only their id. Raises BadValue.
    """
    view = _view(store, query, user_id)
    page, per_page = _whole(query, "page", 1), min(_whole(query, "per_page", 25), LARGEST_PAGE)
    orders = [row["work_order"] for row in store.all("work_order")]
    found = [order for order in orders if _is_wanted(order, view)]
    found.sort(key=lambda order: _sort_key(order, view["sort"]), reverse=view["order"] == "desc")
    columns = {"id", *filter(None, query.get("columns", "").split(","))}
    shown = found[(page - 1) * per_page : page * per_page]
    echo = {name: value for filter_name, value in view["filters"].items() for name, value in _echo(filter_name, value)}
    return {
        "metadata": {
            "total": len(found),
            "page": page,
            "pages": max(1, -(-len(found) // per_page)),
            "per_page": per_page,
            "list": view["list"],
            "sort": view["sort"],
            "order": view["order"],
        },
        "results": [{name: order[name] for name in order if name in columns} for order in shown],
        "actions": [],
        "correlation_id": "",
        **echo,
    }


def _echo(name: str, value: str) -> list[tuple[str, str]]:
    return [(name, value), (f"fs_{name.removeprefix('f_')}", value)]


def _view(store: Store, query: Mapping[str, str], user_id: int) -> dict[str, Any]:
    is_sticky = query.get("sticky") != "false"
    saved = store.setting(f"view {user_id}", DEFAULT_VIEW)
    given = {name: query[name] for name in FILTERS if query.get(name)}
    view = {
        "list": query.get("list", saved["list"]),
        "sort": query.get("sort", saved["sort"]),
        "order": query.get("order", saved["order"]),
        "filters": {**saved["filters"], **given} if is_sticky else given,
    }
    for name, allowed in (("list", LISTS), ("sort", SORTS), ("order", ("asc", "desc"))):
        if view[name] not in allowed:
            raise BadValue(f"?{name}", f"{name} must be one of {', '.join(allowed)}.")
    if is_sticky:
        store.set_setting(f"view {user_id}", view)
    return view


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not text.isdecimal() or int(text) < 1:
        raise BadValue(f"?{name}", f"{name} must be a whole number from 1.")
    return int(text)


def _is_wanted(order: Document, view: Mapping[str, Any]) -> bool:
    status = order["status"]["name"]
    if view["list"] == "workorders_problem":
        if all(problem["resolved"] for problem in order["problems"]["results"]):
            return False
    elif LISTS[view["list"]] and status not in LISTS[view["list"]]:
        return False
    return all(_passes(order, name, value) for name, value in view["filters"].items())


def _passes(order: Document, name: str, value: str) -> bool:
    if name == "f_work_order_id":
        return str(order["id"]) in value.split(",")
    if name == "f_search":
        return value.lower() in f"{order['id']} {order['title']} {order['location']['city']}".lower()
    if name in ("f_created", "f_created_date"):
        return _is_created_within(order["milestones"]["created"]["utc"], value)
    return str(order[name.removeprefix("f_")]["id"]) in value.split(",")


def _is_created_within(created: str, value: str) -> bool:
    """``value`` is one day or moment, or two with a comma between: from and up to."""
    edges = [re.sub("[TZ]", " ", edge).strip() for edge in value.split(",")]
    if len(edges) == 1:
        return created.startswith(edges[0]) if len(edges[0]) == 10 else created >= edges[0]
    first, last = edges[0], edges[1]
    return created >= first and (not last or created <= (f"{last} 23:59:59" if len(last) == 10 else last))


def _sort_key(order: Document, sort: str) -> tuple[Any, int]:
    keys = {
        "id": 0,
        "title": order["title"].lower(),
        "schedule": order["schedule"]["service_window"]["start"]["utc"],
        "status": order["status"]["name"],
        "pay": order["pay"]["total"],
        "created_date": order["milestones"]["created"]["utc"],
    }
    return keys[sort], order["id"]
