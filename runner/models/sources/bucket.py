"""A file or folder of an object store, `s3://BUCKET/KEY`, through fsspec. It needs the package s3fs, which is not one
of ours: credentials and region are its business (AWS_PROFILE, AWS_ENDPOINT_URL, ...).

What is fetched lies in our cache, in a folder named by a hash of the address. The note `.whole.json` there is written
last and says what belongs to it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from runner.errors import ModelMissing, NetworkError, NotAuthorised, NotReady, UsageError
from runner.models.download.answers import TryAgain
from runner.models.download.part import OPTION, Part, refuse_unless_room
from runner.models.download.transfer import Settings, Tell, bring, read_into
from runner.models.hashes import BLOCK, Promise, read_json, verified
from runner.util.download import shown
from runner.util.files import atomic_write, disk_errors
from runner.util.project import cache_folder

SCHEME = "s3://"


def is_bucket(text: str) -> bool:
    return text.startswith(SCHEME)


def folder_of(address: str) -> Path:
    """Where the files of an address lie, or will lie."""
    key = hashlib.sha256(address.rstrip("/").encode()).hexdigest()[:16]
    return cache_folder() / "models" / "by-address" / key


def find(address: str, sha256: str | None) -> Path | None:
    """The file or folder in the cache, when all of it is there. Raises HashMismatch."""
    folder = folder_of(address)
    whole = read_json(folder / ".whole.json")
    if not isinstance(whole, dict) or not isinstance(whole.get("files"), dict):
        return None
    for name, size in whole["files"].items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != size:
            return None
    if whole.get("single"):
        return verified(folder / str(whole["single"]), sha256)
    return verified(folder, sha256)


def missing(address: str) -> ModelMissing:
    return ModelMissing(f"{shown(address)} is not here", hint=f"run `tunebook model fetch {shown(address)}`")


def fetch(address: str, settings: Settings, tell: Tell, sha256: str | None = None, out: Path | None = None) -> Path:
    """Bring the file or the files under the address here. Raises NotReady without s3fs, NetworkError, NotAuthorised,
    NoSpace, Unwritable, HashMismatch."""
    files, single = list_files(address)
    fs, _ = _open(address)
    if sha256 is not None and not single:
        raise UsageError(f"{shown(address)} is a folder, it has no sha256", hint="leave --sha256 out, or name a file")
    name = PurePosixPath(address.rstrip("/")).name
    folder = (out if single else out / name) if out is not None else folder_of(address)
    refuse_unless_room(folder, sum(size for size, _ in files.values()), shown(address))
    noted = read_json(folder / ".whole.json") if out is None else None
    before = noted.get("etags") if isinstance(noted, dict) else None
    etags: dict[str, str | None] = {}
    for name, (size, key) in files.items():
        etags[name] = etag = _etag(fs, key)
        same = out is not None or (etag is not None and isinstance(before, dict) and before.get(name) == etag)
        target, promise = folder / name, Promise(size, asked=sha256)
        part = Part(name, target, target.with_name(f"{target.name}.part"), target.with_name(f".{target.name}.lock"))
        with part.alone(partial(tell, "waiting", file=name)):
            if not settings.force and (same or sha256) and target.is_file() and promise.broken_by(target) is None:
                continue
            _keep_if_same(part, etag)
            told = partial(tell, file=name)
            bring(f"{SCHEME}{key}", part, promise, settings, told, partial(_once, fs, key, part, promise, told))
    if out is None:
        whole = {"address": shown(address), "files": {name: size for name, (size, _) in files.items()}}
        whole["etags"] = etags
        atomic_write(folder / ".whole.json", json.dumps(whole | ({"single": next(iter(files))} if single else {})))
    return folder / next(iter(files)) if single else folder


def list_files(address: str) -> tuple[dict[str, tuple[int, str]], bool]:
    """name -> (bytes, key) of what lies at the address, and whether it is one file. Raises as `fetch`."""
    fs, root = _open(address)
    with _Said(address):
        if fs.isfile(root):
            return {PurePosixPath(root).name: (int(fs.size(root)), root)}, True
        keys = [key for key in fs.find(root) if not key.endswith("/")]
        found = {key.removeprefix(root).lstrip("/"): (int(fs.size(key)), key) for key in keys}
    for name in found:
        if ".." in name.split("/") or name.startswith("/"):
            raise UsageError(f"{shown(address)} holds {name!r}, which would not lie in the model's folder")
    if not found:
        raise NetworkError(f"nothing is at {shown(address)}", hint="check bucket and key")
    return dict(sorted(found.items())), False


def copy_all(address: str, wanted: Mapping[str, Path]) -> None:
    """Copy objects beside or below the address (key -> file here), as many at once as the library does. Raises as
    `fetch`."""
    fs, _ = _open(address)
    for path in wanted.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    with _Said(address):
        fs.get(list(wanted), [str(path) for path in wanted.values()])


def put(address: str, source: Path | bytes) -> None:
    """Copy a file, or bytes, to the address; an object is there whole or not at all. Raises as `fetch`."""
    fs, key = _open(address)
    with _Said(address):
        if isinstance(source, bytes):
            fs.pipe_file(key, source)
        else:
            fs.put_file(str(source), key)


def sha256_of(address: str) -> str | None:
    """Of the object's content, read once; None when there is none. Raises as `fetch`."""
    fs, key = _open(address)
    with _Said(address):
        fs.invalidate_cache()
        if not fs.isfile(key):
            return None
        found = hashlib.sha256()
        with fs.open(key, "rb") as file:
            while block := file.read(BLOCK):
                found.update(block)
    return found.hexdigest()


def _etag(fs: Any, key: str) -> str | None:
    """What names the content of an object now; None where the store says nothing of the kind."""
    with _Said(key):
        fs.invalidate_cache()
        told = fs.info(key)
    found = told.get("ETag") or told.get("LastModified") or told.get("mtime")
    return str(found) if found else None


def _once(fs: Any, key: str, part: Part, promise: Promise, tell: Tell, end: float) -> None:
    """What is missing of an object, in one go, if it is still the same. Raises as `read_into`."""
    _keep_if_same(part, _etag(fs, key))
    part.room(promise.size)
    with _Said(key, again=True), disk_errors(part.target, OPTION), fs.open(key, "rb") as source, part.writer() as file:
        source.seek(part.size)
        read_into(file, iter(lambda: source.read(BLOCK), b""), part, promise, tell, end)


def _keep_if_same(part: Part, etag: str | None) -> None:
    """Go on with the beginning of this content only; of a store that names none, with nothing."""
    if etag is None or part.etag != etag:
        part.clear()
        part.began(etag)


def _open(address: str) -> tuple[Any, str]:
    import fsspec

    try:
        with _Said(address):
            fs, root = fsspec.core.url_to_fs(address)
    except ImportError as error:
        raise NotReady(f"{shown(address)} needs the package s3fs", hint="pip install s3fs, beside tunebook") from error
    return fs, str(root).rstrip("/")


class _Said:
    """What an object store's library raises, in our words: it has no errors of its own but the system's."""

    def __init__(self, what: str, again: bool = False) -> None:
        self._again = again
        self._what = shown(what) if "://" in what else what

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, PermissionError) or "Credentials" in type(error).__name__:
            hint = "check the credentials that s3fs uses (AWS_PROFILE, AWS_ACCESS_KEY_ID)"
            raise NotAuthorised(f"{self._what}: {error}", hint=hint) from error
        if isinstance(error, FileNotFoundError):
            raise NetworkError(f"nothing is at {self._what}", hint="check bucket and key") from error
        if isinstance(error, ConnectionError | TimeoutError) or type(error).__module__.startswith("botocore"):
            why = f"{self._what}: {error}"
            final = NetworkError(why, hint="check the network and the proxy")
            raise (TryAgain(why, final) if self._again else final) from error
