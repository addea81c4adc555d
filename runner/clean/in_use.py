"""Who uses what lies on the disk: living runs of these results, and living processes that hold a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from runner.lineage_lock import owners
from runner.running_file import read_running, runner_lives
from runner.util import procfs


def running(results: Sequence[Path]) -> str:
    """The first run or attempt that lives, of this host or of one that we can not ask; empty when there is none. What
    it will need next nobody knows, so all that it could need is in use."""
    for folder in results:
        for owner in owners(folder):
            if runner_lives(owner) is not False:
                return f"{owner['campaign']} runs (process {owner['pid']} on {owner['host']})"
        for facts in read_running(folder):
            if runner_lives(facts) is not False:
                return f"{facts.get('campaign', '?')} runs (process {facts['pid']} on {facts['host']})"
    return ""


class Held:
    """What living processes have open, mapped, or named in their command line: one look at all of them. Only what we
    may look at: processes of other users are seen by root alone."""

    def __init__(self) -> None:
        self._paths: list[tuple[str, int]] = []
        for one in procfs.processes():
            if one.pid != os.getpid() and not one.zombie:
                self._paths += [(path, one.pid) for path in _paths_of(one.pid)]

    def by(self, path: Path) -> str:
        """`llama-server (pid 7)` when one uses the file, or something in the folder; else empty."""
        spelled = {str(path), str(path.resolve())}
        pids = sorted(
            {pid for held, pid in self._paths for one in spelled if held == one or held.startswith(f"{one}/")}
        )
        return ", ".join(f"{procfs.command_name(pid)} (pid {pid})" for pid in pids[:3])


def _paths_of(pid: int) -> set[str]:
    folder = procfs.PROC / str(pid)
    found: set[str] = set()
    # each by itself: a process ends, or closes a file, while it is looked at, and what else it holds still counts
    with suppress(OSError):
        for word in (folder / "cmdline").read_bytes().split(b"\0"):
            found |= {os.fsdecode(word), os.fsdecode(word.partition(b"=")[2])}  # a path, or --option=path
    with suppress(OSError):
        lines = (folder / "maps").read_bytes().splitlines()
        found |= {os.fsdecode(line.split(maxsplit=5)[5]) for line in lines if b" /" in line}
    with suppress(OSError):
        for name in os.listdir(folder / "fd"):  # noqa: PTH208
            with suppress(OSError):
                found.add(os.readlink(folder / "fd" / name))  # noqa: PTH115
    with suppress(OSError):
        found.add(os.readlink(folder / "cwd"))  # noqa: PTH115
    return {path for path in found if path.startswith("/")}
