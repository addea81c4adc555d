"""A file on its way: its part, the lock of whoever fetches it, and the step that makes it the file.

The part lies beside the target and stays there when a download is interrupted: the next one goes on where it ends.
`<part>.etag` says which content it is the beginning of. Nothing gets the target's name that is not verified.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from runner.domain.units import format_size
from runner.errors import HashMismatch, NoSpace
from runner.models.hashes import Promise, note_hash
from runner.util.files import atomic_write, disk_errors, fsync_folder, locked

SPARE = 50_000_000
"""Bytes that a disk keeps free: a full one ends everything else that runs on it."""

OPTION = "HF_HOME, TUNEBOOK_CACHE or --out"


@dataclass(frozen=True, slots=True)
class Part:
    """`name` is what people call the file, `target` where it will lie, `path` where it grows, `lock` what keeps a
    second writer out."""

    name: str
    target: Path
    path: Path
    lock: Path

    @property
    def size(self) -> int:
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    @property
    def etag(self) -> str | None:
        """Of which content the part is the beginning. None: unknown."""
        try:
            return self._note.read_text(encoding="utf-8") or None
        except (OSError, ValueError):
            return None

    def began(self, etag: str | None) -> None:
        """Note the ETag of an answer that begins the file: written before the first byte, so that a download that is
        killed later can be gone on with."""
        if etag:
            atomic_write(self._note, etag)
        else:
            self._note.unlink(missing_ok=True)

    def clear(self) -> None:
        """Begin anew: what came is no use."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    @contextmanager
    def alone(self, waiting: Callable[[], None]) -> Iterator[None]:
        """Inside nobody else writes this file. `waiting` is told once when somebody does. The kernel frees the lock
        however this process ends. Raises NoSpace, Unwritable."""
        told = False

        def wait() -> bool:
            nonlocal told
            if not told:
                waiting()
            told = True
            time.sleep(0.1)
            return True

        with disk_errors(self.target, OPTION):
            for folder in (self.path.parent, self.lock.parent, self.target.parent):
                folder.mkdir(parents=True, exist_ok=True)
            with locked(self.lock, wait):
                yield

    def writer(self) -> BinaryIO:
        """The part, to add to. Unbuffered: what came is there however this process ends."""
        return self.path.open("ab", buffering=0)

    def room(self, size: int | None) -> None:
        """Raises NoSpace unless the rest of the file fits on its disk, with something to spare."""
        if size is not None:
            refuse_unless_room(self.path.parent, size - self.size, self.name)

    def finish(self, promise: Promise) -> None:
        """Verify the part, flush it to the disk and give it the target's name. Raises HashMismatch; the part and what
        was known of it are gone then, and the target is as it was."""
        broken = promise.broken_by(self.path)
        if broken is not None:
            self.clear()
            raise HashMismatch(
                f"{self.name} is not the promised file: {broken}; what came was thrown away",
                hint="run the command again; if it stays so, a server or proxy changes the file, or --sha256 is wrong",
            )
        with disk_errors(self.target, OPTION):
            descriptor = os.open(self.path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            self.path.chmod(0o644)
            self.path.replace(self.target)
            self._note.unlink(missing_ok=True)
            fsync_folder(self.target.parent)
        if known := promise.sha256 or promise.asked:
            note_hash(self.target, known)

    @property
    def _note(self) -> Path:
        return self.path.with_name(f"{self.path.name}.etag")


def write_all(file: BinaryIO, block: bytes) -> None:
    """Every byte of a block: an unbuffered file may take a part of it, on a disk that is nearly full."""
    rest = memoryview(block)
    while rest:
        rest = rest[file.write(rest) :]


def refuse_unless_room(folder: Path, size: int, what: str) -> None:
    """Raises NoSpace when `size` bytes more and something to spare do not fit on the disk of `folder`."""
    there = next(one for one in (folder, *folder.parents) if one.exists())
    free = shutil.disk_usage(there).free
    if size > 0 and free < size + SPARE:
        raise NoSpace(
            f"{what} needs {format_size(size)} in {folder}, and {format_size(free)} are free"
            f" ({format_size(SPARE)} are kept)",
            hint=f"free some space, or choose another disk with {OPTION}; what came is kept and is not fetched again",
        )
