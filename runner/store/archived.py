"""What an archive took out of sealed records, and how they say so.

The record keeps its manifest, and with it every hash: it is the same record, under the same id. `ARCHIVED.json` beside
the manifest says which of its files lie elsewhere, and where. Facts and telemetry never leave, so that the store is
made from what is here. A file that somebody copies back is simply there again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from runner.errors import StoreDamaged
from runner.util.files import atomic_write, disk_errors, fsync_folder

MARKER = "ARCHIVED.json"
BULKY = ("requests.parquet", "engine.log", "client.log")
"""What may leave a record of an attempt: nothing is made from it again. gpu.parquet stays, the store holds its rows."""
SIGN = "tunebook-archive.txt"
"""In the root of an archive: where it is missing, an empty mount point or another folder stands in its place."""
SIGN_TEXT = (
    "Files that `tunebook store archive` took out of sealed records: records/<record>/<file>.\n"
    "Their sha256 stands in MANIFEST.sha256 of the record, in the results folder they came from.\n"
)


class Place(Protocol):
    """An archive that can be looked into: a folder, or a prefix of an object store."""

    def away(self) -> str:
        """Why it can not be looked into; empty when it can."""

    def sha256(self, key: str) -> str | None:
        """Of what lies under `records/<record>/<file>`; None when nothing does. Raises OSError, TunebookError."""

    def begin(self) -> None:
        """Make it an archive, unless it is one. Raises NoSpace, Unwritable, TunebookError."""

    def put(self, source: Path, key: str) -> None:
        """Copy a file there: it is on the disk, or in the object store, when this returns. Raises as `begin`."""


class Folder:
    """An archive that is a folder of this machine, or of a disk that it mounts."""

    def __init__(self, archive: str, host: str) -> None:
        self._root, self._host = Path(archive), host

    def away(self) -> str:
        if "://" in str(self._root):
            return f"the archive {self._root} is in an object store"
        if (self._root / SIGN).is_file():
            return ""
        elsewhere = f": {self._host} wrote it" if self._host != os.uname().nodename else ""
        return f"no archive is at {self._root} of this machine{elsewhere}"

    def sha256(self, key: str) -> str | None:
        try:
            with (self._root / key).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            return None

    def begin(self) -> None:
        with disk_errors(self._root, "--to"):
            self._root.mkdir(parents=True, exist_ok=True)
            if not (self._root / SIGN).is_file():
                atomic_write(self._root / SIGN, SIGN_TEXT)

    def put(self, source: Path, key: str) -> None:
        target = self._root / key
        part = target.with_name(f".{target.name}.part")  # of a killed process: the lock of the archiver is held
        with disk_errors(self._root, "--to"):
            fresh = [folder for folder in (target.parent, target.parent.parent) if not folder.exists()]
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, part)
            with part.open("rb") as file:
                os.fsync(file.fileno())
            part.rename(target)
            for folder in {target.parent, *(new.parent for new in fresh)}:
                fsync_folder(folder)


@dataclass(frozen=True, slots=True)
class Archived:
    """What a marker says. `archive`: an absolute folder of `host`, or an address. `files`: name -> bytes."""

    archive: str
    host: str
    archived_utc: str
    tunebook_version: str
    files: Mapping[str, int]


def read_archived(record: Path) -> Archived | None:
    """None: nothing of the record was archived. Raises StoreDamaged for a marker that says something else."""
    try:
        said = json.loads((record / MARKER).read_bytes())
        files = said["files"]
        archive, host, when, version = (said[key] for key in ("archive", "host", "archived_utc", "tunebook_version"))
        if not all(isinstance(word, str) for word in (archive, host, when, version)) or not isinstance(files, dict):
            raise ValueError("a value is of another kind")
        if odd := sorted(set(files) - set(BULKY)):
            raise ValueError(f"{odd[0]} never leaves a record")
        return Archived(archive, host, when, version, {name: int(size) for name, size in files.items()})
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreDamaged(f"{record.name}/{MARKER}: can not be read ({error!r})") from error


def key_of(record: str, file: str) -> str:
    """Where a file lies below the root of an archive: as in a results folder."""
    return f"records/{record}/{file}"


def sealed_file(record: Path, name: str) -> Path:
    """A file of a sealed record: there, or in an archive that is a folder of this machine. The path may not exist.

    Raises StoreDamaged as `read_archived`."""
    here = record / name
    if not here.exists() and (archived := read_archived(record)) and name in archived.files:
        there = Path(archived.archive, key_of(record.name, name))
        return there if "://" not in archived.archive and there.exists() else here
    return here
