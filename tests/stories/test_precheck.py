"""A space in which much can not work: refused before it runs, and one refusal in twenty tried all the same."""

from __future__ import annotations

import json
from pathlib import Path

from runner.audits import is_drawn
from tests.stories._world import attempts, events, tunebook

CAMPAIGN = """\
tunebook: 1
name: tight
model: {{id: simulated/tiny}}
runtimes:
  - runtime: simulated
    flags: {{time-scale: 0.02, memory-gb: 6.0}}
    space:
      max-num-seqs: [1, 16, 32, 48]
      ctx-size: [8, 4096]
      cache-dtype: [f16, q4]
      block-size: [8, 16]
workload:
  scenarios: ["D(16,8)"]
  load: {{concurrency: [1]}}
  each_level: {{duration: 2s, requests: 2, warmup: 0, request_timeout: 5s}}
objective: {{metric: output_throughput, at: worst}}
search: {{sampler: {sampler}, trials: 5, seed: {seed}, baseline: false{more}}}
timeouts: {{load: 20s, ready: 10s, level: 20s, no_progress: 5s, stop: 1s}}
"""


def planned(path: Path, results: Path) -> list[str]:
    [plan, _] = events(tunebook("plan", path, "--json", results=results).stdout)
    return [one["fingerprint"] for one in plan["configurations"] if one["rule"]]


def test_what_can_not_work_is_refused_and_one_in_twenty_is_audited(tmp_path: Path) -> None:
    path, results = tmp_path / "tight.yaml", tmp_path / "results"
    path.write_text(CAMPAIGN.format(sampler="grid", seed=0, more=""))
    refused = planned(path, results)
    assert len(refused) == 28, "four of 32 points can work"
    seed = next(seed for seed in range(100) if sum(is_drawn(seed, one) for one in refused) > 1)
    path.write_text(CAMPAIGN.format(sampler="grid", seed=seed, more=""))
    told = events(tunebook("run", path, "--json", results=results).stdout)
    said = {one["rule"] for one in told if one["event"] == "rejected"}
    assert said & {"memory", "q4-needs-large-blocks", "context-too-small"}
    assert "GB for the KV cache" in json.dumps([one["reason"] for one in told if one["event"] == "rejected"])

    made = attempts(results)
    audits = [one for one in made if one["role"] == "audit"]
    assert len(audits) == 1, "one, until ten trials have paid for another"
    assert audits[0]["outcome"] == "failed", "the rules of this engine are right"
    assert audits[0]["configuration"]["fingerprint"] in refused
    trials = [one for one in made if one["role"] == "search"]
    assert sorted(one["number"] for one in trials) == list(range(4))
    assert not {one["configuration"]["fingerprint"] for one in trials} & set(refused)
    query = "SELECT rejected, audited, failed, precision FROM precheck_quality WHERE rule = 'all'"
    rows = tunebook("sql", query, "--format", "json", results=results).stdout
    [row] = json.loads(rows)
    assert (row["rejected"], row["audited"], row["failed"], row["precision"]) == (28, 1, 1, 1.0)
    tunebook("run", path, results=results)
    assert len(attempts(results)) == len(made), "an audit leaves nothing to resume"


def test_switched_off_a_search_finds_it_out_by_itself(tmp_path: Path) -> None:
    path, results = tmp_path / "tight.yaml", tmp_path / "results"
    path.write_text(CAMPAIGN.format(sampler="random", seed=3, more=", precheck: off"))
    assert planned(path, results) == []
    tunebook("run", path, results=results)
    made = attempts(results)
    assert {one["role"] for one in made} == {"search"}
    assert any(one["outcome"] == "failed" for one in made)
