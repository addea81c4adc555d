"""Who uses which GPU: one kernel lock per UUID, in one folder for everybody on the machine.

The kernel frees a lock however its owner ends, so no lease outlives its process, and nobody has to judge whether an
owner still lives. The file says who holds it, for people; it stays when the lock is gone, because a file that is
removed can be locked by two at once.

Where the folder is does not depend on who asks, or two users would not see each other's leases: `/var/lock/tunebook`
where everybody may write to /var/lock (Debian, Ubuntu), else `/tmp/tunebook-leases`. Not $TMPDIR, which a job or a
service has of its own; not /dev/shm, from which a user's files go when he logs out. The folder has mode 1777 as /tmp:
everybody makes files in it, only the owner removes them. The files have mode 666: whoever leases next writes his name.
Containers that share GPUs mount one folder and name it in TUNEBOOK_LEASES.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from runner.domain.campaign import Hardware
from runner.domain.hardware import Gpu
from runner.errors import NoGpu, Unwritable
from runner.hardware.choice import Candidate, choose, matching, missing, visible
from runner.hardware.probes import gpus_here, state_of
from runner.util.clock import utc_now
from runner.util.files import disk_errors

FOLDER, WAIT, VISIBLE = "TUNEBOOK_LEASES", "TUNEBOOK_GPU_WAIT", "CUDA_VISIBLE_DEVICES"
PATIENCE = 3600.0
"""Seconds to wait for a GPU unless TUNEBOOK_GPU_WAIT says otherwise: as long as an attempt of another campaign lasts,
since a lease is given back after each."""
EVERY, GLANCE, TELL_EVERY = 1.0, 0.1, 30.0
"""Seconds between two tries, between two looks at whether we shall stop, and between two words about the same wait."""


def usable() -> list[Gpu]:
    """The GPUs of this machine that are ours to lease. Raises UsageError for a bad TUNEBOOK_FAKE_GPUS."""
    return visible(gpus_here(), os.environ.get(VISIBLE))


def lacking(wanted: Hardware, gpus: Sequence[Gpu] | None = None) -> str | None:
    """Why this machine can never give what is wanted, a clause; None when it can. Raises UsageError as `usable`."""
    why = missing(usable() if gpus is None else gpus, wanted)
    shown = os.environ.get(VISIBLE)
    return why if why is None or shown is None else f"{why}, of those that {VISIBLE}={shown} shows"


@contextmanager
def leased(
    wanted: Hardware,
    owner: Mapping[str, Any],
    should_stop: Callable[[], bool] = lambda: False,
    on_wait: Callable[[str], None] = lambda reason: None,
) -> Iterator[tuple[Gpu, ...]]:
    """Hold `wanted.gpus` GPUs of the wanted name while the block runs; the best that are free.

    `owner` says who we are (host, pid, campaign, attempt_id, ...) to whoever waits for us; `on_wait` hears why we wait.
    All or none: who waits holds nothing, so no two wait for each other. Raises NoGpu when the machine has too few,
    when none came free in time or when we shall stop, with who holds what; Unwritable, NoSpace for the lease folder.
    """
    locks = _wait_for(wanted, owner, should_stop, on_wait)
    try:
        yield tuple(gpu for gpu, _ in locks)
    finally:
        _give_back(locks)


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


def lease_path(uuid: str, folder: Path | None = None) -> Path:
    return (folder or lease_folder()) / f"{uuid}.lock"


def read_lease(path: Path) -> dict[str, Any] | None:
    """Who wrote the file last: uuid, gpu, since and the facts of the owner. None where it was given back. A killed
    owner leaves its words behind: ask `runner_lives`. Takes no lock: a look must not keep an attempt from starting."""
    try:
        owner = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return owner if isinstance(owner, dict) and owner.keys() >= {"uuid", "host", "pid", "since"} else None


def leases(folder: Path | None = None) -> list[dict[str, Any]]:
    """Every lease that a file names, of living and dead owners, oldest first."""
    found = (read_lease(path) for path in sorted((folder or lease_folder()).glob("*.lock")))
    return sorted((lease for lease in found if lease is not None), key=lambda lease: str(lease["since"]))


_Lock = tuple[Gpu, int]


def _wait_for(
    wanted: Hardware, owner: Mapping[str, Any], should_stop: Callable[[], bool], on_wait: Callable[[str], None]
) -> list[_Lock]:
    end = time.monotonic() + _patience()
    told, told_at = "", float("-inf")
    while True:
        gpus = usable()
        if (why := lacking(wanted, gpus)) is not None:
            raise NoGpu(f"{wanted.label} wanted, and {why}")
        fitting = [Candidate(gpu, state_of(gpu.uuid)) for gpu in matching(gpus, wanted.gpu)]
        locks, refused = _take(fitting, wanted.gpus)
        if locks:
            _sign(locks, owner)
            return locks
        reason = "; ".join(_state(one, one in refused) for one in fitting)
        if should_stop():
            raise NoGpu(f"stopped while waiting for {wanted.label}: {reason}")
        now = time.monotonic()
        if now >= end:
            hint = f"{WAIT} sets the seconds to wait"
            raise NoGpu(f"no {wanted.label} came free in {_patience():g} s: {reason}", hint=hint)
        if reason != told and now - told_at >= TELL_EVERY:
            on_wait(f"waiting for {wanted.label}: {reason}")
            told, told_at = reason, now
        _pause(min(EVERY, end - now), should_stop)


def _patience() -> float:
    try:
        return max(0.0, float(os.environ.get(WAIT) or PATIENCE))
    except ValueError:
        return PATIENCE


def _pause(seconds: float, should_stop: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while not should_stop() and (left := end - time.monotonic()) > 0:
        time.sleep(min(GLANCE, left))


def _take(candidates: Sequence[Candidate], count: int) -> tuple[list[_Lock], list[Candidate]]:
    """Lock the best set. A GPU of it that another holds is left out and the best of the rest is tried. No lock when
    there are too few; then also those that were held."""
    left, refused = list(candidates), []
    while team := choose(left, count):
        locks: list[_Lock] = []
        for one in team:
            handle = _lock(lease_path(one.gpu.uuid))
            if handle is None:
                left.remove(one)
                refused.append(one)
                _give_back(locks)
                break
            locks.append((one.gpu, handle))
        else:
            return locks, []
    return [], refused


def _state(one: Candidate, refused: bool) -> str:
    """Why it can not be had. Who computes on a GPU holds its lease or does not: the lock tells, and since nobody tries
    to lease a GPU in use, asking it is in nobody's way."""
    if not refused:
        in_use = one.in_use()
        if in_use is None:
            return f"{one.gpu.label} is free"
        handle = _lock(lease_path(one.gpu.uuid))
        if handle is not None:
            os.close(handle)
            return in_use
    owner = read_lease(lease_path(one.gpu.uuid))
    if owner is None:
        return f"{one.gpu.label} is held by another process"
    campaign = f" of campaign {owner['campaign']}" if owner.get("campaign") else ""
    return f"{one.gpu.label} is held by pid {owner['pid']}{campaign} on {owner['host']} since {owner['since']}"


def _sign(locks: Sequence[_Lock], owner: Mapping[str, Any]) -> None:
    since = utc_now()
    try:
        for gpu, handle in locks:
            words = json.dumps({**owner, "uuid": gpu.uuid, "gpu": gpu.label, "since": since})
            with disk_errors(lease_path(gpu.uuid), FOLDER):
                os.ftruncate(handle, 0)
                os.pwrite(handle, words.encode(), 0)
    except BaseException:
        _give_back(locks)
        raise


def _give_back(locks: Sequence[_Lock]) -> None:
    for _, handle in locks:
        with suppress(OSError):  # a full disk: the words stay, and mean nothing without the lock
            os.ftruncate(handle, 0)
        os.close(handle)


def _lock(path: Path) -> int | None:
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
    """The file of one UUID, made when it is not there.

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
