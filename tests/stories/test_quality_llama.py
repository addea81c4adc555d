"""`crosscheck` on llama.cpp: a cache of fewer bits answers otherwise, the same flags answer the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stories._world import ROOT, assert_nothing_left, events, tunebook

pytestmark = [pytest.mark.engine, pytest.mark.story]
MODEL = (ROOT / "campaigns/quickstart.yaml").read_text(encoding="utf-8").split("model:")[1].split("deploy:")[0]
CAMPAIGN = """\
tunebook: 1
name: caches
model:%sruntimes:
  - {runtime: llama_cpp, name: f16, flags: {ctx-size: 512, threads: 1}}
  - {runtime: llama_cpp, name: same, flags: {ctx-size: 512, threads: 1, batch-size: 512}}
  - {runtime: llama_cpp, name: q4, flags: {ctx-size: 512, threads: 1, cache-type-k: q4_0, cache-type-v: f16}}
workload: {scenarios: ["D(32,8)"], load: {concurrency: [1]}}
objective: {metric: output_throughput}
"""


def test_a_smaller_cache_type_is_seen_in_the_answers(tmp_path: Path, results: Path) -> None:
    campaign = tmp_path / "caches.yaml"
    campaign.write_text(CAMPAIGN % MODEL, encoding="utf-8")
    lines = events(tunebook("crosscheck", campaign, "--json", results=results).stdout)
    found = {line["entry"]: line for line in lines if line["event"] == "crosschecked"}
    assert {line["problem"] for line in found.values()} == {None}
    same, smaller = found["same"], found["q4"]
    assert (same["token_unit"], same["token_agreement"]) == ("token", 1), "llama.cpp serves log-probabilities"
    assert smaller["token_agreement"] < same["token_agreement"]
    assert smaller["logprob_difference"] > same["logprob_difference"] == 0
    assert smaller["near_ties"] is not None
    assert_nothing_left(results / "crosscheck")
