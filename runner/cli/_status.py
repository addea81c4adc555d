"""What `tunebook status` says: for people in aligned lines, for programs as events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from runner.domain.events import Event
from runner.domain.units import format_duration
from runner.events.console import values_text
from runner.status import ALIVE, DEAD, AttemptNow, LastRun, Machine, RunNow
from runner.util import procfs
from runner.util.redact import redact
from runner.util.visible import visible

REASONS = {
    "trials": "all trials done", "wall": "budget.wall was spent", "gpu_hours": "budget.gpu_hours was spent",
    "failures": "budget.failures was reached", "converged": "nothing untried, or nothing to gain, was left",
    "interrupted": "interrupted by a signal", "error": "the machine failed again and again",
}  # fmt: skip


def text(seen: Machine, results: Path) -> str:
    """One paragraph per run, then the store; when nothing runs, how the last run ended."""
    lines = [line for run in seen.runs for line in (*_run(run, seen.now), "")]
    if not seen.runs:
        lines += ["nothing is running", *_last(seen.last, seen.now, results)]
    lines += _store(seen, results)
    return redact("\n".join(visible(line) for line in lines))


def _run(run: RunNow, now: datetime) -> Iterator[str]:
    yield f"{run.campaign}  {_state(run)}"
    yield _row("process", f"{run.pid} on {run.host}, since {_when(run.since_utc)} ({_ago(run.since_utc, now)})")
    yield _row("run", run.run_id or "not begun yet: it looks at what is there")
    for attempt in run.attempts:
        yield from _attempt(attempt, now, run.state == ALIVE)
    if run.state == ALIVE and not run.attempts and run.run_id:
        yield _row("trial", f"between two attempts; {run.trials} trials planned")
    for lease in run.leases:
        yield _row("holds", lease)


def _state(run: RunNow) -> str:
    if run.state == ALIVE:
        return "alive"
    if run.state == DEAD:
        return "DEAD: its process is gone; run `tunebook reap` to end what it left and seal what is known"
    return "on another host: from here nobody can tell whether it lives; ask there"


def _attempt(attempt: AttemptNow, now: datetime, alive: bool) -> Iterator[str]:
    of = f"{attempt.number + 1} of {attempt.trials}" if attempt.trials else str(attempt.number + 1)
    if attempt.role == "confirm":
        of = f"confirming, round {attempt.repeat} of {attempt.repeats}"
    values = values_text(attempt.values)
    yield _row("trial", f"{attempt.number} ({of}), {attempt.role}: {attempt.entry} {values}")
    yield _row("attempt", attempt.attempt_id)
    yield _row("phase", attempt.phase + (f", for {_ago(attempt.phase_utc, now, '')}" if alive else ""))
    if attempt.level is not None:
        done = "" if attempt.requests is None else f": {attempt.requests} requests done"
        load = f" ({attempt.load_kind} {attempt.load_value:g})" if attempt.load_value is not None else ""
        yield _row("level", f"{attempt.level} of {attempt.levels}{load}{done}")
    yield _row("last", f"{attempt.last_what}, {_ago(attempt.last_utc, now)}")


def _last(last: LastRun | None, now: datetime, results: Path) -> Iterator[str]:
    if last is None:
        yield _row("last run", f"none in {results}; `tunebook run FILE` starts one")
        return
    when = f"{_when(last.ended_utc)} ({_ago(last.ended_utc, now)})"
    if last.end_reason is None:
        yield _row("last run", f"{last.campaign}: did not end by itself (killed, crashed, or the machine went down)")
        yield _row("", f"last seen {when}; run the campaign again to go on")
    else:
        yield _row("last run", f"{last.campaign}: {REASONS.get(last.end_reason, last.end_reason)}, {when}")
        took = f" in {format_duration(round(last.seconds, 1))}" if last.seconds is not None else ""
        yield _row("", f"{last.trials} trials{took}: {last.succeeded} succeeded, {last.failed} failed")
    yield _row("run", last.run_id)


def _store(seen: Machine, results: Path) -> Iterator[str]:
    store = seen.store
    records = f"{store.sealed} sealed in {results}"
    if store.pending:
        records += f", {store.pending} not in the store: `tunebook store ingest` takes them in or says why not"
    yield _row("records", records)
    for pid in store.holders:
        run = next((f", which runs {run.campaign}" for run in seen.runs if run.pid == pid), "")
        yield _row("store", f"held by process {pid} ({procfs.command_name(pid)}){run}")
    if store.problem:
        yield _row("snapshot", store.problem)
    elif store.snapshot_seconds is not None:
        yield _row("snapshot", f"{_duration(store.snapshot_seconds)} old")
    elif store.sealed:
        yield _row("snapshot", "none yet")


def events(seen: Machine) -> Iterator[Event]:
    """One `run` per run and one `attempt` per attempt, `store`, `last_run` when nothing runs, then `end`."""
    for run in seen.runs:
        facts = asdict(run)
        run_id, attempts = facts.pop("run_id"), facts.pop("attempts")
        yield Event("run", run_id, facts)
        for attempt in attempts:
            quiet = round(_seconds(attempt["last_utc"], seen.now), 3)
            yield Event("attempt", run_id, {"state": run.state, **attempt, "quiet_seconds": quiet})
    yield Event("store", None, asdict(seen.store))
    if seen.last is not None:
        facts = asdict(seen.last)
        yield Event("last_run", facts.pop("run_id"), facts)
    counts = Counter(run.state for run in seen.runs)
    yield Event("end", None, {"alive": counts[ALIVE], "dead": counts[DEAD], "exit_code": 0})


def _row(name: str, value: str) -> str:
    return f"  {name:<9} {value}"


def _seconds(utc: str, now: datetime) -> float:
    return max(0.0, (now - datetime.fromisoformat(utc)).total_seconds())


def _ago(utc: str, now: datetime, tail: str = " ago") -> str:
    return _duration(_seconds(utc, now)) + tail


def _duration(seconds: float) -> str:
    return format_duration(round(seconds, 1) if seconds < 10 else round(seconds))


def _when(utc: str) -> str:
    return utc[:19].replace("T", " ") + " UTC"
