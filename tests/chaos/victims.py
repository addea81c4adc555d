"""Who can be killed: only processes that a storm started, or their children, by a handle that names one process."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from runner.util import procfs
from runner.util.process import LABEL
from runner.util.procfs import Stat

MARKS = {"engine": ("runner.simulated.server", "llama_cpp"), "client": ("runner.loadgens",)}
"""What stands in the command line of a child of a runner."""


def children(runner: int, victim: str) -> list[Stat]:
    """The engines, or the clients, that the runner with this pid has now."""
    mine = procfs.descendants(runner, list(procfs.processes()))
    return [one for one in mine if not one.zombie and any(mark in command(one.pid) for mark in MARKS[victim])]


def command(pid: int) -> str:
    try:
        return (procfs.PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def kill(one: Stat) -> bool:
    """SIGKILL to exactly this process: the handle is taken first, then the start time compared. False: it is gone."""
    try:
        handle = os.pidfd_open(one.pid)
    except ProcessLookupError:
        return False
    try:
        if not procfs.same(one):
            return False
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        return True
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)


def labelled(attempts: set[str]) -> list[str]:
    """Living processes that carry the label of one of these attempts."""
    found = []
    for one in procfs.processes():
        try:
            words = (procfs.PROC / str(one.pid) / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        label = next((w.split(b"=", 1)[1].decode() for w in words if w.startswith(f"{LABEL}=".encode())), None)
        if label in attempts and not one.zombie:
            found.append(f"process {one.pid} of attempt {label}: {command(one.pid)[:100]}")
    return found


def where(results: Path, since: float, last: str) -> str:
    """What the runner that started at `since` was doing when it was killed: what it left half-made says it best, else
    its last event."""
    places = {
        "sealing": (results / "records").glob(".tmp-*"),
        "running file": (results / "running").glob(".*.part"),
        "snapshot": results.glob(".snapshot.duckdb.tmp*"),
        "ingest": (*results.glob("store.duckdb.wal"), *results.glob(".store.duckdb.tmp*")),
    }
    for place, left in places.items():
        if any(path.stat().st_mtime >= since for path in left):
            return place
    return last
