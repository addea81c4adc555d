"""Drives tunebook as a user does, in processes of its own, and looks for what stays behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from tests.stories import _forked

ROOT = Path(__file__).parents[2]

SIMULATED = """\
tunebook: 1
name: {name}
model: {{id: simulated/tiny}}
runtimes:
  - runtime: simulated
    flags: {{time-scale: 0.02{flags}}}
    space:
      max-num-seqs: [1, 2, 4, 8]
      block-size: [8, 16, 32]
workload:
  scenarios: ["D(16,8)"]
  load: {{concurrency: {loads}}}
  each_level: {{duration: 5s, requests: 6, warmup: 1, request_timeout: 5s}}
objective: {{metric: output_throughput, at: worst}}
search: {{sampler: {sampler}, trials: {trials}, seed: 3, startup: 2}}
confirm: {{top: {top}, repeats: 2}}
timeouts: {{load: 20s, ready: 10s, level: 20s, no_progress: 5s, stop: 1s}}
"""


CONTAINED: dict[str, Any] = {
    "tunebook": 1,
    "model": {"id": "simulated/tiny"},
    "workload": {
        "scenarios": ["D(16,8)"],
        "load": {"concurrency": [1, 2]},
        "each_level": {"duration": "5s", "requests": 6, "warmup": 1, "request_timeout": "10s"},
    },
    "objective": {"metric": "output_throughput"},
    "search": {"sampler": "random", "trials": 2, "seed": 3, "startup": 2},
    "timeouts": {"pull": "20s", "load": "30s", "ready": "20s", "level": "30s", "no_progress": "20s", "stop": "1s"},
}
"""A campaign whose engines are put into something: it lacks a name, `deploy` and `runtimes`."""


def write_campaign(folder: Path, **changes: Any) -> Path:
    """A campaign on the simulated engine: seconds, not minutes."""
    values = {"name": "story", "flags": "", "sampler": "random", "trials": 3, "top": 0, "loads": "[1, 2]", **changes}
    path = folder / f"{values['name']}.yaml"
    path.write_text(SIMULATED.format(**values), encoding="utf-8")
    return path


def environment(results: Path, **extra: str) -> dict[str, str]:
    return {**os.environ, "TUNEBOOK_RESULTS": str(results), "PYTHONPATH": str(ROOT), "NO_COLOR": "1", **extra}


def tunebook(
    *words: str | Path, results: Path, status: int | None = 0, cwd: Path = ROOT, **extra: str
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end and check its exit status."""
    done = _forked.run(list(map(str, words)), environment(results, **extra), cwd, 600)
    if status is not None:
        assert done.returncode == status, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def start(*words: str | Path, results: Path, **extra: str) -> subprocess.Popen[str]:
    """A command that the test will interrupt."""
    return subprocess.Popen(
        [sys.executable, "-m", "runner", *map(str, words)],
        env=environment(results, **extra), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip


def events(output: str) -> list[dict[str, Any]]:
    """The JSON lines of `--json`; any other line on stdout is an error."""
    return [json.loads(line) for line in output.splitlines()]


def attempts(results: Path) -> list[dict[str, Any]]:
    """Facts of every sealed attempt, in order of their ids (which sort by time)."""
    found = sorted((results / "records").glob("attempt-*/attempt.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in found]


def proposals(results: Path, lineages: set[str] | None = None) -> list[tuple[int, str]]:
    """(number, fingerprint) of every trial that was judged, by number; of these search keys (None: all)."""
    judged = {
        (fact["number"], fact["configuration"]["fingerprint"])
        for fact in attempts(results)
        if fact["outcome"] in ("measured", "failed")
        and fact["role"] in ("search", "baseline")
        and (lineages is None or fact["search_key"] in lineages)
    }
    return sorted(judged)


def our_processes(results: Path) -> list[str]:
    """Processes that an attempt recorded or running under `results` started and nobody ended."""
    ids = {path.name.removeprefix("attempt-") for path in (results / "records").glob("attempt-*")}
    ids |= {path.stem for path in (results / "running").glob("*.json")}
    found = []
    for process in psutil.process_iter():
        try:
            label = process.environ().get("TUNEBOOK_ATTEMPT")
            if label in ids and process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{process.pid} {' '.join(process.cmdline())[:120]}")
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def assert_nothing_left(results: Path) -> None:
    """No process, port, lease, running file or temporary folder stays behind."""
    deadline = time.monotonic() + 5  # a killed runner's engines end a moment after their reaper returned
    while our_processes(results) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert our_processes(results) == []
    running = results / "running"
    left = [path.name for path in running.iterdir()] if running.exists() else []
    assert left == []
    assert [path.name for path in (results / "records").glob(".tmp-*")] == []
    assert [path.name for path in results.glob("*.tmp*")] == []


def assert_seen_dead(results: Path, name: str) -> None:
    """After a kill and before a reaper: `status` says of the run that its process is gone, and what to do."""
    told = tunebook("status", results=results).stdout
    assert f"{name}  DEAD" in told
    assert "run `tunebook reap`" in told
    assert "\n  holds " not in told, "the kernel has given back what a dead process held"


def assert_quiet(results: Path) -> None:
    """Nothing runs, and `reap` agrees: it has nothing to do."""
    assert tunebook("status", results=results).stdout.startswith("nothing is running\n")
    reaped = tunebook("reap", results=results)
    assert (reaped.stdout, reaped.stderr) == ("", "")
