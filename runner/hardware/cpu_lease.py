"""Who uses which CPU core: a lease of those that an attempt gets, in the order of `runner.hardware.cores`.

A campaign without `hardware.cpus` has the whole machine and leases none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from runner.domain.campaign import Hardware
from runner.errors import NoCpu
from runner.hardware.cores import Core, Cores, CpuSet, cores_here, divided
from runner.hardware.locks import Lock, give_back, holder, lock_all, sign, wait_for


@contextmanager
def leased_cpus(
    wanted: Hardware,
    owner: Mapping[str, Any],
    should_stop: Callable[[], bool] = lambda: False,
    on_wait: Callable[[str], None] = lambda reason: None,
) -> Iterator[CpuSet]:
    """Hold cores for `wanted.cpus` and `wanted.client_cpus` while the block runs.

    `owner` and `on_wait` as with GPUs (`runner.hardware.lease`). All or none. Raises NoCpu when the machine has too
    few, when none came free in time or when we shall stop, with who holds what; Unwritable, NoSpace for the folder.
    """
    found: dict[str, Core] = {}

    def take() -> tuple[list[Lock], str]:
        here = cores_here()
        if (why := here.missing(wanted)) is not None:
            raise NoCpu(f"{wanted.cpu_label} wanted, and {why}")
        found.update({core.name: core for core in here.all})
        locks, held = _take(here, wanted)
        return locks, "" if locks else "; ".join(holder(core.name, core.label) for core in held)

    locks = wait_for(wanted.cpu_label, take, NoCpu, should_stop, on_wait)
    sign(locks, owner)
    try:
        yield divided([found[lock.name] for lock in locks], wanted)
    finally:
        give_back(locks)


def _take(here: Cores, wanted: Hardware) -> tuple[list[Lock], list[Core]]:
    """Lock a set. A core of it that another holds is left out and the rest is asked for another one. No lock when
    there are too few; then also those that were held."""
    free, held = list(here.all), []
    while team := here.choose(free, wanted):
        locks, name = lock_all([(core.name, core.label) for core in team])
        if name is None:
            return locks, []
        held += [core for core in free if core.name == name]
        free = [core for core in free if core.name != name]
    return [], held
