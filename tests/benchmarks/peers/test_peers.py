"""What `make bench-peers` counts, on deployments whose truth is known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from runner.simulated import surface
from tests.benchmarks.peers import landscape
from tests.benchmarks.peers.__main__ import counted
from tests.benchmarks.peers.shim import options, summary

BEST = surface.optimum(landscape.PROMPT, landscape.OUTPUT, landscape.USERS, landscape.MEMORY_GB)


def values(flags: surface.Flags) -> dict[str, str]:
    """As a command line has them."""
    return {name: str(getattr(flags, name.replace("-", "_"))) for name in landscape.SPACE}


def log(folder: Path, *deployed: dict[str, str]) -> Path:
    path = folder / "deployments.jsonl"
    path.write_text("".join(json.dumps({"at": 0.0, "flags": flags}) + "\n" for flags in deployed), encoding="utf-8")
    return path


def test_the_landscape_has_an_optimum_a_default_that_works_and_many_crashes() -> None:
    points = list(surface.grid(landscape.MEMORY_GB))
    known = [landscape.regret(flags) for flags in points]
    lived = [value for value in known if value is not None]
    assert min(lived) == 0
    assert not landscape.crashes(landscape.flags_of({}))
    assert 0.4 < 1 - len(lived) / len(points) < 0.7
    assert sum(value <= 5 for value in lived) < 50


def test_a_crash_that_is_called_the_winner_is_a_wrong_one(tmp_path: Path) -> None:
    good, crash = values(BEST), {**values(BEST), "max-num-seqs": "128", "ctx-size": "8192", "cache-dtype": "f16"}
    row = counted(log(tmp_path, {}, crash, good), crash)
    assert (row["deployments"], row["crashes"], row["until_close"]) == (3, 1, 3)
    assert row["winner_crashes"]
    assert row["wrong_winner"]
    assert row["winner"] is None


def test_the_best_that_was_deployed_is_a_right_winner(tmp_path: Path) -> None:
    row = counted(log(tmp_path, {}, values(BEST)), values(BEST))
    assert row["winner"] == row["best_deployed"] == 0
    assert not row["wrong_winner"]


def test_the_default_is_a_wrong_winner_beside_something_far_better(tmp_path: Path) -> None:
    row = counted(log(tmp_path, {}, values(BEST)), {})
    assert row["wrong_winner"]
    assert not row["winner_crashes"]


def test_the_command_lines_of_the_tools_are_read() -> None:
    words = ["--host", "127.0.0.1", "--port=8001", "--disable-tqdm", "--block-size", "16"]
    assert options(words) == {"host": "127.0.0.1", "port": "8001", "disable-tqdm": "", "block-size": "16"}


def test_the_result_file_of_the_load_has_the_fields_and_units_of_vllm() -> None:
    rows = [[0.0, 0.1, 0.5], [1.0, 1.3, 2.0]]
    made = summary(rows, 2.0)
    assert made["mean_ttft_ms"] == pytest.approx(200)
    assert made["p95_e2el_ms"] == pytest.approx(1000)
    assert made["output_throughput"] == landscape.OUTPUT
