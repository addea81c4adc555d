"""What `plan` says of presets: as text, as a pull request's comment, as JSON. No override is silent."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.cli._main import run_command_line

CAMPAIGN = """\
tunebook: 1
name: extended
model: {path: model.gguf}
runtimes:
  - runtime: simulated
    extends: [presets/a, presets/b]
    merge: intersection
    without: [env.MODE]
    flags: {ctx-size: 1024}
  - runtime: simulated
    name: plain
workload: {scenarios: ["D(64,32)"], load: {concurrency: [1]}, each_level: {duration: 5s}}
objective: {metric: output_throughput}
"""
A = "description: the first | of all\nflags: {ctx-size: 512}\nspace: {max-num-seqs: [4, 8, 16]}\nenv: {MODE: slow}\n"
B = "flags: {ctx-size: 2048}\nspace: {max-num-seqs: [8, 16, 32], cache-dtype: [f16, q8]}\n"


@pytest.fixture
def project(tmp_path: Path, results: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "campaigns" / "presets").mkdir(parents=True)
    (tmp_path / "tunebook.toml").touch()
    (tmp_path / "campaigns" / "extended.yaml").write_text(CAMPAIGN)
    for name, text in (("a", A), ("b", B)):
        (tmp_path / "campaigns" / "presets" / f"{name}.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def said(capsys: pytest.CaptureFixture[str], *options: str) -> str:
    assert run_command_line(["plan", "campaigns/extended.yaml", *options]) == 0
    return capsys.readouterr().out


def test_as_text(project: Path, capsys: pytest.CaptureFixture[str], golden: Callable[[str, str], None]) -> None:
    text = said(capsys)
    golden("presets/plan.txt", text[text.index("  presets") : text.index("  configurations")])


def test_as_a_comment(project: Path, capsys: pytest.CaptureFixture[str], golden: Callable[[str, str], None]) -> None:
    text = said(capsys, "--markdown")
    golden("presets/plan.md", text[text.index("2 presets") : text.index("<details>")])
    assert not re.search(r"the first \| of all", text), "a description is somebody's text: it breaks no table"


def test_as_json(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    [extended] = json.loads(said(capsys, "--json").splitlines()[0])["presets"]
    assert extended["entry"] == "simulated"
    assert [one["source"] for one in extended["presets"]] == ["presets/a", "presets/b"]
    decided = {one["setting"]: (one["decided_by"], one["result"]) for one in extended["conflicts"]}
    assert decided == {
        "ctx-size": ("entry", "1024"),
        "max-num-seqs": ("intersection", "[8, 16]"),
        "env.MODE": ("without", None),
    }
