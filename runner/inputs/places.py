"""Where a file of requests lies: on this machine, or in the cache by its content, once it was fetched."""

from __future__ import annotations

import hashlib
import http.client
import os
import secrets
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import IO

from runner.domain.load import RequestFile
from runner.domain.units import format_size
from runner.errors import HashMismatch, NetworkError, RequestFileError
from runner.models.hashes import sha256_of
from runner.util.files import disk_errors
from runner.util.project import cache_folder

BLOCK = 1 << 20
PATIENCE = 60.0
"""Seconds without a byte until a download is given up."""


def folder() -> Path:
    return cache_folder() / "inputs"


def place(file: RequestFile, project: Path) -> Path | None:
    """The file as it was given; None for one that is still to be fetched. Its size and, where the campaign pins one,
    its hash are right. Raises RequestFileError and HashMismatch."""
    if file.path is None:
        found = _cached(file)
        return found if found.is_file() else None
    path = project / Path(file.path).expanduser()
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "there is no such file"
        raise RequestFileError(f"{file.path}: {what}", hint="a path is relative to the project folder")
    try:
        size = path.stat().st_size
        if size > file.max_size:
            raise _too_big(file, format_size(size))
        if size == 0:
            raise RequestFileError(f"{file.path}: the file is empty")
        if file.sha256 and (found_hash := sha256_of(path)) != file.sha256:
            raise _other_content(file, found_hash)
    except OSError as error:
        raise RequestFileError(f"{file.path}: can not be read: {error.strerror}") from error
    return path


def is_here(file: RequestFile) -> bool:
    """Whether the file of a `url` is in the cache."""
    return _cached(file).is_file()


def content_of(file: RequestFile, project: Path) -> str:
    """The hash of a file on this machine. Raises as `place`."""
    path = place(file, project)
    assert path is not None
    return sha256_of(path)


def fetch(file: RequestFile, should_stop: Callable[[], bool] = lambda: False) -> Path:
    """Get the file of a `url` into the cache, unless it is there. It gets its name when all of it has come and is what
    the campaign says. Raises NetworkError, RequestFileError (too big), HashMismatch, NoSpace, Unwritable."""
    target = _cached(file)
    if target.is_file():
        return target
    assert file.url is not None
    part = target.with_name(f".{secrets.token_hex(4)}.part")
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("xb") as copy:
                os.fchmod(copy.fileno(), 0o600)
                found = _download(file, copy, should_stop)
                copy.flush()
                os.fsync(copy.fileno())
            if found != file.sha256:
                raise _other_content(file, found)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    return target


def _cached(file: RequestFile) -> Path:
    return folder() / "files" / file.sha256


def _download(file: RequestFile, copy: IO[bytes], should_stop: Callable[[], bool]) -> str:
    digest, size = hashlib.sha256(), 0
    opener = urllib.request.build_opener(_OnlyHttp)
    try:
        with opener.open(str(file.url), timeout=PATIENCE) as source:
            while block := source.read(BLOCK):
                size += len(block)
                if size > file.max_size:
                    raise _too_big(file, f"more than {format_size(file.max_size)}")
                if should_stop():
                    raise NetworkError(f"{file.label}: stopped on request while it was fetched")
                digest.update(block)
                copy.write(block)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", None) or error
        raise NetworkError(
            f"{file.url} can not be fetched: {reason}", hint="try again, or fetch it yourself and write path:"
        ) from error
    return digest.hexdigest()


class _OnlyHttp(urllib.request.HTTPRedirectHandler):
    """A redirect stays with http and https."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if not newurl.startswith(("https://", "http://")):
            raise urllib.error.URLError(f"it leads to {newurl.split(':', 1)[0]}:")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _too_big(file: RequestFile, size: str) -> RequestFileError:
    limit = format_size(file.max_size)
    return RequestFileError(f"{file.label}: {size}, and max_size is {limit}", hint="raise max_size where that is meant")


def _other_content(file: RequestFile, found: str) -> HashMismatch:
    return HashMismatch(
        f"{file.label} is not the promised file: sha256 {found[:16]}..., the campaign says {file.sha256[:16]}...",
        hint="get the file again, or correct sha256 when it was meant to change",
    )
