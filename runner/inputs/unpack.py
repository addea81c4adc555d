"""A packed file of requests, opened: .gz, or .zip with one file in it. Nothing is ever written under a name from
inside an archive, so none can lead out of the cache; and no more comes out than `max_size`."""

from __future__ import annotations

import gzip
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from runner.domain.load import RequestFile
from runner.domain.units import format_size
from runner.errors import RequestFileError

_BLOCK = 1 << 20
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"


def is_packed(path: Path) -> bool:
    """By its first bytes: a name says nothing of what an address delivers."""
    with path.open("rb") as file:
        head = file.read(4)
    return head.startswith(_GZIP) or head == _ZIP


def unpack(file: RequestFile, path: Path, target: Path) -> None:
    """Write what is packed in `path` to `target`. Raises RequestFileError for what is broken, encrypted, too big or
    more than one file; OSError of the disk."""
    try:
        with _opened(file, path) as source, target.open("xb") as copy:
            size = 0
            while block := source.read(_BLOCK):
                size += len(block)
                if size > file.max_size:
                    limit = format_size(file.max_size)
                    raise RequestFileError(
                        f"{file.label}: unpacked it is more than max_size, {limit}",
                        hint="raise max_size where that is meant",
                    )
                copy.write(block)
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, zipfile.BadZipFile, NotImplementedError) as error:
        raise RequestFileError(f"{file.label}: can not be unpacked: {error}") from error


@contextmanager
def _opened(file: RequestFile, path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as raw:
        head = raw.read(2)
    if head == _GZIP:
        with gzip.open(path, "rb") as unzipped:
            yield cast(IO[bytes], unzipped)
        return
    with zipfile.ZipFile(path) as archive:
        inside = [info for info in archive.infolist() if not info.is_dir()]
        if len(inside) != 1:
            raise RequestFileError(f"{file.label}: the archive holds {len(inside)} files, and one is needed")
        if inside[0].flag_bits & 1:
            raise RequestFileError(f"{file.label}: the archive is encrypted")
        with archive.open(inside[0]) as source:
            yield source
