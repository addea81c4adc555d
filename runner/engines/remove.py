"""Take an installed engine away."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from runner.engines import _pip
from runner.engines.environments import NOTE, locked, read
from runner.engines.install import label_of
from runner.errors import AlreadyRunning
from runner.util import process, procfs
from runner.util.files import disk_errors


@dataclass(frozen=True, slots=True)
class Removed:
    folder: Path
    bytes: int


def remove(folder: Path) -> Removed | None:
    """Remove an environment, or what a killed install left. None: nothing was there.

    Raises AlreadyRunning while a process uses it or is at work on it, Unwritable.
    """
    try:
        with locked(folder, lambda: False):
            if not folder.exists() and not folder.is_symlink():
                return None
            if read(folder) is None:
                process.end_labelled(label_of(folder), _pip.GRACE)
            elif users := users_of(folder):
                told = ", ".join(f"{procfs.command_name(pid)} (pid {pid})" for pid in users[:5])
                raise AlreadyRunning(f"{folder.name} is in use by {told}", hint="wait for the run to end, or end it")
            if folder.is_symlink():  # somebody keeps it elsewhere, and that is theirs: only the link is in our folder
                with disk_errors(folder, "TUNEBOOK_CACHE"):
                    folder.unlink()
                return Removed(folder, 0)
            size = _pip.disk_use(folder)
            with disk_errors(folder, "TUNEBOOK_CACHE"):
                (folder / NOTE).unlink(missing_ok=True)  # first: what is half removed must not look whole
                shutil.rmtree(folder)
            return Removed(folder, size)
    except BlockingIOError:
        what = f"{folder.name} is being installed or removed by another process"
        raise AlreadyRunning(what, hint="wait for it") from None


def users_of(folder: Path) -> list[int]:
    """Living processes that run something of a folder: its path stands in their command line, or a file of it is
    mapped into their memory. Only what we may look at: processes of other users are seen by root alone."""
    inside = os.fsencode(folder) + b"/"
    found = []
    for one in procfs.processes():
        if one.pid == os.getpid() or one.zombie:
            continue
        try:
            words = (procfs.PROC / str(one.pid) / "cmdline").read_bytes().split(b"\0")
            mapped = (procfs.PROC / str(one.pid) / "maps").read_bytes()
        except OSError:
            continue
        if any(word.startswith(inside) for word in words[:2]) or b" " + inside in mapped:
            found.append(one.pid)
    return found
