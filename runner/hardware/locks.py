"""One kernel lock per GPU and per CPU core, in one folder for everybody on the machine: who uses what.

The kernel frees a lock however its owner ends, so no lease outlives its process, and nobody has to judge whether an
owner still lives. The file says who holds it, for people; it stays when the lock is gone, because a file that is
removed can be locked by two at once.

Where the folder is does not depend on who asks, or two users would not see each other's leases: `/var/lock/tunebook`
where everybody may write to /var/lock (Debian, Ubuntu), else `/tmp/tunebook-leases`. Not $TMPDIR, which a job or a
service has of its own; not /dev/shm, from which a user's files go when he logs out. The folder has mode 1777 as /tmp:
everybody makes files in it, only the owner removes them. The files have mode 666: whoever leases next writes his name.
Containers that share GPUs or cores mount one folder and name it in TUNEBOOK_LEASES.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.errors import NotReady, Unwritable
from runner.util.clock import utc_now
from runner.util.files import disk_errors

FOLDER, WAIT = "TUNEBOOK_LEASES", "TUNEBOOK_GPU_WAIT"
PATIENCE = 3600.0
"""Seconds to wait for GPUs or cores unless TUNEBOOK_GPU_WAIT says otherwise: as long as an attempt of another campaign
lasts, since a lease is given back after each."""
EVERY, GLANCE, TELL_EVERY = 1.0, 0.1, 30.0
"""Seconds between two tries, between two looks at whether we shall stop, and between two words about the same wait."""


@dataclass(frozen=True, slots=True)
class Lock:
    """`name` is that of the file, `label` what messages call it: `GPU 3`, `CPU 4,5`."""

    name: str
    label: str
    handle: int


def lease_folder() -> Path:
    """The same for every user of the machine, unless TUNEBOOK_LEASES names another."""
    if named := os.environ.get(FOLDER):
        return Path(named)
    shared = Path("/var/lock")
    try:
        open_to_all = bool(shared.stat().st_mode & stat.S_IWOTH)
    except OSError:
        open_to_all = False
    return shared / "tunebook" if open_to_all else Path("/tmp/tunebook-leases")


def lease_path(name: str, folder: Path | None = None) -> Path:
    return (folder or lease_folder()) / f"{name}.lock"


def read_lease(path: Path) -> dict[str, Any] | None:
    """Who wrote the file last: name, label, since and the facts of the owner. None where it was given back. A killed
    owner leaves its words behind: ask `runner_lives`. Takes no lock: a look must not keep an attempt from starting."""
    try:
        owner = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return owner if isinstance(owner, dict) and owner.keys() >= {"name", "label", "host", "pid", "since"} else None


def leases(folder: Path | None = None) -> list[dict[str, Any]]:
    """Every lease that a file names, of living and dead owners, oldest first."""
    found = (read_lease(path) for path in sorted((folder or lease_folder()).glob("*.lock")))
    return sorted((lease for lease in found if lease is not None), key=lambda lease: str(lease["since"]))


def wait_for(
    label: str,
    take: Callable[[], tuple[list[Lock], str]],
    refusal: type[NotReady],
    should_stop: Callable[[], bool],
    on_wait: Callable[[str], None],
) -> list[Lock]:
    """What `take` locked, sooner or later. It locks all that is wanted and tells no reason, or nothing and tells why.
    `on_wait` hears that now and then. Raises `refusal` with it when nothing came free in time or when we shall stop."""
    patience = _patience()
    end, told, told_at = time.monotonic() + patience, "", float("-inf")
    while True:
        locks, reason = take()
        if locks:
            return locks
        if should_stop():
            raise refusal(f"stopped while waiting for {label}: {reason}")
        now = time.monotonic()
        if now >= end:
            hint = f"{WAIT} sets the seconds to wait"
            raise refusal(f"no {label} came free in {patience:g} s: {reason}", hint=hint)
        if reason != told and now - told_at >= TELL_EVERY:
            on_wait(f"waiting for {label}: {reason}")
            told, told_at = reason, now
        _pause(min(EVERY, end - now), should_stop)


def lock_all(wanted: Sequence[tuple[str, str]]) -> tuple[list[Lock], str | None]:
    """Lock every (name, label): all of them, or none and the name of the one that another holds."""
    locks: list[Lock] = []
    for name, label in wanted:
        handle = _locked(lease_path(name))
        if handle is None:
            give_back(locks)
            return [], name
        locks.append(Lock(name, label, handle))
    return locks, None


def is_free(name: str) -> bool:
    """Whether nobody holds it; asked by holding it for a moment."""
    handle = _locked(lease_path(name))
    if handle is not None:
        os.close(handle)
    return handle is not None


def holder(name: str, label: str) -> str:
    """Who holds it, a clause."""
    owner = read_lease(lease_path(name))
    if owner is None:
        return f"{label} is held by another process"
    campaign = f" of campaign {owner['campaign']}" if owner.get("campaign") else ""
    return f"{label} is held by pid {owner['pid']}{campaign} on {owner['host']} since {owner['since']}"


def sign(locks: Sequence[Lock], owner: Mapping[str, Any]) -> None:
    """Write into the files who holds them. After an error nothing is held."""
    since = utc_now()
    try:
        for lock in locks:
            words = json.dumps({**owner, "name": lock.name, "label": lock.label, "since": since})
            with disk_errors(lease_path(lock.name), FOLDER):
                os.ftruncate(lock.handle, 0)
                os.pwrite(lock.handle, words.encode(), 0)
    except BaseException:
        give_back(locks)
        raise


def give_back(locks: Sequence[Lock]) -> None:
    for lock in locks:
        with suppress(OSError):  # a full disk: the words stay, and mean nothing without the lock
            os.ftruncate(lock.handle, 0)
        os.close(lock.handle)


def _patience() -> float:
    try:
        return max(0.0, float(os.environ.get(WAIT) or PATIENCE))
    except ValueError:
        return PATIENCE


def _pause(seconds: float, should_stop: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while not should_stop() and (left := end - time.monotonic()) > 0:
        time.sleep(min(GLANCE, left))


def _locked(path: Path) -> int | None:
    """The locked file; None when another holds it. O_CLOEXEC: an engine must not inherit the lock and outlive us."""
    while True:
        handle = _open(path)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.stat().st_ino == os.fstat(handle).st_ino:
                return handle
        except BlockingIOError:
            os.close(handle)
            return None
        except FileNotFoundError:
            pass
        os.close(handle)  # somebody swept the folder between our open and our lock


def _open(path: Path) -> int:
    """The file of one lock, made when it is not there.

    Opened without O_CREAT: in a folder as /tmp Linux refuses that for the file of another user (fs.protected_regular),
    also to root. Made under another name and linked to its own: there it has its mode from the first moment, whatever
    the umask is. Raises Unwritable, NoSpace.
    """
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    with disk_errors(path, FOLDER):
        while True:
            try:
                return os.open(path, flags)
            except FileNotFoundError:
                _create(path)
            except OSError as error:
                if error.errno not in (errno.ELOOP, errno.EISDIR):
                    raise
                hint = f"remove it, or name another folder in {FOLDER}"
                raise Unwritable(f"{path} is no file: nothing is written through it", hint=hint) from None


def _create(path: Path) -> None:
    if not path.parent.is_dir():
        with suppress(FileExistsError):
            path.parent.mkdir(parents=True)
            path.parent.chmod(0o1777)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        os.fchmod(handle, 0o666)
        with suppress(FileExistsError):
            os.link(part, path)
    finally:
        os.close(handle)
        part.unlink(missing_ok=True)
