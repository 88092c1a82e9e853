"""The Grafana dashboard asks for what /metrics gives, and for nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from synclog import rollup_compact
from synclog.worker_models import Worker
from tests.flows.conftest import World

from .promql import Selector, read
from .test_metrics import Samples, scrape, some_traffic

ROOT = Path(__file__).resolve().parents[2]
BOARD: dict[str, Any] = json.loads((ROOT / "docs/grafana-dashboard.json").read_text())
VARIABLES = {"$connector": ".+", "$direction": ".+"}
"""As Grafana replaces them when all are chosen."""


def targets() -> Iterator[tuple[str, str, str]]:
    """Title, expression and legend of every query of every panel."""
    for panel in BOARD["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"], target["legendFormat"]


def queries() -> list[str]:
    asked = [variable["definition"] for variable in BOARD["templating"]["list"] if variable["type"] == "query"]
    return [expression for _, expression, _ in targets()] + asked


def labels_by_metric(samples: Samples) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, labels in samples:
        found.setdefault(name, set()).update(dict(labels))
    return found


def matches(selector: Selector, labels: dict[str, str]) -> bool:
    for name, matcher in selector.labels.items():
        operator, pattern = re.fullmatch(r"(=~|!~|!=|=)(.*)", matcher).groups()  # type: ignore[union-attr]
        for variable, all_of_them in VARIABLES.items():
            pattern = pattern.replace(variable, all_of_them)
        held = labels.get(name, "")
        hit = re.fullmatch(pattern, held) is not None if "~" in operator else held == pattern
        if hit is operator.startswith("!"):
            return False
    return True


@pytest.fixture
def samples(world: World) -> Samples:
    some_traffic(world)
    rollup_compact.compact()
    now = timezone.now()
    Worker.objects.create(name="w", kind="worker", host="h", pid=1, version="1.0", started_at=now, seen_at=now)
    return scrape()


def test_every_query_finds_series_of_a_running_broker(samples: Samples) -> None:
    known = labels_by_metric(samples)
    assert len(list(targets())) > 25
    for expression in queries():
        selectors, grouped = read(expression)
        if expression.startswith("label_values"):
            metric, label = selectors[0].metric, selectors[1].metric
            assert label in known[metric], expression
            continue
        assert selectors, expression
        for selector in selectors:
            assert selector.metric in known, (selector.metric, expression)
            assert set(selector.labels) | grouped <= known[selector.metric], expression
            found = [labels for name, labels in samples if name == selector.metric and matches(selector, dict(labels))]
            assert found, (selector, expression)


def test_every_alternative_of_a_pattern_exists(samples: Samples) -> None:
    """A misspelt outcome would only make a figure too small."""
    outcomes = {dict(labels)["outcome"] for name, labels in samples if name == "broker_attempts_total"}
    asked = {
        alternative
        for expression in queries()
        for selector in read(expression)[0]
        for alternative in selector.labels.get("outcome", "=")[1:].lstrip("~=").split("|")
        if alternative
    }
    assert asked == outcomes == {"succeeded", "skipped", "waiting", "retrying", "dead"}


def test_every_figure_of_the_broker_is_on_the_board(samples: Samples) -> None:
    asked = {selector.metric for expression in queries() for selector in read(expression)[0]}
    given = {re.sub(r"_(bucket|sum|count)$", "", name) for name, _ in samples if name.startswith("broker_")}
    assert given - {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked} == set()


def test_legends_name_labels_that_the_result_has() -> None:
    for title, expression, legend in targets():
        assert set(re.findall(r"\{\{(\w+)\}\}", legend)) <= read(expression)[1], (title, legend)


def test_the_board_can_be_imported_anywhere() -> None:
    assert [variable["name"] for variable in BOARD["templating"]["list"]] == ["datasource", "connector", "direction"]
    panels = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
    sources = {target["datasource"]["uid"] for panel in panels for target in panel["targets"]}
    assert sources | {panel["datasource"]["uid"] for panel in panels} == {"${datasource}"}
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert len(ids) == len(set(ids))
    taken: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        grid = panel["gridPos"]
        cells = {
            (x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells


@pytest.mark.parametrize("broken", ["sum(rate(a[5m])", "sum(a{b=})", 'a{b="c"', "a ? b"])
def test_a_broken_expression_is_noticed(broken: str) -> None:
    with pytest.raises(ValueError, match=r"cannot|unclear|brackets"):
        read(broken)
