"""An entry that was resolved, written out again: the same entry, without its presets."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.campaign.load import parse
from runner.campaign.preset_files import shipped
from runner.campaign.written import without_presets, written_entry
from runner.domain.campaign import Campaign
from runner.render.yaml_text import yaml_text
from tests.runner.campaign.test_shipped_presets import campaign_of

ROOT = Path(__file__).parents[3]
CAMPAIGNS = sorted([*(ROOT / "campaigns").glob("*.yaml"), Path(__file__).parent / "good.yaml"])


def again(text: str, campaign: Campaign) -> Campaign:
    from runner.campaign.document import read

    data = read(text, "x.yaml").data
    data["runtimes"] = [written_entry(entry) for entry in campaign.entries]
    return parse(yaml_text(data, {}), Path("x.yaml"))


@pytest.mark.parametrize("path", CAMPAIGNS, ids=lambda path: path.name)
def test_every_entry_comes_back(path: Path) -> None:
    text = path.read_text()
    campaign = parse(text, path)
    assert again(text, campaign).version_sha256 == campaign.version_sha256


@pytest.mark.parametrize("name", shipped())
def test_an_extended_one_comes_back_without_its_presets(name: str) -> None:
    text = campaign_of(name)
    campaign = parse(text, Path("x.yaml"))
    made = again(text, campaign)
    assert made.version_sha256 == campaign.version_sha256
    assert made.extended == ()


ENTRIES = """\
tunebook: 1
name: both
model: {id: a/b}
hardware: {gpus: 2}
runtimes:
  - runtime: vllm
    extends: presets/kv-cache-fp8
    parallel: {tp: 2, presets: [single-gpu]}
    env: {LEVEL: 1, TOKEN_FILE: "1", PASSED: null}
    space: {env.SPEED: [1, "1"], max-num-seqs: {int: [2, 8], step: 2, when: "env.SPEED == 1"}}
  - runtime: vllm
    name: plain
    flags: {max-num-seqs: 4}   # stays as it was written
workload: {scenarios: ["D(8,4)"], load: {concurrency: [1]}}
objective: {metric: output_throughput}
"""


def test_only_what_extends_is_written_out() -> None:
    from runner.campaign.document import read

    campaign = parse(ENTRIES, Path("x.yaml"))
    data = read(ENTRIES, "x.yaml").data
    written = without_presets(data, campaign)
    assert "extends" not in written["runtimes"][0]
    assert written["runtimes"][1] is data["runtimes"][1]
    assert parse(yaml_text(written, {}), Path("x.yaml")).version_sha256 == campaign.version_sha256
