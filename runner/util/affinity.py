"""The CPUs that a process may run on."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager


@contextmanager
def pinned(cpus: Collection[int]) -> Iterator[None]:
    """What this thread starts meanwhile has only these logical CPUs, from its first instruction: a new process inherits
    the affinity of the thread that starts it (https://man7.org/linux/man-pages/man2/sched_setaffinity.2.html). Without
    any nothing changes. Raises OSError when none of them is there."""
    if not cpus:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
