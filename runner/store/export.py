"""Everything people query, in files for other tools: CSV, Parquet, and a DuckDB file that old clients read."""

from __future__ import annotations

from pathlib import Path

from runner.store import schema
from runner.store._live import BLOCK_SIZE, literal, remove_database
from runner.store.reader import open_snapshot
from runner.util.files import disk_errors

STORAGE_VERSION = "v1.4.0"
"""What DuckDB in a browser reads today; it knows no VARIANT, so `params` is left to `params_json`."""


def export(results: Path, target: Path) -> list[Path]:
    """Write each public view as `<view>.csv` and `<view>.parquet`, and all of them as tables of `tunebook.duckdb`.

    Rows are ordered by all columns: the same snapshot gives the same files. Files of those names are replaced. Raises
    StoreError when there is no snapshot, NoSpace, Unwritable.
    """
    written: list[Path] = []
    with disk_errors(target), open_snapshot(results, confined=False) as connection:
        target.mkdir(parents=True, exist_ok=True)
        database = target / "tunebook.duckdb"
        remove_database(database)
        connection.execute(
            f"ATTACH {literal(database)} AS exported (STORAGE_VERSION '{STORAGE_VERSION}', BLOCK_SIZE {BLOCK_SIZE})"
        )
        for view in public_views():
            columns = "* EXCLUDE (params)" if "params" in view.columns else "*"
            table = f"exported.main.{view.name}"
            connection.execute(f"CREATE TABLE {table} AS SELECT {columns} FROM main.{view.name} ORDER BY ALL")
            connection.execute(f"COMMENT ON TABLE {table} IS {_text(view.comment)}")
            for suffix, options in (("csv", "FORMAT csv, HEADER"), ("parquet", "FORMAT parquet, COMPRESSION zstd")):
                path = target / f"{view.name}.{suffix}"
                connection.execute(f"COPY {table} TO {literal(path)} ({options})")
                written.append(path)
        connection.execute("DETACH exported")
        written.append(database)
    return written


def public_views() -> list[schema.Described]:
    """The views of `main`: the public interface."""
    return [item for item in schema.described() if item.kind == "view" and "." not in item.name]


def _text(comment: str) -> str:
    return "'" + comment.replace("'", "''") + "'"
