"""What is left of a campaign after the kills. Five lists, and each must be empty."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from runner.campaign.load import load
from runner.decide import MOST_HOST_FAULTS, SoFar, Step, next_step
from runner.domain.failure import Role
from runner.domain.records import RecordKind
from runner.domain.trial import Attempt
from runner.errors import TunebookError
from runner.lineage import JUDGED_OUTCOMES, SEARCH_ROLES, Lineage
from runner.store.history import history, lineage_facts
from runner.store.reader import open_snapshot
from runner.store.record import record_folders, verify_record
from runner.store.verify import verify
from runner.util import procfs
from runner.verdict import comparisons
from tests.chaos import victims
from tests.chaos.storm import Storm

NAMES = ("lost", "doubled", "partial", "unopenable", "left")


@dataclass
class Census:
    """Sentences, one for each thing that is wrong. `trouble`: a command that ended otherwise than it may."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    partial: list[str] = field(default_factory=list)
    unopenable: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        return {name: len(getattr(self, name)) for name in (*NAMES, "trouble")}

    def lines(self) -> list[str]:
        return [f"{name}: {line}" for name in (*NAMES, "trouble") for line in getattr(self, name)]

    def add(self, other: Census) -> None:
        for name in (*NAMES, "trouble"):
            getattr(self, name).extend(getattr(other, name))


class Watch:
    """Looks after every kill: what is sealed then must stand at the end, and the snapshot can always be read."""

    def __init__(self) -> None:
        self.sealed: dict[str, str] = {}
        self.census = Census()

    def look(self, storm: Storm) -> None:
        for path in record_folders(storm.results):
            manifest = path / "MANIFEST.sha256"
            if manifest.exists():
                self.sealed.setdefault(path.name, hashlib.sha256(manifest.read_bytes()).hexdigest())
            else:
                self.census.partial.append(f"{path.name} has no manifest")
        if (storm.results / "snapshot.duckdb").exists():
            try:
                with open_snapshot(storm.results) as connection:
                    connection.execute("SELECT count(*), count(score) FROM trials").fetchall()
            except TunebookError as error:
                self.census.unopenable.append(f"the snapshot after a kill: {error.what}")


def take(storm: Storm, watch: Watch, expected: Sequence[tuple[int, str]] | None) -> Census:
    """Called when the last run in peace has ended. `expected`: what an uninterrupted run proposed."""
    census = watch.census
    census.trouble += storm.trouble
    campaign = load(storm.campaign)
    attempts = history(storm.results, campaign.search_key)
    _lost(storm, watch, attempts, census)
    _doubled(attempts, census)
    lineage = Lineage.of(campaign, 0, attempts)
    _replayed(lineage, expected, census)
    _verdicts(storm, lineage, census)
    _partial(storm, census)
    _store(storm, attempts, census)
    _left(storm, attempts, census)
    return census


def started(storm: Storm) -> set[str]:
    """Attempts that said that they entered a phase. Before its first phase an attempt has done nothing: a runner that
    is killed between announcing one and registering it leaves nothing to clean up and nothing to record."""
    found = set()
    for log in sorted(storm.folder.glob("log-*.out")):
        announced = None
        for line in log.read_bytes().split(b"\n")[:-1]:
            event = json.loads(line) if line.startswith(b"{") else {}
            if event.get("event") == "trial_started":
                announced = str(event["attempt_id"])
            elif event.get("event") == "phase" and announced:
                found.add(announced)
    return found


def _lost(storm: Storm, watch: Watch, attempts: Sequence[Attempt], census: Census) -> None:
    recorded = {attempt.attempt_id for attempt in attempts}
    census.lost += [f"attempt {one} started and has no record" for one in sorted(started(storm) - recorded)]
    now = {path.name: path / "MANIFEST.sha256" for path in record_folders(storm.results)}
    for name, digest in watch.sealed.items():
        if name not in now:
            census.lost.append(f"{name} was sealed and is gone")
        elif hashlib.sha256(now[name].read_bytes()).hexdigest() != digest:
            census.lost.append(f"{name} is not what was sealed")


def _verdicts(storm: Storm, lineage: Lineage, census: Census) -> None:
    """Of every pair that the repeats compare, the verdict is sealed."""
    sealed = {
        (one.trial_a, one.trial_b) for one in lineage_facts(storm.results, lineage.campaign.search_key).comparisons
    }
    said = comparisons(lineage.campaign, lineage.trials, lineage.attempts, series=lineage.series, run_id="")
    if storm.kind.top and not said:
        census.lost.append("the campaign was not confirmed")
    census.lost += [
        f"{one.trial_a} against {one.trial_b}: no verdict is sealed"
        for one in said
        if (one.trial_a, one.trial_b) not in sealed
    ]


def _doubled(attempts: Sequence[Attempt], census: Census) -> None:
    """A number with two configurations, a configuration with two numbers, a judged attempt made again, two at once."""
    numbers, prints = defaultdict(set), defaultdict(set)
    judged: Counter[tuple[object, ...]] = Counter()
    for attempt in attempts:
        fingerprint = attempt.configuration.fingerprint
        numbers[attempt.series, attempt.number].add(fingerprint)
        prints[attempt.series, fingerprint].add(attempt.number)
        if attempt.outcome in JUDGED_OUTCOMES:
            role = "search" if attempt.role in SEARCH_ROLES else f"{attempt.role}"
            judged[attempt.series, attempt.number, role, attempt.repeat] += 1
    census.doubled += [f"trial {key} has configurations {sorted(v)}" for key, v in numbers.items() if len(v) > 1]
    census.doubled += [f"configuration {key} is trials {sorted(v)}" for key, v in prints.items() if len(v) > 1]
    census.doubled += [f"{key} was judged {count} times" for key, count in judged.items() if count > 1]
    ordered = sorted(attempts, key=lambda attempt: attempt.started_utc)
    for one, then in pairwise(ordered):
        if then.started_utc < one.ended_utc:
            census.doubled.append(f"attempts {one.attempt_id} and {then.attempt_id} ran at the same time")


def _replayed(lineage: Lineage, expected: Sequence[tuple[int, str]] | None, census: Census) -> None:
    """Every trial is what the sampler proposes after what was sealed when it began, and what an uninterrupted run
    proposed."""
    found = sorted({(a.number, a.configuration.fingerprint) for a in lineage.attempts if a.role in SEARCH_ROLES})
    if expected is not None and found != list(expected):
        census.doubled.append(f"proposed {found}, an uninterrupted run {list(expected)}")
    if [number for number, _ in found] != list(range(lineage.campaign.search.trials)):
        census.lost.append(f"the trials are {[number for number, _ in found]} of {lineage.campaign.search.trials}")
    first: dict[int, Attempt] = {}
    for attempt in sorted(lineage.attempts, key=lambda a: a.started_utc):
        if attempt.role in SEARCH_ROLES:
            first.setdefault(attempt.number, attempt)
    for number, attempt in first.items():
        before = Lineage.of(
            lineage.campaign, lineage.series, [a for a in lineage.attempts if a.ended_utc <= attempt.started_utc]
        )
        given_up = dict.fromkeys(before.unjudged, MOST_HOST_FAULTS)
        step = next_step(lineage.campaign, before, SoFar(host_faults=given_up))
        proposal = step.configuration.fingerprint if isinstance(step, Step) else "nothing"
        if proposal != attempt.configuration.fingerprint:
            census.doubled.append(f"trial {number} is {attempt.configuration.fingerprint}, replayed {proposal}")


def _partial(storm: Storm, census: Census) -> None:
    for path in record_folders(storm.results):
        census.partial += verify_record(path)
    half = [*(storm.results / "records").glob(".*"), *storm.results.glob(".*"), *storm.folder.glob(".*")]
    half += [*(storm.folder / "tmp").iterdir()]
    if storm.cache:
        half += [path for path in Path(storm.cache).rglob("*") if path.name.startswith((".", "tmp"))]
    census.partial += [f"{path.relative_to(storm.folder.parent)} was left half-made" for path in half]
    if (storm.folder / "public").exists():
        census.partial += _differences(storm.folder / "public", storm.folder / "again")


def _differences(built: Path, again: Path) -> Iterable[str]:
    """Every file of the site against the site that an undisturbed build makes of the same snapshot."""
    one, two = (
        {str(path.relative_to(root)): path for path in root.rglob("*") if path.is_file()} for root in (built, again)
    )
    for name in sorted(one.keys() ^ two.keys()):
        yield f"page {name} stands only in {built.name if name in one else again.name}"
    for name in sorted(one.keys() & two.keys()):
        text = [path[name].read_bytes() for path in (one, two)]
        if not name.endswith((".duckdb", "SHA256SUMS")) and text[0] != text[1]:
            yield f"page {name} differs from a fresh build"


def _store(storm: Storm, attempts: Sequence[Attempt], census: Census) -> None:
    try:
        census.unopenable += [f"{finding.kind}: {finding.what}" for finding in verify(storm.results).findings]
        with open_snapshot(storm.results) as connection:
            sql = "SELECT (SELECT count(*) FROM attempts), (SELECT count(DISTINCT attempt_id) FROM attempts)"
            rows, ids = connection.execute(sql).fetchall()[0]
            trials = connection.execute("SELECT series, number, count(*) FROM trials GROUP BY ALL").fetchall()
            runs = connection.execute("SELECT count(*), count(DISTINCT run_id) FROM runs").fetchall()[0]
    except TunebookError as error:
        census.unopenable.append(error.what)
        return
    if rows < len(attempts):
        census.lost.append(f"the view attempts has {rows} rows for {len(attempts)} records")
    if rows != ids or rows > len(attempts):
        census.doubled.append(f"the view attempts has {rows} rows, {ids} ids for {len(attempts)} records")
    census.doubled += [f"the view trials has trial {s}/{n} {count} times" for s, n, count in trials if count > 1]
    numbers = {(attempt.series, attempt.number) for attempt in attempts if attempt.role is not Role.GATE}
    if len(trials) != len(numbers):
        census.lost.append(f"the view trials has {len(trials)} trials for {len(numbers)} that were deployed")
    starts = len(record_folders(storm.results, RecordKind.RUN_START))
    if runs != (starts, starts):
        census.lost.append(f"the view runs has {runs[0]} rows, {runs[1]} ids for {starts} records")


def _left(storm: Storm, attempts: Sequence[Attempt], census: Census) -> None:
    ids = {attempt.attempt_id for attempt in attempts} | started(storm)
    census.left += victims.labelled(ids)
    for port in {attempt.placement.port for attempt in attempts if attempt.placement}:
        census.left += [
            f"port {port} of an attempt is held by process {pid}: {victims.command(pid)[:80]}"
            for pid in procfs.listeners(port)
            if str(storm.folder) in victims.command(pid) or "simulated" in victims.command(pid)
        ]
    running = storm.results / "running"
    census.left += [f"running/{path.name}" for path in (running.iterdir() if running.is_dir() else ())]
    for path in (storm.results / "store.lock", *running.glob("*.lock")):
        if path.exists() and _held(path):
            census.left.append(f"{path.name} is still locked")


def _held(path: Path) -> bool:
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return False
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
