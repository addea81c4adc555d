"""What `status` sees: in real files for the facts, in fixed facts for the text."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from runner import running_file, status
from runner.cli._status import events, text
from runner.cli.status import COMMAND
from runner.domain.campaign import Hardware
from runner.domain.failure import EndReason
from runner.domain.records import RecordKind
from runner.domain.trial import Attempt
from runner.hardware.cpu_lease import leased_cpus
from runner.hardware.lease import leased
from runner.lineage_lock import lock_path, owned_lineage
from runner.reap import reap
from runner.status import ALIVE, DEAD, ELSEWHERE, AttemptNow, LastRun, Machine, RunNow, look
from runner.store.record import seal
from runner.store.waiting import StoreState
from runner.util.codec import to_plain
from tests import make

NOW = datetime(2026, 3, 2, 2, 0, 0, tzinfo=UTC)
NOBODY = 2**22 + 1  # above the highest process number


def run_of(results: Path, attempt: Attempt, **changes: Any) -> None:
    """What an attempt of a run writes before its first side effect."""
    facts = {
        "run_id": attempt.run_id, "campaign": "smollm-cpu", "deployer": "local", "phase": "load",
        "phase_utc": make.utc(70), "trials": 12, "repeats": 3, "levels": 2, "labels": {},
        "attempt": to_plain(attempt), **changes,
    }  # fmt: skip
    path = running_file.write_running(results, attempt.attempt_id, facts)
    running_file.scratch_folder(results, attempt.attempt_id).mkdir(exist_ok=True)
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_nothing_ever_ran(tmp_path: Path) -> None:
    seen = look(tmp_path / "nowhere", NOW)
    assert (seen.runs, seen.last) == ((), None)


def test_a_run_between_two_attempts_is_known_by_its_lock(tmp_path: Path) -> None:
    campaign = make.campaign()
    with owned_lineage(tmp_path, campaign.search_key, campaign.name):
        [run] = look(tmp_path, NOW).runs
        assert (run.state, run.campaign, run.run_id, run.attempts) == (ALIVE, campaign.name, None, ())
        start = make.run_start(campaign, started_utc=make.utc(10**9))
        seal(tmp_path, RecordKind.RUN_START, start.run_id, start)
        [run] = look(tmp_path, NOW).runs
        assert (run.run_id, run.trials) == (start.run_id, 12)
        assert run.leases == (f"lineage {campaign.search_key[:16]}",)
    assert look(tmp_path, NOW).runs == ()


def test_a_run_shows_its_gpus_and_not_those_of_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"TUNEBOOK_LEASES": str(tmp_path / "leases"), "TUNEBOOK_FAKE_GPUS": "H100:2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    campaign, one = make.campaign(), Hardware(gpus=1)
    stranger = {**running_file.identity(), "pid_started": 1}
    with (
        owned_lineage(tmp_path, campaign.search_key, campaign.name),
        leased(one, running_file.identity()) as (mine,),
        leased(one, stranger),
    ):
        [run] = look(tmp_path, NOW).runs
        assert run.leases == (f"lineage {campaign.search_key[:16]}", f"GPU 0 ({mine.uuid})")


def test_a_run_shows_its_cpus_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEBOOK_LEASES", str(tmp_path / "leases"))
    campaign, one = make.campaign(), Hardware(cpus=1, client_cpus=0)
    with (
        owned_lineage(tmp_path, campaign.search_key, campaign.name),
        leased_cpus(one, running_file.identity()) as mine,
    ):
        [run] = look(tmp_path, NOW).runs
    assert len(run.leases) == 2
    assert run.leases[1].startswith(f"CPU {mine.engine[0]}")


def test_an_attempt_that_waits_for_a_gpu_says_for_whom(tmp_path: Path) -> None:
    attempt = make.attempt(make.campaign(), 3)
    run_of(tmp_path, attempt, phase="lease")
    scratch = running_file.scratch_folder(tmp_path, attempt.attempt_id)
    running_file.Progress(scratch).hear("waiting", {"reason": "waiting for 1x H100: GPU 0 is held by pid 4711"})
    [run] = look(tmp_path, NOW).runs
    assert run.attempts[0].last_what == "waiting for 1x H100: GPU 0 is held by pid 4711"


def test_an_older_run_of_the_lineage_is_not_the_one_that_holds_the_lock(tmp_path: Path) -> None:
    campaign = make.campaign()
    start = make.run_start(campaign)  # in March; the lock is taken now
    seal(tmp_path, RecordKind.RUN_START, start.run_id, start)
    with owned_lineage(tmp_path, campaign.search_key, campaign.name):
        [run] = look(tmp_path, NOW).runs
        assert run.run_id is None


def test_an_attempt_stands_under_its_run_with_its_last_sign_of_life(tmp_path: Path) -> None:
    campaign = make.campaign()
    attempt = make.attempt(campaign, 3, values={"threads": 4})
    with owned_lineage(tmp_path, campaign.search_key, campaign.name):
        run_of(tmp_path, attempt)
        [run] = look(tmp_path, NOW).runs
        [one] = run.attempts
        assert (one.number, one.trials, one.role, one.phase) == (3, 12, "search", "load")
        assert (one.last_what, one.last_utc) == ("phase load", make.utc(70))
        scratch = running_file.scratch_folder(tmp_path, attempt.attempt_id)
        (scratch / "client.log").touch()
        (scratch / "engine.log").write_text("loading\n")
        [one] = look(tmp_path, NOW).runs[0].attempts
        assert one.last_what == "a line in engine.log"
        running_file.Progress(scratch).hear("level_started", {"position": 1, "load_kind": "rate", "load_value": 2.5})
        [one] = look(tmp_path, NOW).runs[0].attempts
        assert (one.last_what, one.level, one.levels, one.load_value) == ("the level began", 2, 2, 2.5)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"pid": NOBODY}, DEAD),
        ({"pid_started": 1}, DEAD),
        ({"boot_id": "of-last-week"}, DEAD),
        ({"host": "another", "pid": NOBODY}, ELSEWHERE),
        ({}, ALIVE),
    ],
)
def test_a_runner_is_judged_as_reap_judges_it(tmp_path: Path, changes: dict[str, Any], state: str) -> None:
    run_of(tmp_path, make.attempt(), **changes)
    [run] = look(tmp_path, NOW).runs
    assert run.state == state
    assert bool(reap(tmp_path)) is (state == DEAD)


def test_a_lock_that_a_killed_run_left_is_no_run(tmp_path: Path) -> None:
    campaign = make.campaign()
    path = lock_path(tmp_path, campaign.search_key)
    with owned_lineage(tmp_path, campaign.search_key, campaign.name):
        owner = json.loads(path.read_text())
    path.write_text(json.dumps(owner | {"pid": NOBODY}))
    assert look(tmp_path, NOW).runs == ()


def test_a_file_of_an_older_tunebook_is_shown_as_far_as_it_goes(tmp_path: Path) -> None:
    run_of(tmp_path, make.attempt())
    [path] = tmp_path.glob("running/*.json")
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in facts.items() if k not in ("phase_utc", "trials", "levels")}))
    [one] = look(tmp_path, NOW).runs[0].attempts
    assert (one.trials, one.phase_utc) == (None, one.started_utc)


def test_the_last_run_says_how_it_ended(tmp_path: Path) -> None:
    make.write_store(tmp_path, ingested=False)
    last = look(tmp_path, NOW).last
    assert last is not None
    assert (last.campaign, last.end_reason, last.trials, last.ended_utc) == (
        "smollm-cpu",
        EndReason.TRIALS,
        12,
        make.utc(600),
    )


def test_a_run_that_was_killed_was_last_seen_at_the_end_of_its_last_attempt(tmp_path: Path) -> None:
    made = make.write_store(tmp_path, ended=False, ingested=False)
    last = look(tmp_path, NOW).last
    assert last is not None
    assert (last.end_reason, last.ended_utc) == (None, made.attempts[-1].ended_utc)


def test_a_damaged_record_stops_nothing(tmp_path: Path) -> None:
    make.write_store(tmp_path, ingested=False)
    (tmp_path / "records" / f"run_start-{make.an_id(99)}").mkdir()
    last = look(tmp_path, NOW).last
    assert last is not None
    assert last.end_reason == EndReason.TRIALS


ATTEMPT = AttemptNow(
    attempt_id=make.an_id(103),
    trial_id=make.attempt(number=3).trial_id,
    number=3,
    role="search",
    repeat=0,
    entry="f16",
    values={"threads": 4, "flash-attn": True},
    deployer="local",
    phase="measure",
    phase_utc=make.utc(3588),
    started_utc=make.utc(3500),
    last_what="12 requests done",
    last_utc=make.utc(3599.6),
    trials=12,
    repeats=3,
    levels=2,
    level=2,
    load_kind="concurrency",
    load_value=4.0,
    requests=12,
)
RUN = RunNow(
    state=ALIVE,
    campaign="smollm-cpu",
    host="bench-1",
    pid=4711,
    since_utc=make.utc(0),
    run_id=make.an_id(1),
    attempts=(ATTEMPT,),
    series=0,
    trials=12,
    leases=("lineage 0123456789abcdef",),
)
ENDED = LastRun(make.an_id(1), "smollm-cpu", make.utc(0), make.utc(600), "trials", 600.0, 12, 8, 4)
CONFIRM = replace(ATTEMPT, role="confirm", repeat=2, phase="load", level=None, last_what="a line in engine.log")
HOSTILE = replace(ATTEMPT, values={"chat-template": "\x1b[2J\u202eevil hf_abcdefghij1234"})
SHOWN = {
    "alive": ((RUN,), StoreState(17, 2, (), 41.7), None),
    "confirming": ((replace(RUN, attempts=(CONFIRM,)),), StoreState(17, 0, (), 41.7), None),
    "starting": ((replace(RUN, attempts=(), run_id=None),), StoreState(0, 0), None),
    "between": ((replace(RUN, attempts=()),), StoreState(17, 1), None),
    "dead": ((replace(RUN, state=DEAD, leases=()),), StoreState(17, 0, (), 41.7), None),
    "elsewhere": ((replace(RUN, state=ELSEWHERE),), StoreState(17, 0, (), 41.7), None),
    "two": ((RUN, replace(RUN, campaign="other", state=DEAD, leases=())), StoreState(17, 0, (), 3700.0), None),
    "hostile": ((replace(RUN, campaign="a\x1b]0;b\x07", attempts=(HOSTILE,)),), StoreState(1, 0), None),
    "held": ((), StoreState(17, 2, (NOBODY,), 41.7), ENDED),
    "unreadable": ((), StoreState(17, 2, (), None, "snapshot.duckdb can not be opened: no database"), ENDED),
    "idle": ((), StoreState(17, 0, (), 86400.0 * 3 + 7200), replace(ENDED, end_reason="interrupted")),
    "killed": ((), StoreState(17, 0, (), 41.7), LastRun(make.an_id(1), "smollm-cpu", make.utc(0), make.utc(9), None)),
    "never": ((), StoreState(0, 0), None),
}


@pytest.mark.parametrize("name", SHOWN)
def test_the_text(name: str, golden: Callable[[str, str], None]) -> None:
    golden(f"status/{name}.txt", text(Machine(NOW, *SHOWN[name]), Path("results")) + "\n")


def test_the_events() -> None:
    told = list(events(Machine(NOW, *SHOWN["two"])))
    assert [event.name for event in told] == ["run", "attempt", "run", "attempt", "store", "end"]
    assert told[1].run_id == make.an_id(1)
    assert told[1].data == {**told[1].data, "state": "alive", "number": 3, "trials": 12, "quiet_seconds": 0.4}
    assert told[-1].data == {"alive": 1, "dead": 1, "exit_code": 0}
    told = list(events(Machine(NOW, *SHOWN["killed"])))
    assert [event.name for event in told] == ["store", "last_run", "end"]
    assert told[1].data["end_reason"] is None


def test_the_command_prints_either(results: Path) -> None:
    run_of(results, make.attempt(), pid=NOBODY)
    done = CliRunner().invoke(COMMAND, [])
    assert "smollm-cpu  DEAD" in done.output
    assert "run `tunebook reap`" in done.output
    lines = [json.loads(line) for line in CliRunner().invoke(COMMAND, ["--json"]).output.splitlines()]
    assert [line["event"] for line in lines] == ["run", "attempt", "store", "end"]
    assert lines[0]["state"] == status.DEAD
