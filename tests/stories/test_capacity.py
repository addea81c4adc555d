"""`run --only best`: how much load the winner of a listed campaign holds, measured, told once, and in no score."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.stories._world import assert_nothing_left, attempts, events, tunebook

CAMPAIGN = """\
tunebook: 1
name: listed
model: {id: simulated/tiny}
runtimes:
  - runtime: simulated
    flags: {threads: 1, max-num-seqs: 2, fault: "slow_load:0.2"}
workload:
  scenarios: ["D(100,20)"]
  load: {concurrency: [1, 2]}
  each_level: {duration: 4s, requests: 12, warmup: 1, request_timeout: 20s}
objective: {metric: output_throughput}
slo: {ttft_p99: {max: 450ms}}
search: {trials: 1}
timeouts: {load: 20s, ready: 10s, level: 40s, no_progress: 20s, stop: 1s}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "tunebook.toml").write_text("", encoding="utf-8")
    (tmp_path / "listed.yaml").write_text(CAMPAIGN, encoding="utf-8")
    return tmp_path


def test_the_winner_is_measured_alone_and_shown(project: Path) -> None:
    file, results = project / "listed.yaml", project / "results"
    early = tunebook("run", file, "--only", "best", results=results, status=2, cwd=project)
    assert "is not finished" in early.stderr
    tunebook("run", file, results=results, cwd=project)
    before = tunebook("sql", "SELECT status, score FROM trials", "--format", "json", results=results, cwd=project)

    done = tunebook("run", file, "--only", "best", results=results, status=None, cwd=project)
    assert done.returncode in (0, 1), done.stderr  # 1: a machine so busy that not even one user was answered in time
    facts = [fact for fact in attempts(results) if fact["role"] == "capacity"]
    assert len(facts) == 1
    levels = facts[0]["levels"]
    assert levels[0]["load_value"] == 1
    told = {
        value["metric"]: value["value"]
        for level in levels
        for value in level["metrics"]
        if value["metric"].startswith(("capacity", "attainment_target"))
    }
    assert told["attainment_target"] == 0.95
    # Two sequences at a time, and an answer takes half a second: of four users two wait longer than the limit.
    assert told["capacity_high"] <= 4
    for level in levels:
        good = level["attained"]["good"] / level["attained"]["of"] >= 0.95
        assert good is (level["load_value"] <= told.get("capacity_low", 0))
    words = "holds" if "capacity_low" in told else "not even the lowest load"
    assert f"  capacity   {words}" in done.stdout

    after = tunebook("sql", "SELECT status, score FROM trials", "--format", "json", results=results, cwd=project)
    assert json.loads(after.stdout) == json.loads(before.stdout)

    again = tunebook("run", file, "--only", "best", "--json", results=results, status=done.returncode, cwd=project)
    (end,) = [event for event in events(again.stdout) if event["event"] == "file_ended"]
    assert end["reason"] == "the capacity of trial 0 was measured before"
    assert len(attempts(results)) == 2

    tunebook("build", results=results, cwd=project)
    page = (project / "public" / "results" / "campaigns" / "listed" / "index.html").read_text(encoding="utf-8")
    assert "How much load it holds" in page
    assert words in page
    assert_nothing_left(results)
