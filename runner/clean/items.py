"""One thing that could go, with what it takes and who uses it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

GROUPS = {
    "models": "model files and converted models: fetched or converted again when a campaign needs them",
    "engines": "engines and load generators: `tunebook engine install` gets them back",
    "downloads": "datasets, snapshots of other sites, scripts of charts and the SQL page: fetched again when needed",
    "results": "cross-checks, and what a rebuild of the store left aside; no record and nothing published",
    "leftovers": "what killed processes left: attempts, engines, containers, half-made files, locks; copies of records",
}
"""Group -> what it holds and how it comes back."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of an item: lines to tell, and why it, or something of it, stays. Without a `left` all is gone."""

    told: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """`modified` is when anything in it last changed, in seconds since 1970. `used` says who uses it: such an item is
    left alone. `take` removes it, unless somebody came to use it since it was found: people think before they say
    yes."""

    group: str
    what: str
    path: Path
    bytes: int
    modified: float
    take: Callable[[], Taken]
    used: str = ""


def measure(path: Path) -> tuple[int, float]:
    """Bytes on the disk and the last change of a file or of all in a folder. No link is followed."""
    size, changed = 0, 0.0
    for one in _every(path):
        try:
            facts = one.lstat()
        except OSError:
            continue  # gone meanwhile
        size += facts.st_blocks * 512
        changed = max(changed, facts.st_mtime)
    return size, changed


def children(folder: Path) -> list[Path]:
    """What lies in a folder, in order; nothing when it is a link, which may lead anywhere. Links in it neither."""
    if folder.is_symlink() or not folder.is_dir():
        return []
    try:
        return sorted(path for path in folder.iterdir() if not path.is_symlink())
    except OSError:
        return []


def _every(path: Path) -> Iterator[Path]:
    yield path
    if not path.is_symlink() and path.is_dir():
        for folder, folders, files in os.walk(path):
            yield from (Path(folder) / name for name in (*folders, *files))
