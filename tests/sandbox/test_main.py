"""``python -m broker_project.sandbox`` as its users run it: a process, signals, a kill in the middle."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from broker_project.sandbox import helpdesk as hd
from broker_project.sandbox.__main__ import main

from .conftest import Client, sign_in

ROOT = Path(__file__).parents[2]


def command(folder: Path, *more: str) -> list[str]:
    ports = ["--fieldnation-port", "0", "--helpdesk-port", "0"]
    return [sys.executable, "-m", "broker_project.sandbox", *ports, "--data-dir", str(folder), *more]


@contextmanager
def running(folder: Path) -> Iterator[tuple[subprocess.Popen[str], Client, Client]]:
    # An unbuffered child would print its lines even if it forgot to flush them.
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(command(folder), cwd=ROOT, env=buffered, stdout=subprocess.PIPE, text=True) as process:
        guard = threading.Timer(60, process.kill)  # ends a broken test, whose readline would wait for ever
        guard.start()
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline(), process.stdout.readline()]
            found = [
                re.fullmatch(r"(Field Nation|Help Desk) \(sandbox\) listens on (http://127\.0\.0\.1:\d+)\n", line)
                for line in lines
            ]
            assert [match and match[1] for match in found] == ["Field Nation", "Help Desk"], lines
            field_nation, desk = (Client(match[2]) for match in found if match)
            desk.session.headers["X-API-Key"] = hd.API_KEY
            sign_in(field_nation)
            yield process, field_nation, desk
        finally:
            guard.cancel()
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_both_and_ends_on_a_signal_with_code_0(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path / "new" / "folder") as (process, field_nation, desk):
        assert desk("GET", "/api/metadata").status_code == 200
        assert field_nation("GET", "/api/rest/v2/workorders").status_code == 200
        process.send_signal(number)
        assert process.wait(timeout=30) == 0


def test_a_kill_loses_nothing_that_was_answered_and_numbers_go_on(tmp_path: Path) -> None:
    with running(tmp_path) as (process, field_nation, desk):
        for turn in range(20):
            assert desk("POST", "/api/tickets", json={"subject": f"t{turn}"}).status_code == 201
            assert field_nation("POST", "/api/rest/v2/workorders", json={"title": f"w{turn}"}).status_code == 200
        process.kill()
        process.wait(timeout=30)
    with running(tmp_path) as (_, field_nation, desk):
        tickets = desk("GET", "/api/tickets", params={"per_page": 100}).json()["results"]
        assert sorted(ticket["subject"] for ticket in tickets) == sorted(f"t{turn}" for turn in range(20))
        query = {"list": "workorders_all", "sticky": "false", "columns": "title", "per_page": 100}
        orders = field_nation("GET", "/api/rest/v2/workorders", params=query).json()["results"]
        assert [order["title"] for order in orders] == [f"w{turn}" for turn in range(20)]
        assert desk("POST", "/api/tickets", json={"subject": "next"}).json()["id"] == 1021
        counters = desk("GET", "/control/requests").json()["counters"]
        assert counters["by_route"]["POST /api/tickets"] == {"201": 21}


@pytest.mark.parametrize("which", ["--helpdesk-port", "--fieldnation-port"])
def test_a_busy_port_gives_a_sentence_and_code_1(tmp_path: Path, which: str) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = str(busy.getsockname()[1])
        ended = subprocess.run(
            command(tmp_path, which, port), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
        )
    name = "Help Desk" if "helpdesk" in which else "Field Nation"
    assert ended.returncode == 1
    assert ended.stderr == f"{name} cannot listen on port {port}: Address already in use. Choose another port.\n"


def test_a_data_folder_that_cannot_be_gives_a_sentence_and_code_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    handlers = [(number, signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGINT)]
    try:
        assert main(["--data-dir", str(tmp_path / "file" / "x")]) == 1
    finally:
        for number, handler in handlers:
            signal.signal(number, handler)
    assert "cannot keep its data" in capsys.readouterr().err
