"""What runs here, how far it is, and how the last run ended: `tunebook status`.

Reads the running files, the locks of the lineages and the records. Starts nothing, takes no lock, writes nothing: it
may be called at any time and as often as anybody likes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runner.domain.records import RecordKind
from runner.errors import StoreDamaged
from runner.hardware.locks import leases
from runner.lineage_lock import owners
from runner.running_file import read_progress, read_running, runner_lives, scratch_folder
from runner.store.record import read_record, record_folders
from runner.store.waiting import StoreState, store_state

ALIVE, DEAD, ELSEWHERE = "alive", "dead", "elsewhere"
LOGS = ("engine.log", "client.log")


@dataclass(frozen=True, slots=True)
class AttemptNow:
    """One attempt that has a running file. `level` counts from 1; `requests` are those of this level that ended.
    `last_what` and `last_utc`: the last sign of life, which is a phase, a level, requests, or a line in a log."""

    attempt_id: str
    trial_id: str
    number: int
    role: str
    repeat: int
    entry: str
    values: Mapping[str, Any]
    deployer: str
    phase: str
    phase_utc: str
    started_utc: str
    last_what: str
    last_utc: str
    trials: int | None = None
    repeats: int | None = None
    levels: int | None = None
    level: int | None = None
    load_kind: str | None = None
    load_value: float | None = None
    requests: int | None = None


@dataclass(frozen=True, slots=True)
class RunNow:
    """One process of `tunebook run`, by its lock on a lineage or by what its attempts wrote. `state`: `alive`; `dead`,
    its process is gone and left attempts behind; `elsewhere`, on a host whose processes we can not see. `run_id` is
    None until the run has begun. `leases` are what it holds on this machine: its lineage, and GPUs."""

    state: str
    campaign: str
    host: str
    pid: int
    since_utc: str
    run_id: str | None
    attempts: tuple[AttemptNow, ...] = ()
    series: int | None = None
    trials: int | None = None
    leases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LastRun:
    """The newest run that is over. `end_reason` None: it was killed, or its machine went down; `ended_utc` is then the
    last sign of it."""

    run_id: str
    campaign: str
    started_utc: str
    ended_utc: str
    end_reason: str | None
    seconds: float | None = None
    trials: int | None = None
    succeeded: int | None = None
    failed: int | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    now: datetime
    runs: tuple[RunNow, ...]
    store: StoreState
    last: LastRun | None


def look(results: Path, now: datetime) -> Machine:
    """Everything `status` shows. `last` is only looked for when nothing runs. Never raises for what runs or died."""
    runs = runs_now(results)
    return Machine(now, runs, store_state(results), None if runs else _last_run(results))


def runs_now(results: Path) -> tuple[RunNow, ...]:
    """Runs that hold a lineage, oldest first; then those of which only attempts are left."""
    running = read_running(results)
    starts = _Starts(results)
    held = [owner for owner in owners(results) if runner_lives(owner) is not False]
    runs = [_of_owner(results, owner, running, starts) for owner in held]
    shown = {attempt.attempt_id for run in runs for attempt in run.attempts}
    left: dict[str, list[Mapping[str, Any]]] = {}
    for facts in running:
        if facts["attempt_id"] not in shown:
            left.setdefault(str(facts["run_id"]), []).append(facts)
    runs += [_of_attempts(results, run_id, files, starts) for run_id, files in left.items()]
    return tuple(runs)


class _Starts:
    """The sealed beginnings of runs, newest first, each read at most once."""

    def __init__(self, results: Path) -> None:
        self._folders = reversed(record_folders(results, RecordKind.RUN_START))
        self._read: list[Mapping[str, Any]] = []

    def of_lineage(self, search_key: str, since: str) -> Mapping[str, Any] | None:
        """The newest run of a lineage, unless it began before `since`: the owner has sealed no beginning yet."""
        for facts in self:
            if facts["started_utc"] < since:
                return None
            if facts["search_key"] == search_key:
                return facts
        return None

    def of_run(self, run_id: str) -> Mapping[str, Any] | None:
        return next((facts for facts in self if facts["run_id"] == run_id), None)

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        yield from self._read
        for path in self._folders:
            try:
                facts = read_record(path).facts
            except StoreDamaged:  # `store verify` is where that is told
                continue
            self._read.append(facts)
            yield facts


def _of_owner(results: Path, owner: Mapping[str, Any], running: Sequence[Mapping[str, Any]], starts: _Starts) -> RunNow:
    start = starts.of_lineage(owner["search_key"], owner["since"]) or {}
    process = ("host", "boot_id", "pid", "pid_started")
    mine = [facts for facts in running if all(facts[key] == owner[key] for key in process)]
    held = [lease for lease in leases() if all(lease.get(key) == owner[key] for key in process)]
    return RunNow(
        state=ELSEWHERE if runner_lives(owner) is None else ALIVE,
        campaign=str(owner["campaign"]),
        host=str(owner["host"]),
        pid=int(owner["pid"]),
        since_utc=str(owner["since"]),
        run_id=start.get("run_id"),
        attempts=tuple(_attempt(results, facts) for facts in mine),
        series=start.get("series"),
        trials=start.get("trials_planned"),
        leases=(f"lineage {owner['search_key'][:16]}", *map(_lease, held)),
    )


def _lease(lease: Mapping[str, Any]) -> str:
    """A GPU with its UUID; a core's label has its numbers already."""
    return str(lease["label"]) if lease["label"].startswith("CPU ") else f"{lease['label']} ({lease['name']})"


def _of_attempts(results: Path, run_id: str, files: Sequence[Mapping[str, Any]], starts: _Starts) -> RunNow:
    """Attempts whose run holds no lock any more (it died), or never held one here (its driver is another host)."""
    one, start = files[0], starts.of_run(run_id) or {}
    lives = [runner_lives(facts) for facts in files]
    state = DEAD if False in lives else ELSEWHERE if None in lives else ALIVE
    return RunNow(
        state=state,
        campaign=str(one.get("campaign", "?")),
        host=str(one["host"]),
        pid=int(one["pid"]),
        since_utc=str(start.get("started_utc", one["attempt"]["started_utc"])),
        run_id=run_id,
        attempts=tuple(_attempt(results, facts) for facts in files),
        series=start.get("series"),
        trials=start.get("trials_planned"),
    )


def _attempt(results: Path, facts: Mapping[str, Any]) -> AttemptNow:
    attempt = facts["attempt"]
    attempt_id = str(facts["attempt_id"])
    progress = read_progress(results, attempt_id) or {}
    began = str(facts.get("phase_utc", attempt["started_utc"]))
    signs = [(began, f"phase {facts['phase']}"), *_log_signs(results, attempt_id)]
    if progress:
        signs.append((str(progress["utc"]), _progress_text(progress)))
    last_utc, last_what = max(signs)
    return AttemptNow(
        attempt_id=attempt_id,
        trial_id=attempt["trial_id"],
        number=attempt["number"],
        role=attempt["role"],
        repeat=attempt["repeat"],
        entry=attempt["configuration"]["entry"],
        values=attempt["configuration"]["values"],
        deployer=str(facts["deployer"]),
        phase=str(facts["phase"]),
        phase_utc=began,
        started_utc=attempt["started_utc"],
        last_what=last_what,
        last_utc=last_utc,
        trials=facts.get("trials"),
        repeats=facts.get("repeats"),
        levels=facts.get("levels"),
        level=progress["position"] + 1 if "position" in progress else None,
        load_kind=progress.get("load_kind"),
        load_value=progress.get("load_value"),
        requests=progress.get("done"),
    )


def _progress_text(progress: Mapping[str, Any]) -> str:
    match progress["event"]:
        case "level_started":
            return "the level began"
        case "level_ended":
            return "the level ended"
        case "waiting":
            return str(progress["reason"])
    return f"{progress.get('done', 0)} requests done"


def _log_signs(results: Path, attempt_id: str) -> list[tuple[str, str]]:
    """(when, what) of the last byte in each log. A log that is still empty says nothing."""
    found = []
    for name in LOGS:
        try:
            seen = (scratch_folder(results, attempt_id) / name).stat()
        except OSError:
            continue
        if seen.st_size:
            found.append((_utc(seen.st_mtime), f"a line in {name}"))
    return found


def _last_run(results: Path) -> LastRun | None:
    start = next(iter(_Starts(results)), None)
    if start is None:
        return None
    run_id, name = str(start["run_id"]), str(start["name"])
    for path in reversed(record_folders(results, RecordKind.RUN_END)):
        end = _facts(path)
        if end.get("run_id") == run_id:
            counts = {key: end[key] for key in ("seconds", "trials", "succeeded", "failed")}
            return LastRun(run_id, name, start["started_utc"], end["ended_utc"], end["end_reason"], **counts)
    return LastRun(run_id, name, start["started_utc"], _last_sign(results, start), None)


def _last_sign(results: Path, start: Mapping[str, Any]) -> str:
    """When a run that left no end was seen last: the end of its last attempt."""
    for path in reversed(record_folders(results, RecordKind.ATTEMPT)):
        attempt = _facts(path)
        if attempt.get("run_id") == start["run_id"]:
            return str(attempt["ended_utc"])
    return str(start["started_utc"])


def _facts(path: Path) -> Mapping[str, Any]:
    try:
        return read_record(path).facts
    except StoreDamaged:
        return {}


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
