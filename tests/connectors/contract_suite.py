"""What every platform must do. Subclass ``PlatformContract`` as ``Test…`` and give it the fixture ``system``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from broker_project.lib.errors import (
    AuthFailed,
    Misconfigured,
    NotFound,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    Unavailable,
)
from connectors.http import Caller
from connectors.platforms.contract import Client, Platform

from .fake_server import FakeServer, Fault

CORRELATION = "fn-7f3d0c52-1042"


class MemoryTokens:
    """A token store without a clock."""

    def __init__(self) -> None:
        self.token: str | None = None
        self.expires_in = 0.0

    def get(self) -> str | None:
        return self.token

    def put(self, token: str, expires_in: float) -> None:
        self.token, self.expires_in = token, expires_in

    def drop(self) -> None:
        self.token = None


@dataclass
class SystemUnderTest:
    """A platform opened against a fake of its system.

    ``create_route`` and ``read_route`` are (method, path) of the calls for a new record and for the first record, whose
    id is ``first_id``. ``records`` gives what the fake holds, ``notes`` its notes as (record id, fields).
    """

    platform: Platform
    settings: Mapping[str, Any]
    secrets: Mapping[str, str]
    wrong_secrets: Mapping[str, str]
    server: FakeServer
    create_route: tuple[str, str]
    read_route: tuple[str, str]
    first_id: str
    fields: Mapping[str, Any]
    change: Mapping[str, Any]
    records: Any
    notes: Any

    def __post_init__(self) -> None:
        self.caller = Caller(secrets=tuple(self.secrets.values()), allow_private=True, timeout=(2.0, 0.5), total=5.0)

    @property
    def client(self) -> Client:
        return self.platform.open(self.settings, self.secrets, self.caller, MemoryTokens())

    @property
    def stranger(self) -> Client:
        return self.platform.open(self.settings, self.wrong_secrets, self.caller, MemoryTokens())

    def elsewhere(self, base_url: str) -> Client:
        moved = {**self.settings, "base_url": base_url}
        return self.platform.open(moved, self.secrets, self.caller, MemoryTokens())


class PlatformContract:
    """The suite. ``system`` holds no records when a test begins."""

    @pytest.fixture
    def system(self) -> SystemUnderTest:
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def no_secret_in_the_evidence(self, system: SystemUnderTest) -> Any:
        yield
        for secret in system.secrets.values():
            assert secret not in repr(system.caller.exchanges)

    def test_its_settings_pass_its_own_check(self, system: SystemUnderTest) -> None:
        assert system.platform.check(system.settings, system.secrets) == {}

    def test_secrets_are_not_declared_as_settings_that_are_shown(self, system: SystemUnderTest) -> None:
        declared = {setting.name: setting.secret for setting in system.platform.settings}
        assert {declared[name] for name in system.secrets} <= {True}
        assert {declared[name] for name in system.settings} <= {False}

    def test_a_created_record_reads_back_with_its_fields(self, system: SystemUnderTest) -> None:
        created = system.client.create(system.fields, correlation=CORRELATION)

        record = system.client.read(created.external_id)

        assert created.external_id == system.first_id
        assert {name: record[name] for name in system.fields} == dict(system.fields)

    def test_a_created_record_is_found_by_its_correlation(self, system: SystemUnderTest) -> None:
        created = system.client.create(system.fields, correlation=CORRELATION)
        system.client.create(system.fields, correlation="fn-another")

        assert system.client.can_find
        assert system.client.find(CORRELATION) == created.external_id

    def test_an_unknown_correlation_is_found_nowhere(self, system: SystemUnderTest) -> None:
        assert system.client.find(CORRELATION) is None

    def test_an_update_changes_what_it_names_and_nothing_else(self, system: SystemUnderTest) -> None:
        created = system.client.create(system.fields, correlation=CORRELATION)

        system.client.update(created.external_id, system.change)

        record = system.client.read(created.external_id)
        expected = {**system.fields, **system.change}
        assert {name: record[name] for name in expected} == expected

    def test_a_missing_record_is_not_found(self, system: SystemUnderTest) -> None:
        with pytest.raises(NotFound):
            system.client.read("9999")
        with pytest.raises(NotFound):
            system.client.update("9999", system.change)
        assert system.records() == []

    def test_wrong_credentials_fail_and_change_nothing(self, system: SystemUnderTest) -> None:
        with pytest.raises(AuthFailed):
            system.stranger.create(system.fields, correlation=CORRELATION)
        assert system.records() == []

    def test_a_rate_limit_says_how_long_to_wait(self, system: SystemUnderTest) -> None:
        system.server.fail(*system.create_route, Fault(status=429, headers={"Retry-After": "7"}))

        with pytest.raises(RateLimited) as caught:
            system.client.create(system.fields, correlation=CORRELATION)

        assert caught.value.retry_after == 7.0
        assert system.records() == []

    def test_a_create_that_times_out_after_the_work_is_unknown_and_found(self, system: SystemUnderTest) -> None:
        system.server.fail(*system.create_route, Fault(hang=True, when="after"))

        with pytest.raises(OutcomeUnknown):
            system.client.create(system.fields, correlation=CORRELATION)

        assert system.client.find(CORRELATION) == system.first_id
        assert len(system.records()) == 1

    def test_a_create_that_was_cut_off_before_the_work_is_unknown_and_not_found(self, system: SystemUnderTest) -> None:
        system.server.fail(*system.create_route, Fault(drop=True))

        with pytest.raises(OutcomeUnknown):
            system.client.create(system.fields, correlation=CORRELATION)

        assert system.client.find(CORRELATION) is None
        assert system.records() == []

    @pytest.mark.parametrize("status", [500, 502, 504])
    def test_a_create_answered_with_a_server_error_is_unknown(self, system: SystemUnderTest, status: int) -> None:
        system.server.fail(*system.create_route, Fault(status=status, when="after"))

        with pytest.raises(OutcomeUnknown):
            system.client.create(system.fields, correlation=CORRELATION)

        assert system.client.find(CORRELATION) == system.first_id

    def test_a_create_refused_for_maintenance_may_be_repeated(self, system: SystemUnderTest) -> None:
        system.server.fail(*system.create_route, Fault(status=503))

        with pytest.raises(Unavailable):
            system.client.create(system.fields, correlation=CORRELATION)

        assert system.client.create(system.fields, correlation=CORRELATION).external_id == system.first_id

    def test_a_read_without_an_answer_is_unavailable(self, system: SystemUnderTest) -> None:
        system.client.create(system.fields, correlation=CORRELATION)
        system.server.fail(*system.read_route, Fault(half=True))

        with pytest.raises(Unavailable):
            system.client.read(system.first_id)

    def test_a_dead_system_got_nothing(self, system: SystemUnderTest, closed_port: int) -> None:
        with pytest.raises(NotSent):
            system.elsewhere(f"http://127.0.0.1:{closed_port}").update("1", system.change)

    def test_a_note_lands_under_its_record(self, system: SystemUnderTest) -> None:
        created = system.client.create(system.fields, correlation=CORRELATION)

        system.client.create({"text": "On site"}, correlation="n1", target="note", parent_id=created.external_id)

        assert system.notes() == [(system.first_id, {"text": "On site"})]

    def test_an_unknown_target_is_a_matter_of_settings(self, system: SystemUnderTest) -> None:
        with pytest.raises(Misconfigured):
            system.client.create({"text": "x"}, correlation="n1", target="spaceship", parent_id="1")
        assert system.records() == []

    def test_the_connection_test_tells_right_from_wrong(self, system: SystemUnderTest) -> None:
        assert system.client.test().ok
        refused = system.stranger.test()
        assert not refused.ok
        assert "credentials" in refused.sentence or "client secret" in refused.sentence
