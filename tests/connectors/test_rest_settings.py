"""The REST platform's settings have a sentence for each mistake; paths into JSON."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_project.lib.errors import Misconfigured
from connectors.http import Caller
from connectors.platforms.rest import PLATFORM
from connectors.platforms.rest.paths import id_text, pick, placed

from .contract_suite import MemoryTokens
from .rest_system import BASE


class TestCheck:
    @pytest.mark.parametrize(
        ("change", "setting", "sentence"),
        [
            ({"base_url": ""}, "base_url", "Enter the base URL"),
            ({"base_url": "help.example.test"}, "base_url", "must begin with https://"),
            ({"base_url": "ftp://help.example.test"}, "base_url", "must begin with https://"),
            ({"base_url": "https://u:p@help.example.test"}, "base_url", "Take user and password out"),
            ({"base_url": "https://help.example.test/?x=1"}, "base_url", "must not hold a query"),
            ({"base_url": "https://help.example.test:x"}, "base_url", "cannot be read"),
            ({"base_url": "https://help.example.test/a b"}, "base_url", "blank"),
            ({"record_path": ""}, "record_path", "Enter the path of one record"),
            ({"record_path": "/tickets"}, "record_path", "needs {id}"),
            ({"record_path": "https://other.example.test/{id}"}, "record_path", "Enter only the path"),
            ({"record_path": "//other.example.test/{id}"}, "record_path", "Enter only the path"),
            ({"record_path": "/../{id}"}, "record_path", "may not hold"),
            ({"record_path": "/x/{id}/{kind}"}, "record_path", "may not hold"),
            ({"update_path": "/tickets"}, "update_path", "needs {id}"),
            ({"create_path": "/tickets/{id}"}, "create_path", "no record id yet"),
            ({"test_path": "/tickets/{id}"}, "test_path", "no record id yet"),
            ({"note_path": "/notes"}, "note_path", "needs {id}"),
            ({"create_method": "GET"}, "create_method", "Choose one of: POST, PUT."),
            ({"update_method": "DELETE"}, "update_method", "Choose one of: POST, PUT, PATCH."),
            ({"auth": "magic"}, "auth", "Choose one of"),
            ({"auth": "basic"}, "username", "needs the user"),
            ({"auth": "api_key"}, "api_key", "needs the api key"),
            ({"auth": "bearer"}, "bearer_token", "needs the bearer token"),
            ({"auth": "oauth2", "client_id": "c"}, "token_url", "needs the token url"),
            ({"auth": "oauth2", "token_url": "nonsense"}, "token_url", "must begin with"),
            ({"fields_path": "https://other.example.test/openapi.json"}, "fields_path", "on the host of the base URL"),
            ({"fields_path": "/a b"}, "fields_path", "such as /openapi.json"),
            ({"fields_path": "//other.example.test/openapi.json"}, "fields_path", "such as /openapi.json"),
            ({"find_path": "/tickets"}, "find_parameter", "all needed"),
            ({"find_parameter": "ref"}, "correlation_field", "all needed"),
            ({"headers": "no colon"}, "headers", "one header a line"),
            ({"headers": "bad name: x"}, "headers", "one header a line"),
            ({"headers": {"Host": "other.example.test"}}, "headers", "set by the broker itself"),
        ],
    )
    def test_each_wrong_setting_has_its_sentence(self, change: dict[str, Any], setting: str, sentence: str) -> None:
        found = PLATFORM.check({**BASE, **change}, {})

        assert sentence in found[setting]
        with pytest.raises(Misconfigured) as caught:
            PLATFORM.open({**BASE, **change}, {}, Caller(), MemoryTokens())
        assert found[setting] in caught.value.sentence

    def test_what_does_not_apply_is_not_checked(self) -> None:
        unused = {"token_url": "nonsense", "api_key_header": "no header", "client_auth": "magic"}

        assert PLATFORM.check({**BASE, **unused}, {}) == {}
        assert set(PLATFORM.check({**BASE, **unused, "auth": "oauth2"}, {})) >= {"token_url", "client_auth"}
        assert "api_key_header" in PLATFORM.check({**BASE, **unused, "auth": "api_key"}, {})

    def test_empty_settings_ask_for_what_is_required(self) -> None:
        assert {"base_url", "record_path", "username"} <= set(PLATFORM.check({}, {}))

    def test_the_smallest_settings_are_enough(self) -> None:
        assert PLATFORM.check(BASE, {}) == {}
        assert PLATFORM.check({**BASE, "record_path": "/ticket", "id_parameter": "number"}, {}) == {}

    def test_secret_headers_are_checked_without_showing_them(self) -> None:
        found = PLATFORM.check(BASE, {"secret_headers": "fictitious-secret"})

        assert found == {"secret_headers": "Write one header a line, as Name: value."}


class TestPaths:
    @pytest.mark.parametrize(
        ("path", "found"),
        [("", {"a": [{"b": 1}], "c": None}), ("a[0].b", 1), ("a.0.b", 1), ("a[1].b", None), ("c.d", None),
         ("a.b", None), ("x", None)],
    )  # fmt: skip
    def test_pick(self, path: str, found: Any) -> None:
        assert pick({"a": [{"b": 1}], "c": None}, path) == found

    @given(st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=4), st.integers())
    def test_what_is_placed_is_picked_and_nothing_else_moves(self, steps: list[str], value: int) -> None:
        fields = {"keep": 1, "abc": "text"}

        after = placed(fields, ".".join(steps), value)

        assert pick(after, ".".join(steps)) == value
        assert after["keep"] == 1
        assert fields == {"keep": 1, "abc": "text"}

    @pytest.mark.parametrize(
        ("value", "text"),
        [(5, "5"), (5.0, "5"), (" x ", "x"), (0, "0"), (None, ""), (True, ""), (1.5, ""), ({}, ""), ("", "")],
    )
    def test_id_text(self, value: Any, text: str) -> None:
        assert id_text(value) == text
