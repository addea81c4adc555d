"""What a file must be: its hash, read once for each (path, size, time of change)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from runner.errors import HashMismatch, NoSpace, Unwritable
from runner.util.files import atomic_write
from runner.util.project import cache_folder

BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Promise:
    """What a file will be: bytes, and its sha256 or git's hash of a blob (the hub's name for small files). `asked` is
    the sha256 that the user gave; all that are known must hold."""

    size: int | None
    sha256: str | None = None
    git: str | None = None
    asked: str | None = None

    def broken_by(self, path: Path) -> str | None:
        """Why the file at `path` is not what was promised; None when it is. Reads all of it. Raises OSError."""
        size = path.stat().st_size
        if self.size is not None and size != self.size:
            return f"it has {size:,} bytes and not {self.size:,}"
        wanted = {one for one in (self.sha256, self.asked) if one}
        if wanted:
            with path.open("rb") as file:
                found = copy_of(file, None)
            if wrong := sorted(wanted - {found}):
                return f"its sha256 is {found[:16]}... and not {wrong[0][:16]}..."
        if self.git and self.sha256 is None and (found := git_hash(path)) != self.git:
            return f"its git hash is {found[:16]}... and not {self.git[:16]}..."
        return None


def git_hash(path: Path) -> str:
    """What git calls a file of this content."""
    digest = hashlib.sha1(b"blob %d\0" % path.stat().st_size)
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def sha256_of(path: Path) -> str:
    """The hash of a file's content. Read once per (path, size, time of change). Raises OSError."""
    seen = _seen(path)
    known = read_json(_stamp(path))
    if isinstance(known, dict) and known == seen | {"sha256": known.get("sha256")}:
        return str(known["sha256"])
    with path.open("rb") as file:
        found = copy_of(file, None)
    note_hash(path, found)
    return found


def verified(path: Path, expected: str | None) -> Path:
    """`path`, when its content has the expected hash. Raises HashMismatch."""
    if expected is None:
        return path
    if path.is_dir():
        raise HashMismatch(
            f"{path} is a folder, its sha256 can not be checked", hint="leave out `sha256:`, or name a file"
        )
    compare(path, sha256_of(path), expected)
    return path


def compare(path: Path, found: str, expected: str | None) -> None:
    if found != expected:
        raise HashMismatch(
            f"{path} is not the promised file: sha256 {found[:16]}..., campaign says {str(expected)[:16]}...",
            hint="remove the file and get it again, or correct `sha256:` when the model was meant to change",
        )


def copy_of(source: IO[bytes], copy: IO[bytes] | None) -> str:
    """sha256 of all of `source`, written to `copy` on the way."""
    digest = hashlib.sha256()
    while block := source.read(BLOCK):
        digest.update(block)
        if copy is not None:
            copy.write(block)
    return digest.hexdigest()


def note_hash(path: Path, sha256: str) -> None:
    """Note what the content at `path` was seen to be. A cache that can not be written costs time, nothing else."""
    write_json(_stamp(path), _seen(path) | {"sha256": sha256})


def write_json(note: Path, value: Any) -> None:
    """A note that may be lost: what it says can be found out again."""
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(note, json.dumps(value))
    except (OSError, NoSpace, Unwritable):
        pass


def read_json(note: Path) -> Any:
    try:
        return json.loads(note.read_bytes())
    except (OSError, ValueError):
        return None


def _seen(path: Path) -> dict[str, Any]:
    status = path.stat()
    return {"path": str(path), "size": status.st_size, "mtime_ns": status.st_mtime_ns}


def _stamp(path: Path) -> Path:
    return cache_folder() / "verified" / f"{hashlib.sha256(str(path).encode()).hexdigest()[:32]}.json"
