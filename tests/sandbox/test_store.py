from __future__ import annotations

import threading
from pathlib import Path

import pytest

from broker_project.sandbox.store import Store


def test_documents_come_back_by_number_key_and_latest_change(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.sqlite3")
    with store.transaction():
        for number, key in ((1, "a"), (2, "b"), (3, "a")):
            store.put("thing", number, {"n": number}, key=key)
        store.put("thing", 1, {"n": 1, "again": True}, key="a")
        store.put("other", 1, {"n": 9}, key="a")
        assert store.get("thing", 1) == {"n": 1, "again": True}
        assert store.get("thing", 4) is None
        assert [row["n"] for row in store.all("thing")] == [1, 2, 3]
        assert [row["n"] for row in store.all("thing", after=1)] == [2, 3]
        assert [row["n"] for row in store.filed("thing", "a")] == [1, 3]
        assert [row["n"] for row in store.newest("thing", limit=2)] == [1, 3]
        assert [row["n"] for row in store.newest("thing", limit=2, offset=2)] == [2]
        assert store.count("thing") == 3


def put_and_fail(store: Store, number: int) -> None:
    with store.transaction():
        store.put("thing", number, {})
        raise RuntimeError


def test_a_failed_transaction_leaves_nothing_and_an_inner_one_only_its_own(tmp_path: Path) -> None:
    store = Store(tmp_path / "a.sqlite3")
    with pytest.raises(RuntimeError):
        put_and_fail(store, 1)
    with store.transaction():
        store.put("thing", 2, {})
        with pytest.raises(RuntimeError):
            put_and_fail(store, 3)
        with store.transaction():
            store.put("thing", 4, {})
    with store.transaction():
        assert [number for number in range(1, 5) if store.get("thing", number) is not None] == [2, 4]


def test_all_survives_a_second_opening(tmp_path: Path) -> None:
    first = Store(tmp_path / "a.sqlite3")
    with first.transaction():
        first.put("thing", first.next_number("thing", first=1001), {"a": "ü"})
        first.set_setting("x", [1])
    second = Store(tmp_path / "a.sqlite3")  # the first is not closed, as after a kill
    with second.transaction():
        assert second.get("thing", 1001) == {"a": "ü"}
        assert second.setting("x") == [1]
        assert second.next_number("thing", first=1001) == 1002


def test_settings_sequences_and_clear() -> None:
    store = Store()
    with store.transaction():
        store.set_setting("token a", 1)
        store.set_setting("token b", 2)
        store.set_setting("other", 3)
        store.next_number("seen: x")
        store.next_number("seen: x")
        assert store.numbers("seen: ") == {"x": 2}
        assert store.drop_settings("token ") == 2
        assert store.setting("token a", "gone") == "gone"
        assert store.setting("other") == 3
        store.next_number("job")
        store.clear(keep_sequence="job")
        assert store.setting("other") is None
        assert store.next_number("seen: x") == 1
        assert store.next_number("job") == 2


def test_threads_take_turns_and_no_number_is_given_twice() -> None:
    store, numbers = Store(), []

    def take() -> None:
        for _ in range(100):
            with store.transaction():
                numbers.append(store.next_number("n"))

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(1, 601))
