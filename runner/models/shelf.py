"""What models are on this machine: of the hub, of packages, of object stores; whole or not, still what they were or
not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from runner.domain.units import format_size
from runner.models import hub_cache
from runner.models.hashes import Promise, note_hash, read_json
from runner.util.project import cache_folder

MOST = 5
"""Names that a line shows of what is missing."""


@dataclass(frozen=True, slots=True)
class Shelved:
    """One model. `source`: hub, package or address. `revision`: branch (or commit) or version. `parts`: bytes of
    interrupted downloads."""

    source: str
    name: str
    revision: str
    folder: Path
    bytes: int
    missing: tuple[str, ...] = ()
    parts: int = 0

    @property
    def complete(self) -> bool:
        return not self.missing

    def as_plain(self) -> dict[str, Any]:
        told = asdict(self) | {"folder": str(self.folder), "missing": list(self.missing), "complete": self.complete}
        return told


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that was read: `why` it is not what it was promised to be, None when it is."""

    path: Path
    bytes: int
    why: str | None


def everything() -> list[Shelved]:
    """All models of the hub's cache and of ours, complete or not."""
    return [*_of_hub(), *_of_packages(), *_of_addresses()]


def as_text(shelved: list[Shelved]) -> str:
    """For people: a line each, with what is missing below it."""
    if not shelved:
        return "no model is here; `tunebook model fetch` gets one"
    lines = []
    for one in shelved:
        state = "complete" if one.complete else "incomplete"
        lines.append(f"{one.name}  {one.revision}  {format_size(one.bytes)}  {state}  {one.folder}")
        if one.missing:
            lines.append(f"  missing: {names(one.missing)}")
        if one.parts:
            lines.append(f"  {format_size(one.parts)} of an interrupted download are kept")
    return "\n".join(lines)


def names(missing: tuple[str, ...] | list[str]) -> str:
    rest = len(missing) - MOST
    return ", ".join(missing[:MOST]) + (f" and {rest} more" if rest > 0 else "")


def check(one: Shelved) -> Iterator[Checked]:
    """Read every file of a model and compare it with what it is known to be. Raises OSError."""
    if one.source == "hub":
        commit = one.folder.name
        files = hub_cache.listing(one.folder.parent.parent, commit) or {}
        for path in sorted(path for path in one.folder.rglob("*") if path.is_file()):
            yield _checked(path, _promise_of(path, files.get(path.relative_to(one.folder).as_posix())))
    elif one.source == "package":
        for path in sorted(path for path in one.folder.iterdir() if path.is_file() and not path.name.startswith(".")):
            yield _checked(path, Promise(None, sha256=one.folder.name))
    else:
        whole = read_json(one.folder / ".whole.json") or {"files": {}}
        for name, size in whole["files"].items():
            if (path := one.folder / name).is_file():
                yield _checked(path, Promise(size))


def _checked(path: Path, promise: Promise) -> Checked:
    why = promise.broken_by(path)
    if why is None and promise.sha256:
        note_hash(path, promise.sha256)
    return Checked(path, path.stat().st_size, why)


def _promise_of(path: Path, listed: dict[str, object] | None) -> Promise:
    """By the hub's listing; without one the name of the blob says what it holds."""
    if listed is not None:
        sha256 = listed.get("lfs_sha256")
        size = listed.get("size")
        return Promise(size if isinstance(size, int) else None, str(sha256) if sha256 else None, str(listed["blob_id"]))
    blob = path.resolve().name
    if len(blob) == 64:
        return Promise(None, sha256=blob)
    return Promise(None, git=blob if hub_cache.COMMIT.fullmatch(blob) else None)


def _of_hub() -> Iterator[Shelved]:
    here = hub_cache.snapshots()
    for one in here:
        revision = ", ".join(one.refs) or one.commit[:12]
        yield Shelved("hub", one.model_id, revision, one.folder, one.bytes, one.missing, hub_cache.parts(one.model_id))
    known = {one.model_id for one in here}
    for home in sorted(hub_cache.hub_folder().glob(f"{hub_cache.PREFIX}*")):
        model_id = home.name.removeprefix(hub_cache.PREFIX).replace("--", "/")
        if model_id not in known and (begun := hub_cache.parts(model_id)):
            yield Shelved("hub", model_id, "-", home, 0, ("config.json",), begun)


def _of_packages() -> Iterator[Shelved]:
    folder = cache_folder() / "models"
    noted = {}
    for note in sorted((folder / "by-package").glob("*/*.json")):
        told = read_json(note)
        if isinstance(told, dict) and "sha256" in told:
            noted[str(told["sha256"]), note.stem] = note.parent.name
    for home in sorted(folder.glob("[0-9a-f]" * 64)):
        for path in sorted(home.iterdir()):
            if path.is_file() and not path.name.startswith("."):
                package, _, version = noted.get((home.name, path.name), "").partition("==")
                label = f"{package}/{path.name}" if package else path.name
                yield Shelved("package", label, version or home.name[:12], home, path.stat().st_size)


def _of_addresses() -> Iterator[Shelved]:
    for home in sorted((cache_folder() / "models" / "by-address").glob("*")):
        whole = read_json(home / ".whole.json")
        if not isinstance(whole, dict):
            begun = sum(path.stat().st_size for path in home.rglob("*") if path.is_file())
            yield Shelved("address", home.name, "-", home, 0, ("(its listing)",), begun)
            continue
        files = {name: home / name for name in whole["files"]}
        missing = tuple(name for name, path in files.items() if not path.is_file())
        size = sum(path.stat().st_size for path in files.values() if path.is_file())
        yield Shelved("address", str(whole.get("address", home.name)), "-", home, size, missing)
