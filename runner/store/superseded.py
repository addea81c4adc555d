"""Which store file of a merge went, because a later one that was merged holds every record of it.

A store that grows elsewhere is merged again and again, each time as a whole file, and the file is kept: a rebuild takes
its rows from there. Of two of them the one that holds all records of the other is enough. What each merge took, from
where and when stays in its record, with the hash of the file.
"""

from __future__ import annotations

import json
from pathlib import Path

from runner.domain.records import RecordKind
from runner.util.files import atomic_write, fsync_folder

STORE_FILE = "store.duckdb"
"""Name of the store file in a merge record."""
MARKER = "SUPERSEDED.json"


def successor(record: Path) -> str | None:
    """Name of the merge record beside it whose file stands in; None when its own file is to be there."""
    if not record.name.startswith(f"{RecordKind.MERGE}-"):
        return None
    try:
        said = json.loads((record / MARKER).read_bytes())
        name = str(said["by"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return name if name.startswith(f"{RecordKind.MERGE}-") and "/" not in name else None


def supersede(record: Path, by: Path, results: Path) -> None:
    """Say where its rows are, then remove its file. A kill in between leaves both. Raises OSError, NoSpace."""
    atomic_write(record / MARKER, json.dumps({"by": by.name}) + "\n", beside=results)
    (record / STORE_FILE).unlink(missing_ok=True)
    fsync_folder(record)


def holds_rows(record: Path) -> bool:
    """Whether the store file of a merge, or one that stands in for it, is there."""
    seen = set()
    while record.name not in seen:
        seen.add(record.name)
        if (record / STORE_FILE).exists():
            return True
        name = successor(record)
        if name is None:
            return False
        record = record.with_name(name)
    return False
