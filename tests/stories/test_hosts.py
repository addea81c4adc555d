"""Three machines and no server: the recipe for several hosts, with three results folders for the machines."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from runner.domain.metrics import METRICS, format_value
from tests.docs.recipes import TEMPLATES, scripts, tunebook_lines, workflow
from tests.stories._world import attempts, environment, tunebook, write_campaign

pytestmark = pytest.mark.story

RECIPE = TEMPLATES / "github" / "hosts.yml"
AS_HOST = """
import os, sys
here, name = os.uname(), sys.argv[1]
os.uname = lambda: os.uname_result((here.sysname, name, *here[2:]))
from runner.cli._main import run_command_line
sys.exit(run_command_line(sys.argv[2:]))
"""
"""tunebook on a machine of another name."""


def on(host: str, words: list[str], folder: Path) -> str:
    """A command of the recipe in the checkout of a machine, with results of its own."""
    done = subprocess.run(
        [sys.executable, "-c", AS_HOST, host, *words], cwd=folder, env=environment(folder / "results"),
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def rows(database: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(database, read_only=True) as connection:
        found: list[tuple[Any, ...]] = connection.execute(query).fetchall()
        return found


def test_three_machines_publish_one_site(tmp_path: Path, results: Path) -> None:
    run, merge, build = [words for script in scripts(RECIPE) for words in tunebook_lines(script)]
    machines = workflow(RECIPE)["jobs"]["run"]["strategy"]["matrix"]["machine"]
    measured: dict[str, list[tuple[Any, ...]]] = {}
    best: dict[str, str] = {}
    ours = "SELECT trial_id, number, score FROM trials ORDER BY trial_id"
    for number, machine in enumerate(machines, 1):
        checkout = tmp_path / machine
        (checkout / "campaigns").mkdir(parents=True)
        flags = f", seed: {number}, threads: {number}"
        write_campaign(checkout / "campaigns", name=f"chat-{machine}", trials=2, loads="[1]", flags=flags)
        on(machine, run, checkout)
        assert {fact["host"]["host"] for fact in attempts(checkout / "results")} == {machine}
        measured[machine] = rows(checkout / "results" / "snapshot.duckdb", ours)
        [(score,)] = rows(checkout / "results" / "snapshot.duckdb", "SELECT score FROM best")
        best[f"chat-{machine}"] = format_value(score, METRICS["output_throughput"])
        shutil.copytree(checkout / "results" / "records", tmp_path / "hosts" / f"records-{machine}")  # the artifact

    there = [str(found.relative_to(tmp_path)) for word in merge if "*" in word for found in tmp_path.glob(word)]
    assert len(there) == 3
    words = [word for word in merge if "*" not in word] + sorted(there)
    merged = tunebook(*words, results=results, cwd=tmp_path)
    count = len([fact for machine in machines for fact in attempts(tmp_path / machine / "results")])
    assert merged.stdout.count(" attempt,") == 3
    assert len(attempts(results)) == count == 6
    again = tunebook(*words, results=results, cwd=tmp_path)
    assert again.stdout.splitlines()[-1] == "0 new records"
    tunebook("store", "verify", results=results)

    tunebook(*build, results=results, cwd=tmp_path)
    site = tmp_path / "public" / "results"
    [data] = (site / "data").glob("results.duckdb")
    assert rows(data, ours) == sorted(row for found in measured.values() for row in found)
    for name, score in best.items():
        page = (site / "campaigns" / name / "index.html").read_text(encoding="utf-8")
        assert score in page, f"{name} opens with what its machine measured"
        assert all(machine not in page.replace(f"chat-{machine}", "") for machine in machines), "hosts are aliases"
    assert rows(data, "SELECT count(DISTINCT host) FROM attempts") == [(3,)]
    provenance = "SELECT source, host FROM store.merge ORDER BY source"
    assert [row[0] for row in rows(results / "snapshot.duckdb", provenance)] == sorted(there)
