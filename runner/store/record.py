"""The only way a fact enters the store: a sealed folder, `<results>/records/<kind>-<id>/`.

Written under a temporary name, flushed to the disk, then renamed: the rename is the commit point. Afterwards nothing
in the folder changes (`MANIFEST.sha256` says what it held). A kill at any moment leaves either the whole record or a
`.tmp-*` folder that nobody reads.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from runner.domain.ids import NAMESPACE
from runner.domain.records import Record, RecordKind, RulesFact
from runner.domain.trial import Attempt
from runner.errors import StoreDamaged, StoreError
from runner.store import superseded
from runner.store.archived import MARKER, read_archived
from runner.util.codec import to_plain
from runner.util.files import disk_errors, new_folder, remove_abandoned
from runner.util.redact import redacted

MANIFEST = "MANIFEST.sha256"
TAKEN = "taken.sha256"
UNFINISHED = ".tmp-"
UNFINISHED_KEPT_SECONDS = 24 * 3600.0


def records_folder(results: Path) -> Path:
    return results / "records"


def record_path(results: Path, kind: RecordKind, record_id: str) -> Path:
    return records_folder(results) / f"{kind}-{record_id}"


def seal(
    results: Path, kind: RecordKind, record_id: str, fact: object, files: Mapping[str, Path] | None = None
) -> Path:
    """Seal one fact (a dataclass of runner.domain); `files` (name in the record -> path) are moved in.

    Returns the record's folder. Sealing the same content again is a no-op. Raises NoSpace, Unwritable, and StoreError
    when a different fact already stands under the id. For rules see `seal_rules`: their record id is its own.
    """

    def fill(folder: Path) -> None:
        (folder / f"{kind}.json").write_text(_text(fact), encoding="utf-8")
        for name, source in (files or {}).items():
            shutil.move(source, folder / name)

    return _seal(results, kind, record_id, fill)


def seal_attempt(
    results: Path,
    attempt: Attempt,
    rows_jsonl: Path | None = None,
    engine_log: Path | None = None,
    client_log: Path | None = None,
    files: Mapping[str, Path] | None = None,
) -> Path:
    """Seal an attempt with its request rows (JSON lines of `loadgens.Row`, turned into Parquet) and its logs.

    Called once, when the attempt has ended, however it ended. Logs must be redacted by the caller; they are cut to
    `logs.KEPT_BYTES` here. `files` are moved in under their names (`gpu.parquet`). Raises as `seal`.
    """
    from runner.store._parquet import write_requests
    from runner.util.logs import copy_cut

    def fill(folder: Path) -> None:
        (folder / "attempt.json").write_text(_text(attempt), encoding="utf-8")
        write_requests(rows_jsonl, folder / "requests.parquet")
        copy_cut(engine_log, folder / "engine.log")
        copy_cut(client_log, folder / "client.log")
        for name, source in (files or {}).items():
            shutil.move(source, folder / name)

    return _seal(results, RecordKind.ATTEMPT, attempt.attempt_id, fill)


def seal_rules(results: Path, fact: RulesFact) -> Path:
    """Seal rules for their lineage, unless the lineage's latest rules are these already.

    The record id is made of rules, lineage and time: two lineages may share rules, and a lineage may come back to
    rules it had before, which makes them its latest again.
    """
    mine = [r for r in read_records(results, RecordKind.RULES) if r.facts["search_key"] == fact.search_key]
    if mine:
        latest = max(mine, key=lambda r: (str(r.facts["written_utc"]), r.record_id))
        if latest.facts["rules_id"] == fact.rules_id:
            return Path(latest.path)
    name = f"rules/{fact.rules_id}/{fact.search_key}/{fact.written_utc}"
    return seal(results, RecordKind.RULES, str(uuid.uuid5(NAMESPACE, name)), fact)


def adopt(results: Path, sealed: Path, sha256: str) -> None:
    """Take a record in as another machine sealed it: every byte and the manifest, whose sha256 is `sha256`.

    The copy is what is checked, before the rename. Under the store's lock, because two that copy the same record would
    be in each other's way. Raises StoreDamaged when it is not what was sealed, NoSpace, Unwritable.
    """
    parent = records_folder(results)
    unfinished = parent / f"{UNFINISHED}{sealed.name}"
    with disk_errors(parent):
        parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(unfinished, ignore_errors=True)
        with new_folder(unfinished):
            for file in sorted(sealed.iterdir()):
                if file.is_symlink() or not file.is_file():
                    raise StoreDamaged(f"{sealed.name}/{file.name}: neither sealed nor a file")
                try:
                    shutil.copyfile(file, unfinished / file.name)
                except FileNotFoundError as error:  # archived there at this moment: the next merge takes it
                    raise StoreDamaged(f"{sealed.name}/{file.name}: went away while it was copied") from error
            problems = verify_record(unfinished)
            if problems or manifest_sha256(unfinished) != sha256:
                told = (problems or [f"{sealed.name} changed while it was copied"])[0]
                raise StoreDamaged(told.removeprefix(UNFINISHED))
            for path in (*unfinished.iterdir(), unfinished):
                fsync(path)
            unfinished.rename(parent / sealed.name)


def read_record(path: Path) -> Record:
    """One sealed folder. Raises StoreDamaged when its JSON can not be read."""
    kind, _, record_id = path.name.partition("-")
    try:
        facts: dict[str, Any] = json.loads((path / f"{kind}.json").read_bytes())
        return Record(RecordKind(kind), record_id, str(path), facts)
    except (OSError, ValueError) as error:
        raise StoreDamaged(
            f"record {path.name} can not be read: {error}",
            hint="run `tunebook store verify`; restore the folder from a backup or move it out of records/",
        ) from error


def record_folders(results: Path, kind: RecordKind | None = None) -> list[Path]:
    """The sealed folders, ordered by name (within a kind: by time, where ids are uuid7)."""
    kinds = {str(kind)} if kind else {str(known) for known in RecordKind}
    try:
        with os.scandir(records_folder(results)) as entries:
            names = sorted(entry.name for entry in entries if entry.name.partition("-")[0] in kinds)
    except FileNotFoundError:
        return []
    return [records_folder(results) / name for name in names]


def read_records(results: Path, kind: RecordKind | None = None) -> Iterator[Record]:
    """Every sealed record (of one kind), without checking hashes. Raises StoreDamaged at the first unreadable one."""
    return (read_record(path) for path in record_folders(results, kind))


def manifest_of(path: Path) -> dict[str, str]:
    """File name -> sha256 as the manifest says. Raises OSError, ValueError."""
    return _sums(path / MANIFEST)


def write_taken(path: Path, taken: Mapping[str, str]) -> None:
    """What a merge took, name of the record -> sha256 of its manifest, in the form of a manifest."""
    path.write_text("".join(f"{sha256}  {name}\n" for name, sha256 in taken.items()), encoding="utf-8")


def read_taken(merge: Path) -> dict[str, str]:
    """What `write_taken` wrote into a merge record. Raises ValueError."""
    try:
        return _sums(merge / TAKEN)
    except OSError as error:
        raise ValueError(f"{merge.name}/{TAKEN} can not be read: {error.strerror}") from error


def _sums(path: Path) -> dict[str, str]:
    pairs = [line.split("  ", 1) for line in path.read_text(encoding="utf-8").splitlines()]
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError(f"{path.name} has a line that is not `<sha256>  <name>`")
    return {name: digest for digest, name in pairs}


def verify_record(path: Path) -> list[str]:
    """What is wrong with a sealed folder, one sentence per file; empty when it holds exactly what was sealed, but for
    what lies in an archive or in the file of a later merge: that is looked at by `store.verify`."""
    try:
        promised = manifest_of(path)
    except (OSError, ValueError) as error:
        return [f"{path.name}: the manifest can not be read ({error})"]
    found = {file.name for file in path.iterdir()} - {MANIFEST, MARKER, superseded.MARKER}
    problems = [f"{path.name}/{name}: not in the manifest" for name in sorted(found - set(promised))]
    missing = set(promised) - found
    for name in sorted(found & set(promised)):
        try:
            if _sha256(path / name) != promised[name]:
                problems.append(f"{path.name}/{name}: changed after it was sealed (sha256 differs)")
        except FileNotFoundError:
            missing.add(name)
    try:
        archived = read_archived(path)  # after the look at the files: it is written before one of them goes
    except StoreDamaged as error:
        return [error.what, *problems]
    missing -= archived.files.keys() if archived else set()
    missing -= {superseded.STORE_FILE} if superseded.successor(path) else set()
    return [*(f"{path.name}/{name}: missing" for name in sorted(missing)), *problems]


def manifest_sha256(path: Path) -> str:
    """sha256 of the manifest: one number for the whole record."""
    return _sha256(path / MANIFEST)


def sweep_unfinished(results: Path, older_than: float = UNFINISHED_KEPT_SECONDS) -> list[str]:
    """Remove the `.tmp-*` folders of killed processes: those that nobody holds, and on a file system without locks
    those older than `older_than` seconds. Returns their names."""
    folder = records_folder(results)
    removed = []
    for path in folder.glob(UNFINISHED + "*") if folder.is_dir() else ():
        if remove_abandoned(path):
            removed.append(path.name)
        elif path.exists() and time.time() - path.stat().st_mtime > older_than:
            shutil.rmtree(path, ignore_errors=True)
            removed.append(path.name)
    return removed


def _text(fact: object) -> str:
    """The fact as it is sealed: the last door, so no text passes it with a secret in it, whoever wrote it."""
    return json.dumps(redacted(to_plain(fact)), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _seal(results: Path, kind: RecordKind, record_id: str, fill: Callable[[Path], None]) -> Path:
    parent = records_folder(results)
    final = record_path(results, kind, record_id)
    unfinished = parent / f"{UNFINISHED}{kind}-{record_id}"
    with disk_errors(parent):
        parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(unfinished, ignore_errors=True)  # of a killed process: ids belong to one producer
        with new_folder(unfinished):
            fill(unfinished)
            write_manifest(unfinished)
            for path in (*sorted(unfinished.iterdir()), unfinished):
                fsync(path)
            if final.exists():
                _require_equal(unfinished, final)
            else:
                unfinished.rename(final)
                fsync(parent)
    return final


def _require_equal(again: Path, sealed: Path) -> None:
    """Equal content under different Parquet bytes is equal: only the facts count."""
    kind = sealed.name.partition("-")[0]
    if (again / f"{kind}.json").read_bytes() != (sealed / f"{kind}.json").read_bytes():
        raise StoreError(
            f"record {sealed.name} exists with other facts",
            hint="a sealed record never changes; withdraw it with a retraction and seal the new fact under a new id",
        )


def write_manifest(folder: Path) -> None:
    lines = [f"{_sha256(path)}  {path.name}\n" for path in sorted(folder.iterdir())]
    (folder / MANIFEST).write_text("".join(lines), encoding="utf-8")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fsync(path: Path) -> None:
    """Flush a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
