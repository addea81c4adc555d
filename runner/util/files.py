"""Files that are there whole or not at all.

What is not finished yet carries a lock of its maker, which the kernel frees however that process ends: so anybody can
tell a file in the making from one that a killed process left.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from glob import escape
from pathlib import Path

from runner.errors import NoSpace, Unwritable

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)


def atomic_write(path: Path, content: bytes | str, *, mode: int = 0o644, beside: Path | None = None) -> None:
    """Write a new file beside `path`, flush it to the disk, rename it over `path`, flush the folder. `beside`: another
    folder of the same disk for what is not finished, where a leftover in this one would be in the way.

    A reader sees the old content or the new one. After a crash a leftover is called `.<name>.<random>.part`, which
    the next write to `path` removes. Raises NoSpace or Unwritable; `path` is then as it was.
    """
    data = content.encode() if isinstance(content, str) else content
    folder = beside or path.parent
    part = folder / f".{path.name}.{secrets.token_hex(4)}.part"
    with disk_errors(path):
        for left in folder.glob(f".{escape(path.name)}.*.part"):
            remove_abandoned(left)
        try:
            with os.fdopen(_new_and_held(part, mode), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
                part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        fsync_folder(path.parent)


def _new_and_held(part: Path, mode: int) -> int:
    while True:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        if _hold(descriptor, part):
            return descriptor
        os.close(descriptor)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Make a folder and hold it while the block fills it and renames it: `remove_abandoned` leaves it alone until
    then. Whatever is left under `path` afterwards is removed. Raises OSError."""
    while True:
        path.mkdir()
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        if _hold(descriptor, path):
            break
        os.close(descriptor)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(descriptor)


def remove_abandoned(path: Path) -> bool:
    """Remove a file or folder that was left half-made by a process that is gone. False: it is being made now, or
    there is none, or this file system has no locks to tell by."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not _is(descriptor, path):
            return False  # finished and renamed meanwhile
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        return not path.exists()
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _hold(descriptor: int, path: Path) -> bool:
    """Lock what was just made. False when a sweeper took it for abandoned before we had the lock."""
    with contextlib.suppress(OSError):  # a file system without locks: then nothing is taken for abandoned either
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    return _is(descriptor, path)


def _is(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


@contextmanager
def locked(path: Path, on_wait: Callable[[], bool]) -> Iterator[None]:
    """Hold the lock file `path`, whose folder exists. The kernel frees it however the process ends; the file is never
    removed: one that is removed can be locked by two at once.

    `on_wait` is asked again and again while another process has it, and does the sleeping: False ends the wait with
    BlockingIOError. Raises OSError; a child does not inherit the lock.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not on_wait():
                    raise
        yield
    finally:
        os.close(descriptor)


def fsync_folder(folder: Path) -> None:
    """Make renames, creations and removals in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def disk_errors(path: Path, option: str = "--results") -> Iterator[None]:
    """Turn what a full or forbidden disk says, through the system or in DuckDB's words, into NoSpace and Unwritable.

    `path` is what the message names, `option` what chooses another place. Everything else passes.
    """
    try:
        yield
    except OSError as error:
        if (known := _meaning([error.errno], path, option)) is not None:
            raise known from error
        raise
    except _duckdb_errors() as error:
        said = [number for number in (*FULL, *REFUSED) if os.strerror(number) in str(error)]
        if (known := _meaning(said, path, option)) is not None:
            raise known from error
        raise


def no_space(path: Path) -> NoSpace:
    return NoSpace(
        f"no space left on the disk of {path}",
        hint="free some space and run the command again; what was sealed before is whole",
    )


def _meaning(numbers: Sequence[int | None], path: Path, option: str) -> NoSpace | Unwritable | None:
    if any(number in FULL for number in numbers):
        return no_space(path)
    for number in numbers:
        if number in REFUSED:
            return Unwritable(
                f"can not write to {path}: {os.strerror(number)}",
                hint=f"check the folder's owner and mode, or choose another one with {option} DIR",
            )
    return None


def _duckdb_errors() -> tuple[type[Exception], ...]:
    """Of a DuckDB that is loaded: nobody else raises them."""
    module = sys.modules.get("duckdb")
    return (module.Error,) if module is not None else ()
