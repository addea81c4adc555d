"""Where installed engines lie: `<cache>/engines/<name>-<version>/`, a virtual environment with a note in it.

The environment is made where it stays. One that is made elsewhere and renamed is broken: `pyvenv.cfg` and the first
line of every program in `bin/` hold the path, and engines start programs of theirs (`genai-bench`, `ninja`). So what
makes a folder an installed engine is its note `engine.json`, which is written last and removed first. A folder without
it is what a killed install left. Who makes or removes one holds the lock beside it, which the kernel frees.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.util import files, procfs
from runner.util.files import disk_errors
from runner.util.project import cache_folder

NOTE = "engine.json"
_NUMBERS = re.compile(r"\d+|[a-z]+")


@dataclass(frozen=True, slots=True)
class Environment:
    """An installed engine. `lock` are its packages, `name==version`; `bytes` what it takes on the disk."""

    name: str
    version: str
    folder: Path
    python_version: str
    bytes: int
    installed_utc: str
    seconds: float
    lock: tuple[str, ...]

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def works(self) -> bool:
        """Not so when the Python that it was made from is gone."""
        return os.access(self.python, os.X_OK)


def engines_folder() -> Path:
    return cache_folder() / "engines"


def folder_of(name: str, version: str) -> Path:
    return engines_folder() / f"{name}-{version}"


def log_of(name: str, version: str) -> Path:
    """What installing it said; it stays when the installation failed and its folder is gone."""
    return engines_folder() / "logs" / f"{name}-{version}.log"


def read(folder: Path) -> Environment | None:
    """None when nothing whole is there."""
    try:
        note = json.loads((folder / NOTE).read_bytes())
        return Environment(
            name=str(note["name"]),
            version=str(note["version"]),
            folder=folder,
            python_version=str(note["python"]),
            bytes=int(note["bytes"]),
            installed_utc=str(note["installed_utc"]),
            seconds=float(note["seconds"]),
            lock=tuple(map(str, note["lock"])),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def note_of(one: Environment) -> dict[str, Any]:
    """What `read` reads back, and what `engine list --json` shows."""
    return {
        "name": one.name,
        "version": one.version,
        "python": one.python_version,
        "bytes": one.bytes,
        "installed_utc": one.installed_utc,
        "seconds": one.seconds,
        "lock": list(one.lock),
    }


def installed(name: str | None = None) -> list[Environment]:
    """Every whole environment (of one engine), by name, the newest version first."""
    found = [one for folder in _folders() if (one := read(folder)) is not None and name in (None, one.name)]
    newest_first = sorted(found, key=lambda one: version_key(one.version), reverse=True)
    return sorted(newest_first, key=lambda one: one.name)


def unfinished() -> list[tuple[Path, bool]]:
    """Folders without a note, and whether somebody is at work on each now."""
    return [(folder, bool(procfs.lock_holders(_lock_of(folder)))) for folder in _folders() if read(folder) is None]


def is_ours(folder: Path) -> bool:
    """Whether an installation made a folder that has no note: people put other things into a cache."""
    return (folder / "pyvenv.cfg").is_file() or _lock_of(folder).is_file()


def version_key(version: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts as versions do: 5.9 < 5.10, 1.0rc1 < 1.0 < 1.0.1 and 1.0.post1."""
    parts = []
    for text in _NUMBERS.findall(version.lower().partition("+")[0]):
        if text.isdecimal():
            parts.append((2, int(text), ""))
        else:
            parts.append((1 if text == "post" else -1, 0, text))
    return (*parts, (0, 0, ""))


@contextmanager
def locked(folder: Path, on_wait: Callable[[], bool]) -> Iterator[None]:
    """Hold the lock of an environment. `on_wait` is asked again and again while another process has it: False ends
    the wait with BlockingIOError. Raises Unwritable, NoSpace."""
    path = _lock_of(folder)
    with disk_errors(path, "TUNEBOOK_CACHE"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with files.locked(path, on_wait):
        yield


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.lock")


def _folders() -> list[Path]:
    try:
        return sorted(
            path for path in engines_folder().iterdir() if path.is_dir() and "-" in path.name and path.name[0] != "."
        )
    except OSError:
        return []
