"""The running file of an attempt: live state with one owner, the attempt itself.

`results/running/<attempt_id>.json` is written before the first side effect of an attempt, again at every phase, and
removed after its record is sealed. Only `reap`, `status` and `logs` read it. What a reaper needs is flushed to the
disk; what only people look at (`progress.json`, in the attempt's own folder) is not: a flush each second would be
part of what is measured.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from runner.hardware.facts import boot_id
from runner.util import procfs
from runner.util.clock import utc_now
from runner.util.files import atomic_write

VERSION = 1
PROGRESS = "progress.json"
PROGRESS_EVERY = 1.0
"""Seconds between two notes about one level."""


def running_folder(results: Path) -> Path:
    return results / "running"


def running_file(results: Path, attempt_id: str) -> Path:
    return running_folder(results) / f"{attempt_id}.json"


def scratch_folder(results: Path, attempt_id: str) -> Path:
    """The attempt's own folder: job, rows, logs and the engine's working folder, until they are sealed."""
    return running_folder(results) / attempt_id


def identity() -> dict[str, Any]:
    """Who we are, in a way that no later process can be: what `runner_lives` judges."""
    me = procfs.stat(os.getpid())
    return {
        "host": os.uname().nodename,
        "boot_id": boot_id(),
        "pid": os.getpid(),
        "pid_started": me.started if me else 0,
    }


def write_running(results: Path, attempt_id: str, facts: Mapping[str, Any]) -> Path:
    """Called before the first side effect of an attempt, and again when `facts` change.

    `facts` hold run_id, campaign (name), deployer, deploy (its options), phase, labels, secrets (names, never values,
    of the environment variables that were passed through and set) and attempt (an `Attempt` as plain JSON, good enough
    to be sealed as interrupted); for `status` also phase_utc, trials, repeats and levels. Who we are is added. Raises
    NoSpace, Unwritable.
    """
    mine = {"version": VERSION, "attempt_id": attempt_id, **identity()}
    path = running_file(results, attempt_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, json.dumps({**facts, **mine}, indent=1, ensure_ascii=False, allow_nan=False) + "\n")
    return path


def remove_running(results: Path, attempt_id: str) -> None:
    """Called after the record is sealed."""
    running_file(results, attempt_id).unlink(missing_ok=True)


def read_running(results: Path) -> list[dict[str, Any]]:
    """Every running file that can be read, living or dead, of all hosts; ordered by attempt."""
    found = (read_facts(path) for path in sorted(running_folder(results).glob("*.json")))
    return [facts for facts in found if facts is not None]


def read_facts(path: Path) -> dict[str, Any] | None:
    """None when it is gone or not ours to understand (a newer version); such a file is left alone."""
    facts = _read(path)
    return facts if facts is not None and facts.get("version") == VERSION else None


def runner_lives(facts: Mapping[str, Any]) -> bool | None:
    """Whether the runner that wrote `facts` still runs. None: it is on another host, we can not know."""
    if facts["host"] != os.uname().nodename:
        return None
    now = procfs.stat(int(facts["pid"]))
    same_boot = facts["boot_id"] == boot_id()
    return same_boot and now is not None and not now.zombie and now.started == facts["pid_started"]


def driver_lives(label: str) -> bool | None:
    """The same of a driver's label, `host/boot/pid`. A process that got the number of a dead one counts as it: what
    might be somebody's is not ended. None: another host's, or no label of ours."""
    words = label.split("/")
    if len(words) != 3 or words[0] != os.uname().nodename or not words[2].isdecimal():
        return None
    now = procfs.stat(int(words[2]))
    return words[1] == boot_id() and now is not None and not now.zombie


class Progress:
    """What the attempt is at, told by the thread that measures: at most once a second, and never a reason to fail."""

    def __init__(self, scratch: Path) -> None:
        self._path = scratch / PROGRESS
        self._facts: dict[str, Any] = {}
        self._written = float("-inf")

    def hear(self, name: str, data: Mapping[str, Any]) -> None:
        """`level_started`, `progress` and `level_ended`, as `measure` tells them."""
        if name == "level_started":
            self._facts = {}
        self._facts |= {"event": name, **data}
        now = time.monotonic()
        if name == "progress" and now - self._written < PROGRESS_EVERY:
            return
        self._written = now
        part = self._path.with_name(f".{PROGRESS}.part")
        with suppress(OSError):
            part.write_text(json.dumps({**self._facts, "utc": utc_now()}), encoding="utf-8")
            part.replace(self._path)


def read_progress(results: Path, attempt_id: str) -> dict[str, Any] | None:
    """The last note of a running attempt; None before its first level."""
    return _read(scratch_folder(results, attempt_id) / PROGRESS)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        facts = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return facts if isinstance(facts, dict) else None
