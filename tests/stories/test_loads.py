"""Loads other than a closed loop, from the campaign file to the store, on the simulated engine."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from runner.domain.metrics import METRICS
from tests.stories._world import attempts, tunebook

CAMPAIGN = """\
tunebook: 1
name: loads
model: {{id: simulated/tiny}}
runtimes: [{{runtime: simulated, flags: {{time-scale: 0.02, ctx-size: 4096, max-num-seqs: 16}}}}]
workload:
{workload}
  each_level: {{duration: 2s, warmup: 1, request_timeout: 10s}}
objective: {{metric: {metric}, at: {at}}}
search: {{sampler: random, trials: 1, seed: 3}}
timeouts: {{load: 20s, ready: 10s, level: 30s, no_progress: 10s, stop: 1s}}
"""


def campaign(folder: Path, workload: str, at: str, metric: str = "e2e_p90") -> Path:
    (folder / "mkdocs.yml").touch()
    path = folder / "loads.yaml"
    indented = "\n".join(f"  {line}" for line in workload.splitlines())
    path.write_text(CAMPAIGN.format(workload=indented, at=at, metric=metric), encoding="utf-8")
    return path


def rows(results: Path) -> list[dict[str, Any]]:
    (file,) = results.glob("records/attempt-*/requests.parquet")
    with duckdb.connect() as connection:
        found = connection.execute(f"FROM '{file}' WHERE kind = 'measure' ORDER BY position, number")
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNEBOOK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_trace_is_replayed_at_its_times_and_lengths(tmp_path: Path, results: Path, cached: Path) -> None:
    recorded = [(n * 150, 600 + 7 * n, 2 + n % 3) for n in range(12)]
    lines = [
        {"timestamp": at, "input_length": prompt, "output_length": output, "hash_ids": [5, 6 + n % 2]}
        for n, (at, prompt, output) in enumerate(recorded)
    ]
    (tmp_path / "trace.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    path = campaign(tmp_path, "scenarios: [trace]\ntrace: {path: trace.jsonl}\nload: {speed: [1, 5]}", "speed=5")
    tunebook("run", path, results=results)
    (fact,) = attempts(results)
    assert [(level["load_kind"], level["load_value"], level["ok"]) for level in fact["levels"]] == [
        ("speed", 1.0, 12),
        ("speed", 5.0, 12),
    ]
    for position, speed in ((0, 1), (1, 5)):
        sent = [row for row in rows(results) if row["position"] == position]
        assert [(row["prompt_tokens"], row["output_tokens"]) for row in sent] == [(p, o) for _, p, o in recorded]
        wanted = [at / 1000 / speed for at, _, _ in recorded]
        assert [row["intended"] for row in sent] == pytest.approx(wanted, abs=1e-5)
        assert all(row["sent"] >= row["intended"] for row in sent)
    done = tunebook("sql", "SELECT DISTINCT load_kind FROM levels", "--format", "csv", results=results)
    assert done.stdout.split() == ["load_kind", "speed"]
    tunebook("store", "verify", results=results)


def test_bursts_and_ramps_come_as_they_should(tmp_path: Path, results: Path, cached: Path) -> None:
    text = 'scenarios: ["D(40,2)"]\nload: {burst: [4, 8], every: 500ms}'
    tunebook("run", campaign(tmp_path, text, "burst=8"), results=results)
    for position, size in ((0, 4), (1, 8)):
        intended = [row["intended"] for row in rows(results) if row["position"] == position]
        groups = {moment: len(list(group)) for moment, group in itertools.groupby(intended)}
        assert groups == {0.0: size, 0.5: size, 1.0: size, 1.5: size}


def test_what_a_file_holds_is_the_workload_and_not_where_it_lies(tmp_path: Path, results: Path, cached: Path) -> None:
    (tmp_path / "sub").mkdir()
    text = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46,37,4\n2023-11-16 18:15:46.5,39,4\n"
    for place in ("a.csv", "sub/b.csv"):
        (tmp_path / place).write_text(text)
    workload = "scenarios: [trace]\ntrace: {path: %s}\nload: {speed: [1]}"
    tunebook("run", campaign(tmp_path, workload % "a.csv", "speed=1"), results=results)
    moved = tunebook("run", campaign(tmp_path, workload % "sub/b.csv", "speed=1"), results=results)
    assert "finished" in moved.stdout + moved.stderr
    assert len(attempts(results)) == 1
    (tmp_path / "a.csv").write_text(text + "2023-11-16 18:15:46.6,39,4\n")
    tunebook("run", campaign(tmp_path, workload % "a.csv", "speed=1"), results=results)
    assert [fact["levels"][0]["sent"] for fact in attempts(results)] == [2, 3]


SECRET = "what my patient told me about the lighthouse"


def test_prompts_of_a_dataset_are_sent_and_kept_nowhere(tmp_path: Path, results: Path, cached: Path) -> None:
    asked = [{"question": f"{SECRET} {n} " + "word " * n, "answer": 3 + n % 2} for n in range(40)]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(one) + "\n" for one in asked))
    text = (
        "scenarios: [dataset]\ndataset: {path: p.jsonl, prompt: question, output: answer}\nload: {concurrency: [1, 3]}"
    )
    path = campaign(tmp_path, text, "c=3")
    path.write_text(path.read_text().replace("duration: 2s", "duration: 5s, requests: 12"))
    tunebook("run", path, results=results)
    found = rows(results)
    assert [row["error"] for row in found] == [None] * 24
    words = len(SECRET.split()) + 1
    lengths = [row["prompt_tokens"] - words for row in found]
    assert len({*lengths}) == 24, "no prompt came twice"
    assert lengths != sorted(lengths)
    assert {row["asked_output"] for row in found} == {3, 4}
    for file in results.rglob("*"):
        if file.is_file():
            assert b"lighthouse" not in file.read_bytes(), file
    kept = [file for file in cached.rglob("*") if file.is_file() and b"lighthouse" in file.read_bytes()]
    assert [file.stat().st_mode & 0o077 for file in kept] == [0]


def test_embeddings_have_no_metric_of_output(tmp_path: Path, results: Path, cached: Path) -> None:
    text = 'task: embeddings\nscenarios: ["E(64)"]\nload: {concurrency: [2]}'
    path = campaign(tmp_path, text, "c=2", "input_throughput")
    path.write_text(path.read_text().replace("duration: 2s", "duration: 5s, requests: 10"))
    tunebook("run", path, results=results)
    (fact,) = attempts(results)
    assert (fact["outcome"], fact["levels"][0]["ok"]) == ("measured", 10)
    names = {one["metric"] for one in fact["levels"][0]["metrics"]}
    assert {"e2e", "input_throughput", "input_throughput_per_user", "request_throughput", "prompt_tokens"} <= names
    assert names.isdisjoint(metric.name for metric in METRICS.values() if metric.of_output)
    assert {row["prompt_tokens"] for row in rows(results)} == {64}


def test_a_wrong_file_is_said_with_its_place_in_the_campaign(tmp_path: Path, results: Path, cached: Path) -> None:
    (tmp_path / "t.csv").write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46,-1,4\n")
    path = campaign(tmp_path, "scenarios: [trace]\ntrace: {path: t.csv}\nload: {speed: [1]}", "speed=1")
    done = tunebook("check", path, results=results, status=2)
    assert "error[request-file]: workload.trace: t.csv, line 2: ContextTokens is -1" in done.stderr
    assert "loads.yaml:7:17)" in done.stderr


def test_prompts_that_come_again_are_said(tmp_path: Path, results: Path, cached: Path) -> None:
    (tmp_path / "p.csv").write_text("prompt\nwhy is it so\nand when\nwhere\n")
    text = "scenarios: [dataset]\ndataset: {path: p.csv, output: 2}\nload: {concurrency: [1]}"
    path = campaign(tmp_path, text, "c=1")
    path.write_text(path.read_text().replace("duration: 2s", "duration: 5s, requests: 5"))
    tunebook("run", path, results=results)
    (fact,) = attempts(results)
    warning = "dataset at concurrency 1: 5 requests, and the dataset has 3 prompts for this level: prompts came again"
    assert warning in fact["warnings"]
    assert not [line for line in fact["warnings"] if "not of the length" in line]
