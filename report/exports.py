"""Downloads: every public view as Parquet and CSV, all of them in one DuckDB file, and checksums.

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
SPREADSHEET = 1_048_576
"""Rows of a sheet. What has more is written as Parquet, and not as CSV too."""
SORTED = 100_000
"""Rows up to which a download is sorted by all its columns; a longer one is in the order of the store."""


@dataclass(frozen=True, slots=True)
class Export:
    """One exported view. Sizes are bytes; `csv_bytes` is None where there are more rows than a spreadsheet holds."""

    name: str
    meaning: str
    rows: int
    csv_bytes: int | None
    parquet_bytes: int


def export(connection: DuckDBPyConnection, folder: Path, publisher: Publisher) -> list[Export]:
    """Write the downloads into `folder`. The connection must be allowed to write files.

    One thread, so that rows come in one order: to sort the numbers of a million levels takes longer than all the rest.
    """
    folder.mkdir(parents=True, exist_ok=True)
    threads = connection.execute("FROM (SELECT current_setting('threads'))").fetchall()[0][0]
    connection.execute("SET threads = 1")
    try:
        connection.execute("CREATE OR REPLACE TEMP TABLE said (before VARCHAR PRIMARY KEY, after VARCHAR)")
        views = {item.name: item.comment for item in described() if item.kind == "view" and "." not in item.name}
        exports = [_export(connection, folder, publisher, name, comment) for name, comment in views.items()]
    finally:
        connection.execute(f"SET threads = {threads}")
    _one_file(folder, [item.name for item in exports])
    _checksums(folder)
    return exports


def _export(connection: DuckDBPyConnection, folder: Path, publisher: Publisher, name: str, comment: str) -> Export:
    source, chosen = _select(connection, publisher, name)
    rows = connection.execute(f"FROM {source} SELECT count(*)").fetchall()[0][0]
    chosen += " ORDER BY ALL" if rows <= SORTED else ""
    csv, parquet = folder / f"{name}.csv", folder / f"{name}.parquet"
    connection.execute(f"COPY ({chosen}) TO {_literal(parquet)} (FORMAT parquet, COMPRESSION zstd)")
    connection.execute("DROP TABLE IF EXISTS seen")
    if rows <= SPREADSHEET:
        connection.execute(f"COPY (FROM {_literal(parquet)}) TO {_literal(csv)} (FORMAT csv, HEADER)")
    size = csv.stat().st_size if rows <= SPREADSHEET else None
    return Export(name, _sentence(comment), rows, size, parquet.stat().st_size)


def _select(connection: DuckDBPyConnection, publisher: Publisher, view: str) -> tuple[str, str]:
    """What may leave of `view`, in words that may leave, behind the name of what it is read from: where texts have to
    be looked at the view is read once, into the table `seen`."""
    columns = connection.execute(f"FROM (DESCRIBE {view}) SELECT column_name, column_type").fetchall()
    texts = [name for name, kind in columns if is_text(kind) and publisher.allows(name)]
    source = view
    if any(COLUMNS[name] is not Treat.WORD for name in texts):
        kept = ", ".join(f'"{name}"' for name, kind in columns if not is_text(kind) or name in texts)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE seen AS FROM {view} SELECT {kept}")
        source = "seen"
    wanted = []
    joins = []
    for name, kind in columns:
        if not is_text(kind):
            wanted.append(f'v."{name}"')
        elif name in texts:
            plain = f"array_to_string(v.\"{name}\", '; ')" if kind.endswith("[]") else f'v."{name}"::VARCHAR'
            if COLUMNS[name] is Treat.WORD:
                wanted.append(f'{plain} AS "{name}"')
                continue
            if not _learn(
                connection, f"FROM seen v SELECT DISTINCT {plain} WHERE {plain} IS NOT NULL", name, publisher
            ):
                wanted.append(f'{plain} AS "{name}"')
                continue
            joins.append(f"LEFT JOIN said AS said_{name} ON said_{name}.before = {plain}")
            wanted.append(f'coalesce(said_{name}.after, {plain}) AS "{name}"')
    return source, f"SELECT {', '.join(wanted)} FROM {source} v {' '.join(joins)}"


def _learn(connection: DuckDBPyConnection, query: str, column: str, publisher: Publisher) -> bool:
    """Note each text that leaves changed; whether there is one. Most evidence lines and flags need no change."""
    texts = [before for (before,) in connection.execute(query).fetchall()]
    changed = {before: after for before in texts if (after := publisher.value(column, before)) != before}
    if changed:
        pairs = "FROM (SELECT unnest($1) AS before, unnest($2) AS after)"
        connection.execute(f"INSERT OR REPLACE INTO said {pairs}", [list(changed), list(changed.values())])
    return bool(changed)


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
    lines = []
    for path in sorted(folder.iterdir()):
        if path.suffix in (".csv", ".parquet", ".duckdb", ".json"):
            with path.open("rb") as file:
                lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}\n")
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")


def _sentence(comment: str) -> str:
    """What a row is: the first sentence of the view's comment, as plain text."""
    return comment.split(". ")[0].rstrip(".").replace("`", "")


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
