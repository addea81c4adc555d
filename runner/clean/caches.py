"""Models, engines and downloads: what lies in the cache."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from pathlib import Path

from runner.clean.in_use import Held
from runner.clean.items import Item, Taken, children, measure
from runner.engines import environments
from runner.engines.remove import remove as remove_engine
from runner.util import procfs
from runner.util.files import disk_errors, locked, remove_abandoned
from runner.util.project import cache_folder

NOTES = "by-package"
"""In the folder of models: which content a package's file has."""
ADDRESSES = "by-address"
"""There too: a folder for each model of an object store."""
_INPUTS = {"files": "datasets that were fetched", "prepared": "prompts made from datasets"}

_SHA256 = re.compile(r"[0-9a-f]{64}")
_ADDRESS = re.compile(r"[0-9a-f]{16}")
_CONVERTED = re.compile(r".+-hf\d+")
_SNAPSHOT = re.compile(r"[0-9a-f]{32}\.duckdb")
_BUNDLE = re.compile(r"(?:vega-bundle-.+|chart-specs-[0-9a-f]{12})\.js")
_SQL = re.compile(r"sql-engine-[0-9a-f]{12}\.zip")
_PART = re.compile(r"\.(.+\.)?([0-9a-f]{8}|removed)\.part")
_HALF = (".part", ".lock", ".etag", ".lastmod")


def models(used: str, held: Held) -> Iterator[Item]:
    """A file under its hash, or what it was converted to, by itself, with the notes of its package; or the folder of
    an address. Only names that tunebook gives: people keep models of theirs in this folder too (`--out models/`)."""
    for folder in _by_hash():
        for path in children(folder):
            if path.is_file() and path.suffix not in _HALF and path.name[0] != ".":
                yield _item("models", f"model {path.name}", path, used or held.by(path), _model_goes(path))
            elif path.is_dir() and _CONVERTED.fullmatch(path.name):
                yield _item("models", f"model {path.name}, a folder", path, used or held.by(path), _model_goes(path))
    for path in _by_address():
        yield _item("models", f"model {path.name}, a folder", path, used or held.by(path), _model_goes(path))


def engines(used: str, held: Held) -> Iterator[Item]:
    """Whole environments; what an interrupted installation left is a leftover."""
    for one in environments.installed():
        what = f"{one.name} {one.version}"
        yield _item("engines", what, one.folder, used or held.by(one.folder), _engine_goes(one.folder))


def downloads(used: str, held: Held) -> Iterator[Item]:
    """What is fetched or made again without being asked for."""
    for path in children(cache_folder() / "inputs"):
        if path.is_dir() and path.name in _INPUTS:
            yield _item("downloads", _INPUTS[path.name], path, used or held.by(path), _goes(path))
    for path in children(cache_folder() / "snapshots"):
        if path.is_file() and _SNAPSHOT.fullmatch(path.name):
            what = f"snapshot of another site {path.name}"
            yield _item("downloads", what, path, used or held.by(path), _goes(path))
    for path in children(cache_folder()):
        if path.is_file() and _BUNDLE.fullmatch(path.name):
            yield _item("downloads", f"scripts for charts {path.name}", path, held.by(path), _goes(path))
        elif path.is_file() and _SQL.fullmatch(path.name):
            yield _item("downloads", f"SQL for pages {path.name}", path, held.by(path), _goes(path))


def half_made(held: Held) -> Iterator[Item]:
    """Parts without a process that fills them, and installations that nobody goes on with."""
    cache, resumed = cache_folder(), _by_address()
    homes = (cache / "models", cache / "models" / ADDRESSES, *_by_hash(), *resumed)
    places = (cache, *homes, *(cache / "inputs" / name for name in _INPUTS), cache / "inputs", cache / "snapshots")
    for folder in places:
        for path in children(folder):
            if _PART.fullmatch(path.name) or (folder in resumed and path.suffix == ".part"):
                used = held.by(path) or _locked(path) or _locked(lock_of_part(path))
                yield _item("leftovers", f"half of {path.stem.lstrip('.')}", path, used, partial(half_goes, path))
    for path, busy in environments.unfinished():
        if not path.is_symlink() and environments.is_ours(path):
            used = "it is being installed" if busy else ""
            yield _item("leftovers", f"half an installation, {path.name}", path, used, _engine_goes(path))


def _by_hash() -> list[Path]:
    return [path for path in children(cache_folder() / "models") if path.is_dir() and _SHA256.fullmatch(path.name)]


def _by_address() -> list[Path]:
    found = children(cache_folder() / "models" / ADDRESSES)
    return [path for path in found if path.is_dir() and _ADDRESS.fullmatch(path.name)]


def lock_of_part(path: Path) -> Path:
    """What whoever goes on with a download holds, see `models.download.part`."""
    return path.with_name(f".{path.stem}.lock")


def half_goes(path: Path) -> Taken:
    """Remove what is half made, and keep everybody from going on with it meanwhile. Raises Unwritable."""
    try:
        with disk_errors(path, "TUNEBOOK_CACHE"), _kept_out(path):
            if not path.exists():
                return Taken()
            if user := Held().by(path):
                return Taken(left=(f"in use by {user}",))
            if not remove_abandoned(path) and path.exists():
                return Taken(left=("another process fills it, or it can not be removed",))
            path.with_name(f"{path.name}.etag").unlink(missing_ok=True)
    except BlockingIOError:
        return Taken(left=("another process fills it",))
    return Taken()


def _kept_out(path: Path) -> AbstractContextManager[None]:
    """Only a download from an address is gone on with; any other part has a name by chance and no lock beside it."""
    resumed = _ADDRESS.fullmatch(path.parent.name) and not _PART.fullmatch(path.name)
    return locked(lock_of_part(path), lambda: False) if resumed else nullcontext()


def remove(path: Path) -> None:
    """Out of sight first: a kill in between leaves nothing that looks whole and is half. Raises Unwritable."""
    gone = path.with_name(f".{path.name}.removed.part")
    with disk_errors(path, "TUNEBOOK_CACHE"):
        if gone.exists():
            shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
        path.rename(gone)
        shutil.rmtree(gone) if gone.is_dir() and not gone.is_symlink() else gone.unlink()


def _item(group: str, what: str, path: Path, used: str, take: Callable[[], Taken]) -> Item:
    size, changed = measure(path)
    return Item(group, what, path, size, changed, take, used)


def _goes(path: Path) -> Callable[[], Taken]:
    def take() -> Taken:
        remove(path)
        return Taken()

    return take


def _model_goes(path: Path) -> Callable[[], Taken]:
    def take() -> Taken:
        remove(path)
        for beside in (".etag", ".lastmod"):
            path.with_name(path.name + beside).unlink(missing_ok=True)
        if _SHA256.fullmatch(path.parent.name):
            with suppress(OSError):  # something else lies there
                path.parent.rmdir()
            _forget(path.parent.name)
        return Taken()

    return take


def _forget(sha256: str) -> None:
    """Notes that lead to a model which is gone, and stamps of files that are."""
    models_folder = cache_folder() / "models"
    for package in children(models_folder / NOTES):
        for note in children(package):
            try:
                noted = json.loads(note.read_bytes())
            except (OSError, ValueError):
                continue
            if isinstance(noted, dict) and noted.get("sha256") == sha256 and not (models_folder / sha256).exists():
                note.unlink(missing_ok=True)
        with suppress(OSError):
            package.rmdir()


def _engine_goes(folder: Path) -> Callable[[], Taken]:
    def take() -> Taken:
        remove_engine(folder)
        return Taken()

    return take


def _locked(path: Path) -> str:
    return "another process fills it" if procfs.lock_holders(path) else ""
