"""A folder of campaigns as cron and CI run it: every file has one end, and none stops the others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.campaign.load import load
from runner.lineage_lock import owned_lineage
from runner.run_campaign import run_campaign
from tests.stories._world import assert_nothing_left, attempts, events, tunebook, write_campaign

pytestmark = pytest.mark.story

DAILY = ("run", "campaigns", "--due", "--matching", "--budget", "8h", "--build")


def one_trial(folder: Path, name: str, threads: int, more: str = "") -> Path:
    """A campaign of one attempt, with a lineage of its own."""
    path = write_campaign(folder, name=name, trials=1, loads="[1]", flags=f", threads: {threads}")
    path.write_text(path.read_text(encoding="utf-8") + more, encoding="utf-8")
    return path


def test_a_night_with_everything_in_it(tmp_path: Path, results: Path) -> None:
    folder = tmp_path / "campaigns"
    folder.mkdir()
    (folder / "a-broken.yaml").write_text("tunebook: 1\nnme: x\n", encoding="utf-8")
    one_trial(folder, "b-gpus", 1, "hardware: {gpus: 2, gpu: H100}\n")
    finished = one_trial(folder, "c-finished", 2, "every: 7d\n")
    due = one_trial(folder, "d-due", 3, "every: 1s\n")
    running = one_trial(folder, "e-running", 4)
    tunebook("run", finished, due, results=results)
    summaries = {"GITHUB_STEP_SUMMARY": str(tmp_path / "step.md")}
    with owned_lineage(results, load(running).search_key, "e-running"):
        night = tunebook(*DAILY, "--summary", "own.md", results=results, status=2, cwd=tmp_path, **summaries)
        later = tunebook(*DAILY[:3], "--only", "c-finished", "--only", "e-running", "--json", results=results,
                         status=7, cwd=tmp_path)  # fmt: skip
    rows = {line.split()[0]: line for line in night.stdout.splitlines() if line.startswith("campaigns/")}
    assert list(rows) == [f"campaigns/{path.name}" for path in sorted(folder.iterdir())]
    for name, words in {
        "a-broken": "failed to load",
        "b-gpus": "skipped",
        "c-finished": "not due",
        "d-due": " ran ",
        "e-running": "already running",
    }.items():
        assert words in rows[f"campaigns/{name}.yaml"]
    assert "other hardware: campaign 'b-gpus' asks for 2x H100 and this machine has " in rows["campaigns/b-gpus.yaml"]
    assert "(every 7d, last begun 20" in rows["campaigns/c-finished.yaml"]
    assert " tok/s " in rows["campaigns/d-due.yaml"]
    assert f"process {os.getpid()} on {os.uname().nodename} since 20" in rows["campaigns/e-running.yaml"]
    assert "exit status 2: " in night.stdout
    assert [(fact["number"], fact["series"]) for fact in attempts(results)] == [(0, 0), (0, 0), (0, 1)]

    assert (tmp_path / "step.md").read_text() == (tmp_path / "own.md").read_text()
    assert "| campaigns/d-due.yaml | d-due | ran | 1 | 0 |" in (tmp_path / "own.md").read_text()
    page = (tmp_path / "public/index.html").read_text(encoding="utf-8")
    assert "What is due" in page

    lines = events(later.stdout)
    ends = {line["campaign"]: line for line in lines if line["event"] == "file_ended"}
    assert {name: line["outcome"] for name, line in ends.items()} == {"c-finished": "not_due", "e-running": "running"}
    assert ends["c-finished"]["due_utc"] > ends["c-finished"]["ts"]
    assert ends["c-finished"]["best"]["unit"] == "tok/s"
    assert ends["e-running"]["error"] == "already-running"
    assert lines[-1] == {**lines[-1], "event": "end", "exit_code": 7}
    assert_nothing_left(results)


def test_no_attempt_starts_behind_the_budget_and_the_next_run_goes_on(tmp_path: Path, results: Path) -> None:
    campaign = write_campaign(tmp_path, trials=2, loads="[1]")
    cut = run_campaign(campaign, results, tmp_path, enough=lambda: len(attempts(results)) >= 1)
    assert [fact["outcome"] for fact in attempts(results)] == ["measured"], "what ran was not cut"
    assert cut.out_of_time
    assert cut.exit_code == 0
    waiting = tunebook("run", campaign, "--budget", "1ms", results=results)
    assert "not reached" in waiting.stdout
    assert "exit status 0" in waiting.stdout
    tunebook("run", campaign, "--due", results=results)
    assert [fact["number"] for fact in attempts(results)] == [0, 1]


def test_a_site_that_does_not_build_counts(tmp_path: Path, results: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("tunebook: 1\n", encoding="utf-8")
    empty = tunebook("run", broken, "--build", results=results, status=2, cwd=tmp_path)
    assert "no site was built: nothing is in the store yet" in empty.stderr
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "mine.txt").write_text("not a site", encoding="utf-8")
    done = tunebook("run", one_trial(tmp_path, "good", 1), "--build", results=results, status=4, cwd=tmp_path)
    assert "is not a built site" in done.stderr
    assert [fact["outcome"] for fact in attempts(results)] == ["measured"]


def test_failed_trials_are_tried_once_more_and_a_retry_that_works_decides(tmp_path: Path, results: Path) -> None:
    """The engine can not start until something outside the campaign is mended."""
    marker = tmp_path / "mended"
    engine = tmp_path / "engine.py"
    engine.write_text(FLAKY.format(marker=str(marker)), encoding="utf-8")
    campaign = tmp_path / "flaky.yaml"
    campaign.write_text(COMMANDED.format(engine=engine), encoding="utf-8")
    tunebook("run", campaign, results=results, status=1)
    tunebook("run", campaign, "--retry-failed", results=results, status=1)
    marker.touch()
    done = tunebook("run", campaign, "--retry-failed", "--json", results=results)
    assert [line["role"] for line in events(done.stdout) if line["event"] == "trial_ended"] == ["retry"]
    facts = [(fact["number"], fact["role"], fact["outcome"]) for fact in attempts(results)]
    assert facts == [(0, "baseline", "failed"), (0, "retry", "failed"), (0, "retry", "measured")]
    rows = tunebook("sql", "SELECT status, attempts, severity FROM trials", "--format", "csv", results=results)
    assert rows.stdout.split() == ["status,attempts,severity", "succeeded,3,0.0"]
    assert "nothing to do" in tunebook("run", campaign, "--retry-failed", results=results).stdout
    both = tunebook("run", campaign, "--retry-failed", "--again", results=results, status=2)
    assert "give one of them" in both.stderr


FLAKY = """\
import pathlib, runpy, sys
if not pathlib.Path({marker!r}).exists():
    sys.exit("the driver is not there")
runpy.run_module("runner.simulated.server", run_name="__main__", alter_sys=True)
"""
COMMANDED = """\
tunebook: 1
name: flaky
model: {{id: simulated/tiny}}
runtimes:
  - runtime: command
    command: "{{python}} {engine} --host 127.0.0.1 --port {{port}} --model {{served_model}} --time-scale 0.02"
workload: {{scenarios: ["D(16,8)"], load: {{concurrency: [1]}}, each_level: {{duration: 5s, requests: 4, warmup: 1}}}}
objective: {{metric: output_throughput}}
search: {{sampler: random, trials: 1}}
"""
