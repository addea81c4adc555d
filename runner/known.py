"""Which attempts there are, sealed and running; and which of them somebody means by an id, a prefix or a name.

`logs`, `retract` and `new --from` find what they are asked for here, so that a word means the same to each.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.domain.records import RecordKind
from runner.errors import StoreDamaged, UnknownId
from runner.running_file import read_running, scratch_folder
from runner.store.record import read_record, record_folders

SHORTEST = 4
"""Letters of an id; fewer name too much."""
SHOWN = 8
_KIND = re.compile(r"^(attempt|run_start|run|trial)-(?=[0-9a-f])")


@dataclass(frozen=True, slots=True)
class LoggedAttempt:
    """One attempt and where its logs lie. `facts` is attempt.json; `running` the running file, None once sealed."""

    facts: Mapping[str, Any]
    folder: Path
    running: Mapping[str, Any] | None

    @property
    def attempt_id(self) -> str:
        return str(self.facts["attempt_id"])

    @property
    def run_id(self) -> str:
        return str(self.facts["run_id"])

    @property
    def trial_id(self) -> str:
        return str(self.facts["trial_id"])

    @property
    def name(self) -> str:
        """`t7/search`, `t7/confirm2`. Not unique: a trial that was tried again has two of one name."""
        return f"t{self.facts['number']}/{self.facts['role']}{self.facts['repeat'] or ''}"


@dataclass(frozen=True, slots=True)
class Target:
    """What was asked for: all attempts of a run, of a trial, or one. `run` is the run whose end ends a `--follow`, by
    the facts of its beginning; None when no run is known for it."""

    kind: str  # run | trial | attempt
    id: str
    title: str
    run: Mapping[str, Any] | None

    def holds(self, attempt: LoggedAttempt) -> bool:
        return str(attempt.facts[f"{self.kind}_id"]) == self.id


class Known:
    """The attempts and runs of a results folder. A sealed record is read once; what runs is read anew each time."""

    def __init__(self, results: Path) -> None:
        self.results = results
        self._sealed: dict[Path, Mapping[str, Any]] = {}

    def attempts(self) -> list[LoggedAttempt]:
        """In the order in which they began. Running ones are listed first and sealed ones looked at afterwards, so that
        one that is sealed just now is in neither list twice nor in none."""
        running = {str(facts["attempt_id"]): facts for facts in read_running(self.results)}
        sealed = [LoggedAttempt(facts, path, None) for path, facts in self.records(RecordKind.ATTEMPT)]
        done = {attempt.attempt_id for attempt in sealed}
        live = [
            LoggedAttempt(facts["attempt"], scratch_folder(self.results, attempt_id), facts)
            for attempt_id, facts in running.items()
            if attempt_id not in done
        ]
        return sorted([*sealed, *live], key=lambda one: (str(one.facts["started_utc"]), one.attempt_id))

    def runs(self) -> list[Mapping[str, Any]]:
        """The beginnings of all runs, oldest first."""
        found = [facts for _, facts in self.records(RecordKind.RUN_START)]
        return sorted(found, key=lambda facts: (str(facts["started_utc"]), str(facts["run_id"])))

    def records(self, kind: RecordKind) -> Iterator[tuple[Path, Mapping[str, Any]]]:
        for path in record_folders(self.results, kind):
            if path not in self._sealed:
                try:
                    self._sealed[path] = read_record(path).facts
                except StoreDamaged:  # told by `store verify`; the others have their logs all the same
                    continue
            yield path, self._sealed[path]


def find(known: Known, text: str | None) -> Target:
    """What `text` means: a campaign's name (its latest run), NAME#7 (trial 7 of its latest series that has one), or the
    id of a run, trial or attempt, shortened as far as it stays unique; a record's folder begins with its kind, and may.
    None is the latest run. Raises UnknownId, with the nearest."""
    runs, attempts = known.runs(), known.attempts()
    if text is None:
        if not runs:
            raise UnknownId(
                f"no run in {known.results}", hint="`tunebook run FILE` starts one; --results names a folder"
            )
        return _run(runs[-1])
    text = text.strip()
    names = {str(run["name"]): run for run in runs}  # the latest of a name
    name, hash_, number = text.rpartition("#")
    if text in names:
        return _run(names[text])
    if hash_ and name in names and number.isdecimal():
        return _numbered(names[name], int(number), runs, attempts)
    found = _by_prefix(_KIND.sub("", text.lower()), runs, attempts)
    if len(found) == 1:
        return found[0]
    if found:
        raise UnknownId(f"{text} may be any of {len(found)}", hint=f"write more of it: {_listed(found)}")
    raise UnknownId(
        f"no run, trial, attempt or campaign is called {text!r}", hint=_near(text, names, runs, attempts, known.results)
    )


def _run(start: Mapping[str, Any]) -> Target:
    return Target("run", str(start["run_id"]), f"run of {start['name']}", start)


def _numbered(
    run: Mapping[str, Any], number: int, runs: list[Mapping[str, Any]], attempts: list[LoggedAttempt]
) -> Target:
    mine = [attempt for attempt in attempts if attempt.facts["search_key"] == run["search_key"]]
    for attempt in sorted(mine, key=lambda one: (-int(one.facts["series"]), one.facts["role"] in ("gate", "repeat"))):
        if attempt.facts["number"] == number:
            return _trial(attempt, runs)
    numbers = sorted({int(attempt.facts["number"]) for attempt in mine})
    there = f"it has {_ranges(numbers)}" if numbers else "it has no trial yet"
    raise UnknownId(f"{run['name']} has no trial {number}", hint=there)


def _trial(attempt: LoggedAttempt, runs: list[Mapping[str, Any]]) -> Target:
    """Its run is the latest of its series: that one may still go on with it."""
    lineage = (attempt.facts["search_key"], attempt.facts["series"])
    latest = {(run["search_key"], run["series"]): run for run in runs}.get(lineage)
    of = f" of {latest['name']}" if latest else ""
    series = f", series {lineage[1]}" if lineage[1] else ""
    return Target("trial", attempt.trial_id, f"trial {attempt.facts['number']}{of}{series}", latest)


def _ranges(numbers: list[int]) -> str:
    """`trials 0 to 11`; with gaps, each."""
    if len(numbers) == 1:
        return f"trial {numbers[0]} only"
    if len(numbers) == 1 + numbers[-1] - numbers[0]:
        return f"trials {numbers[0]} to {numbers[-1]}"
    return "trials " + ", ".join(map(str, numbers[:SHOWN])) + (", ..." if len(numbers) > SHOWN else "")


def _by_prefix(prefix: str, runs: list[Mapping[str, Any]], attempts: list[LoggedAttempt]) -> list[Target]:
    """Everything whose id begins with `text`; only what it names in full when there is one."""
    if len(prefix) < SHORTEST:
        return []
    found = {target.id: target for target in _all(runs, attempts) if target.id.startswith(prefix)}
    return [found[prefix]] if prefix in found else list(found.values())


def _all(runs: list[Mapping[str, Any]], attempts: list[LoggedAttempt]) -> Iterator[Target]:
    by_id = {str(run["run_id"]): run for run in runs}
    yield from map(_run, runs)
    for attempt in attempts:
        run = by_id.get(attempt.run_id)
        of = f" of {run['name']}" if run else ""
        yield Target("attempt", attempt.attempt_id, f"attempt {attempt.name}{of}", run)
        yield _trial(attempt, runs)


def _near(
    text: str, names: Mapping[str, Any], runs: list[Mapping[str, Any]], attempts: list[LoggedAttempt], results: Path
) -> str:
    """Names that are spelled alike; for what looks like an id, those that share the longest beginning."""
    near = difflib.get_close_matches(text.rpartition("#")[0] or text, names, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    if re.fullmatch(r"[0-9a-fA-F-]{2,}", text):
        everything = {target.id: target for target in _all(runs, attempts)}.values()
        for length in range(len(text) - 1, 1, -1):
            alike = [target for target in everything if target.id.startswith(text[:length].lower())]
            if alike:
                return f"near: {_listed(alike)}"
    if names:
        return f"campaigns that ran here: {', '.join(sorted(names))}"
    return f"nothing ran in {results} yet; --results DIR names another folder"


def _listed(targets: list[Target]) -> str:
    shown = ", ".join(f"{target.id} ({target.title})" for target in targets[:SHOWN])
    return shown + (f", and {len(targets) - SHOWN} more" if len(targets) > SHOWN else "")
