"""Withdraw wrong results: a record with a reason for each attempt; nothing sealed before is touched.

What was withdrawn is in no history, score or comparison any more, and its trial is measured again by the next run
(`runner.lineage`). Sealing needs no lock: the store takes the records in when it can.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.domain.records import RecordKind, RetractionFact, RunEnd, RunStart
from runner.domain.trial import Attempt
from runner.errors import UnknownId, UsageError
from runner.store.history import facts
from runner.store.record import seal
from runner.util.clock import new_id, utc_now
from runner.util.redact import redact

SHORTEST = 4
"""Characters of an abbreviated id."""

_TRIAL = re.compile(r"(?P<name>.+)#(?P<number>\d+)")
_SHOWN = 4


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
    known = {fact.attempt_id: fact for fact in reversed(retractions(results))}
    new = tuple(attempt for attempt in target.attempts if attempt.attempt_id not in known)
    now = utc_now()
    for attempt in new:
        fact = RetractionFact(new_id(), attempt.attempt_id, reason, redact(" ".join(by.split())), now)
        seal(results, RecordKind.RETRACTION, fact.retraction_id, fact)
    before = tuple((a, known[a.attempt_id]) for a in target.attempts if a.attempt_id in known)
    return Retracted(target, new, before)


def retractions(results: Path) -> list[RetractionFact]:
    """Every sealed retraction, by time."""
    found: list[RetractionFact] = facts(results, RecordKind.RETRACTION)
    return sorted(found, key=lambda fact: (fact.retracted_utc, fact.retraction_id))


def find(results: Path, text: str) -> Target:
    """The attempt, trial or run with this id, or an abbreviation of it that means only one; `NAME#7` is trial 7 of
    the campaign's latest series that has one. Raises UnknownId with the nearest ids, StoreDamaged."""
    attempts: list[Attempt] = facts(results, RecordKind.ATTEMPT)
    starts: list[RunStart] = sorted(facts(results, RecordKind.RUN_START), key=lambda fact: fact.started_utc)
    if match := _TRIAL.fullmatch(text.strip()):
        return _by_number(match["name"], int(match["number"]), attempts, starts)
    return _by_id(results, text.strip().lower(), attempts, starts)


def _by_number(name: str, number: int, attempts: Sequence[Attempt], starts: Sequence[RunStart]) -> Target:
    lineages = [start.search_key for start in starts if start.name == name]
    if not lineages:
        names = sorted({start.name for start in starts})
        known = f"campaigns that were: {', '.join(names[:12])}" if names else "no campaign was"
        raise UnknownId(f"no campaign {name!r} was run here", hint=_near(name, names) or known)
    mine = [attempt for attempt in attempts if attempt.search_key == lineages[-1]]
    of_number = [attempt for attempt in mine if attempt.number == number]
    if not of_number:
        numbers = sorted({attempt.number for attempt in mine})
        hint = f"it has {_ranges(numbers)}" if numbers else "it has no trial yet"
        raise UnknownId(f"campaign {name!r} has no trial {number}", hint=hint)
    series = max(attempt.series for attempt in of_number)
    chosen = tuple(attempt for attempt in of_number if attempt.series == series)
    return Target(f"trial {number} of {name}" + (f", series {series}" if series else ""), chosen)


def _by_id(results: Path, text: str, attempts: Sequence[Attempt], starts: Sequence[RunStart]) -> Target:
    kind, _, rest = text.partition("-")
    text = rest if kind in ("attempt", "run", "trial", "run_start") else text
    names = {start.run_id: start.name for start in starts}
    whats: dict[str, str] = {}
    for attempt in attempts:
        name = names.get(attempt.run_id, "an unknown campaign")
        whats[attempt.attempt_id] = f"attempt {attempt.attempt_id} (trial {attempt.number} of {name}, {attempt.role})"
        whats[attempt.trial_id] = f"trial {attempt.number} of {name}"
    whats |= {run_id: f"run {run_id} of {name}" for run_id, name in names.items()}
    found = [text] if text in whats else [one for one in whats if len(text) >= SHORTEST and one.startswith(text)]
    if not found:
        raise UnknownId(
            f"no attempt, trial or run {text!r} in {results}",
            hint=_near(text, sorted(whats), sorted(set(names.values())))
            or "ids stand in `tunebook sql 'SELECT attempt_id, trial_id, run_id FROM attempts'`; NAME#7 is trial 7",
        )
    if len(found) > 1:
        shown = "; ".join(whats[one] for one in sorted(found)[:_SHOWN])
        more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise UnknownId(f"{text!r} means {len(found)} things: {shown}{more}", hint="write more of the id")
    chosen = tuple(a for a in attempts if found[0] in (a.attempt_id, a.trial_id, a.run_id))
    ends: list[RunEnd] = facts(results, RecordKind.RUN_END)
    open_run = found[0] in names and all(end.run_id != found[0] for end in ends)
    return Target(whats[found[0]], chosen, open_run)


def _near(text: str, *known: Iterable[str]) -> str | None:
    """The nearest of each list, as a question."""
    near = [one for names in known for one in difflib.get_close_matches(text, list(names), n=2, cutoff=0.5)]
    return f"did you mean {' or '.join(repr(one) for one in near[:3])}?" if near else None


def _ranges(numbers: Sequence[int]) -> str:
    whole = len(numbers) == numbers[-1] - numbers[0] + 1
    if len(numbers) == 1:
        return f"trial {numbers[0]} only"
    if whole:
        return f"trials {numbers[0]} to {numbers[-1]}"
    return "trials " + ", ".join(map(str, numbers[:12])) + (", ..." if len(numbers) > 12 else "")
