"""Stories on the simulated engine: real processes, real HTTP, real files."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runner.util import net
from tests.stories._world import (
    ROOT,
    assert_nothing_left,
    attempts,
    environment,
    events,
    proposals,
    start,
    tunebook,
    write_campaign,
)

pytestmark = pytest.mark.story


def test_campaign_to_site(tmp_path: Path, results: Path) -> None:
    campaign = write_campaign(tmp_path, trials=4, top=1)
    lines = events(tunebook("run", campaign, "--json", results=results).stdout)
    assert lines[-1] == {**lines[-1], "event": "end", "exit_code": 0}
    ended = [line for line in lines if line["event"] == "trial_ended" and line["role"] in ("search", "baseline")]
    assert [line["number"] for line in ended] == [0, 1, 2, 3]
    assert all(line["status"] == "succeeded" and line["score"] > 0 for line in ended)
    assert ended[0]["role"] == "baseline"
    confirmed = [fact for fact in attempts(results) if fact["role"] == "confirm"]
    assert {fact["repeat"] for fact in confirmed} == {1, 2}
    rows = tunebook(
        "sql", "SELECT count(*) AS n FROM trials WHERE status = 'succeeded'", "--format", "csv", results=results
    )
    assert rows.stdout.split() == ["n", "4"]
    assert "snapshot" in rows.stderr
    again = tunebook("run", campaign, results=results)
    assert "nothing to do" in again.stdout
    assert len(attempts(results)) == 4 + len(confirmed)
    tunebook("store", "verify", results=results)
    built = tunebook("build", "--out", tmp_path / "public", results=results)
    assert (tmp_path / "public/results/campaigns/story/index.html").exists(), built.stdout
    assert_nothing_left(results)


def test_more_trials_extend_and_again_starts_a_series(tmp_path: Path, results: Path) -> None:
    tunebook("run", write_campaign(tmp_path, trials=2), results=results)
    campaign = write_campaign(tmp_path, trials=3)
    tunebook("run", campaign, results=results)
    assert [fact["number"] for fact in attempts(results)] == [0, 1, 2]
    tunebook("run", campaign, "--again", results=results)
    assert [(fact["series"], fact["number"]) for fact in attempts(results)[3:]] == [(1, 0), (1, 1), (1, 2)]


def test_changed_objective_only_rescores(tmp_path: Path, results: Path) -> None:
    campaign = write_campaign(tmp_path, trials=2)
    tunebook("run", campaign, results=results)
    text = campaign.read_text().replace("metric: output_throughput, at: worst", "metric: ttft_p90, at: worst")
    campaign.write_text(text)
    tunebook("run", campaign, results=results)
    assert len(attempts(results)) == 2
    rows = tunebook(
        "sql", "SELECT count(DISTINCT rules_id) AS n, count(*) AS m FROM scores", "--format", "csv", results=results
    )
    assert rows.stdout.split() == ["n,m", "2,4"]
    write_campaign(tmp_path, trials=2)
    tunebook("run", campaign, results=results)
    assert len(attempts(results)) == 2
    unit = tunebook("sql", "SELECT DISTINCT unit FROM trials", "--format", "csv", results=results)
    assert unit.stdout.split() == ["unit", "tok/s"], "the objective that was run last is the one that counts"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_cleanly_and_the_next_run_resumes(tmp_path: Path, results: Path, number: signal.Signals) -> None:
    campaign = write_campaign(tmp_path, trials=3, flags=", fault: slow_load:3")
    process = start("run", campaign, "--json", results=results)
    assert process.stdout is not None
    for line in process.stdout:
        if '"phase"' in line and '"load"' in line:
            break
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert events(out)[-1]["exit_code"] == 130
    assert [fact["outcome"] for fact in attempts(results)] == ["interrupted"]
    assert_nothing_left(results)
    tunebook("run", campaign, results=results)
    assert [number for number, _ in proposals(results)] == [0, 1, 2]


KILLER = """
import os, signal, sys
from runner.events import listening

class Killer:
    def __init__(self, at):
        self.left = at
    def handle(self, event):
        self.left -= event.name != "progress"  # how often progress is told depends on the machine
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

from runner.cli._main import run_command_line
with listening(Killer(int(sys.argv[1]))):
    sys.exit(run_command_line(sys.argv[2:]))
"""


def killed_at(position: int, campaign: Path, results: Path) -> int:
    """Run, and kill -9 the runner when it emits its `position`-th event. Its exit status."""
    done = subprocess.run(
        [sys.executable, "-c", KILLER, str(position), "run", str(campaign)],
        env=environment(results), cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    return done.returncode


OF_THE_COMMAND = ("end", "file_ended")
"""Told by the command behind its runs, and only with --json."""


def told(campaign: Path, results: Path) -> list[dict[str, Any]]:
    """The events of an uninterrupted run, without progress."""
    lines = events(tunebook("run", campaign, "--json", results=results).stdout)
    return [line for line in lines if line["event"] != "progress"]


def first_of_each_kind(campaign: Path, results: Path) -> list[int]:
    """Positions (from 1) of the first event of each kind in an uninterrupted run."""
    seen: dict[str, int] = {}
    for position, line in enumerate(told(campaign, results), 1):
        kind = f"{line['event']}/{line.get('phase')}"
        seen.setdefault(kind, position)
    return sorted(position for kind, position in seen.items() if not kind.startswith(OF_THE_COMMAND))


def resumes_like_uninterrupted(
    position: int, campaign: Path, folder: Path, expected: list[tuple[int, str]], *, may_be_over: bool = False
) -> None:
    """`may_be_over`: the run may have ended before it told so many events."""
    results = folder / f"killed-{position}"
    status = killed_at(position, campaign, results)
    assert status == -signal.SIGKILL or (may_be_over and status == 0)
    tunebook("run", campaign, results=results)
    assert proposals(results) == expected
    assert_nothing_left(results)
    tunebook("store", "verify", results=results)


def test_killed_at_any_kind_of_event_the_resumed_run_is_the_uninterrupted_one(tmp_path: Path, results: Path) -> None:
    """Every third kind of event here; every single event in the matrix."""
    campaign = write_campaign(tmp_path, trials=2, top=0, loads="[1]")
    positions = first_of_each_kind(campaign, results)
    expected = proposals(results)
    assert len(expected) == 2
    assert len(positions) >= 8
    for position in positions[::3]:
        resumes_like_uninterrupted(position, campaign, tmp_path, expected)


@pytest.mark.matrix
def test_killed_at_every_event(tmp_path: Path, results: Path) -> None:
    campaign = write_campaign(tmp_path, trials=3, top=1)
    lines = told(campaign, results)
    expected = proposals(results)
    # Who is confirmed, and so how many attempts there are, is up to what this run measured: the search is not.
    confirming = next(position for position, line in enumerate(lines, 1) if line.get("role") == "confirm")
    for position, line in enumerate(lines, 1):
        if not line["event"].startswith(OF_THE_COMMAND):
            over = position > confirming
            resumes_like_uninterrupted(position, campaign, tmp_path, expected, may_be_over=over)


def test_every_failure_is_recorded_as_what_it_is(tmp_path: Path, results: Path) -> None:
    """A campaign in which nothing works ends with status 1, the nearest configuration and the cause of each."""
    campaign = write_campaign(tmp_path, trials=2, flags=", fault: oom_load")
    done = tunebook("run", campaign, results=results, status=1)
    assert "no trial succeeded" in done.stdout
    assert "nearest" in done.stdout
    failures = [fact["failure"] for fact in attempts(results)]
    assert {(failure["phase"], failure["cause"]) for failure in failures} == {("load", "oom_load")}
    tunebook("build", "--out", tmp_path / "public", results=results, cwd=tmp_path)
    assert_nothing_left(results)


def test_an_engine_that_ignores_sigterm_and_leaves_children_is_gone_and_a_stranger_is_not(
    tmp_path: Path, results: Path
) -> None:
    stranger = subprocess.Popen(
        [sys.executable, "-m", "http.server", "0", "--bind", "127.0.0.1"], stderr=subprocess.DEVNULL
    )
    try:
        campaign = write_campaign(tmp_path, trials=1, flags=", fault: ignore_sigterm")
        tunebook("run", campaign, results=results)
        text = campaign.read_text().replace("fault: ignore_sigterm", "fault: leave_children")
        campaign.write_text(text)
        tunebook("run", campaign, results=results)
        assert len(attempts(results)) == 2
        assert_nothing_left(results)
        assert stranger.poll() is None
    finally:
        stranger.terminate()
        stranger.wait(10)


def test_a_shell_that_holds_the_store_fails_no_trial(tmp_path: Path, results: Path) -> None:
    campaign = write_campaign(tmp_path, trials=2)
    tunebook("run", campaign, "--max-trials", "1", results=results)
    hold = "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    shell = subprocess.Popen(
        [sys.executable, "-c", hold, str(results / "store.duckdb")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert shell.stdout is not None
        assert shell.stdout.readline() == "held\n"
        done = tunebook("run", campaign, results=results, TUNEBOOK_LOCK_WAIT="1")
        assert "stay pending" in done.stderr
        assert [fact["outcome"] for fact in attempts(results)] == ["measured", "measured"]
    finally:
        shell.communicate("", timeout=10)
    tunebook("store", "ingest", results=results)
    tunebook("store", "snapshot", results=results)
    rows = tunebook("sql", "SELECT count(*) AS n FROM attempts", "--format", "csv", results=results)
    assert rows.stdout.split() == ["n", "2"]


def test_two_runs_of_one_campaign_do_not_meet(tmp_path: Path, results: Path) -> None:
    campaign = write_campaign(tmp_path, trials=2, flags=", fault: slow_load:3")
    first = start("run", campaign, "--json", results=results)
    assert first.stdout is not None
    for line in first.stdout:
        if '"phase"' in line:
            break
    second = tunebook("run", campaign, results=results, status=7)
    assert "already running" in second.stderr
    assert str(first.pid) in second.stderr
    first.send_signal(signal.SIGTERM)
    first.communicate(timeout=60)


ATTACHED = """\
tunebook: 1
name: attached
model: {{id: simulated/tiny}}
deploy: {{kind: attach, url: "http://127.0.0.1:{port}", model: simulated/tiny}}
runtimes: [{{runtime: command}}]
workload: {{scenarios: ["D(16,8)"], load: {{rate: [5]}}, each_level: {{duration: 3s, requests: 10, warmup: 1}}}}
objective: {{metric: ttft_p90}}
search: {{sampler: random, trials: 1}}
"""


def test_a_live_server_is_measured_and_left_alone(tmp_path: Path, results: Path) -> None:
    port = net.free_port()
    argv = ["-m", "runner.simulated.server", "--host", "127.0.0.1", "--port", str(port), "--model", "simulated/tiny"]
    server = subprocess.Popen(
        [sys.executable, *argv, "--time-scale", "0.02"], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        campaign = tmp_path / "attached.yaml"
        campaign.write_text(ATTACHED.format(port=port), encoding="utf-8")
        tunebook("run", campaign, results=results)
        (fact,) = attempts(results)
        assert fact["outcome"] == "measured"
        assert fact["levels"][0]["load_kind"] == "rate"
        assert fact["levels"][0]["ok"] == fact["levels"][0]["sent"] == 10
        assert server.poll() is None
        assert_nothing_left(results)
    finally:
        server.terminate()
        server.wait(10)
