"""Results of several machines in one results folder: `tunebook store merge`.

A lineage that runs here now is not merged into: its sampler would see another history than the one it began with.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path, PurePosixPath

from runner.errors import NotReady
from runner.events import emit
from runner.lineage_lock import owned_lineage
from runner.models.sources.bucket import copy_all, is_bucket, list_files
from runner.store.foreign import KINDS, PUBLISHED, STORES, Source, find_source, lineages
from runner.store.merging import Merge, take, would_take
from runner.store.record import MANIFEST, record_folders
from runner.util.download import shown
from runner.util.files import disk_errors


def merge(results: Path, named: Sequence[str], *, dry_run: bool = False) -> Merge:
    """Take the records of every PATH in `named` that are not here; the caller publishes the snapshot.

    What lies in an object store (`s3://`) is brought to the temporary folder first, of records that are here only the
    manifest. Raises before anything is taken: UsageError, NotReady, StoreNewer and StoreDamaged for a PATH that can not
    be read, NetworkError, NotAuthorised, AlreadyRunning while one of the lineages runs here, StoreLocked. NoSpace and
    Unwritable at any time.
    """
    if (results / PUBLISHED).is_file():
        raise NotReady(
            f"{results} has published results: the same ids without hosts and paths, which never mix with sealed ones",
            hint="name a results folder of your own: --results DIR",
        )
    with ExitStack() as held:
        sources = [_source(name, results, held) for name in named]
        keys = {key: name for source in sources for key, name in lineages(source).items()}
        if dry_run:
            return would_take(results, sources)

        def own() -> None:
            for key, name in sorted(keys.items()):
                held.enter_context(owned_lineage(results, key, name))

        return take(results, sources, own)


def _source(name: str, results: Path, held: ExitStack) -> Source:
    if not is_bucket(name):
        return find_source(name, Path(name), results)
    folder = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="tunebook-merge-")))
    root = folder / PurePosixPath(name.rstrip("/")).name
    files, single = list_files(name)
    here = {path.name for path in record_folders(results)}
    every = single or root.name.startswith(KINDS)
    chosen = files if every else _needed(files, here)
    wanted = {files[file][1]: root if single else root / file for file in chosen}
    emit("notice", message=f"{shown(name)}: {len(wanted)} of {len(files)} files are fetched")
    with disk_errors(folder, "TMPDIR"):
        root.parent.mkdir(parents=True, exist_ok=True)
        if not single:
            root.mkdir()
        if wanted:
            copy_all(name, wanted)
    return find_source(shown(name), root, results)


def _needed(files: Iterable[str], here: set[str]) -> Iterator[str]:
    """What there is to look at: records that are not here, manifests of the others; a store file where there are
    none; and what tells that something is at work or was published."""
    records = [file for file in files if any(part.startswith(KINDS) for part in PurePosixPath(file).parts[:-1])]
    for file in records:
        path = PurePosixPath(file)
        if path.parent.name not in here or path.name == MANIFEST:
            yield file
    others = set(files) - set(records)
    yield from sorted(file for file in others if file == PUBLISHED or file.startswith("running/"))
    if not records:
        yield from [file for file in STORES if file in others][:1]
