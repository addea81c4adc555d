"""Request rows as Parquet, written by DuckDB's own COPY: no pyarrow, no pandas."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

REQUEST_COLUMNS = {
    "position": "INTEGER", "number": "INTEGER", "kind": "VARCHAR", "intended": "DOUBLE", "sent": "DOUBLE",
    "first": "DOUBLE", "last": "DOUBLE", "ended": "DOUBLE", "asked_prompt": "INTEGER", "prompt_tokens": "INTEGER",
    "asked_output": "INTEGER", "output_tokens": "INTEGER", "tokens_from": "VARCHAR", "finish": "VARCHAR",
    "status": "INTEGER", "error": "VARCHAR", "message": "VARCHAR", "token_times": "DOUBLE[]",
    "server_prompt_seconds": "DOUBLE", "reasoning_tokens": "INTEGER", "answered": "DOUBLE",
}  # fmt: skip
"""Columns of requests.parquet, with explicit types: DuckDB's guesses would depend on the rows."""


def write_requests(rows_jsonl: Path | None, target: Path) -> None:
    """Turn rows.jsonl into `target`, ordered by (position, number), times rounded to 1 us; None gives zero rows.

    A last line without its newline is left out: a load generator that is ended in the middle of a write leaves one.
    """
    structure = "{" + ", ".join(f"'{name}': '{kind}'" for name, kind in REQUEST_COLUMNS.items()) + "}"
    if rows_jsonl is None or _whole_lines(rows_jsonl) == 0:
        source = "SELECT * FROM (SELECT " + ", ".join(
            f"NULL::{kind} AS {_quoted(name)}" for name, kind in REQUEST_COLUMNS.items()
        )
        source += ") WHERE false"
    else:
        source = (
            f"SELECT {', '.join(_rounded(name, kind) for name, kind in REQUEST_COLUMNS.items())} "
            f"FROM read_json({_literal(rows_jsonl)}, columns = {structure}, format = 'newline_delimited', "
            "maximum_object_size = 67108864) ORDER BY position, number, kind"
        )
    _copy(source, target)


GPU_COLUMNS = {
    "seconds": "DOUBLE", "gpu": "VARCHAR", "utilization": "DOUBLE", "memory_bytes": "BIGINT", "power_watts": "DOUBLE",
    "temperature_celsius": "DOUBLE", "clock_mhz": "DOUBLE",
}  # fmt: skip
"""Columns of gpu.parquet: those of store.gpu_sample without the attempt."""


def write_gpu_samples(rows: Sequence[Mapping[str, object]], target: Path) -> None:
    """Write `rows` (keys of GPU_COLUMNS, at least one row) as Parquet, in the order in which they were taken."""
    lines = target.with_suffix(".jsonl")
    lines.write_text("".join(json.dumps(dict(row)) + "\n" for row in rows), encoding="utf-8")
    structure = "{" + ", ".join(f"'{name}': '{kind}'" for name, kind in GPU_COLUMNS.items()) + "}"
    _copy(f"SELECT * FROM read_json({_literal(lines)}, columns = {structure}, format = 'newline_delimited')", target)
    lines.unlink()


@cache
def _engine() -> DuckDBPyConnection:
    """A database in memory that holds nothing, one for all files of a process: making one takes four times as long as
    writing a file with it."""
    import duckdb

    return duckdb.connect(config={"threads": 1})


def _copy(source: str, target: Path) -> None:
    """A cursor of its own for each file, so that threads may write at the same time."""
    import duckdb

    try:
        with _engine().cursor() as cursor:
            cursor.execute(f"COPY ({source}) TO {_literal(target)} (FORMAT parquet, COMPRESSION zstd)")
    except (duckdb.FatalException, duckdb.InternalException):
        _engine.cache_clear()  # after either it refuses everything
        raise


def _whole_lines(path: Path) -> int:
    """Cut a torn last line off (the file is the attempt's own scratch); returns the bytes that are left."""
    if not path.exists():
        return 0
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        end = size
        while end > 0:
            start = max(0, end - 65536)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end < size:
            file.truncate(end)
    return end


def _rounded(name: str, kind: str) -> str:
    column = _quoted(name)
    if kind == "DOUBLE":
        return f"round({column}, 6) AS {column}"
    if kind == "DOUBLE[]":
        return f"list_transform({column}, lambda t: round(t, 6)) AS {column}"
    return column


def _quoted(name: str) -> str:
    return f'"{name}"'


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
