"""DuckDB for the browser: fetched once, held to the hashes of `sql_engine.json`, kept as one file in the cache.

Of two packages of npm four files are taken as they are; two of them become one, and what a reader loads is packed. So
no JavaScript tool is needed, and the site holds 8 MB, not 36. `python -m report.sql_engine` fetches it for the tests.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from runner.util.exits import as_exit
from runner.util.files import atomic_write
from runner.util.npm import Package, files_of
from runner.util.project import cache_folder

WASM, WORKER, LIBRARY = "dist/duckdb-eh.wasm", "dist/duckdb-browser-eh.worker.js", "dist/duckdb-browser.cjs"
"""Of @duckdb/duckdb-wasm: the engine for browsers with WebAssembly exceptions (all since 2022), the worker that it runs
in, and what speaks to the worker."""
ARROW, LICENSE, NOTICE = "Arrow.es2015.min.js", "LICENSE.txt", "NOTICE.txt"
"""Of apache-arrow: it reads the answers."""
_SOURCE_MAP = re.compile(rb"\n//# sourceMappingURL=\S+\s*$")
_MADE_BY = 1
"""Raised when other files are made of the same packages."""


@dataclass(frozen=True, slots=True)
class Engine:
    """`files`: name -> content, for the folder assets/sql. `duckdb` is the version of DuckDB."""

    files: Mapping[str, bytes]
    duckdb: str

    def write(self, folder: Path) -> None:
        """Into a folder that is made (site/results/assets/sql)."""
        folder.mkdir()
        for name, content in self.files.items():
            (folder / name).write_bytes(content)

    @property
    def size(self) -> int:
        """Bytes that a reader loads."""
        return sum(len(content) for name, content in self.files.items() if name.endswith(".gz"))


def cached() -> Engine | None:
    """The engine of the cache; None when it is not there, or damaged."""
    try:
        with zipfile.ZipFile(place()) as archive:
            return Engine({name: archive.read(name) for name in archive.namelist()}, _lock()[0])
    except (OSError, zipfile.BadZipFile):
        return None


def fetched() -> Engine:
    """The engine of the cache, or fetched into it. Raises NetworkError, HashMismatch, NotReady, NoSpace, Unwritable."""
    found = cached()
    if found is None:
        atomic_write(place(), _packed(_made()))
        found = cached()
        assert found is not None
    return found


def place() -> Path:
    """Where the engine of this lock lies."""
    text = files("report").joinpath("sql_engine.json").read_bytes() + bytes([_MADE_BY])
    return cache_folder() / f"sql-engine-{hashlib.sha256(text).hexdigest()[:12]}.zip"


def _lock() -> tuple[str, list[Package]]:
    """The version of DuckDB, and the packages."""
    found = json.loads(files("report").joinpath("sql_engine.json").read_text(encoding="utf-8"))
    return found["duckdb"], [Package(one["name"], one["version"], one["sha256"]) for one in found["packages"]]


def _made() -> dict[str, bytes]:
    duckdb, arrow = _lock()[1]
    engine = files_of(duckdb, (WASM, WORKER, LIBRARY, "package.json"))
    reader = files_of(arrow, (ARROW, LICENSE, NOTICE))
    return {
        "duckdb.js.gz": _small(_one_script(reader[ARROW], engine[LIBRARY])),
        "duckdb-worker.js.gz": _small(_SOURCE_MAP.sub(b"\n", engine[WORKER])),
        "duckdb-eh.wasm.gz": _small(engine[WASM]),
        "duckdb-wasm.package.json": engine["package.json"],  # names author and license; the package has no other text
        "apache-arrow.LICENSE.txt": reader[LICENSE],
        "apache-arrow.NOTICE.txt": reader[NOTICE],
    }


def _one_script(arrow: bytes, library: bytes) -> bytes:
    """A script that sets window.Arrow and window.duckdb. The library is a module that requires Arrow, nothing else."""
    wanted = set(re.findall(rb'require\("([^"]+)"\)', library))
    if wanted != {b"apache-arrow"}:
        raise ValueError(f"the library requires {sorted(wanted)}: the lock names another version than this file knows")
    head = b"(() => { const module = { exports: {} }, exports = module.exports, require = () => window.Arrow;\n"
    tail = b"\nwindow.duckdb = module.exports; })();\n"
    return _SOURCE_MAP.sub(b"\n", arrow) + b"\n" + head + _SOURCE_MAP.sub(b"\n", library) + tail


def _small(content: bytes) -> bytes:
    return gzip.compress(content, 9, mtime=0)


def _packed(content: Mapping[str, bytes]) -> bytes:
    """One file that is there whole or not at all, with a checksum of each member."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in content.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return buffer.getvalue()


def main() -> None:
    import click

    with as_exit():
        click.echo(f"SQL for pages: {place()}, DuckDB {fetched().duckdb}")


if __name__ == "__main__":
    main()
