"""What a run says in the end."""

from __future__ import annotations

from .run import Result

SHOWN = 10
"""Violations of one promise that are printed; the others are counted."""


def lines(result: Result) -> list[str]:
    """The report: what was injected, how much was done, and a table of the promises."""
    evidence = result.evidence
    done = sum(row.state in ("succeeded", "skipped", "superseded", "dead") for row in evidence.deliveries)
    waiting = sum(row.state == "waiting" for row in evidence.deliveries)
    dead = sum(row.state == "dead" for row in evidence.deliveries)
    repeats = sum(promise.duplicate for promise in evidence.promises)
    found = [
        "",
        f"Seed {result.plan.seed}",
        "Injected: " + ", ".join(f"{count} x {name}" for name, count in sorted(result.disturbances.items())),
        f"Events {len(evidence.events)} ({repeats} repeats known as such), records {len(result.plan.records)}, "
        f"deliveries {len(evidence.deliveries)} ({dead} given up, {waiting} waiting for a person), "
        f"{done / result.seconds:.0f} deliveries/s over {result.seconds:.0f} s, faults included",
        f"Requests repeated by senders because no answer came: {sum(result.unanswered.values())}; "
        f"processes that ended by themselves and were started again: {result.restarts}",
        "",
        f"{'':3} {'promise':<34} {'checked':>8} {'violations':>11}",
    ]
    for finding in result.findings:
        found.append(f"{finding.promise:3} {finding.title:<34} {finding.checked:>8,} {len(finding.violations):>11,}")
    for finding in result.findings:
        found += [f"  {finding.promise}: {sentence}" for sentence in finding.violations[:SHOWN]]
        if len(finding.violations) > SHOWN:
            found.append(f"  {finding.promise}: and {len(finding.violations) - SHOWN} more.")
    return found
