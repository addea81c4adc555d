"""Which baseline somebody means: a run, a git tag, a file that `gate --write-baseline` wrote, or a published folder."""

from __future__ import annotations

import tempfile
from pathlib import Path

from pydantic import ValidationError

from runner.domain.campaign import Campaign
from runner.domain.metrics import metric_ref
from runner.domain.recorded import FORMAT, Baseline
from runner.domain.records import RecordKind, RunStart
from runner.errors import StoreDamaged, StoreNewer, UnknownId, UsageError
from runner.known import Known, find
from runner.recorded import recorded_run
from runner.store.history import facts
from runner.store.publish import is_published, unpack
from runner.util.aliases import Aliases
from runner.util.codec import from_json, to_json
from runner.util.files import atomic_write
from runner.util.git import commit_named


def baseline_of(text: str, campaign: Campaign, results: Path, project: Path) -> Baseline:
    """Judged by the objective of `campaign`, as far as records are there; a file was judged when it was written.

    Raises UnknownId, UsageError for a run of another campaign and for a file of another objective, StoreDamaged,
    StoreNewer.
    """
    path = Path(text)
    if path.is_file() or path.suffix == ".json":
        return _same_objective(read_baseline(path), campaign, text)
    if path.is_dir() and is_published(path):
        with tempfile.TemporaryDirectory(prefix="tunebook-") as folder:
            unpack(path, Path(folder))
            return recorded_run(Path(folder), _latest(Path(folder), campaign, text), campaign)
    return recorded_run(results, _run(text, campaign, results, project), campaign)


def read_baseline(path: Path) -> Baseline:
    """Raises UnknownId, StoreDamaged, StoreNewer."""
    try:
        found = from_json(Baseline, path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnknownId(f"{path} can not be read: {error.strerror}", hint="a baseline file, a run, or a tag") from None
    except ValueError as error:
        reason = str(error)
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        hint = "`tunebook gate CAMPAIGN --write-baseline FILE` writes one; never edit it by hand"
        raise StoreDamaged(f"{path} is no baseline: {' '.join(reason.split())[:200]}", hint=hint) from None
    if found.format > FORMAT:
        what = f"{path} has format {found.format}, this tunebook reads {FORMAT}"
        raise StoreNewer(what, hint=f"install tunebook {found.tunebook} or newer")
    return found


def write_baseline(path: Path, baseline: Baseline) -> int:
    """The best trial and the defaults, without paths and secrets: small enough to review. Returns how many."""
    kept = tuple(trial for trial in baseline.trials if trial.is_best or trial.is_default)
    aliases = Aliases([])
    plain = Baseline(
        **{name: getattr(baseline, name) for name in Baseline.__slots__ if name not in ("campaign", "trials")},
        campaign=aliases.plain(baseline.campaign),
        trials=kept,
    )
    atomic_write(path, aliases.text(to_json(plain)))
    return len(kept)


def _same_objective(baseline: Baseline, campaign: Campaign, text: str) -> Baseline:
    wanted = metric_ref(campaign.objective.metric).text, campaign.objective.at
    if baseline.name != campaign.name:
        raise UsageError(f"{text} is a baseline of {baseline.name}, not of {campaign.name}")
    if (baseline.metric, baseline.at) != wanted:
        raise UsageError(
            f"{text} holds {baseline.metric} at {baseline.at}, {campaign.name} optimizes {wanted[0]} at {wanted[1]}",
            hint="write a new one: tunebook gate CAMPAIGN --write-baseline FILE",
        )
    return baseline


def _run(text: str, campaign: Campaign, results: Path, project: Path) -> RunStart:
    starts: list[RunStart] = facts(results, RecordKind.RUN_START)
    try:
        meant = find(Known(results), text)
    except UnknownId as error:
        commit = commit_named(project, text)
        mine = [one for one in starts if commit and one.git_commit.removesuffix("+changes") == commit]
        mine = [one for one in mine if one.name == campaign.name]
        if mine:
            return max(mine, key=lambda one: (one.started_utc, one.run_id))
        if commit:
            what = f"no run of {campaign.name} is recorded at {text} ({commit[:12]})"
            raise UnknownId(what, hint="name a run, or a baseline file: gate --write-baseline FILE") from None
        raise UnknownId(error.what, hint=f"{error.hint}; a git tag or a baseline file will do, too") from None
    if meant.kind != "run":
        raise UsageError(f"{text} is {meant.title}", hint="--baseline takes a run, a git tag or a baseline file")
    start = next(one for one in starts if one.run_id == meant.id)
    if start.name != campaign.name and start.search_key != campaign.search_key:
        raise UsageError(f"{text} is a run of {start.name}, not of {campaign.name}")
    return start


def _latest(results: Path, campaign: Campaign, text: str) -> RunStart:
    starts: list[RunStart] = [s for s in facts(results, RecordKind.RUN_START) if s.name == campaign.name]
    if not starts:
        raise UnknownId(f"{text} holds no run of {campaign.name}")
    return max(starts, key=lambda one: (one.started_utc, one.run_id))
