"""A runner that died left an attempt behind; a living one did not. Real processes, killed for real."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from runner import reap, running_file
from runner.cli.reap import COMMAND
from runner.domain.failure import Cause, Outcome, Phase
from runner.domain.records import RecordKind
from runner.domain.trial import Attempt
from runner.lineage_lock import lock_path, owned_lineage
from runner.store.record import read_records, verify_record
from runner.util import procfs
from runner.util.codec import from_plain, to_plain
from runner.util.logs import KEPT_BYTES
from tests import make
from tests.contract.bystander import FILES, bystander

RUNNER = """
import json, sys, time
from pathlib import Path
from runner import running_file
from runner.util import process
results, facts = Path(sys.argv[1]), json.loads(sys.argv[2])
attempt_id = facts["attempt"]["attempt_id"]
running_file.write_running(results, attempt_id, facts)
scratch = running_file.scratch_folder(results, attempt_id)
scratch.mkdir()
sleep = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('with hf_abcdefghij1234', flush=True); time.sleep(600)"
)
engine = process.start([sys.executable, "-c", sleep], label=attempt_id, stdout=scratch / "engine.log")
while not (scratch / "engine.log").read_text():
    time.sleep(0.01)
print(engine.pid, flush=True)
time.sleep(600)
"""


def facts(attempt: Attempt, phase: Phase = Phase.LOAD) -> dict[str, Any]:
    return {
        "run_id": attempt.run_id,
        "campaign": "quickstart",
        "deployer": "local",
        "phase": phase.value,
        "labels": {"tunebook.attempt": attempt.attempt_id, "tunebook.run": attempt.run_id},
        "attempt": to_plain(attempt),
    }


@pytest.fixture
def dead(tmp_path: Path) -> Iterator[tuple[Path, Attempt, int]]:
    """Results, the attempt, and the engine of a runner that was killed."""
    results, attempt = tmp_path / "results", make.attempt()
    arguments = [sys.executable, "-c", RUNNER, str(results), json.dumps(facts(attempt))]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as runner:
        assert runner.stdout is not None
        engine = int(runner.stdout.readline())
        assert reap.reap(results) == [], "its runner lives"
        assert lives(engine)
        runner.kill()
    assert lives(engine)
    yield results, attempt, engine
    if lives(engine):
        os.kill(engine, signal.SIGKILL)


def lives(pid: int) -> bool:
    found = procfs.stat(pid)
    return found is not None and not found.zombie


def sealed(results: Path) -> list[Attempt]:
    return [from_plain(Attempt, record.facts) for record in read_records(results, RecordKind.ATTEMPT)]


def test_the_engine_of_a_dead_runner_is_ended_and_its_attempt_sealed(dead: tuple[Path, Attempt, int]) -> None:
    results, attempt, engine = dead
    with bystander(results):
        found = reap.reap(results)
    assert [one.attempt_id for one in found] == [attempt.attempt_id]
    assert found[0].sealed
    assert str(engine) in found[0].ended[0]
    assert not lives(engine)

    [record] = sealed(results)
    assert record.outcome is Outcome.INTERRUPTED
    assert record.failure is not None
    assert (record.failure.phase, record.failure.cause) == (Phase.LOAD, Cause.INTERRUPTED)
    assert (record.trial_id, record.configuration) == (attempt.trial_id, attempt.configuration)
    assert record.ended_utc >= record.started_utc
    [folder] = (results / "records").glob("attempt-*")
    assert verify_record(folder) == []
    assert "hf_abc" not in (folder / "engine.log").read_text()
    foreign = {Path(name).name for name in FILES}
    left = [path for path in running_file.running_folder(results).iterdir() if path.name not in foreign]
    assert left == []


def test_reaping_twice_does_nothing_more(dead: tuple[Path, Attempt, int]) -> None:
    results, _, _ = dead
    assert len(reap.reap(results)) == 1
    assert reap.reap(results) == []
    assert len(sealed(results)) == 1


def test_an_attempt_that_was_sealed_before_the_kill_stays_as_it_is(dead: tuple[Path, Attempt, int]) -> None:
    results, attempt, engine = dead
    make.seal_one(results, attempt)
    [one] = reap.reap(results)
    assert not one.sealed
    assert sealed(results) == [attempt]
    assert not lives(engine)
    assert not running_file.running_file(results, attempt.attempt_id).exists()


def test_the_command_says_what_it_did(dead: tuple[Path, Attempt, int]) -> None:
    results, attempt, engine = dead
    result = CliRunner().invoke(COMMAND, ["--results", str(results)])
    assert result.exit_code == 0
    assert f"attempt {attempt.attempt_id} of quickstart: sealed as interrupted" in result.output
    assert f"ended process {engine}" in result.output


@pytest.fixture
def mine(tmp_path: Path) -> tuple[Path, Attempt]:
    results, attempt = tmp_path / "results", make.attempt()
    running_file.write_running(results, attempt.attempt_id, facts(attempt))
    return results, attempt


def change(results: Path, attempt: Attempt, **changes: Any) -> None:
    path = running_file.running_file(results, attempt.attempt_id)
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def leave_log(results: Path, attempt: Attempt, text: str) -> None:
    scratch = running_file.scratch_folder(results, attempt.attempt_id)
    scratch.mkdir()
    (scratch / "engine.log").write_text(text)
    change(results, attempt, secrets=["MY_CANARY"], pid=2**22 + 1)


def test_a_secret_that_was_passed_through_is_not_sealed(
    mine: tuple[Path, Attempt], monkeypatch: pytest.MonkeyPatch
) -> None:
    results, attempt = mine
    monkeypatch.setenv("MY_CANARY", "blue-giraffe-76")
    leave_log(results, attempt, "loaded\nkey: blue-giraffe-76\n")
    reap.reap(results)
    [folder] = (results / "records").iterdir()
    assert (folder / "engine.log").read_text() == "loaded\nkey: [redacted]\n"


def test_a_log_with_a_secret_that_we_do_not_know_is_not_kept(
    mine: tuple[Path, Attempt], monkeypatch: pytest.MonkeyPatch
) -> None:
    results, attempt = mine
    monkeypatch.delenv("MY_CANARY", raising=False)
    leave_log(results, attempt, "loaded\nkey: red-zebra-77\n")
    reap.reap(results)
    [folder] = (results / "records").iterdir()
    kept = (folder / "engine.log").read_text()
    assert "MY_CANARY" in kept
    assert len(kept.splitlines()) == 1
    assert "red-zebra-77" not in "".join(path.read_text(errors="replace") for path in folder.iterdir())


def test_a_large_log_is_cut_before_it_is_read(mine: tuple[Path, Attempt], monkeypatch: pytest.MonkeyPatch) -> None:
    results, attempt = mine
    monkeypatch.setenv("MY_CANARY", "blue-giraffe-76")
    line = "blue-giraffe-76 " + "x" * 84
    leave_log(results, attempt, "first\n" + f"{line}\n" * 20_000 + "last\n")
    read: list[int] = []
    plain = Path.read_text

    def read_text(self: Path, *args: Any, **options: Any) -> str:
        text = plain(self, *args, **options)
        read.append(len(text))
        return text

    monkeypatch.setattr(Path, "read_text", read_text)
    reap.reap(results)
    [folder] = (results / "records").iterdir()
    lines = plain(folder / "engine.log").splitlines()
    assert (lines[0], lines[-1]) == ("first", "last")
    assert [text for text in lines if "bytes cut" in text]
    assert "blue-giraffe-76" not in lines[1] + lines[-2]
    assert max(read) <= KEPT_BYTES + 100


def test_a_living_runner_is_left_alone(mine: tuple[Path, Attempt]) -> None:
    results, attempt = mine
    assert reap.reap(results) == []
    assert [one["attempt_id"] for one in running_file.read_running(results)] == [attempt.attempt_id]
    result = CliRunner().invoke(COMMAND, ["--results", str(results)])
    assert f"left alone: attempt {attempt.attempt_id} of quickstart runs in process {os.getpid()}" in result.output


def test_another_host_is_left_alone(mine: tuple[Path, Attempt]) -> None:
    results, attempt = mine
    change(results, attempt, host="another-host", pid=2**22 + 1)
    assert reap.reap(results) == []
    assert running_file.running_file(results, attempt.attempt_id).exists()


@pytest.mark.parametrize("changes", [{"boot_id": "of-last-week"}, {"pid_started": 1}, {"pid": 2**22 + 1}])
def test_a_number_that_is_used_again_is_not_the_runner(mine: tuple[Path, Attempt], changes: dict[str, Any]) -> None:
    results, attempt = mine
    change(results, attempt, **changes)
    assert [one.attempt_id for one in reap.reap(results)] == [attempt.attempt_id]
    assert [one.outcome for one in sealed(results)] == [Outcome.INTERRUPTED]


def test_a_file_of_a_newer_version_is_left_alone(mine: tuple[Path, Attempt]) -> None:
    results, attempt = mine
    change(results, attempt, version=99, pid=2**22 + 1)
    assert reap.reap(results) == []
    assert running_file.running_file(results, attempt.attempt_id).exists()


def test_a_removed_file_is_nobody_to_reap(mine: tuple[Path, Attempt]) -> None:
    results, attempt = mine
    running_file.remove_running(results, attempt.attempt_id)
    running_file.remove_running(results, attempt.attempt_id)
    assert running_file.read_running(results) == []


def test_no_results_folder_is_nothing_to_do(tmp_path: Path) -> None:
    assert reap.reap(tmp_path / "nowhere") == []


def test_old_scratch_without_a_running_file_is_swept(mine: tuple[Path, Attempt]) -> None:
    results, attempt = mine
    folder = running_file.running_folder(results)
    orphan, fresh, foreign = make.an_id(1), make.an_id(2), "of-another-tool"
    for name in (orphan, fresh, foreign, attempt.attempt_id):
        (folder / name).mkdir()
    long_ago = time.time() - 2 * reap.STALE
    for name in (orphan, foreign, attempt.attempt_id):
        os.utime(folder / name, (long_ago, long_ago))
    reap.reap(results)
    assert not (folder / orphan).exists()
    assert (folder / fresh).exists()
    assert (folder / foreign).exists()
    assert (folder / attempt.attempt_id).exists()


def test_the_lock_of_a_run_that_is_longer_than_an_hour_is_not_swept(mine: tuple[Path, Attempt]) -> None:
    results, attempt = mine
    with owned_lineage(results, attempt.search_key, "quickstart"):
        path = lock_path(results, attempt.search_key)
        long_ago = time.time() - 2 * reap.STALE
        os.utime(path, (long_ago, long_ago))
        reap.reap(results)
        assert path.exists(), "else a second run of the same campaign could start beside the first"


def test_the_end_of_a_dead_attempt_is_its_last_sign_of_life(mine: tuple[Path, Attempt]) -> None:
    results, attempt = mine
    leave_log(results, attempt, "loaded\n")
    scratch = running_file.scratch_folder(results, attempt.attempt_id)
    running_file.Progress(scratch).hear("level_started", {"position": 0})
    change(results, attempt, secrets=[])
    for path, seconds in (
        (running_file.running_file(results, attempt.attempt_id), 10),
        (scratch / "engine.log", 20),
        (scratch / running_file.PROGRESS, 30),
    ):
        moment = datetime.fromisoformat(attempt.started_utc).timestamp() + seconds
        os.utime(path, (moment, moment))
    reap.reap(results)
    assert [one.seconds for one in sealed(results)] == [30.0]


def test_what_a_killed_writer_left_half_made_is_swept_at_once(mine: tuple[Path, Attempt]) -> None:
    results, attempt = mine
    half = running_file.running_folder(results) / f".{attempt.attempt_id}.json.0123abcd.part"
    half.write_text("{", encoding="utf-8")
    with half.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        reap.reap(results)
        assert half.exists(), "its writer lives"
    reap.reap(results)
    assert not half.exists()
