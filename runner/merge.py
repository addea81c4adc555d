"""Results of several machines in one results folder: `tunebook store merge`.

A lineage that runs here now is not merged into: its sampler would see another history than the one it began with.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from runner.lineage_lock import owned_lineage
from runner.store.foreign import find_source, lineages
from runner.store.merging import Merge, take, would_take


def merge(results: Path, named: Sequence[str], *, dry_run: bool = False) -> Merge:
    """Take the records of every PATH in `named` that are not here; the caller publishes the snapshot.

    Raises before anything is taken: UsageError, NotReady, StoreNewer and StoreDamaged for a PATH that can not be read,
    AlreadyRunning while one of the lineages runs here, StoreLocked. NoSpace and Unwritable at any time.
    """
    with ExitStack() as held:
        sources = [find_source(name, Path(name), results) for name in named]
        keys = {key: name for source in sources for key, name in lineages(source).items()}
        if dry_run:
            return would_take(results, sources)

        def own() -> None:
            for key, name in sorted(keys.items()):
                held.enter_context(owned_lineage(results, key, name))

        return take(results, sources, own)
