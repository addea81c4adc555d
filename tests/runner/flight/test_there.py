"""What a machine does about attempts that nobody hears of any more. Real processes, stopped and ended for real."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from runner.campaign.load import load, resolved
from runner.domain.failure import Outcome
from runner.domain.records import RecordKind
from runner.domain.trial import Attempt
from runner.flight import there
from runner.running_file import read_running
from runner.store.record import read_records, record_folders, seal_attempt
from runner.util.codec import from_plain
from tests import make
from tests.runner.test_reap import RUNNER, facts, lives
from tests.stories._world import write_campaign

OURS, OTHERS = "0123456789abcdef", "fedcba9876543210"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEBOOK_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def silent() -> Iterator[tuple[Attempt, int, int]]:
    """An attempt whose worker stands still; the pids of worker and engine."""
    attempt = make.attempt()
    arguments = [sys.executable, "-c", RUNNER, str(there.home(OURS)), json.dumps(facts(attempt))]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        engine = int(worker.stdout.readline())
        worker.send_signal(signal.SIGSTOP)
        yield attempt, worker.pid, engine
        worker.kill()
    if lives(engine):
        os.kill(engine, signal.SIGKILL)


def ask(function: there.Asked, **payload: object) -> object:
    return json.loads(json.dumps(function({"key": OURS, **payload}, lambda: False, lambda message: None)))


def test_rescue_ends_a_worker_that_stands_still_and_its_engine(silent: tuple[Attempt, int, int]) -> None:
    attempt, worker, engine = silent
    assert ask(there.rescue, order={"attempt_id": attempt.attempt_id}) is None
    assert not lives(worker)
    assert not lives(engine)
    assert read_running(there.home(OURS)) == []
    assert record_folders(there.home(OURS)) == [], "the driver seals it: it knows why nothing was heard"


def test_rescue_saves_what_was_sealed_before_the_worker_stood_still(silent: tuple[Attempt, int, int]) -> None:
    attempt, worker, engine = silent
    sealed = seal_attempt(there.home(OURS), attempt)
    said = ask(there.rescue, order={"attempt_id": attempt.attempt_id})
    assert isinstance(said, dict)
    assert from_plain(Attempt, said["attempt"]) == attempt
    assert said["record"] == sealed.name
    assert not lives(worker)
    assert not lives(engine)
    assert read_running(there.home(OURS)) == []


def test_rescue_of_what_never_began_says_so() -> None:
    assert ask(there.rescue, order={"attempt_id": make.attempt().attempt_id}) is None


def test_tidy_ends_what_a_dead_worker_left_and_forgets_only_what_it_is_told(
    silent: tuple[Attempt, int, int],
) -> None:
    attempt, worker, engine = silent
    keep = seal_attempt(there.home(OURS), make.attempt(make.campaign(), 2, n=2))
    os.kill(worker, signal.SIGKILL)
    os.waitpid(worker, 0)
    assert ask(there.tidy, names=[]) == []
    assert not lives(engine)
    [record] = [one for one in read_records(there.home(OURS)) if one.record_id == attempt.attempt_id]
    assert record.facts["outcome"] == Outcome.INTERRUPTED
    [told] = [ask(there.tidy, names=[f"{RecordKind.ATTEMPT}-{attempt.attempt_id}"])]
    assert isinstance(told, list)
    assert [(one["record"], one["outcome"]) for one in told] == [(Path(record.path).name, "interrupted")]
    assert record_folders(there.home(OURS)) == [keep]


def test_only_records_of_the_lineage_that_asks_wait_for_it(tmp_path: Path) -> None:
    """Another driver may be at work with the same results folder."""
    campaign = load(write_campaign(tmp_path))
    mine = replace(make.attempt(make.campaign(), 1), search_key=campaign.search_key)
    seal_attempt(there.home(OURS), mine)
    theirs = seal_attempt(there.home(OURS), make.attempt(make.campaign(), 2, n=2))
    said = ask(there.prepare, campaign=resolved(campaign), project=str(tmp_path))
    assert said == {"lacks": "", "fits": True, "waiting": [f"attempt-{mine.attempt_id}"]}
    assert theirs.exists()


def test_what_workers_of_other_drivers_left_is_reaped_before_the_first_attempt(
    silent: tuple[Attempt, int, int], tmp_path: Path
) -> None:
    attempt, worker, engine = silent
    os.kill(worker, signal.SIGKILL)
    os.waitpid(worker, 0)
    payload = {"key": OTHERS, "campaign": resolved(load(write_campaign(tmp_path))), "project": str(tmp_path)}
    there.prepare(payload, lambda: False, lambda message: None)
    assert not lives(engine)
    [record] = read_records(there.home(OURS))
    assert (record.record_id, record.facts["outcome"]) == (attempt.attempt_id, "interrupted")


def test_two_drivers_have_folders_of_their_own(tmp_path: Path) -> None:
    assert there.home(OURS) != there.home(OTHERS)
    assert there.key_of(tmp_path / "a") != there.key_of(tmp_path / "b")
    with pytest.raises(AssertionError):
        there.home("../../etc")
