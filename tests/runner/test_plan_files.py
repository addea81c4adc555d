"""What a plan says of the model's own files: memory, and how a dataset's texts count."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.cli._main import run_command_line
from tests.make import weights
from tests.stories.test_llama import CAMPAIGN

TEXT = """\
tunebook: 1
name: planned
model: {path: model.gguf}
runtimes: [{runtime: simulated}]
workload:
  scenarios: [dataset]
  dataset: {path: prompts.jsonl, output: 8}
  load: {concurrency: [1, 4]}
objective: {metric: output_throughput}
search: {trials: 1}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mkdocs.yml").touch()
    lines = [json.dumps({"prompt": f"Please count the tokens of line {n}."}) + "\n" for n in range(300)]
    (tmp_path / "prompts.jsonl").write_text("".join(lines))
    (tmp_path / "model.gguf").write_bytes(weights.gguf(weights.LLAMA, [("a", (64, 4), 3, 0)], 160))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def plan(project: Path, text: str, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    (project / "planned.yaml").write_text(text)
    assert run_command_line(["plan", "planned.yaml", *words]) == 0
    return capsys.readouterr().out


def test_memory_and_no_tokenizer(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEBOOK_CACHE", str(project / "cache"))
    said = plan(project, TEXT, capsys)
    # 4 layers x 2 heads x (8 + 8) numbers x 2 bytes, for 4 requests of 9 + 8 tokens
    assert (
        "  memory     160 B of weights + 17.4 kB of KV cache at 16 bits for the 68 tokens of the heaviest level" in said
    )
    assert (
        "texts of prompts.jsonl count as one token for 4 characters; the model's own tokenizer, or the package" in said
    )
    found = json.loads(plan(project, TEXT, capsys, "--json").splitlines()[0])
    assert found["memory"] == {"tokens": 68, "kv_type": "f16", "bytes": {"weights": 160, "kv_cache": 17408}}


def test_a_damaged_file_is_told_before_a_run(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "model.gguf").write_bytes(weights.gguf(weights.LLAMA)[:99])
    said = plan(project, TEXT, capsys)
    assert "not here   model.gguf is not a whole model file: it ends in the middle of its header" in said
    assert "  memory  " not in said
    assert run_command_line(["run", "planned.yaml", "--results", str(project / "results")]) == 4
    assert "error[model-damaged]: model.gguf is not a whole model file" in capsys.readouterr().err
    assert not list((project / "results").glob("records/*"))


@pytest.mark.engine
@pytest.mark.genai_bench
def test_the_models_own_tokenizer(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = CAMPAIGN[CAMPAIGN.index("model:") : CAMPAIGN.index("runtimes:")]
    said = plan(project, TEXT.replace("model: {path: model.gguf}\n", model), capsys)
    assert "for 4 characters; the model's own tokenizer takes 3.4 for one (200 texts)" in said
