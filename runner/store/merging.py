"""Records of other machines into this results folder: copied as they were sealed, each under its own id, then ingested.

Nothing is assigned here, so the order of merging does not matter and again is a no-op. What came from where is a
record of its own (`merge`), with the store file in it where there were no folders.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from hashlib import file_digest
from pathlib import Path

from runner import __version__
from runner.domain.records import MergeFact, MergeForm, RecordKind
from runner.errors import StoreError
from runner.events import emit
from runner.store._live import store_lock
from runner.store._merged import FILE, SCRATCH, read_store_file
from runner.store.foreign import Looked, Source, Standing, doubled_numbers, look
from runner.store.ingest import TAKEN_UNFINISHED, Ingested, ingest_locked
from runner.store.record import TAKEN, adopt, fsync, record_folders, record_path, records_folder, seal, write_taken
from runner.store.superseded import supersede
from runner.util.clock import new_id, utc_now

COPIES = 8
"""Folders that are copied at once: each waits for the disk to say that it has them."""
TOLD_EVERY = 500


@dataclass(frozen=True, slots=True)
class Merged:
    """What came of one PATH. `new`: kind -> records that were taken (in a dry run: would be); `known` stood here;
    `refused` has a sentence for each that was not taken; `at_work` attempts and records there are not finished.
    `sha256` is that of a store file, None for folders. `merge_id`: the record that says so, None when nothing new."""

    source: str
    form: MergeForm
    new: dict[str, int] = field(default_factory=dict)
    known: int = 0
    refused: tuple[str, ...] = ()
    at_work: int = 0
    sha256: str | None = None
    merge_id: str | None = None

    @property
    def records(self) -> int:
        return sum(self.new.values())


@dataclass(frozen=True, slots=True)
class Merge:
    """All of them, and what the store then took in; None in a dry run. `doubled`: campaigns of which a trial number
    stands for several configurations, because several machines searched one lineage."""

    sources: tuple[Merged, ...]
    ingested: Ingested | None
    doubled: tuple[str, ...] = ()

    @property
    def refused(self) -> bool:
        return any(source.refused for source in self.sources)

    @property
    def new(self) -> int:
        return sum(source.records for source in self.sources)


def take(results: Path, sources: Sequence[Source], allowed: Callable[[], None]) -> Merge:
    """Take the records of every source that are not here, under the store's lock; the caller publishes the snapshot.
    `allowed` is called under the lock before anything is taken, and may raise: two merges wait for each other first.

    A record that is not what was sealed, or that stands here with other content, is refused; all others are taken.
    Raises StoreLocked before anything is taken, as `read_store_file`, NoSpace and Unwritable at any time: what was
    copied is whole then, and the next merge takes the rest.
    """
    with store_lock(results):
        allowed()
        here = Standing.of(results)
        done = tuple(_taken(results, source, here) for source in sources)
        ingested = ingest_locked(results)
        _supersede(results, [one.merge_id for one in done if one.merge_id and one.form is MergeForm.FILE])
        doubled = doubled_numbers(results) if any(one.records for one in done) else ()
        return Merge(done, ingested, doubled)


def would_take(results: Path, sources: Sequence[Source]) -> Merge:
    """What `take` would, without taking it. Raises as `take`."""
    with store_lock(results) if results.exists() else nullcontext():
        here = Standing.of(results)
        return Merge(tuple(_told(source, look(source, here)) for source in sources), None)


def _supersede(results: Path, merge_ids: Sequence[str]) -> None:
    """Of store files that grow where they come from, the one that holds all records of another is enough for a rebuild.
    Only one that was taken in stands in for another."""
    if not merge_ids:
        return
    taken = Standing.of(results).rows
    folders = [path for path in record_folders(results, RecordKind.MERGE) if (path / FILE).exists()]
    records = {path: read_store_file(path / FILE).records for path in folders if path.name in taken}
    for merge_id in merge_ids:
        new = record_path(results, RecordKind.MERGE, merge_id)
        for old in [path for path in records if path != new and new in records]:
            if records[old].items() <= records[new].items():
                supersede(old, new, results)
                del records[old]


def _told(source: Source, looked: Looked) -> Merged:
    return Merged(
        source.said,
        MergeForm.FILE if source.file is not None else MergeForm.RECORDS,
        dict(Counter(name.partition("-")[0] for name in looked.new)),
        looked.known,
        looked.refused,
        source.at_work,
    )


def _taken(results: Path, source: Source, here: Standing) -> Merged:
    if source.file is not None:
        return _taken_file(results, source, source.file, here)
    looked = look(source, here)
    merge_id = None
    if any(not name.startswith(f"{RecordKind.MERGE}-") or (folder / FILE).exists()
           for name, folder in _new_folders(source, looked)):  # fmt: skip
        # Before the folders: a kill in between leaves a merge that says too much, and the next one takes the rest.
        merge_id = _seal(results, source, looked)
    broken = _copy(results, source, looked)
    kept = {name: sha256 for name, sha256 in looked.new.items() if name not in broken}
    looked = replace(looked, new=kept, refused=(*looked.refused, *broken.values()))
    return replace(_told(source, looked), merge_id=merge_id)


def _taken_file(results: Path, source: Source, path: Path, here: Standing) -> Merged:
    copy = results / SCRATCH
    with _removed(copy):
        looked = look(source, here, read_store_file(path, copy))
        with copy.open("rb") as file:
            sha256 = file_digest(file, "sha256").hexdigest()
        merge_id = _seal(results, source, looked, copy, sha256) if looked.new else None
    return replace(_told(source, looked), merge_id=merge_id, sha256=sha256)


def _new_folders(source: Source, looked: Looked) -> Iterator[tuple[str, Path]]:
    return ((path.name, path) for path in source.folders if path.name in looked.new)


def _seal(results: Path, source: Source, looked: Looked, file: Path | None = None, sha256: str | None = None) -> str:
    fact = MergeFact(
        merge_id=new_id(),
        source=source.said,
        form=MergeForm.FILE if file is not None else MergeForm.RECORDS,
        host=os.uname().nodename,
        merged_utc=utc_now(),
        tunebook_version=__version__,
        sha256=sha256,
    )
    with _removed(results / TAKEN_UNFINISHED) as taken:
        write_taken(taken, looked.new)
        seal(results, RecordKind.MERGE, fact.merge_id, fact, {TAKEN: taken} | ({FILE: file} if file else {}))
    return fact.merge_id


def _copy(results: Path, source: Source, looked: Looked) -> dict[str, str]:
    """Name -> why it could not be taken, of the folders that changed since they were looked at."""

    def one(folder: tuple[str, Path]) -> str | None:
        name, path = folder
        try:
            adopt(results, path, looked.new[name])
        except StoreError as error:
            return error.what
        return None

    folders = list(_new_folders(source, looked))
    if not folders:
        return {}
    broken: dict[str, str] = {}
    with ThreadPoolExecutor(COPIES) as pool:
        for count, ((name, _), problem) in enumerate(zip(folders, pool.map(one, folders), strict=True), 1):
            if problem:
                broken[name] = problem
            if count % TOLD_EVERY == 0:
                emit("notice", message=f"{source.said}: {count} of {len(folders)} records")
    fsync(records_folder(results))
    return broken


@contextmanager
def _removed(path: Path) -> Iterator[Path]:
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
