"""A campaign of a preset, run: what was measured needs the preset no more, and an edit of it is one of the campaign."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.campaign.load import from_resolved, load
from tests.stories._world import attempts, tunebook, write_campaign

pytestmark = pytest.mark.story

PRESET = (
    "description: small\nruntime: simulated\nspace: {max-num-seqs: [2, 8], chunk-size: [64, 128]}\nenv: {LEVEL: 1}\n"
)


def test_a_preset_from_its_file_to_a_follow_up(tmp_path: Path, results: Path) -> None:
    (tmp_path / "tunebook.toml").touch()
    (tmp_path / "presets").mkdir()
    (preset := tmp_path / "presets" / "small.yaml").write_text(PRESET)
    path = write_campaign(tmp_path, trials=3)
    own = path.read_text().split("    space:")[1].split("workload:")[0]
    path.write_text(
        path.read_text().replace(f"    space:{own}", "    extends: presets/small\n    without: chunk-size\n")
    )
    tunebook("run", path, results=results)
    tried = {json.dumps(fact["configuration"]["values"]) for fact in attempts(results)}
    assert tried == {"{}", '{"max-num-seqs": 2}', '{"max-num-seqs": 8}'}

    [record] = (results / "records").glob("run_start-*/run_start.json")
    start = json.loads(record.read_text())
    kept = from_resolved(start["campaign"])
    assert kept == load(path)
    assert [one.setting for one in kept.extended[0].conflicts] == ["chunk-size"]

    again = json.loads(tunebook("plan", path, "--json", results=results).stdout.splitlines()[0])
    assert (again["search_key"], again["would"]["new_trials"]) == (start["search_key"], 0)
    preset.write_text(PRESET.replace("small", "words that mean nothing"))
    same = json.loads(tunebook("plan", path, "--json", results=results).stdout.splitlines()[0])
    assert same["version_sha256"] == again["version_sha256"]
    preset.write_text(PRESET.replace("[2, 8]", "[2, 16]"))
    edited = json.loads(tunebook("plan", path, "--json", results=results).stdout.splitlines()[0])
    assert edited["search_key"] != start["search_key"]
    assert edited["would"]["new_trials"] > 0

    tunebook("new", "next", "--from", "story", "--output", tmp_path / "next.yaml", results=results)
    follow = load(tmp_path / "next.yaml")
    assert follow.extended == (), "the preset says something else by now"
    assert follow.entries[-1].space == kept.entries[0].space
    assert follow.entries[-1].env == {"LEVEL": "1"}
