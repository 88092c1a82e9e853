"""The child processes: shared by threads, replaced when spoiled, lost over a fork, gone at the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from broker_project.lib.errors import MappingError, Misconfigured
from mappings.jsonnet import Limits, Sandbox, ScriptError, child
from tests.jsonnet.test_limits import ENDLESS

ROOT = Path(__file__).parents[2]
PATIENT = Limits(wall_seconds=60, cpu_seconds=60, children=1)


@pytest.fixture
def own() -> Iterator[Sandbox]:
    sandbox = Sandbox(limits=PATIENT)
    yield sandbox
    sandbox.close()


def processes(sandbox: Sandbox) -> list[psutil.Process]:
    return [psutil.Process(one.pid) for one in sandbox._children]


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def run_endless(sandbox: Sandbox) -> tuple[threading.Thread, list[Exception], psutil.Process]:
    """An endless script at work in another thread, what it raised, and its process."""
    raised: list[Exception] = []

    def work() -> None:
        try:
            sandbox.run(ENDLESS, {}, name="Endless")
        except Exception as error:
            raised.append(error)

    sandbox.run("1", {}, name="Warm")
    (process,) = processes(sandbox)
    used = sum(process.cpu_times()[:2])
    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: sum(process.cpu_times()[:2]) > used + 0.1)
    return thread, raised, process


def test_no_child_starts_before_the_first_script() -> None:
    sandbox = Sandbox()
    assert processes(sandbox) == []
    sandbox.close()


def test_one_child_serves_many_scripts(own: Sandbox) -> None:
    assert [own.run("$.input.n * 2", {"n": n}, name="S").value for n in range(50)] == [n * 2 for n in range(50)]
    assert len(processes(own)) == 1


def test_a_child_has_no_environment_but_its_evaluators_settings_and_few_rights(own: Sandbox) -> None:
    own.run("1", {}, name="S")
    (process,) = processes(own)
    assert set(process.environ()) == {"GOGC", "GOMEMLIMIT", "GOTRACEBACK"}
    assert process.cwd() == "/"
    assert process.rlimit(psutil.RLIMIT_FSIZE) == (0, 0)
    assert process.rlimit(psutil.RLIMIT_NOFILE) == (16, 16)
    assert process.rlimit(psutil.RLIMIT_CORE) == (0, 0)
    assert process.num_fds() == 4  # the pipes and the kernel's memory figures


def test_a_child_killed_in_mid_run_fails_that_run_only(own: Sandbox) -> None:
    thread, raised, process = run_endless(own)
    process.send_signal(signal.SIGKILL)
    thread.join()
    (error,) = raised
    assert isinstance(error, MappingError)
    assert error.sentence.startswith("Script Endless: its process ended without an answer;")
    assert error.detail == "signal 9"
    assert own.run("2", {}, name="Next").value == 2
    assert [one.pid for one in processes(own)] != [process.pid]


def test_a_child_that_died_while_idle_is_replaced_unseen(own: Sandbox) -> None:
    own.run("1", {}, name="S")
    (process,) = processes(own)
    (idle,) = own._idle
    process.send_signal(signal.SIGKILL)
    wait_until(lambda: not idle.is_alive())
    assert own.run("2", {}, name="S").value == 2


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_child_outlives_the_signals_that_stop_a_service(own: Sandbox, stop: signal.Signals) -> None:
    own.run("1", {}, name="S")
    (process,) = processes(own)
    process.send_signal(stop)
    assert own.run("2", {}, name="S").value == 2
    assert processes(own) == [process]


def test_close_ends_every_child_also_one_at_work(own: Sandbox) -> None:
    thread, raised, process = run_endless(own)
    own.close()
    thread.join()
    assert is_gone(process.pid)
    assert isinstance(raised[0], ScriptError)
    with pytest.raises(RuntimeError, match="closed"):
        own.run("1", {}, name="S")


def test_an_interrupt_in_mid_run_leaves_no_answer_for_the_next_script(
    own: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.run("1", {}, name="S")
    receive = child.Child._receive

    def interrupted(self: child.Child, deadline: float) -> child.Reply:
        monkeypatch.setattr(child.Child, "_receive", receive)
        raise KeyboardInterrupt

    monkeypatch.setattr(child.Child, "_receive", interrupted)
    with pytest.raises(KeyboardInterrupt):
        own.run("'stale'", {}, name="S")
    assert own.run("'fresh'", {}, name="S").value == "fresh"


GOOD_START = r"import os, struct; os.write(1, struct.pack('!BBI', 1, 0, 0)); os.read(0, 9999);"


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("os.write(1, b'garbage' * 100); os.read(0, 1)", "an answer that makes no sense"),
        (
            "os.write(1, struct.pack('!BBI', 2, 0, 2**31) + b'x' * 50000); os.read(0, 1)",
            "an answer that makes no sense",
        ),
        ("os.write(1, struct.pack('!BBI', 2, 0, 2) + b'{}' * 9); os.read(0, 1)", "an answer that makes no sense"),
        ("os.write(1, struct.pack('!BBI', 2, 0, 3) + b'{{{'); os.read(0, 1)", "nested too deeply or is no JSON"),
        ("os.write(1, struct.pack('!BBI', 2, 0, 9) + b'{'); os.read(0, 1)", "ran longer than 0.5 seconds"),
        ("os.write(1, struct.pack('!BBI', 2, 0, 9) + b'{')", "ended without an answer"),
        ("os.write(1, b'\\x02')", "ended without an answer"),
        ("os.close(1); os.close(2); os.read(0, 1)", "an answer that makes no sense"),
        ("[os.write(2, b'x' * 65536) for _ in range(200)]; os.read(0, 1)", "ran longer than 0.5 seconds"),
        ("os.write(2, b'fatal error: runtime: out of memory\\n'); os._exit(2)", "bytes of memory"),
    ],
)
def test_garbage_on_the_pipe_fails_that_run_only(monkeypatch: pytest.MonkeyPatch, program: str, expected: str) -> None:
    sandbox = Sandbox(limits=Limits(wall_seconds=0.5 if "ran longer" in expected else 60, children=1))
    with monkeypatch.context() as patch:
        patch.setattr(child, "_START", GOOD_START + program.replace("{", "{{").replace("}", "}}"))
        with pytest.raises(ScriptError) as caught:
            sandbox.run("1", {}, name="S")
    assert expected in caught.value.sentence
    for process in processes(sandbox):  # a whole frame that holds no JSON spoils no pipe
        process.kill()
    wait_until(lambda: all(is_gone(process.pid) for process in processes(sandbox)))
    assert sandbox.run("3", {}, name="S").value == 3
    sandbox.close()


@pytest.mark.parametrize("program", ["raise SystemExit('no module named _gojsonnet')", "print('garbage' * 9)", "1"])
def test_an_evaluator_that_does_not_start_is_a_matter_for_the_operator(
    monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setattr(child, "_START", program)
    sandbox = Sandbox(limits=Limits(children=1))
    with pytest.raises(Misconfigured, match="the JSONNET evaluator") as caught:
        sandbox.run("1", {}, name="S")
    assert caught.value.detail
    assert processes(sandbox) == []
    sandbox.close()


def test_sixteen_threads_with_good_and_hostile_scripts_each_get_their_own_answer() -> None:
    sandbox = Sandbox(
        limits=Limits(wall_seconds=4, cpu_seconds=60, memory_bytes=128 * 1024 * 1024, output_bytes=100_000)
    )
    hostile = {
        20: ("std.length(std.range(1, 300000000))", "of memory"),
        60: (ENDLESS, "ran longer"),
        100: ("local f(n) = 1 + f(n + 1); f(0)", "too deeply"),
        140: ("importstr '/etc/passwd'", "imports are not available"),
        180: ("std.range(1, 20000)", "larger than"),
    }

    def one(number: int) -> tuple[object, object]:
        name = f"script {number}"
        if number in hostile:
            script, expected = hostile[number]
            with pytest.raises(ScriptError) as caught:
                sandbox.run(script, {}, name=name)
            return name in caught.value.sentence and expected in caught.value.sentence, True
        result = sandbox.run(
            "std.trace('t' + $.input.n, { n: $.input.n, l: $.input.l })", {"n": number, "l": [1]}, name=name
        )
        return (result.value, result.trace), ({"n": number, "l": [1]}, (f"{name}:1 t{number}",))

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(one, range(240)))
    assert [got for got, _ in answers] == [expected for _, expected in answers]
    assert len(processes(sandbox)) <= 2
    pids = [process.pid for process in processes(sandbox)]
    sandbox.close()
    assert all(is_gone(pid) for pid in pids)


def test_children_do_not_outlive_a_parent_that_was_killed() -> None:
    """Neither an idle one, which sees its input close, nor one at work, which runs into its processor time."""
    program = f"""
        import threading
        from mappings.jsonnet import Limits, Sandbox
        idle, busy = Sandbox(), Sandbox(limits=Limits(wall_seconds=600, cpu_seconds=1))
        for sandbox in (idle, busy):
            sandbox.run("1", {{}}, name="S")
        print(*(child.pid for sandbox in (idle, busy) for child in sandbox._children), flush=True)
        busy.run({ENDLESS!r}, {{}}, name="Endless")
    """
    with python(program) as parent:
        assert parent.stdout
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        parent.kill()
    assert len(pids) == 2
    wait_until(lambda: all(is_gone(pid) for pid in pids))


def test_a_forked_copy_starts_its_own_children_and_leaves_ours_alone() -> None:
    """As Celery's prefork pool does, also with a thread that holds the lock and a script at work."""
    program = f"""
        import os, threading, time
        from mappings.jsonnet import Limits, Sandbox
        sandbox = Sandbox(limits=Limits(wall_seconds=60, cpu_seconds=60, children=2))
        sandbox.run("1", {{}}, name="S")
        ours = {{child.pid for child in sandbox._children}}
        threading.Thread(target=lambda: sandbox.run({ENDLESS!r}, {{}}, name="E"), daemon=True).start()
        time.sleep(0.2)
        sandbox.run("1", {{}}, name="S")
        ours = {{child.pid for child in sandbox._children}}
        with sandbox._lock:
            forked = os.fork()
        if forked == 0:
            value = sandbox.run("20 + 3", {{}}, name="S").value
            theirs = {{child.pid for child in sandbox._children}}
            os._exit(value if not ours & theirs else 1)
        status = os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1])
        print(len(ours), status, sandbox.run("'still here'", {{}}, name="S").value, flush=True)
        print(ours == {{child.pid for child in sandbox._children}}, flush=True)
        sandbox.close()
    """
    with python(program) as parent:
        output, _ = parent.communicate(timeout=60)
    assert output.split("\n")[:2] == ["2 23 still here", "True"]


def python(program: str) -> subprocess.Popen[str]:
    environment = {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True, env=environment
    )
