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
%s  - {runtime: llama_cpp, name: q4, flags: {ctx-size: 512, threads: 1, cache-type-k: q4_0, cache-type-v: f16}}
workload: {scenarios: ["D(32,8)"], load: {concurrency: [1]}}
objective: {metric: output_throughput}
"""
SAME = "  - {runtime: llama_cpp, name: same, flags: {ctx-size: 512, threads: 1, batch-size: 512}}\n"


@pytest.mark.parametrize("twice", [False, pytest.param(True, marks=pytest.mark.matrix)])
def test_a_smaller_cache_type_is_seen_in_the_answers(twice: bool, tmp_path: Path, results: Path) -> None:
    """`twice`: and the same cache answers the same. On the simulated engine test_quality.py says so each time."""
    campaign = tmp_path / "caches.yaml"
    campaign.write_text(CAMPAIGN % (MODEL, SAME if twice else ""), encoding="utf-8")
    lines = events(tunebook("crosscheck", campaign, "--json", results=results).stdout)
    found = {line["entry"]: line for line in lines if line["event"] == "crosschecked"}
    assert {line["problem"] for line in found.values()} == {None}
    smaller = found["q4"]
    assert smaller["token_unit"] == "token", "llama.cpp serves log-probabilities"
    assert smaller["token_agreement"] < 1
    assert smaller["logprob_difference"] > 0
    assert smaller["near_ties"] is not None
    assert ("same" in found) is twice
    if twice:
        assert (found["same"]["token_agreement"], found["same"]["logprob_difference"]) == (1, 0)
    assert_nothing_left(results / "crosscheck")
