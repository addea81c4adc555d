"""DuckDB for pages: made of the promised packages once, then taken from the cache; a damaged cache is made anew."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

import pytest

from report import sql_engine
from runner.util.npm import Package

LIBRARY = b'const arrow = require("apache-arrow");\nexports.name = arrow.name;\n//# sourceMappingURL=x.cjs.map\n'


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The packages that were fetched, of a registry that is played."""
    monkeypatch.setenv("TUNEBOOK_CACHE", str(tmp_path))
    found: list[str] = []

    def files_of(package: Package, names: Iterable[str]) -> dict[str, bytes]:
        found.append(package.name)
        return {name: LIBRARY if name.endswith(".cjs") else f"{name}\n".encode() * 1000 for name in names}

    monkeypatch.setattr(sql_engine, "files_of", files_of)
    return found


def test_it_is_fetched_once(asked: list[str], tmp_path: Path) -> None:
    assert sql_engine.cached() is None
    first = sql_engine.fetched()
    assert asked == ["@duckdb/duckdb-wasm", "apache-arrow"]
    assert sql_engine.fetched() == first == sql_engine.cached()
    assert len(asked) == 2
    assert [path.name for path in tmp_path.iterdir()] == [sql_engine.place().name]


def test_what_a_reader_loads_is_packed_and_licenses_are_beside(asked: list[str], tmp_path: Path) -> None:
    engine = sql_engine.fetched()
    packed = {name: gzip.decompress(content) for name, content in engine.files.items() if name.endswith(".gz")}
    assert packed["duckdb-eh.wasm.gz"] == b"dist/duckdb-eh.wasm\n" * 1000
    assert engine.size == sum(len(engine.files[name]) for name in packed)
    assert {"apache-arrow.LICENSE.txt", "apache-arrow.NOTICE.txt", "duckdb-wasm.package.json"} <= set(engine.files)
    script = packed["duckdb.js.gz"].decode()
    assert script.index("Arrow.es2015.min.js") < script.index('require("apache-arrow")')
    assert "sourceMappingURL" not in script, "a reader with open tools would ask for a file that is not there"
    engine.write(tmp_path / "sql")
    assert {path.name for path in (tmp_path / "sql").iterdir()} == set(engine.files)


@pytest.mark.parametrize("damage", ["cut", "changed", "empty"])
def test_a_damaged_cache_is_made_anew(damage: str, asked: list[str]) -> None:
    whole = sql_engine.fetched()
    content = sql_engine.place().read_bytes()
    at = content.index(b"dist/duckdb-eh.wasm") if b"dist/duckdb-eh.wasm" in content else 200
    changed = content[:at] + bytes([content[at] ^ 255]) + content[at + 1 :]
    sql_engine.place().write_bytes({"cut": content[:500], "changed": changed, "empty": b""}[damage])
    assert sql_engine.cached() is None
    assert sql_engine.fetched() == whole
    assert len(asked) == 4


def test_a_library_that_wants_more_is_noticed(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "LIBRARY", b'require("apache-arrow"); require("fs")')
    with pytest.raises(ValueError, match="fs"):
        sql_engine.fetched()


def test_the_lock_names_exact_versions_and_hashes() -> None:
    lock = json.loads(files("report").joinpath("sql_engine.json").read_text(encoding="utf-8"))
    for package in lock["packages"]:
        assert re.fullmatch(r"\d+\.\d+\.\d+", package["version"])
        assert re.fullmatch(r"[0-9a-f]{64}", package["sha256"])
        assert package["license"]
    assert "://" not in json.dumps(lock), "whom one asks is not for a lock to say"
