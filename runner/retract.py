"""Withdraw wrong results: a record with a reason for each attempt; nothing sealed before is touched.

What was withdrawn is in no history, score or comparison any more, and its trial is measured again by the next run
(`runner.lineage`). Sealing needs no lock: the store takes the records in when it can.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runner import known
from runner.domain.records import RecordKind, RetractionFact, RunEnd
from runner.domain.trial import Attempt
from runner.errors import UsageError
from runner.store.history import facts
from runner.store.record import seal
from runner.util.clock import new_id, utc_now
from runner.util.redact import redact


@dataclass(frozen=True, slots=True)
class Target:
    """What the words of the command meant: `label` says it in words, `attempts` are its sealed attempts. `open_run`:
    the run has no end yet, so it may seal more."""

    label: str
    attempts: tuple[Attempt, ...]
    open_run: bool = False


@dataclass(frozen=True, slots=True)
class Retracted:
    """`new` were withdrawn now; `before` had been, each with the record that did it."""

    target: Target
    new: tuple[Attempt, ...]
    before: tuple[tuple[Attempt, RetractionFact], ...]


def retract(results: Path, text: str, reason: str, by: str = "") -> Retracted:
    """Withdraw the attempt, trial or run that `text` names (`find`). Attempts that are withdrawn already are left as
    they are, so that doing it twice does nothing.

    `reason` and `by` are published. Raises UsageError for an empty reason, UnknownId, StoreDamaged, NoSpace,
    Unwritable.
    """
    reason = redact(" ".join(reason.split()))
    if not reason:
        raise UsageError("a withdrawn result needs a reason", hint='--reason "another job ran on the machine"')
    target = find(results, text)
    done = {fact.attempt_id: fact for fact in reversed(retractions(results))}
    new = tuple(attempt for attempt in target.attempts if attempt.attempt_id not in done)
    now = utc_now()
    for attempt in new:
        fact = RetractionFact(new_id(), attempt.attempt_id, reason, redact(" ".join(by.split())), now)
        seal(results, RecordKind.RETRACTION, fact.retraction_id, fact)
    before = tuple((a, done[a.attempt_id]) for a in target.attempts if a.attempt_id in done)
    return Retracted(target, new, before)


def retractions(results: Path) -> list[RetractionFact]:
    """Every sealed retraction, by time."""
    found: list[RetractionFact] = facts(results, RecordKind.RETRACTION)
    return sorted(found, key=lambda fact: (fact.retracted_utc, fact.retraction_id))


def find(results: Path, text: str) -> Target:
    """The attempt, trial or run that `text` means (`known.find`). A campaign's bare name is refused: too much would
    hang on one word. Raises UnknownId, UsageError, StoreDamaged."""
    meant = known.find(known.Known(results), text)
    if meant.kind == "run" and text.strip() != meant.id and meant.run and text.strip() == meant.run["name"]:
        raise UsageError(
            f"{text.strip()} is a whole campaign",
            hint=f"{text.strip()}#7 withdraws trial 7 of it, {meant.id} all of its latest run",
        )
    attempts: list[Attempt] = facts(results, RecordKind.ATTEMPT)
    ends: list[RunEnd] = facts(results, RecordKind.RUN_END)
    chosen = tuple(attempt for attempt in attempts if getattr(attempt, f"{meant.kind}_id") == meant.id)
    open_run = meant.kind == "run" and all(end.run_id != meant.id for end in ends)
    label = meant.title if meant.kind == "trial" else f"{meant.title} ({meant.id})"
    return Target(label, chosen, open_run)
