"""Which measurement of the past somebody means, and what a baseline file holds."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runner.baselines import baseline_of, read_baseline, write_baseline
from runner.confirm import best_trial
from runner.domain.campaign import Objective
from runner.domain.recorded import Baseline
from runner.domain.records import RecordKind
from runner.errors import StoreDamaged, StoreNewer, UnknownId, UsageError
from runner.lineage import Lineage
from runner.published import Published, published, refuse_foreign_code
from runner.recorded import recorded_run
from runner.store.history import history
from runner.store.publish import publish
from runner.store.record import seal
from tests import make


@pytest.fixture
def store(tmp_path: Path) -> make.Made:
    return make.write_store(tmp_path / "results", ingested=False)


def test_a_run_holds_its_best_trial_with_its_repeats(store: make.Made) -> None:
    found = baseline_of(store.run.run_id, store.campaign, store.results, store.results)
    lineage = Lineage.of(store.campaign, 0, history(store.results, store.campaign.search_key))
    best = best_trial(store.campaign, lineage.trials, lineage.attempts)
    assert best is not None
    assert found.best is not None
    assert (found.best.number, found.best.basis) == (best.number, "confirmed")
    assert len(found.best.values) == store.campaign.confirm.repeats
    assert {trial.number for trial in found.trials} == {trial.number for trial in lineage.succeeded}
    assert all(trial.basis == "search" and len(trial.values) == 1 for trial in found.trials if trial.number == 5)


def test_it_is_judged_by_the_objective_of_today(store: make.Made) -> None:
    today = replace(store.campaign, objective=Objective("ttft_p90", store.campaign.objective.goal, "c=1"))
    found = baseline_of("smollm-cpu", today, store.results, store.results)
    assert (found.metric, found.unit) == ("ttft_p90", "s")
    assert all(value < 10 for trial in found.trials for value in trial.values)


def test_a_file_says_the_same_without_paths(store: make.Made, tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    recorded = recorded_run(store.results, store.run)
    write_baseline(path, recorded)
    again = baseline_of(str(path), store.campaign, store.results, store.results)
    assert again.best == recorded.best
    assert {trial.is_best or trial.is_default for trial in again.trials} == {True}
    assert "/home/" not in path.read_text()
    other = replace(store.campaign, name="other")
    with pytest.raises(UsageError, match="is a baseline of smollm-cpu, not of other"):
        baseline_of(str(path), other, store.results, store.results)
    moved = replace(store.campaign, objective=replace(store.campaign.objective, at="c=1"))
    with pytest.raises(UsageError, match="optimizes output_throughput at c=1"):
        baseline_of(str(path), moved, store.results, store.results)


def test_a_broken_or_newer_file(store: make.Made, tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    path.write_text("{}")
    with pytest.raises(StoreDamaged, match="is no baseline"):
        read_baseline(path)
    write_baseline(path, replace(recorded_run(store.results, store.run), format=9))
    with pytest.raises(StoreNewer, match="has format 9"):
        read_baseline(path)


def test_a_tag_is_the_run_that_was_made_there(store: make.Made, tmp_path: Path) -> None:
    project = tmp_path / "project"
    git = ["git", "-C", str(project), "-c", "user.name=n", "-c", "user.email=e@example.org"]
    subprocess.run(["git", "init", "-q", str(project)], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "one"], check=True)
    subprocess.run([*git, "tag", "v1"], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    with pytest.raises(UnknownId, match=r"no run of smollm-cpu is recorded at v1"):
        baseline_of("v1", store.campaign, store.results, project)
    run = replace(store.run, run_id=make.an_id(77), git_commit=head, started_utc=make.utc(90_000))
    seal(store.results, RecordKind.RUN_START, run.run_id, run)
    assert baseline_of("v1", store.campaign, store.results, project).best is not None
    with pytest.raises(UnknownId, match="'v2'"):
        baseline_of("v2", store.campaign, store.results, project)


def test_a_published_folder_says_what_the_records_say(store: make.Made, tmp_path: Path) -> None:
    folder = tmp_path / "published"
    publish(store.results, folder)
    given = published(str(folder), None, store.results)
    own = published("smollm-cpu", None, store.results)
    assert given.foreign
    assert not own.foreign
    assert (given.trial.values, given.trial.configuration) == (own.trial.values, own.trial.configuration)
    assert given.trial.facts == own.trial.facts
    assert published(str(folder), "smollm-cpu#0", store.results).trial.number == 0
    with pytest.raises(UnknownId, match="has no campaign 'else'"):
        published(str(folder), "else#0", store.results)
    with pytest.raises(UnknownId, match="has no trial 99 that succeeded"):
        published(str(folder), "99", store.results)
    assert baseline_of(str(folder), store.campaign, store.results, store.results).best == given.trial


def test_code_of_a_stranger_is_not_run_unasked(store: make.Made) -> None:
    own = published("smollm-cpu#0", None, store.results)
    refuse_foreign_code(own)
    changes: list[dict[str, Any]] = [
        {"env": {"LD_PRELOAD": "x.so"}},
        {"runtime": "command"},
        {"flags": {"trust-remote-code": True}},
    ]
    for change in changes:
        trial = replace(own.trial, configuration=replace(own.trial.configuration, **change))
        with pytest.raises(UsageError, match="would run code of its own"):
            refuse_foreign_code(Published("a site", own.baseline, trial, foreign=True))
    entries = [{**one, "options": {"python": "/x"}} for one in own.baseline.campaign["entries"]]
    changed: Baseline = replace(own.baseline, campaign={**own.baseline.campaign, "entries": entries})
    with pytest.raises(UsageError, match="python: /x"):
        refuse_foreign_code(Published("a site", changed, own.trial, foreign=True))
