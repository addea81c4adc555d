"""The quality guard and `crosscheck` on the simulated engine, whose smaller cache types answer otherwise."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from runner.ask import ANSWERS, prompt_set
from tests.stories._world import assert_nothing_left, attempts, events, our_processes, start, tunebook

pytestmark = pytest.mark.story

GUARDED = """\
tunebook: 1
name: guarded
model: {id: simulated/tiny}
runtimes:
%s
workload:
  scenarios: ["D(16,4)"]
  load: {concurrency: [1]}
  each_level: {duration: 5s, requests: 2, warmup: 1, request_timeout: %s}
objective: {metric: output_throughput}
quality: %s
search: {sampler: grid, trials: 9}
timeouts: {load: 20s, ready: 10s, level: 30s, no_progress: 10s, stop: 1s}
"""
ENTRY = "  - {runtime: simulated, name: %s, flags: {time-scale: 0.005, %s}}\n"


def write(
    folder: Path, quality: str = "{reference: f16, min_agreement: 0.9}", timeout: str = "5s", **entries: str
) -> Path:
    path = folder / "guarded.yaml"
    listed = "".join(ENTRY % (name.replace("_", "-"), flags) for name, flags in entries.items())
    path.write_text(GUARDED % (listed, timeout, quality), encoding="utf-8")
    return path


def ended(output: str) -> dict[str, dict[str, Any]]:
    return {line["entry"]: line for line in events(output) if line["event"] == "trial_ended"}


def asked(sql: str, results: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(tunebook("sql", sql, "--format", "json", results=results).stdout)
    return found


def test_a_guard_judges_every_attempt_by_the_reference_and_a_resumed_run_finds_its_answers(
    tmp_path: Path, results: Path
) -> None:
    entries = {
        "q4": "cache-dtype: q4",
        "q8": "cache-dtype: q8",
        "mute": "fault: no_logprobs",
        "f16": "cache-dtype: f16",
    }
    campaign = write(tmp_path, **entries)
    first = ended(tunebook("run", campaign, "--max-trials", "2", "--json", results=results).stdout)
    assert list(first) == ["f16", "q4"], "the reference is asked first, wherever it stands in the file"
    rest = ended(tunebook("run", campaign, "--json", results=results).stdout)
    told = first | rest
    assert {name: line["status"] for name, line in told.items()} == {
        "f16": "succeeded", "q4": "failed", "q8": "succeeded", "mute": "succeeded",
    }  # fmt: skip
    assert (told["q4"]["phase"], told["q4"]["cause"]) == ("slo", "quality")
    assert told["q4"]["severity"] == pytest.approx(0.15)
    assert told["q4"]["objective_value"] > 0, "what was measured is kept"
    assert told["q4"]["token_agreement"] < 0.9 <= told["q8"]["token_agreement"]

    sealed = {fact["configuration"]["entry"]: fact for fact in attempts(results)}
    reference = sealed["f16"]["attempt_id"]
    assert {fact["quality"]["reference_attempt"] for fact in sealed.values()} == {reference}
    assert sealed["f16"]["quality"]["agreement"] is None
    assert sealed["q4"]["outcome"] == "measured", "the facts do not judge"
    assert sealed["mute"]["quality"]["agreement"]["unit"] == "word"
    assert sealed["mute"]["quality"]["agreement"]["logprob_difference"] is None
    assert sealed["q8"]["quality"]["agreement"]["logprob_difference"] == pytest.approx(0.002)

    lower = Path(write(tmp_path, "{reference: f16, min_agreement: 0.3}", **entries))
    summary = tunebook("run", lower, results=results).stdout
    assert " agreement with the default of f16; " in summary or "  answers    the reference of the others" in summary
    assert len(attempts(results)) == 4, "another limit judges anew and asks nobody"
    rows = asked("SELECT entry, status, token_agreement FROM trials JOIN quality USING (attempt_id)", results)
    assert {row["entry"]: row["status"] for row in rows}["q4"] == "succeeded"
    assert all(row["token_agreement"] == 1 for row in rows if row["entry"] == "mute")
    assert_no_answer_leaves(tmp_path, results)
    assert_nothing_left(results)


def assert_no_answer_leaves(tmp_path: Path, results: Path) -> None:
    """The texts stand in the record, in one file; no store, snapshot, page or download has one of them."""
    record = next((results / "records").glob("attempt-*"))
    answers = json.loads((record / ANSWERS).read_text(encoding="utf-8"))["answers"]
    text = answers[0]["text"].strip()
    assert len(text) > 40
    tunebook("build", "--out", tmp_path / "public", results=results, cwd=tmp_path)
    page = (tmp_path / "public/results/campaigns/guarded/index.html").read_text(encoding="utf-8")
    assert "Agreement with f16" in page
    looked = [p for p in (*tmp_path.rglob("*"), *results.rglob("*")) if p.is_file() and p.name != ANSWERS]
    assert len(looked) > 50
    words = [text.encode(), prompt_set().prompts[0].text.encode()]
    assert [str(path) for path in looked if any(word in path.read_bytes() for word in words)] == []


def test_a_guard_that_comes_later_asks_those_who_were_never_asked(tmp_path: Path, results: Path) -> None:
    entries = {"f16": "cache-dtype: f16", "q4": "cache-dtype: q4"}
    tunebook("run", write(tmp_path, "null", **entries), results=results)
    assert [fact["quality"] for fact in attempts(results)] == [None, None]
    told = ended(tunebook("run", write(tmp_path, **entries), "--json", results=results).stdout)
    assert {name: (line["number"], line["status"]) for name, line in told.items()} == {
        "f16": (0, "succeeded"), "q4": (1, "failed"),
    }  # fmt: skip
    before = len(attempts(results))
    tunebook("run", tmp_path / "guarded.yaml", results=results)
    assert len(attempts(results)) == before == 4, "each was asked once"


def test_without_a_reference_the_guard_says_so_and_fails_nobody(tmp_path: Path, results: Path) -> None:
    campaign = write(tmp_path, f16="fault: crash_load", q4="cache-dtype: q4")
    told = ended(tunebook("run", campaign, "--json", results=results).stdout)
    assert {name: line["status"] for name, line in told.items()} == {"f16": "failed", "q4": "succeeded"}
    [mine] = [fact for fact in attempts(results) if fact["configuration"]["entry"] == "q4"]
    said = [line for line in mine["warnings"] if line.startswith("quality")]  # a busy machine says more
    assert said == ["quality: nothing to compare with: the default of f16 has not answered"]


def test_an_engine_that_dies_of_the_prompts_is_told_apart_from_one_that_is_silent(
    tmp_path: Path, results: Path
) -> None:
    """About ten requests come before the prompts: readiness, calibration, warm-up and the level."""
    campaign = write(
        tmp_path, timeout="1s", f16="cache-dtype: f16", dies="fault: crash_after:16", silent='fault: "hang@16"'
    )
    told = ended(tunebook("run", campaign, "--json", results=results).stdout)
    assert (told["dies"]["phase"], told["dies"]["cause"]) == ("slo", "crash")
    assert (told["silent"]["phase"], told["silent"]["cause"]) == ("slo", "hang")
    assert "of the quality guard within 1 s" in told["silent"]["evidence"]
    assert_nothing_left(results)


def test_crosscheck_reports_and_leaves_the_store_alone(tmp_path: Path, results: Path) -> None:
    campaign = write(
        tmp_path, f16="cache-dtype: f16", q4="cache-dtype: q4", wrong="fault: wrong_answers", dead="fault: oom_load"
    )
    lines = events(tunebook("crosscheck", campaign, "--json", results=results).stdout)
    assert lines[-1] == {**lines[-1], "event": "end", "exit_code": 0}
    found = {line["entry"]: line for line in lines if line["event"] == "crosschecked"}
    assert list(found) == ["f16", "q4", "wrong", "dead"]
    assert found["f16"]["is_reference"]
    assert found["q4"]["token_agreement"] == pytest.approx(0.5836, abs=1e-3)
    assert (found["wrong"]["exact"], found["wrong"]["token_agreement"], found["wrong"]["first_divergence"]) == (0, 0, 0)
    assert found["dead"]["token_agreement"] is None
    assert found["dead"]["problem"].startswith("oom_load at load: ")
    assert not (results / "records").exists()
    assert not (results / "store.duckdb").exists()
    text = tunebook("crosscheck", campaign, "--reference", "q4", results=results).stdout
    assert "compared with q4" in text
    assert "the campaign needs 90 %" in text
    assert_nothing_left(results / "crosscheck")


def test_crosscheck_of_trials_and_what_it_refuses(tmp_path: Path, results: Path) -> None:
    alone = write(tmp_path, "null", f16="cache-dtype: f16")
    told = tunebook("crosscheck", alone, results=results, status=2).stderr
    assert told.startswith("error[usage]: guarded has one configuration here, the default of f16: nothing to compare")
    told = tunebook("crosscheck", alone, "--trial", "3", results=results, status=2).stderr
    assert told.startswith("error[unknown-id]: guarded has no trial 3")
    told = tunebook("crosscheck", alone, "--reference", "f61", results=results, status=2).stderr
    assert "did you mean 'f16'?" in told
    dead = write(tmp_path, "null", f16="fault: oom_load", q4="cache-dtype: q4")
    assert "f16: oom_load at load" in tunebook("crosscheck", dead, results=results, status=1).stdout

    text = alone.read_text().replace("name: guarded", "name: searched")
    searched = tmp_path / "searched.yaml"
    entry = ENTRY % ("f16", "seed: 1")
    searched.write_text(text.replace(ENTRY % ("f16", "fault: oom_load"), "").replace(
        ENTRY % ("q4", "cache-dtype: q4"), entry.replace("}}\n", "}, space: {cache-dtype: [q8, q4]}}\n")
    ))  # fmt: skip
    tunebook("run", searched, results=results)
    before = len(attempts(results))
    lines = events(tunebook("crosscheck", searched, "--trial", "2", "--json", results=results).stdout)
    found = [line for line in lines if line["event"] == "crosschecked"]
    assert [(line["number"], line["values"]) for line in found] == [(None, {}), (2, {"cache-dtype": "q4"})]
    assert len(attempts(results)) == before


def test_crosscheck_that_is_interrupted_or_killed_leaves_nothing_behind(tmp_path: Path, results: Path) -> None:
    campaign = write(tmp_path, "null", timeout="60s", f16='fault: "hang@3"', q4="cache-dtype: q4")
    running = start("crosscheck", campaign, results=results)
    assert running.stderr is not None
    while "asking f16" not in running.stderr.readline():
        assert running.poll() is None
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=60)
    assert running.returncode == 130
    assert_nothing_left(results / "crosscheck")

    running = start("crosscheck", campaign, results=results)
    assert running.stderr is not None
    while "asking f16" not in running.stderr.readline():
        assert running.poll() is None
    deadline = time.monotonic() + 30
    while not our_processes(results / "crosscheck") and time.monotonic() < deadline:
        time.sleep(0.05)
    running.kill()
    running.communicate(timeout=60)
    reaped = tunebook("reap", results=results).stdout
    assert "of guarded: sealed as interrupted" in reaped
    assert_nothing_left(results / "crosscheck")
    assert not (results / "records").exists()
