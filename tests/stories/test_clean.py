"""`tunebook clean` beside a run that is at work, a model that is held, and what a killed run left."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runner.store.record import manifest_sha256, record_folders
from tests.stories._world import (
    assert_nothing_left,
    assert_seen_dead,
    attempts,
    events,
    start,
    tunebook,
    write_campaign,
)

pytestmark = pytest.mark.story

HOLD = "import mmap, sys; f = open(sys.argv[1], 'rb'); m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ); f.close()"
HOLD += "; print('held', flush=True); sys.stdin.read()"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Two models, one of them converted too, a dataset, and a link that leads out."""
    cache = tmp_path / "cache"
    for name in ("one", "two"):
        content = name.encode() * 5000
        folder = cache / "models" / hashlib.sha256(content).hexdigest()
        folder.mkdir(parents=True)
        (folder / f"{name}.gguf").write_bytes(content)
        note = cache / "models/by-package" / f"{name}==1.0" / f"{name}.gguf.json"
        note.parent.mkdir(parents=True)
        note.write_text(f'{{"sha256": "{folder.name}"}}', encoding="utf-8")
        if name == "one":
            (folder / "one-hf1").mkdir()
            (folder / "one-hf1/config.json").write_text("{}", encoding="utf-8")
    (cache / "inputs/files").mkdir(parents=True)
    (cache / "inputs/files" / "prompts.jsonl").write_text("{}\n", encoding="utf-8")
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "work.txt").write_text("years of it", encoding="utf-8")
    (cache / "models" / "elsewhere").symlink_to(mine)
    (folder / "link.gguf").symlink_to(mine / "work.txt")
    return cache


def cleaned(*words: str, results: Path, cache: Path, status: int = 0) -> list[dict[str, Any]]:
    done = tunebook("clean", *words, "--json", results=results, status=status, TUNEBOOK_CACHE=str(cache))
    lines = events(done.stdout)
    assert lines[-1] == {"event": "end", "exit_code": status}
    return lines


def names(lines: list[dict[str, Any]], event: str) -> set[str]:
    return {line["what"] for line in lines if line["event"] == event}


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_what_a_run_may_need_and_what_a_process_holds_stays(tmp_path: Path, results: Path, cache: Path) -> None:
    everything = {"model one.gguf", "model one-hf1, a folder", "model two.gguf", "datasets that were fetched"}
    campaign = write_campaign(tmp_path, trials=1, flags=", fault: slow_load:5000")
    patient = campaign.read_text(encoding="utf-8").replace("load: 20s", "load: 300s").replace("ss: 5s", "ss: 300s")
    campaign.write_text(patient, encoding="utf-8")  # it loads for 100 s: the cleaning of a busy machine takes many
    before = files(cache)
    running = start("run", campaign, "--json", results=results)
    assert running.stdout is not None
    while '"phase": "load"' not in (line := running.stdout.readline()):
        assert line, running.communicate()[1]
    lines = cleaned("all", "--yes", results=results, cache=cache)
    assert names(lines, "found") == everything
    assert {line["in_use"] for line in lines if line["event"] == "found"} == {
        f"story runs (process {running.pid} on {os.uname().nodename})"
    }
    assert names(lines, "removed") == set()
    assert files(cache) == before
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=60)

    [two] = (cache / "models").glob("*/two.gguf")
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(two)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        lines = cleaned("models", "--yes", results=results, cache=cache)
        [held] = [line for line in lines if line["event"] == "found" and line["in_use"]]
        assert (held["what"], f"(pid {holder.pid})" in held["in_use"]) == ("model two.gguf", True)
        assert names(lines, "removed") == {"model one.gguf", "model one-hf1, a folder"}
        assert [path.name for path in cache.glob("models/by-package/*")] == ["two==1.0"]
    finally:
        holder.communicate(timeout=10)
    assert names(cleaned("models", "--yes", results=results, cache=cache), "removed") == {"model two.gguf"}
    assert (tmp_path / "mine/work.txt").read_text(encoding="utf-8") == "years of it"
    assert (cache / "models/elsewhere").is_symlink()
    assert (cache / "inputs/files/prompts.jsonl").exists(), "nobody named it"


def test_what_a_killed_run_left_is_listed_and_then_taken_away(tmp_path: Path, results: Path, cache: Path) -> None:
    campaign = write_campaign(tmp_path, trials=1, flags=", fault: slow_load:60")
    running = start("run", campaign, "--json", results=results)
    assert running.stdout is not None
    while '"phase": "load"' not in (line := running.stdout.readline()):
        assert line, running.communicate()[1]
    running.kill()
    running.communicate(timeout=60)
    part = cache / "models" / ".three.gguf.0123abcd.part"
    part.write_bytes(b"half")
    before = files(results)
    lines = cleaned("leftovers", "--dry-run", results=results, cache=cache)
    wanted = {"attempt of story, whose runner died", "lock of story, whose run is dead", "half of three.gguf.0123abcd"}
    assert names(lines, "found") == wanted
    assert names(lines, "removed") == set()
    assert files(results) == before
    assert_seen_dead(results, "story")
    assert names(cleaned("leftovers", "--yes", results=results, cache=cache), "removed") == wanted
    assert [fact["outcome"] for fact in attempts(results)] == ["interrupted"]
    assert_nothing_left(results)
    assert not part.exists()
    assert names(cleaned("all", "--dry-run", results=results, cache=tmp_path / "nothing"), "found") == set()


def test_records_the_store_and_the_site_are_not_touched(tmp_path: Path, results: Path, cache: Path) -> None:
    tunebook("run", write_campaign(tmp_path, trials=1), results=results)
    tunebook("store", "rebuild", results=results)
    assert (results / "store.duckdb.old").exists()
    checked = results / "crosscheck" / "records" / "attempt-of-a-crosscheck"
    checked.mkdir(parents=True)
    (checked / "answers.jsonl").write_text("{}\n", encoding="utf-8")
    before = {path.name: manifest_sha256(path) for path in record_folders(results)}
    lines = cleaned("all", "--yes", results=results, cache=cache)
    assert {"cross-check attempt-of-a-crosscheck", "store before its rebuild"} <= names(lines, "removed")
    assert {path.name: manifest_sha256(path) for path in record_folders(results)} == before
    assert not checked.exists()
    tunebook("store", "verify", results=results)
    counted = tunebook("sql", "SELECT count(*) AS n FROM trials", "--format", "csv", results=results)
    assert counted.stdout.split() == ["n", "1"]
