"""Models, engines and downloads: what lies in the cache."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from runner.clean.in_use import Held
from runner.clean.items import Item, children, measure
from runner.engines import environments
from runner.engines.remove import remove as remove_engine
from runner.util import procfs
from runner.util.files import disk_errors
from runner.util.project import cache_folder

NOTES = "by-package"
"""In the folder of models: which content a package's file has."""
ADDRESSES = "by-address"
"""There too: a folder for each model of an object store."""
_DOWNLOADS = {"inputs": "dataset", "snapshots": "snapshot of another site"}

_SHA256 = re.compile(r"[0-9a-f]{64}")
_HALF = (".part", ".lock", ".etag", ".lastmod")


def models(used: str, held: Held) -> Iterator[Item]:
    """A file under its hash, or what it was converted to, by itself, with the notes of its package; else a whole
    folder, which has the name of a model or of its address. The hub's own cache is not ours."""
    for folder in children(cache_folder() / "models"):
        if folder.name == NOTES or folder.suffix in _HALF:
            continue
        for path in children(folder) if folder.name == ADDRESSES or _SHA256.fullmatch(folder.name) else [folder]:
            if path.suffix not in _HALF:
                what = f"model {path.name}" if path.is_file() else f"model {path.name}, a folder"
                yield _item("models", what, path, used or held.by(path), _model_goes(path))


def engines(used: str, held: Held) -> Iterator[Item]:
    """Whole environments; what an interrupted installation left is a leftover."""
    for one in environments.installed():
        what = f"{one.name} {one.version}"
        yield _item("engines", what, one.folder, used or held.by(one.folder), _engine_goes(one.folder))


def downloads(used: str, held: Held) -> Iterator[Item]:
    """What is fetched or made again without being asked for."""
    for name, what in _DOWNLOADS.items():
        for path in children(cache_folder() / name):
            if path.suffix not in _HALF:
                named = "prompts made from datasets" if path.name == "prepared" else f"{what} {path.name}"
                yield _item("downloads", named, path, used or held.by(path), _goes(path))
    for path in children(cache_folder()):
        if path.is_file() and path.name.startswith("vega-bundle-"):
            yield _item("downloads", f"scripts for charts {path.name}", path, held.by(path), _goes(path))


def half_made(held: Held) -> Iterator[Item]:
    """Parts without a process that fills them, and installations that nobody goes on with."""
    models_folder = cache_folder() / "models"
    homes = [*children(models_folder), *children(models_folder / ADDRESSES)]
    for folder in (models_folder, *homes, cache_folder() / "inputs", cache_folder() / "snapshots"):
        for path in children(folder):
            if path.suffix == ".part":
                used = held.by(path) or _locked(path) or _locked(path.with_name(f".{path.stem}.lock"))
                yield _item("leftovers", f"half of {path.stem.lstrip('.')}", path, used, _goes(path))
    for path, busy in environments.unfinished():
        used = "it is being installed" if busy else ""
        yield _item("leftovers", f"half an installation, {path.name}", path, used, _engine_goes(path))


def remove(path: Path) -> None:
    """Out of sight first: a kill in between leaves nothing that looks whole and is half. Raises Unwritable."""
    gone = path.with_name(f".{path.name}.removed.part")
    with disk_errors(path, "TUNEBOOK_CACHE"):
        if gone.exists():
            shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
        path.rename(gone)
        shutil.rmtree(gone) if gone.is_dir() and not gone.is_symlink() else gone.unlink()


def _item(group: str, what: str, path: Path, used: str, take: Callable[[], list[str]]) -> Item:
    size, changed = measure(path)
    return Item(group, what, path, size, changed, take, used)


def _goes(path: Path) -> Callable[[], list[str]]:
    def take() -> list[str]:
        remove(path)
        return []

    return take


def _model_goes(path: Path) -> Callable[[], list[str]]:
    def take() -> list[str]:
        remove(path)
        for beside in (".etag", ".lastmod"):
            path.with_name(path.name + beside).unlink(missing_ok=True)
        if _SHA256.fullmatch(path.parent.name):
            with suppress(OSError):  # something else lies there
                path.parent.rmdir()
            _forget(path.parent.name)
        return []

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


def _engine_goes(folder: Path) -> Callable[[], list[str]]:
    def take() -> list[str]:
        remove_engine(folder)
        return []

    return take


def _locked(path: Path) -> str:
    return "another process fills it" if procfs.lock_holders(path) else ""
