"""Downloads: every public view as CSV and Parquet, all of them in one DuckDB file, and checksums.

The column allow-list of `report.publish` holds here too: text columns that are not in it do not leave.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from report.publish import COLUMNS, Publisher, Treat, is_text
from runner.store.schema import described

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

STORAGE = "v1.4.0"
"""Storage version of the DuckDB file: the newest that DuckDB 1.4 and the browser's build of it can read."""


@dataclass(frozen=True, slots=True)
class Export:
    """One exported view. Sizes are bytes."""

    name: str
    meaning: str
    rows: int
    csv_bytes: int
    parquet_bytes: int


def export(connection: DuckDBPyConnection, folder: Path, publisher: Publisher) -> list[Export]:
    """Write the downloads into `folder`. The connection must be allowed to write files."""
    folder.mkdir(parents=True, exist_ok=True)
    connection.execute("CREATE OR REPLACE TEMP TABLE said (before VARCHAR PRIMARY KEY, after VARCHAR)")
    views = {item.name: item.comment for item in described() if item.kind == "view" and "." not in item.name}
    exports = []
    for name, comment in views.items():
        connection.execute(f"CREATE OR REPLACE TEMP TABLE seen AS FROM {name}")
        connection.execute(f"CREATE OR REPLACE TEMP TABLE leaving AS {_select(connection, publisher)} ORDER BY ALL")
        csv, parquet = folder / f"{name}.csv", folder / f"{name}.parquet"
        connection.execute(f"COPY leaving TO {_literal(csv)} (FORMAT csv, HEADER)")
        connection.execute(f"COPY leaving TO {_literal(parquet)} (FORMAT parquet, COMPRESSION zstd)")
        row = connection.execute("SELECT count(*) FROM leaving").fetchone()
        sizes = csv.stat().st_size, parquet.stat().st_size
        exports.append(Export(name, _sentence(comment), row[0] if row else 0, *sizes))
    connection.execute("DROP TABLE leaving")
    _one_file(folder, [item.name for item in exports])
    _checksums(folder)
    return exports


def _select(connection: DuckDBPyConnection, publisher: Publisher) -> str:
    """What may leave of the table `seen`, in words that may leave."""
    wanted = []
    joins = []
    for name, kind in connection.execute("SELECT column_name, column_type FROM (DESCRIBE seen)").fetchall():
        if not is_text(kind):
            wanted.append(f'v."{name}"')
        elif publisher.allows(name):
            plain = f"array_to_string(v.\"{name}\", '; ')" if kind.endswith("[]") else f'v."{name}"::VARCHAR'
            if COLUMNS[name] is Treat.WORD:
                wanted.append(f'{plain} AS "{name}"')
                continue
            _learn(connection, f"SELECT DISTINCT {plain} FROM seen v WHERE {plain} IS NOT NULL", name, publisher)
            joins.append(f"LEFT JOIN said AS said_{name} ON said_{name}.before = {plain}")
            wanted.append(f'coalesce(said_{name}.after, {plain}) AS "{name}"')
    return f"SELECT {', '.join(wanted)} FROM seen v {' '.join(joins)}"


def _learn(connection: DuckDBPyConnection, query: str, column: str, publisher: Publisher) -> None:
    """Note each text that leaves changed. Only those: most evidence lines and flags need no change."""
    for (before,) in connection.execute(query).fetchall():
        after = publisher.value(column, before)
        if after != before:
            connection.execute("INSERT OR REPLACE INTO said VALUES (?, ?)", [before, after])


def _one_file(folder: Path, names: list[str]) -> None:
    import duckdb

    path = folder / "results.duckdb"
    path.unlink(missing_ok=True)
    with duckdb.connect() as memory:
        memory.execute("SET threads = 1")
        memory.execute(f"ATTACH {_literal(path)} AS web (STORAGE_VERSION '{STORAGE}')")
        for name in names:
            source = _literal(folder / f"{name}.parquet")
            memory.execute(f"CREATE TABLE web.{name} AS FROM read_parquet({source})")
        memory.execute("DETACH web")


def _checksums(folder: Path) -> None:
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(folder.iterdir())
        if path.suffix in (".csv", ".parquet", ".duckdb", ".json")
    ]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def _sentence(comment: str) -> str:
    """What a row is: the first sentence of the view's comment, as plain text."""
    return comment.split(". ")[0].rstrip(".").replace("`", "")


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
