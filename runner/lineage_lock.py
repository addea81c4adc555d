"""One process at a time works on a lineage: a kernel lock, free again however its owner ends."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from runner.errors import AlreadyRunning
from runner.running_file import identity, running_folder
from runner.util.clock import utc_now
from runner.util.files import disk_errors


@contextmanager
def owned_lineage(results: Path, search_key: str, name: str) -> Iterator[None]:
    """Hold the lineage while the block runs. Raises AlreadyRunning with who holds it and since when."""
    path = lock_path(results, search_key)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = _locked(path, name)
    try:
        owner = {**identity(), "campaign": name, "search_key": search_key, "since": utc_now()}
        with disk_errors(path):
            os.ftruncate(handle, 0)
            os.pwrite(handle, json.dumps(owner).encode(), 0)
        yield
    finally:
        with suppress(OSError):  # a disk that became read-only: the kernel frees the lock, whatever the file says
            path.unlink(missing_ok=True)
        os.close(handle)


def lock_path(results: Path, search_key: str) -> Path:
    return running_folder(results) / f"lineage-{search_key[:16]}.lock"


def read_owner(path: Path) -> dict[str, Any] | None:
    """Who wrote the lock file: host, boot_id, pid, pid_started, campaign, search_key, since. A killed owner leaves its
    file behind, so ask `runner_lives`. Without touching the lock: a look must not keep a run from starting."""
    try:
        owner = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    known = {"host", "boot_id", "pid", "pid_started", "campaign", "search_key", "since"}
    return owner if isinstance(owner, dict) and known <= owner.keys() else None


def owners(results: Path) -> list[dict[str, Any]]:
    """Every owner that a lock file names, living or dead, oldest first."""
    found = (read_owner(path) for path in running_folder(results).glob("lineage-*.lock"))
    return sorted((owner for owner in found if owner is not None), key=lambda owner: str(owner["since"]))


def _locked(path: Path, name: str) -> int:
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(handle, 4096, 0).decode(errors="replace") or "{}"
            os.close(handle)
            raise AlreadyRunning(
                f"campaign {name!r} is already running {_who(owner)}",
                hint="wait for it, or end that process; nothing is lost",
            ) from None
        if path.exists() and path.stat().st_ino == os.fstat(handle).st_ino:
            return handle
        os.close(handle)  # the owner before us removed the file between our open and our lock


def _who(text: str) -> str:
    try:
        owner = json.loads(text)
        return f"(process {owner['pid']} on {owner['host']} since {owner['since']})"
    except (ValueError, KeyError, TypeError):
        return "(by another process)"
