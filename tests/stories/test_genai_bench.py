"""genai-bench confirms what the native client found: from campaign file to site, on the real engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stories._world import assert_nothing_left, attempts, tunebook, write_campaign
from tests.stories.test_llama import CAMPAIGN

pytestmark = pytest.mark.story


@pytest.mark.engine
@pytest.mark.genai_bench
def test_an_independent_client_confirms(tmp_path: Path, results: Path) -> None:
    space = "\n    space:\n      parallel: [1, 2]\n      flash-attn: [on, off]\n      batch-size: [1, 64]"
    assert space in CAMPAIGN
    text = CAMPAIGN.replace(space, "").replace("trials: 7", "trials: 1")
    campaign = tmp_path / "llama-story.yaml"
    campaign.write_text(f"{text}confirm: {{top: 1, repeats: 2, client: genai-bench}}\n", encoding="utf-8")
    done = tunebook("run", campaign, results=results)
    assert "mean of 2 confirming runs with genai-bench" in done.stdout
    searched, *confirmed = attempts(results)
    assert (searched["role"], searched["client"]) == ("baseline", "native")
    assert [(one["role"], one["client"], one["client_version"][:5]) for one in confirmed] == [
        ("confirm", "genai-bench", "0.0.5")
    ] * 2
    assert len({one["workload_key"] for one in (searched, *confirmed)}) == 2, "the two are never ranked together"
    for one in confirmed:
        assert one["failure"] is None
        assert [(level["sent"], level["ok"], level["short"]) for level in one["levels"]] == [(3, 3, 0)] * 2
        for level in one["levels"]:
            ours = {(m["metric"], m["stat"]): m["value"] for m in level["metrics"]}
            assert ours["reported_e2e", "mean"] == pytest.approx(ours["e2e", "mean"], rel=1e-3)
            assert ours["reported_tpot", "p50"] == pytest.approx(ours["tpot", "p50"], rel=1e-3)
            assert ours["reported_request_throughput", "value"] < 1.02 * ours["request_throughput", "value"]
            assert ours["prompt_tokens", "min"] == ours["prompt_tokens", "max"] == 32
    assert_nothing_left(results)
    tunebook("build", "--out", tmp_path / "public", results=results, cwd=tmp_path)
    page = (tmp_path / "public/results/campaigns/llama-story/index.html").read_text(encoding="utf-8")
    assert "mean of 2 fresh deployments, genai-bench client" in page
    assert "the client&#39;s own numbers differ" in page or "client's own numbers differ" in page
    query = "SELECT DISTINCT client FROM attempts ORDER BY 1"
    assert tunebook("sql", query, "--format", "csv", results=results).stdout.split() == [
        "client", "genai-bench", "native",
    ]  # fmt: skip


@pytest.mark.genai_bench
def test_it_searches_too_and_differences_are_said(tmp_path: Path, results: Path) -> None:
    """On the simulated engine: levels of a tenth of a second, of which its own clock sees more."""
    path = write_campaign(tmp_path, name="gb", trials=1, loads="[2]")
    path.write_text(path.read_text().replace("workload:\n", "workload:\n  client: genai_bench\n"))
    tunebook("run", path, results=results)
    [only] = attempts(results)
    assert only["client"] == "genai-bench"
    assert only["levels"][0]["ok"] == 6
    told = [line for line in only["warnings"] if "the client's own numbers differ from its rows" in line]
    assert len(told) == 1
    assert "output throughput" in told[0]
    assert_nothing_left(results)


def test_without_it_nothing_starts(tmp_path: Path, results: Path) -> None:
    path = write_campaign(tmp_path, name="gb", top=1)
    path.write_text(path.read_text().replace("repeats: 2", "repeats: 2, client: genai-bench"))
    nowhere = str(tmp_path / "nowhere")
    done = tunebook("run", path, results=results, status=4, TUNEBOOK_GENAI_BENCH=nowhere)
    assert "error[engine-missing]: TUNEBOOK_GENAI_BENCH: no Python at" in done.stderr
    done = tunebook("run", path, results=results, status=4, TUNEBOOK_CACHE=nowhere, PATH="/usr/bin:/bin")
    assert "the load generator genai-bench 0.0.5 is not installed" in done.stderr
    assert "hint: run `tunebook engine install genai-bench`" in done.stderr
    assert attempts(results) == []
