"""The measurements, one function each. All run on one installation, one after the other."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Any

from tests.benchmarks.installation import Installation
from tests.benchmarks.workload import Workload

SINGLES = 4000
LISTS = 100
PER_LIST = 100
LIST_CONNECTIONS = 4
DRAIN = 100_000
PACED = 2000
PACED_PER_SECOND = 100.0
SLOW_SECONDS = 0.05
NOT_THE_BROKER = ("load", "sink")


@dataclass
class Spent:
    """What a measurement took: seconds by the clock, and CPU seconds of each part for every 1,000 events."""

    seconds: float = 0.0
    cpu: dict[str, float] = field(default_factory=dict)

    @property
    def broker(self) -> dict[str, float]:
        return {name: value for name, value in self.cpu.items() if name not in NOT_THE_BROKER}


@contextmanager
def spending(broker: Installation, *, events: int) -> Iterator[Spent]:
    """Fills what it yields when the block ends."""
    spent, before, began = Spent(), broker.cpu_seconds(), time.monotonic()
    yield spent
    spent.seconds = time.monotonic() - began
    after = broker.cpu_seconds()
    spent.cpu = {name: round((after[name] - before[name]) * 1000 / events, 3) for name in after}


def singles(load: Workload, count: int) -> list[bytes]:
    return [load.single()[1] for _ in range(count)]


def lists(load: Workload, count: int) -> list[bytes]:
    return [load.list_of(PER_LIST) for _ in range(count)]


def warm_up(broker: Installation, load: Workload) -> None:
    """Connections, compiled mappings, statements prepared."""
    through(broker, singles(load, 400))
    through(broker, lists(load, 4), events=4 * PER_LIST, connections=LIST_CONNECTIONS)


def through(broker: Installation, bodies: list[bytes], *, events: int | None = None, connections: int = 50) -> Spent:
    """Post ``bodies`` and wait until the last of their ``events`` has been delivered."""
    count = events or len(bodies)
    before = broker.delivered()
    with spending(broker, events=count) as spent:
        broker.post(bodies, connections=connections)
        broker.wait_for(before + count)
    return spent


def accepting(broker: Installation, load: Workload, *, scale: float) -> dict[str, Any]:
    """While delivery is held."""
    one_by_one, many = singles(load, int(SINGLES * scale)), lists(load, max(4, int(LISTS * scale)))
    broker.hold(True)
    with spending(broker, events=len(one_by_one)) as single:
        broker.post(one_by_one)
    with spending(broker, events=len(many) * PER_LIST) as listed:
        broker.post(many, connections=LIST_CONNECTIONS)
    before = broker.delivered() + broker.waiting()
    broker.hold(False)
    broker.wait_for(before)
    return {
        "accept_single_per_s": len(one_by_one) / single.seconds,
        "accept_lists_per_s": len(many) * PER_LIST / listed.seconds,
        "accept_cpu_s_per_1000": single.broker,
        "accept_lists_cpu_s_per_1000": listed.broker,
    }


def end_to_end(broker: Installation, load: Workload, *, scale: float) -> dict[str, Any]:
    """From post to call, with a sink that answers at once and with one that takes its time."""
    count, many = int(SINGLES * scale), max(4, int(LISTS * scale))
    single = through(broker, singles(load, count))
    listed = through(broker, lists(load, many), events=many * PER_LIST, connections=LIST_CONNECTIONS)
    broker.sink_delay(SLOW_SECONDS)
    slow = through(broker, lists(load, many), events=many * PER_LIST, connections=LIST_CONNECTIONS)
    broker.sink_delay(0)
    return {
        "end_to_end_single_per_s": count / single.seconds,
        "end_to_end_lists_per_s": many * PER_LIST / listed.seconds,
        "end_to_end_50ms_per_s": many * PER_LIST / slow.seconds,
        "cpu_s_per_1000": sum(single.broker.values()),
        "cpu_s_per_1000_by_process": single.broker,
        "load_cpu_s_per_1000": {name: single.cpu[name] for name in NOT_THE_BROKER},
        "lists_cpu_s_per_1000": sum(listed.broker.values()),
    }


def latency(broker: Installation, load: Workload, *, scale: float) -> dict[str, Any]:
    """From the 202 to the arrival of the call, at an even pace. A call that came before the 202 counts as 0."""
    pairs = [load.single() for _ in range(max(100, int(PACED * scale)))]
    first = broker.delivered()
    taken = broker.post_paced([body for _, body in pairs], per_second=PACED_PER_SECOND)
    broker.wait_for(first + len(pairs))
    arrived = dict(broker.arrivals(first))
    waits = [max(0.0, arrived[serial] - moment) for (serial, _), moment in zip(pairs, taken, strict=True)]
    cuts = quantiles(waits, n=100, method="inclusive")
    return {"latency_ms": {f"p{cut}": round(cuts[cut - 1] * 1000, 1) for cut in (50, 95, 99)}}


def draining(broker: Installation, load: Workload, *, count: int) -> dict[str, Any]:
    """Fill a held connector with ``count`` deliveries and let them go."""
    broker.hold(True)
    broker.post(lists(load, count // PER_LIST), connections=LIST_CONNECTIONS)
    first, waiting = broker.delivered(), broker.waiting()
    pages = [broker.pages()]
    with spending(broker, events=waiting) as spent:
        broker.hold(False)
        for tenth in range(1, 11):
            broker.wait_for(first + waiting * tenth // 10)
            pages.append(broker.pages())
    times = [moment for _, moment in broker.arrivals(first)]
    tenth = len(times) // 10
    rate = [tenth / (part[-1] - part[0]) for part in (times[:tenth], times[-tenth:])]
    read = [(after[0] - before[0]) / (after[1] - before[1]) for before, after in (pages[:2], pages[-2:])]
    return {
        "drain_per_s": waiting / spent.seconds,
        "drain_seconds": spent.seconds,
        "drain_last_tenth_ratio": rate[1] / rate[0],
        "drain_last_tenth_pages_ratio": read[1] / read[0],
        "drain_cpu_s_per_1000": sum(spent.broker.values()),
    }


def measure(broker: Installation, *, scale: float, drain: int) -> dict[str, Any]:
    """All figures, from one run on this machine. ``scale`` shrinks the number of events; ``drain`` is a number of
    deliveries, 0 for none."""
    load = Workload()
    warm_up(broker, load)
    figures = accepting(broker, load, scale=scale)
    figures |= end_to_end(broker, load, scale=scale)
    figures |= latency(broker, load, scale=scale)
    if drain:
        figures |= draining(broker, load, count=drain)
    return figures | {"rss_mb": broker.rss_mb()}
