"""Who uses which GPU: a lease of those that an attempt gets, in the order of `runner.hardware.choice`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from runner.domain.campaign import Hardware
from runner.domain.hardware import Gpu
from runner.errors import NoGpu
from runner.hardware.choice import Candidate, choose, matching, missing, visible
from runner.hardware.locks import Lock, give_back, holder, is_free, lock_all, sign, wait_for
from runner.hardware.probes import gpus_here, state_of

VISIBLE = "CUDA_VISIBLE_DEVICES"


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
    found: dict[str, Gpu] = {}

    def take() -> tuple[list[Lock], str]:
        gpus = usable()
        if (why := lacking(wanted, gpus)) is not None:
            raise NoGpu(f"{wanted.gpu_label} wanted, and {why}")
        found.update({gpu.uuid: gpu for gpu in gpus})
        fitting = [Candidate(gpu, state_of(gpu.uuid)) for gpu in matching(gpus, wanted.gpu)]
        locks, refused = _take(fitting, wanted.gpus)
        return locks, "" if locks else "; ".join(_state(one, one in refused) for one in fitting)

    locks = wait_for(wanted.gpu_label, take, NoGpu, should_stop, on_wait)
    sign(locks, owner)
    try:
        yield tuple(found[lock.name] for lock in locks)
    finally:
        give_back(locks)


def _take(candidates: Sequence[Candidate], count: int) -> tuple[list[Lock], list[Candidate]]:
    """Lock the best set. A GPU of it that another holds is left out and the best of the rest is tried. No lock when
    there are too few; then also those that were held."""
    left, refused = list(candidates), []
    while team := choose(left, count):
        locks, held = lock_all([(one.gpu.uuid, one.gpu.label) for one in team])
        if held is None:
            return locks, []
        refused += [one for one in left if one.gpu.uuid == held]
        left = [one for one in left if one.gpu.uuid != held]
    return [], refused


def _state(one: Candidate, refused: bool) -> str:
    """Why it can not be had. Who computes on a GPU holds its lease or does not: the lock tells, and since nobody tries
    to lease a GPU in use, asking it is in nobody's way."""
    if not refused:
        in_use = one.in_use()
        if in_use is None:
            return f"{one.gpu.label} is free"
        if is_free(one.gpu.uuid):
            return in_use
    return holder(one.gpu.uuid, one.gpu.label)
