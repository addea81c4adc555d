"""Drives `tunebook run --executor ray` as a user does, and looks at what its machines keep."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.ray_cluster import Cluster, environment
from tests.ray_install import ROOT
from tests.stories._world import events, write_campaign


def gpu_campaign(folder: Path, **changes: Any) -> Path:
    path = write_campaign(folder, loads="[1]", **changes)
    path.write_text(path.read_text(encoding="utf-8") + "hardware: {gpus: 1, gpu: h100}\n", encoding="utf-8")
    return path


def driver(machines: Cluster, *words: str | Path, results: Path, address: str | None = None) -> subprocess.Popen[str]:
    """`tunebook run` in Ray's Python, on a machine without GPUs."""
    own = {"TUNEBOOK_RESULTS": str(results), "TUNEBOOK_FAKE_GPUS": "none", "NO_COLOR": "1"}
    where = ("--executor", "ray", "--address", address or machines.address, "--json")
    return subprocess.Popen(
        [str(machines.python), "-m", "runner", "run", *map(str, words), *where],
        env=environment(**own), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip


def run(
    machines: Cluster, *words: str | Path, results: Path, address: str | None = None, status: int = 0
) -> list[dict[str, Any]]:
    with driver(machines, *words, results=results, address=address) as running:
        out, err = running.communicate(timeout=300)
    assert running.returncode == status, f"exit {running.returncode}\n{out}\n{err}"
    return events(out)


def said(lines: list[dict[str, Any]]) -> list[str]:
    return [line["message"] for line in lines if line["event"] == "notice"]


def refused(lines: list[dict[str, Any]]) -> tuple[str, str]:
    [error] = [line for line in lines if line["event"] == "error"]
    return error["slug"], error["what"]


def left_on(machine: Path) -> list[str]:
    """Files that attempts left in a machine's own folders, locks aside."""
    return [str(path.relative_to(machine)) for path in (machine / "cache" / "away").rglob("*") if path.is_file()]


def at_work(machine: Path) -> list[dict[str, Any]]:
    """The running files there."""
    return [json.loads(path.read_bytes()) for path in (machine / "cache" / "away").glob("*/running/*.json")]


def until_loading(running: subprocess.Popen[str], count: int = 2) -> None:
    assert running.stdout is not None
    loading: set[int] = set()
    while len(loading) < count:
        line = running.stdout.readline()
        assert line, running.communicate()[1]
        [event] = events(line)
        if event["event"] == "phase" and event["phase"] == "load":
            loading.add(event["number"])
