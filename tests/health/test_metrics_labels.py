"""Labels stay within bounds, and what shares one never goes down."""

from __future__ import annotations

from broker_project.metrics_figures import NAMED, OTHER, System, names_of
from synclog.histogram import NONE
from synclog.rollups import Line


def line(connector_id: int | None) -> Line:
    return Line(connector_id, "outbound", "deliveries", "", {}, NONE)


def system(id: int, name: str = "") -> System:
    return System(id, name or f"System {id}", "active", "closed", False)


def test_a_name_stands_with_its_id_so_that_equal_names_stay_apart() -> None:
    names = names_of([line(1)], [system(1, "Desk"), system(2, "Desk")])
    assert names == {1: "Desk #1", 2: "Desk #2"}


def test_one_that_was_deleted_keeps_its_figures() -> None:
    assert names_of([line(None), line(3), line(4)], [system(4)]) == {3: "#3", 4: "System 4 #4"}


def test_more_than_the_limit_share_one_label() -> None:
    names = names_of([line(id) for id in range(1, 251)], [system(id) for id in range(1, 261)])
    assert [id for id, name in names.items() if name == OTHER] == list(range(NAMED + 1, 261))
    assert len(set(names.values())) == NAMED + 1


def test_no_counter_ever_leaves_the_shared_label() -> None:
    """Else the sum behind it would go down. Connectors come and go here; what had traffic stays in the lines."""
    counted: set[int] = set()
    systems: dict[int, System] = {}
    shared: set[int] = set()
    for id in range(1, 400):
        systems[id] = system(id)
        if id % 3:
            counted.add(id)
        if id % 2:
            systems.pop(id // 2, None)
        if id % 50 == 0:
            counted.add(id - 41)  # an old one gets its first traffic late
        names = names_of([line(each) for each in counted], list(systems.values()))
        now = {each for each in counted if names[each] == OTHER}
        assert shared <= now
        assert len({name for name in names.values() if name != OTHER}) <= NAMED
        shared = now
    assert len(shared) > 50


def test_without_traffic_ids_take_the_room_that_is_left() -> None:
    names = names_of([line(id) for id in range(100, 100 + NAMED - 1)], [system(1), system(2)])
    assert (names[1], names[2]) == ("System 1 #1", OTHER)
