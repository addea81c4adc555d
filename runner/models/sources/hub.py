"""The hub, or a mirror of it that speaks the same protocol (HF_ENDPOINT, `--base-url`).

huggingface_hub resolves the revision, lists the files and makes the folders and links that engines look into; between
the two the bytes come through `transfer`, into the place where the library looks for them.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

from runner import __version__
from runner.errors import HashMismatch, NetworkError, UsageError
from runner.models import hub_cache
from runner.models.download.part import OPTION, Part, refuse_unless_room
from runner.models.download.questions import patiently
from runner.models.download.transfer import Settings, Tell, transfer
from runner.models.hashes import Promise, note_hash
from runner.util.download import shown
from runner.util.files import atomic_write, disk_errors

_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")

LARGEST = 50_000_000_000
"""Bytes of a file that the hub gives out over plain HTTP."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One file of a model: its name there, and what its content must be."""

    name: str
    promise: Promise


@dataclass(frozen=True, slots=True)
class Listing:
    """What a revision holds. `files` are those that are wanted; `commit` is what the revision is today."""

    model_id: str
    revision: str
    commit: str
    files: tuple[Listed, ...]


@dataclass(frozen=True, slots=True)
class Wish:
    """What to fetch of a model. `names`: files or patterns, none for all that an engine needs. `out`: a folder of the
    user's; None: the hub's cache, where engines find it. `endpoint`: a mirror; None: HF_ENDPOINT or the hub."""

    model_id: str
    revision: str | None = None
    names: tuple[str, ...] = ()
    sha256: str | None = None
    out: Path | None = None
    endpoint: str | None = None


def list_files(wish: Wish, settings: Settings, tell: Tell) -> Listing:
    """Ask the hub what the revision holds. Raises UsageError (a bad id, no such file), NetworkError, NotAuthorised,
    RateLimited; and UsageError for a file name that would lead out of the folder."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # before the library is loaded: it would ask for more
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    if hub_cache.is_offline():
        raise NetworkError(
            f"{wish.model_id}: HF_HUB_OFFLINE is set, so nothing is fetched", hint="unset it, or copy the model here"
        )
    api = HfApi(endpoint=wish.endpoint, library_name="tunebook", library_version=__version__)
    revision = wish.revision or "main"

    def ask() -> tuple[str, list[RepoFile]]:
        info = api.model_info(wish.model_id, revision=revision, timeout=30)
        commit = str(info.sha)
        tree = api.list_repo_tree(wish.model_id, recursive=True, revision=commit)
        return commit, [one for one in tree if isinstance(one, RepoFile)]

    commit, found = patiently(ask, wish.model_id, settings, tell)
    if not hub_cache.COMMIT.fullmatch(commit):
        raise _no_hub(wish, f"the commit {commit[:60]!r}")
    by_name = {one.path: one for one in found}
    for name in by_name:
        _refuse_unless_inside(name)
    chosen = _chosen(wish, list(by_name))
    files = []
    for name in chosen:
        one = by_name[name]
        sha256 = one.lfs.sha256 if one.lfs is not None else None
        if not _HASH.fullmatch(sha256 or one.blob_id):  # it becomes the name of a file here
            raise _no_hub(wish, f"the hash {(sha256 or one.blob_id)[:60]!r} of {name}")
        files.append(Listed(name, Promise(one.size, sha256, one.blob_id, wish.sha256)))
    return Listing(wish.model_id, revision, commit, tuple(files))


def missing(wish: Wish, listing: Listing, force: bool = False) -> list[Listed]:
    """The files that are still to fetch. One that is in the cache has its content's hash for a name; one in a folder of
    the user's is read and compared."""
    if force:
        return list(listing.files)
    return [one for one in listing.files if not _is_here(wish, listing, one)]


def fetch(wish: Wish, listing: Listing, settings: Settings, tell: Callable[..., None]) -> Path:
    """Bring every file of the listing here, each verified, and give the folder that holds them. `tell` gets the file's
    name beside the words of `transfer`.

    Raises as `transfer`, and NoSpace before the first byte when the whole does not fit.
    """
    to_fetch = missing(wish, listing, settings.force)
    rest = sum((one.promise.size or 0) - _part(wish, listing, one).size for one in to_fetch)
    refuse_unless_room(root_of(wish), rest, wish.model_id)
    for one in to_fetch:
        part = _part(wish, listing, one)
        if (one.promise.size or 0) > LARGEST and wish.out is None:
            _leave_to_the_library(wish, listing, one, part, settings, tell)
            continue
        with part.alone(partial(tell, "waiting", file=one.name)):
            if settings.force or not _is_here(wish, listing, one):
                _bring(wish, listing, one, part, settings, partial(tell, file=one.name))
    if wish.out is not None:
        return root_of(wish)
    return _link(wish, listing, settings, tell)


def _bring(wish: Wish, listing: Listing, one: Listed, part: Part, settings: Settings, tell: Tell) -> None:
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils import build_hf_headers

    url = hf_hub_url(listing.model_id, one.name, revision=listing.commit, endpoint=wish.endpoint)
    headers = {
        name: str(value)
        for name, value in build_hf_headers(library_name="tunebook", library_version=__version__).items()
    }
    transfer(url, headers, part, one.promise, settings, tell)


def _leave_to_the_library(
    wish: Wish, listing: Listing, one: Listed, part: Part, settings: Settings, tell: Callable[..., None]
) -> None:
    """A file that the hub gives out in its chunked protocol only, verified when it is here. The library takes the lock
    itself. Raises HashMismatch and what `_translated` says."""
    from huggingface_hub import hf_hub_download, hf_hub_url

    url = hf_hub_url(listing.model_id, one.name, revision=listing.commit, endpoint=wish.endpoint)
    tell("start", file=one.name, url=shown(url), resume=False, start=0)
    began = time.monotonic()

    def ask() -> str:
        with disk_errors(part.target, OPTION):
            return hf_hub_download(
                listing.model_id,
                one.name,
                revision=listing.commit,
                endpoint=wish.endpoint,
                cache_dir=hub_cache.hub_folder(),
                force_download=settings.force,
                library_name="tunebook",
                library_version=__version__,
            )

    patiently(ask, one.name, settings, tell)
    if (broken := one.promise.broken_by(part.target)) is not None:
        part.target.unlink()
        raise HashMismatch(f"{one.name} is not the promised file: {broken}; it was thrown away")
    tell("done", file=one.name, bytes=part.target.stat().st_size, ms=round(1000 * (time.monotonic() - began)))


def _link(wish: Wish, listing: Listing, settings: Settings, tell: Tell) -> Path:
    """Have the library make the snapshot over the content that lies there: links, and its note of the listing."""
    from huggingface_hub import snapshot_download

    names = [one.name for one in listing.files]

    def ask() -> str:
        with disk_errors(root_of(wish), OPTION):
            return snapshot_download(
                listing.model_id,
                revision=listing.commit,
                endpoint=wish.endpoint,
                cache_dir=hub_cache.hub_folder(),
                allow_patterns=[_literal(name) for name in names],
                max_workers=4,
                library_name="tunebook",
                library_version=__version__,
            )

    folder = Path(patiently(ask, listing.model_id, settings, tell))
    if listing.revision != listing.commit:  # last: until now the name leads to what was there before
        ref = root_of(wish) / "refs" / listing.revision
        with disk_errors(ref, OPTION):
            ref.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(ref, listing.commit)
    return folder


def _chosen(wish: Wish, names: list[str]) -> list[str]:
    if not wish.names:
        return hub_cache.wanted(names)
    chosen: list[str] = []
    for pattern in wish.names:
        found = [name for name in names if name == pattern] or [name for name in names if fnmatch(name, pattern)]
        if not found:
            import difflib

            near = difflib.get_close_matches(pattern, names, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(sorted(names)[:10])}"
            raise UsageError(f"{wish.model_id} has no file {pattern}", hint=hint)
        chosen += found
    if wish.sha256 is not None and len(set(chosen)) != 1:
        raise UsageError("--sha256 belongs to one file", hint="name it with --file")
    return sorted(set(chosen))


def _no_hub(wish: Wish, what: str) -> NetworkError:
    return NetworkError(f"{wish.model_id}: {what} is none: this is no hub", hint="check --base-url and HF_ENDPOINT")


def _refuse_unless_inside(name: str) -> None:
    """A name from outside must not lead out of the folder that it is written to."""
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\\" in name or ":" in parts[0] or not name.isprintable():
        raise UsageError(
            f"the hub lists a file called {name!r}, which would not lie in the model's folder",
            hint="do not use this model",
        )


def root_of(wish: Wish) -> Path:
    """The folder of a model, in the cache or in `out`."""
    if wish.out is None:
        return hub_cache.folder_of(wish.model_id)
    return wish.out / wish.model_id.replace("/", "-")


def _etag(one: Listed) -> str:
    """What the hub and its library call the content."""
    return one.promise.sha256 or str(one.promise.git)


def _part(wish: Wish, listing: Listing, one: Listed) -> Part:
    """In the cache place, part and lock are the library's own, so that both keep out of each other's way."""
    root = root_of(wish)
    if wish.out is None:
        blob = root / "blobs" / _etag(one)
        lock = hub_cache.hub_folder() / ".locks" / root.name / f"{_etag(one)}.lock"
        return Part(one.name, blob, blob.with_name(f"{blob.name}.incomplete"), lock)
    target = root / one.name
    return Part(one.name, target, target.with_name(f"{target.name}.part"), target.with_name(f".{target.name}.lock"))


def _is_here(wish: Wish, listing: Listing, one: Listed) -> bool:
    target = _part(wish, listing, one).target
    if not target.is_file():
        return False
    promise = one.promise if wish.out is not None or one.promise.asked else replace(one.promise, sha256=None, git=None)
    if promise.broken_by(target) is not None:
        return False
    if known := promise.sha256 or promise.asked:
        note_hash(target, known)
    return True


def _literal(name: str) -> str:
    """A name as a pattern that matches nothing else."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)
