"""What a lineage knows, straight from its sealed records, ingested or not: the truth a sampler and a resume see.

Records never change, so each is parsed once per process; a call costs one listing of the folder.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner.domain.records import (
    ComparisonFact,
    RecordKind,
    RejectionFact,
    RetractionFact,
    RulesFact,
    RunEnd,
    RunStart,
)
from runner.domain.trial import Attempt
from runner.errors import StoreDamaged
from runner.store.record import read_record, record_folders
from runner.util.codec import from_plain

CLASSES: dict[RecordKind, type[Any]] = {
    RecordKind.RUN_START: RunStart,
    RecordKind.RUN_END: RunEnd,
    RecordKind.ATTEMPT: Attempt,
    RecordKind.REJECTION: RejectionFact,
    RecordKind.COMPARISON: ComparisonFact,
    RecordKind.RULES: RulesFact,
    RecordKind.RETRACTION: RetractionFact,
}
_parsed: dict[Path, Any] = {}
_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class LineageFacts:
    """Everything but the attempts' content. Each tuple is ordered by time. A run without an end in `ends` still runs
    or was killed; `seconds_of` has what its attempts took (run id -> seconds)."""

    search_key: str
    starts: tuple[RunStart, ...] = ()
    ends: tuple[RunEnd, ...] = ()
    rejections: tuple[RejectionFact, ...] = ()
    comparisons: tuple[ComparisonFact, ...] = ()
    rules: tuple[RulesFact, ...] = ()
    seconds_of: Mapping[str, float] = field(default_factory=dict)

    def attempt_seconds(self, run_id: str) -> float:
        """Seconds of all sealed attempts of a run, whatever came of them."""
        return self.seconds_of.get(run_id, 0.0)


def history(results: Path, search_key: str, series: int | None = None) -> list[Attempt]:
    """The attempts of a lineage (of one series, or of all), of every role and outcome, ordered by (number, start).

    Retracted attempts are left out. Called before every ask and at the start of a run. Raises StoreDamaged when a
    record can not be read.
    """
    retracted = _retracted(results)
    return [fact for fact in _attempts(results, search_key, series) if fact.attempt_id not in retracted]


def withdrawn(results: Path, search_key: str, series: int | None = None) -> list[Attempt]:
    """The retracted attempts of a lineage, ordered as `history` orders the others. Raises StoreDamaged."""
    retracted = _retracted(results)
    return [fact for fact in _attempts(results, search_key, series) if fact.attempt_id in retracted]


def _attempts(results: Path, search_key: str, series: int | None) -> list[Attempt]:
    mine: list[Attempt] = [
        fact
        for fact in facts(results, RecordKind.ATTEMPT)
        if fact.search_key == search_key and (series is None or fact.series == series)
    ]
    return sorted(mine, key=lambda fact: (fact.number, fact.started_utc, fact.attempt_id))


def _retracted(results: Path) -> dict[str, str]:
    """Attempt id -> when it was first withdrawn."""
    times: dict[str, str] = {}
    for fact in facts(results, RecordKind.RETRACTION):
        times[fact.attempt_id] = min(fact.retracted_utc, times.get(fact.attempt_id, fact.retracted_utc))
    return times


def lineage_facts(results: Path, search_key: str) -> LineageFacts:
    """Runs, rejections, comparisons and rules of a lineage; a comparison that rests on a retracted attempt, or was made
    for a gate or a reproduction, is left out. Raises StoreDamaged when a record can not be read."""

    def mine(kind: RecordKind, time: str) -> tuple[Any, ...]:
        found = [fact for fact in facts(results, kind) if fact.search_key == search_key]
        return tuple(sorted(found, key=lambda fact: str(getattr(fact, time))))

    starts = mine(RecordKind.RUN_START, "started_utc")
    runs = {start.run_id for start in starts}
    ends = [fact for fact in facts(results, RecordKind.RUN_END) if fact.run_id in runs]
    seconds: dict[str, float] = {}
    for attempt in mine(RecordKind.ATTEMPT, "started_utc"):
        seconds[attempt.run_id] = seconds.get(attempt.run_id, 0.0) + attempt.seconds
    return LineageFacts(
        search_key,
        starts,
        tuple(sorted(ends, key=lambda end: str(end.ended_utc))),
        mine(RecordKind.REJECTION, "rejected_utc"),
        _standing(mine(RecordKind.COMPARISON, "compared_utc"), withdrawn(results, search_key), _retracted(results)),
        mine(RecordKind.RULES, "written_utc"),
        seconds,
    )


def _standing(
    comparisons: Sequence[ComparisonFact], gone: Sequence[Attempt], retracted: Mapping[str, str]
) -> tuple[ComparisonFact, ...]:
    """Without those that were made from an attempt of one of their two trials before it was withdrawn (the same rule
    as view `comparisons`)."""

    def stands(fact: ComparisonFact) -> bool:
        return not any(
            attempt.trial_id in (fact.trial_a, fact.trial_b)
            and attempt.ended_utc <= fact.compared_utc < retracted[attempt.attempt_id]
            for attempt in gone
        )

    return tuple(fact for fact in comparisons if fact.purpose == "confirm" and stands(fact))


def facts(results: Path, kind: RecordKind) -> list[Any]:
    """Every sealed fact of one kind, as its dataclass, ordered by record name. Raises StoreDamaged."""
    found = []
    with _lock:
        for path in record_folders(results.resolve(), kind):
            if path not in _parsed:
                _parsed[path] = _parse(path, kind)
            found.append(_parsed[path])
    return found


def _parse(path: Path, kind: RecordKind) -> Any:
    try:
        return from_plain(CLASSES[kind], read_record(path).facts)
    except ValueError as error:
        reason = " ".join(str(error).split())[:300]
        raise StoreDamaged(
            f"record {path.name} does not hold what this version expects: {reason}",
            hint="was it sealed by a newer tunebook? Then use that one. Else run `tunebook store verify`",
        ) from error
