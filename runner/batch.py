"""STORY Batch.ends(): several campaign files in one invocation, as cron and CI start it.

Each file gets exactly one end: it ran, or it did not and here is why. What is wrong with one stops none of the rest.
"""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from runner.capacity import run_capacity
from runner.domain.campaign import Campaign
from runner.domain.failure import EndReason
from runner.due import Due, due, until_text
from runner.errors import AlreadyRunning, CampaignError, OtherHardware, TunebookError, UsageError
from runner.run_campaign import Run, run_campaign
from runner.run_state import RunResult
from runner.util.project import project_folder

Loaded = tuple[Path, Campaign | CampaignError]


class FileOutcome(StrEnum):
    """What came of a file; also the word in `run --json`."""

    RAN = "ran"
    FINISHED = "finished"
    SKIPPED = "skipped"
    NOT_DUE = "not_due"
    BROKEN = "broken"
    RUNNING = "running"
    NOT_REACHED = "not_reached"
    INTERRUPTED = "interrupted"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asks of every file. `budget`: seconds of wall time for all of them together."""

    again: bool = False
    due: bool = False
    matching: bool = False
    max_trials: int | None = None
    budget: float | None = None
    retry_failed: bool = False
    best: bool = False
    slots: int = 1
    executor: str = "local"
    address: str | None = None


@dataclass(frozen=True, slots=True)
class FileEnd:
    """What came of one file. `reason` is a phrase for people; `result` is there when the campaign ran, now or before;
    `error` is what its reader must see in full; `next` when a file that is not due will be. `seconds`: wall time."""

    path: Path
    campaign: Campaign | None
    outcome: FileOutcome
    reason: str = ""
    exit_code: int = 0
    seconds: float = 0.0
    result: RunResult | None = None
    error: TunebookError | None = None
    next: datetime | None = None


@dataclass
class Batch:
    """One invocation of `tunebook run`. `known` makes an error of ours of the trouble of a disk or folder; an OSError
    that it does not know is our bug and is raised again."""

    results: Path
    wanted: Wanted
    stop: Callable[[], bool] = lambda: False
    known: Callable[[OSError], TunebookError | None] = lambda error: None
    began: float = field(default_factory=time.monotonic)

    def ends(self, files: Sequence[Loaded]) -> Iterator[FileEnd]:
        """The end of each file, in order, as it comes."""
        for path, loaded in files:
            began = time.monotonic()
            end = self.end_of(path, loaded)
            yield replace(end, seconds=round(time.monotonic() - began, 3))

    def end_of(self, path: Path, loaded: Campaign | CampaignError) -> FileEnd:
        campaign = loaded if isinstance(loaded, Campaign) else None
        try:
            if isinstance(loaded, CampaignError):
                raise loaded
            return self.try_file(path, loaded)
        except OSError as trouble:
            error = self.known(trouble)
            if error is None:
                raise
        except TunebookError as trouble:
            error = trouble
        what = _what(error)
        if isinstance(error, OtherHardware) and self.wanted.matching:
            return FileEnd(path, campaign, FileOutcome.SKIPPED, f"other hardware: {what}")
        return FileEnd(path, campaign, _outcome_of(error), what, error.status, error=error)

    def try_file(self, path: Path, campaign: Campaign) -> FileEnd:
        """Due and in time: run it. Raises what `run_campaign` raises."""
        if self.wanted.best:
            return self.only_best(path, campaign)
        retry = self.wanted.retry_failed
        run = Run.open(campaign, path, self.results, project_folder(path.parent), retry_failed=retry)
        idle = run.nothing_to_do()
        again = self.wanted.again
        if self.wanted.due:
            verdict = due(campaign, run.facts, idle, datetime.now(UTC))
            if not verdict.now:
                return _not_due(path, campaign, verdict, run)
            again = again or verdict.again
        if again or not idle:
            if self.stop():
                return FileEnd(path, campaign, FileOutcome.NOT_REACHED, "interrupted before")
            if self.enough():
                return FileEnd(path, campaign, FileOutcome.NOT_REACHED, "the time of --budget was used up")
        result = run_campaign(
            path,
            self.results,
            run.project,
            again=again,
            max_trials=self.wanted.max_trials,
            stop=self.stop,
            enough=self.enough,
            retry_failed=retry,
            slots=self.wanted.slots,
            executor=self.wanted.executor,
            address=self.wanted.address,
        )
        return FileEnd(path, campaign, *_outcome(result), exit_code=result.exit_code, result=result)

    def only_best(self, path: Path, campaign: Campaign) -> FileEnd:
        """The capacity of its winner, and nothing else of it."""
        if self.stop() or self.enough():
            why = "interrupted before" if self.stop() else "the time of --budget was used up"
            return FileEnd(path, campaign, FileOutcome.NOT_REACHED, why)
        project = project_folder(path.parent)
        again = self.wanted.again
        found = run_capacity(
            path,
            self.results,
            project,
            again=again,
            stop=self.stop,
            enough=self.enough,
            executor=self.wanted.executor,
            address=self.wanted.address,
        )
        outcome, reason = _outcome(found.result)
        if outcome in (FileOutcome.RAN, FileOutcome.FINISHED):
            reason = f"the capacity of trial {found.number} " + (
                "is measured" if found.fresh else "was measured before"
            )
        return FileEnd(path, campaign, outcome, reason, found.exit_code, result=found.result)

    def enough(self) -> bool:
        """Whether the time for all files is used up: then no further attempt starts."""
        return self.wanted.budget is not None and time.monotonic() - self.began >= self.wanted.budget


def _not_due(path: Path, campaign: Campaign, verdict: Due, run: Run) -> FileEnd:
    result = run.result(run.over)
    return FileEnd(path, campaign, FileOutcome.NOT_DUE, until_text(verdict), result=result, next=verdict.next)


def _what(error: TunebookError) -> str:
    first, *more = error.problems()
    return first.what + (f" (and {len(more)} more)" if more else "")


def _outcome_of(error: TunebookError) -> FileOutcome:
    if isinstance(error, AlreadyRunning):
        return FileOutcome.RUNNING
    broken = isinstance(error, CampaignError) and not isinstance(error, OtherHardware)
    return FileOutcome.BROKEN if broken else FileOutcome.ERROR


def _outcome(result: RunResult) -> tuple[FileOutcome, str]:
    if result.run_id is None:
        return FileOutcome.FINISHED, "nothing to do"
    if result.out_of_time:
        return FileOutcome.RAN, "the time of --budget is used up"
    if result.end_reason is EndReason.INTERRUPTED:
        return FileOutcome.INTERRUPTED, "run again to go on"
    if result.end_reason is EndReason.ERROR:
        return FileOutcome.ERROR, "this machine failed again and again"
    return FileOutcome.RAN, f"ended by {result.end_reason.value}"


def chosen(files: Sequence[Loaded], names: Sequence[str]) -> list[Loaded]:
    """The files of these campaigns; all without a name. A broken file has no name to go by, so it stays while a name
    is missing. Raises UsageError when nothing can be the campaign that was meant."""
    if not names:
        return list(files)
    known = {loaded.name for _, loaded in files if isinstance(loaded, Campaign)}
    missing = [name for name in names if name not in known]
    kept = [(path, one) for path, one in files if (one.name in names if isinstance(one, Campaign) else missing)]
    if missing and not any(isinstance(one, CampaignError) for _, one in kept):
        near = difflib.get_close_matches(missing[0], known, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}"
        raise UsageError(f"--only: no campaign is called {missing[0]!r}", hint=hint)
    return kept


BEST = "best"
"""The word of `--only` that names no campaign but the winner of each."""


def picked(files: Sequence[Loaded], names: Sequence[str]) -> tuple[list[Loaded], bool]:
    """The chosen files, and whether their winners alone are asked for. Raises UsageError, as `chosen`."""
    if BEST not in names:
        return chosen(files, names), False
    if any(isinstance(one, Campaign) and one.name == BEST for _, one in files):
        what = "--only best means the winner of each campaign, and a campaign here is called so"
        raise UsageError(what, hint="give that campaign another name; it is outside of the lineage: its trials stay")
    return chosen(files, [name for name in names if name != BEST]), True


def shared(files: Sequence[Loaded]) -> list[str]:
    """A sentence for each lineage that several of the files share: they go on with each other's trials."""
    of: dict[str, list[Path]] = {}
    for path, loaded in files:
        if isinstance(loaded, Campaign):
            of.setdefault(loaded.search_key, []).append(path)
    return [
        f"{' and '.join(map(str, paths))} measure the same and share their trials; name, objective and SLOs are those "
        "of the file that ran last"
        for paths in of.values()
        if len(paths) > 1
    ]
