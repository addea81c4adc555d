"""What `store merge` is given: record folders or a store file of another machine, looked at before anything is taken.

A record stands for itself: one that is not what was sealed is refused by name, and keeps nothing else out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from runner.domain.records import RecordKind
from runner.errors import NotReady, StoreError, UsageError
from runner.store._live import live_path, open_live
from runner.store._merged import FILE, StoreFile, read_store_file
from runner.store.ingest import rows_of
from runner.store.publish import ABOUT
from runner.store.record import (
    UNFINISHED,
    manifest_sha256,
    read_record,
    record_folders,
    records_folder,
    verify_record,
)

IDS = {
    RecordKind.RUN_START: "run_id",
    RecordKind.ATTEMPT: "attempt_id",
    RecordKind.REJECTION: "rejection_id",
    RecordKind.COMPARISON: "comparison_id",
    RecordKind.RETRACTION: "retraction_id",
    RecordKind.MERGE: "merge_id",
    RecordKind.FOREIGN: "foreign_id",
}
"""Kind -> the fact that names the record. The others are known by their folder alone."""
PUBLISHED = ABOUT
"""What a folder of published results holds."""
STORES = ("snapshot.duckdb", "store.duckdb")
"""Files that stand in for records, the one that nobody writes to first."""
KINDS = tuple(f"{kind}-" for kind in RecordKind)


@dataclass(frozen=True, slots=True)
class Source:
    """One PATH. `said`: as it was named. `folders` are sealed records, `file` is a store in place of them; `at_work`
    are attempts and records in the making there, which nobody takes."""

    said: str
    folders: tuple[Path, ...] = ()
    file: Path | None = None
    at_work: int = 0


@dataclass(frozen=True, slots=True)
class Looked:
    """What a source has. `new`: folder name -> sha256 of the manifest. `refused`: a sentence for each record that is
    not what was sealed, or another one than stands here under its id."""

    new: Mapping[str, str]
    known: int
    refused: tuple[str, ...]


@dataclass(slots=True)
class Standing:
    """What is here: rows (folder name -> sha256 of the manifest) and names of sealed folders. Sources that were looked
    at count too, so that the second of two that have the same record adds nothing."""

    results: Path
    rows: dict[str, str] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, results: Path) -> Standing:
        """Under the lock. Raises as `open_live`."""
        here = cls(results, folders={path.name for path in record_folders(results)})
        if live_path(results).exists():
            with open_live(results) as connection:
                rows = connection.execute("SELECT kind || '-' || record_id, sha256 FROM store.record").fetchall()
            here.rows.update((str(name), str(sha256)) for name, sha256 in rows)
        return here

    def sha256(self, name: str) -> str | None:
        if name not in self.rows and name in self.folders:
            try:
                self.rows[name] = manifest_sha256(records_folder(self.results) / name)
            except OSError:
                return None
        return self.rows.get(name)


def find_source(said: str, path: Path, results: Path) -> Source:
    """What a PATH of this machine is. Raises UsageError, NotReady for published results."""
    if not path.exists():
        raise UsageError(f"{said} is not there", hint="name results folders, record folders, or store files")
    if path.is_file():
        return Source(said, file=path)
    if path.resolve() in (results, records_folder(results)):
        raise UsageError(f"{said} is the results folder itself", hint="name the results of other machines")
    if (path / PUBLISHED).is_file():
        raise NotReady(
            f"{said} has published results: the same ids without hosts and paths, which never mix with sealed ones",
            hint=f"`tunebook store ingest {said} --results NEW` makes a results folder of their own",
        )
    if path.name.startswith(KINDS):
        return Source(said, (path,))
    for folder in (records_folder(path), path):
        if folders := _records_in(folder):
            return Source(said, tuple(folders), at_work=_at_work(path))
    for name in STORES:
        if (path / name).is_file():
            return Source(said, file=path / name, at_work=_at_work(path))
    if records_folder(path).is_dir() or (path / "running").is_dir():
        return Source(said, at_work=_at_work(path))
    raise UsageError(
        f"{said} holds no records and no store", hint="name results folders, record folders, or store files"
    )


def lineages(source: Source) -> dict[str, str]:
    """Search key -> name of the campaign, of every run of the source that can be read. Raises as `read_store_file`."""
    if source.file is not None:
        return read_store_file(source.file).lineages
    found: dict[str, str] = {}
    for path in source.folders:
        if path.name.startswith(f"{RecordKind.RUN_START}-"):
            try:
                facts = read_record(path).facts
                found[str(facts["search_key"])] = str(facts["name"])
            except (StoreError, KeyError):
                continue  # `look` refuses it
    return found


def look(source: Source, here: Standing, file: StoreFile | None = None) -> Looked:
    """Compare a source with what is here, record by record; `file` when it was read already. Raises as
    `read_store_file`, OSError."""
    new: dict[str, str] = {}
    refused: list[str] = []
    known = 0
    if source.file is not None:
        told = (file or read_store_file(source.file)).records
    else:
        told = {}
        for path in source.folders:
            try:
                told[path.name] = manifest_sha256(path)
            except OSError as error:
                refused.append(f"{path.name}: the manifest can not be read ({error.strerror})")
    folders = {path.name: path for path in source.folders}
    for name, sha256 in told.items():
        ours = here.sha256(name)
        if ours is not None and ours != sha256:
            refused.append(f"{name}: another record of this id stands here (manifest {ours[:12]}, there {sha256[:12]})")
        elif name in here.folders if name in folders else ours is not None:
            known += 1
        elif name in folders and (problem := _problem(folders[name])):
            refused.append(problem)
        else:
            new[name] = sha256
    if folders == {} and all(name.startswith(f"{RecordKind.MERGE}-") for name in new):
        known, new = known + len(new), {}  # it was merged into since, with records that are here: no reason to keep it
    here.rows.update(new)
    here.folders.update(new.keys() & folders.keys())
    return Looked(new, known, tuple(refused))


def doubled_numbers(results: Path) -> tuple[str, ...]:
    """Names of the campaigns of which a trial number of a series stands for several configurations: each machine that
    searches a lineage numbers its own proposals. Under the lock. Raises as `open_live`."""
    with open_live(results) as connection:
        rows = connection.execute(
            "SELECT DISTINCT c.name FROM (SELECT search_key FROM store.current_attempt "
            "WHERE role IN ('search', 'baseline') GROUP BY search_key, series, number "
            "HAVING count(DISTINCT trial_id) > 1) JOIN store.latest_campaign c USING (search_key) ORDER BY 1"
        ).fetchall()
    return tuple(str(row[0]) for row in rows)


def _problem(path: Path) -> str | None:
    """Why a folder is no record that can be taken."""
    if odd := [file.name for file in path.iterdir() if file.is_symlink() or not file.is_file()]:
        return f"{path.name}/{odd[0]}: neither sealed nor a file"
    if problems := verify_record(path):
        return problems[0]
    try:
        record = read_record(path)
        rows_of(record)
        if record.kind is RecordKind.MERGE and (path / FILE).exists():
            read_store_file(path / FILE)
    except StoreError as error:
        return error.what
    except ValueError as error:
        return f"{path.name}: not a record of this version ({' '.join(str(error).split())[:200]})"
    column = IDS.get(record.kind)
    if column is not None and record.facts[column] != record.record_id:
        return f"{path.name}: holds the facts of {record.facts[column]}"
    return None


def _records_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.name.startswith(KINDS))


def _at_work(results: Path) -> int:
    running = len(list((results / "running").glob("*.json")))
    return running + len(list(records_folder(results).glob(f"{UNFINISHED}*")))
