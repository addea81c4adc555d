"""STORY archive(): request rows and logs of old attempts leave the results folder; their hashes stay.

Each file is copied, flushed, read back and compared with the manifest; then the record says where it lies; then it is
removed here. A kill at any moment leaves it in one place at least, and the next call goes on.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import file_digest
from pathlib import Path

from runner import __version__
from runner.errors import AlreadyRunning, NetworkError, NotReady, StoreDamaged, TunebookError
from runner.lineage_lock import owners
from runner.models.sources import bucket
from runner.running_file import read_running, runner_lives
from runner.store.archived import BULKY, MARKER, SIGN, SIGN_TEXT, Archived, Folder, Place, key_of, read_archived
from runner.store.finished import Finished, finished
from runner.store.foreign import PUBLISHED
from runner.store.record import manifest_of, manifest_sha256
from runner.util.clock import utc_now
from runner.util.codec import to_plain
from runner.util.download import shown
from runner.util.files import atomic_write, disk_errors, fsync_folder, locked

DEFAULT = "archive"
"""Below the results folder, where --to says nothing: a mount, or a link to another disk."""


@dataclass(slots=True)
class Moved:
    """What came of it (in a dry run: would). `records` lost `bytes` in `files` here. `kept`: reason -> attempts that
    stay though they are old enough; `younger` are not. `refused`: a sentence for each record that is not what was
    sealed: nothing of it was touched."""

    archive: str
    records: int = 0
    files: int = 0
    bytes: int = 0
    younger: int = 0
    kept: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)


def archive(results: Path, older: float, to: str | None, now: datetime, *, dry_run: bool = False) -> Moved:
    """Move the bulky files of attempts that ended more than `older` seconds ago to the folder or `s3://` prefix `to`.

    Attempts that are not in the store stay, and so do those of a campaign that runs here and of the trials that pages
    name as best and default. Raises NotReady for published results and for an archive that can not be reached,
    AlreadyRunning while another process archives, StoreLocked, NoSpace, Unwritable, NetworkError, NotAuthorised.
    """
    if (results / PUBLISHED).is_file():
        raise NotReady(f"{results} has published results: no request rows and no logs are in them")
    where = _address(to or str(results / DEFAULT))
    done = Moved(shown(where) if bucket.is_bucket(where) else where)
    if not results.is_dir():
        return done
    try:
        with locked(results / "archive.lock", lambda: False):
            for one in _old(results, older, now, done):
                try:
                    _move(results, one, where, done, dry_run)
                except (StoreDamaged, _Beyond) as error:
                    done.refused.append(error.what)
    except BlockingIOError as error:
        raise AlreadyRunning(f"another process archives records of {results}", hint="wait for it") from error
    return done


class _Beyond(NotReady):
    """The archive that a record names can not be reached."""


def place_of(where: str, host: str) -> Place:
    """The archive at an address that a record names."""
    return _Bucket(where) if bucket.is_bucket(where) else Folder(where, host)


class _Bucket:
    """An archive in an object store."""

    def __init__(self, address: str) -> None:
        self._address = address

    def away(self) -> str:
        try:
            found = bucket.sha256_of(f"{self._address}/{SIGN}")
        except TunebookError as error:
            return error.what
        return "" if found else f"no archive is at {shown(self._address)}"

    def sha256(self, key: str) -> str | None:
        return bucket.sha256_of(f"{self._address}/{key}")

    def begin(self) -> None:
        if bucket.sha256_of(f"{self._address}/{SIGN}") is None:
            bucket.put(f"{self._address}/{SIGN}", SIGN_TEXT.encode())

    def put(self, source: Path, key: str) -> None:
        bucket.put(f"{self._address}/{key}", source)


def _address(to: str) -> str:
    return to.rstrip("/") if bucket.is_bucket(to) else str(Path(to).resolve())


def _old(results: Path, older: float, now: datetime, done: Moved) -> Iterator[Finished]:
    """Attempts whose files may be moved."""
    before = now - timedelta(seconds=older)
    runs = {str(owner["search_key"]) for owner in owners(results) if runner_lives(owner) is not False}
    running = [facts for facts in read_running(results) if runner_lives(facts) is not False]
    trials = {str(facts["attempt"]["trial_id"]) for facts in running}
    for one in finished(results):
        if not any(_bulky(one.record)):
            continue
        if one.ended > before:
            done.younger += 1
        elif one.search_key in runs or one.trial_id in trials:
            done.kept["of a campaign that runs now"] += 1
        elif one.named:
            done.kept["of the best and the default trials, which pages name"] += 1
        else:
            yield one


def _bulky(path: Path) -> Iterator[Path]:
    """What of a record could leave. An empty log is not worth a file elsewhere."""
    return (path / name for name in BULKY if (path / name).is_file() and (path / name).stat().st_size)


def _move(results: Path, one: Finished, where: str, done: Moved, dry_run: bool) -> None:
    """A record that names an archive goes on there: it was killed on its way, or a file was brought back.

    Raises StoreDamaged for a record that is not what was sealed, _Beyond when the archive it names is not there,
    NetworkError when the archive does not give back what it was given."""
    path, files = one.record, list(_bulky(one.record))
    promised = _promised(path, one.sha256)
    sizes = {file.name: file.stat().st_size for file in files}
    before = read_archived(path)
    if not dry_run:
        place = place_of(before.archive, before.host) if before else place_of(where, os.uname().nodename)
        if before and (why := place.away()):
            raise _Beyond(f"{path.name} goes on to the archive that it names: {why}")
        place.begin()
        for file in files:
            _copy(place, path, file, promised.get(file.name))
        if before is None:
            said = Archived(where, os.uname().nodename, utc_now(), __version__, sizes)
            atomic_write(path / MARKER, json.dumps(to_plain(said), indent=1) + "\n", beside=results)
        with disk_errors(path):
            for file in files:
                file.unlink()
            fsync_folder(path)
    done.records, done.files, done.bytes = done.records + 1, done.files + len(files), done.bytes + sum(sizes.values())


def _promised(path: Path, manifest: str) -> dict[str, str]:
    """The hashes that were sealed. Raises StoreDamaged when the store took in another manifest."""
    try:
        if manifest_sha256(path) == manifest:
            return manifest_of(path)
    except (OSError, ValueError) as error:
        raise StoreDamaged(f"{path.name}: the manifest can not be read ({error})") from error
    raise StoreDamaged(f"{path.name}: not the record that was taken in (the manifest differs)")


def _copy(place: Place, path: Path, file: Path, promised: str | None) -> None:
    with file.open("rb") as source:
        if file_digest(source, "sha256").hexdigest() != promised:
            raise StoreDamaged(f"{path.name}/{file.name}: changed after it was sealed (sha256 differs)")
    key = key_of(path.name, file.name)
    if place.sha256(key) != promised:
        place.put(file, key)
        if place.sha256(key) != promised:
            raise NetworkError(
                f"the archive does not give back what it was given: {key}",
                hint="nothing was removed here; check the disk or the object store, then run it again",
            )
