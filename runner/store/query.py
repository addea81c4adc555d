"""One reading question to the snapshot, answered as a table, CSV, JSON or Parquet."""

from __future__ import annotations

import csv
import json
import math
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import date, datetime, time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from runner.domain.records import RecordKind
from runner.errors import NotReady, QueryRefused, UsageError
from runner.store._live import literal
from runner.store.archived import key_of, read_archived, sealed_file
from runner.store.reader import open_snapshot, snapshot_age
from runner.store.record import record_path
from runner.util.files import disk_errors
from runner.util.visible import visible

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

CLIPPED_AT = 100
"""Characters of a cell on a terminal; files and pipes get all of it."""
READING = ("SELECT", "EXPLAIN")
ROWS = "requests.parquet"
_ATTEMPT = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")


def answer(results: Path, query: str, form: str, out: Path | None) -> int:
    """Write the answer to `out` or stdout and return its number of rows.

    Raises QueryRefused for anything but one reading statement, UsageError for wrong SQL and for Parquet without
    `out`, StoreError when there is no snapshot.
    """
    if form == "parquet" and out is None:
        raise UsageError("Parquet is not for a terminal", hint="name a file: --out answer.parquet")
    archived = _archived_rows(results, query)
    with (
        disk_errors(out.parent if out else results),
        open_snapshot(results, writable=out, archived=archived) as connection,
        _told(query),
    ):
        _require_reading(connection, query)
        if form == "parquet":
            assert out is not None
            return _to_parquet(connection, query, out)
        cursor = connection.execute(query)
        names = _unique([str(column[0]) for column in cursor.description or ()])
        rows = [_plain(row) for row in cursor.fetchall()]
        with out.open("w", encoding="utf-8", newline="") if out else nullcontext(sys.stdout) as stream:
            _FORMS[form](names, rows, stream)
        return len(rows)


def _archived_rows(results: Path, query: str) -> dict[str, Path]:
    """Attempts that the query names and whose request rows an archive has. Raises NotReady when it can not be read."""
    found = {}
    for attempt_id in sorted(set(_ATTEMPT.findall(query))) if "requests" in query.lower() else ():
        record = record_path(results, RecordKind.ATTEMPT, attempt_id)
        archived = read_archived(record)
        if archived is None or ROWS not in archived.files or (record / ROWS).exists():
            continue
        path = found[attempt_id] = sealed_file(record, ROWS)
        if not path.exists():
            raise NotReady(
                f"the request rows of attempt {attempt_id} are in {archived.archive}, which can not be read from here",
                hint=f"copy {key_of(record.name, ROWS)} of it to {record / ROWS}: a file that is back is read again",
            )
    return found


def snapshot_age_text(results: Path) -> str:
    """For stderr: `a snapshot 3 minutes old`."""
    seconds = snapshot_age(results)
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= size:
            count = int(seconds // size)
            return f"a snapshot {count} {unit}{'' if count == 1 else 's'} old"
    return "a snapshot made just now"


def _require_reading(connection: DuckDBPyConnection, query: str) -> None:
    statements = connection.extract_statements(query)
    kinds = [statement.type.name for statement in statements]
    hint = "write one SELECT; to change results, seal records and run `tunebook store ingest`"
    if len(kinds) != 1:
        raise QueryRefused(f"one statement at a time, not {len(kinds)}", hint=hint)
    if kinds[0] not in READING:
        raise QueryRefused(f"`tunebook sql` only reads, which {kinds[0]} does not", hint=hint)


@contextmanager
def _told(query: str) -> Iterator[None]:
    """DuckDB's complaints in our form: what it refuses because it is a reader, and what is wrong with the SQL."""
    import duckdb

    try:
        yield
    except duckdb.PermissionException as error:
        raise QueryRefused(
            "`tunebook sql` reads the snapshot and the sealed records, no other file",
            hint="request rows are read with requests('<attempt_id>')",
        ) from error
    except (duckdb.IOException, duckdb.FatalException):
        raise
    except duckdb.Error as error:
        text = str(error).strip()
        if "read-only" in text:
            raise QueryRefused("`tunebook sql` only reads", hint="write one SELECT") from error
        raise UsageError(text, hint="the views and their columns: site/reference/tables.md") from error


def _to_parquet(connection: DuckDBPyConnection, query: str, out: Path) -> int:
    """Through a view of the columns: VARIANT becomes JSON, which every reader of Parquet knows as text."""
    columns = connection.execute(f"DESCRIBE ({_bare(query)})").fetchall()
    casts = ", ".join(f'"{name}"::JSON AS "{name}"' for name, kind, *_ in columns if kind == "VARIANT")
    replace = f" REPLACE ({casts})" if casts else ""
    copied = connection.execute(
        f"COPY (SELECT *{replace} FROM ({_bare(query)})) TO {literal(out.resolve())} (FORMAT parquet, COMPRESSION zstd)"
    ).fetchone()
    return int(copied[0]) if copied else 0


def _bare(query: str) -> str:
    """A single statement without its semicolon; the newline keeps a trailing comment from eating what follows."""
    return query.strip().rstrip(";") + "\n"


def _unique(names: Sequence[str]) -> list[str]:
    """Column names, with a number behind those that occur again."""
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name}_{seen[name] - 1}")
    return unique


def _plain(value: Any) -> Any:
    """What JSON can say: no NaN, times as ISO text, bytes as hex, anything else as text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def _cell(value: Any, null: str = "") -> str:
    if value is None:
        return null
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | dict) else str(value)


def _csv(names: Sequence[str], rows: Sequence[Sequence[Any]], stream: IO[str]) -> None:
    """As it is, for files and pipes; control characters are shown on a terminal."""
    show = visible if stream.isatty() else str
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(map(show, names))
    writer.writerows([show(_cell(value)) for value in row] for row in rows)


def _json(names: Sequence[str], rows: Sequence[Sequence[Any]], stream: IO[str]) -> None:
    """An array, one object per line."""
    plain = stream.isatty()  # JSON escapes control characters by itself, but not marks of direction
    lines = [json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=plain, allow_nan=False) for row in rows]
    stream.write("[\n" + ",\n".join(lines) + "\n]\n" if lines else "[]\n")


def _table(names: Sequence[str], rows: Sequence[Sequence[Any]], stream: IO[str]) -> None:
    """Columns side by side, numbers to the right. Control characters are shown, never sent to a terminal."""
    limit = CLIPPED_AT if stream.isatty() else None
    cells = [[_visible(_number(value), limit) for value in row] for row in rows]
    right = [all(isinstance(row[i], int | float | None) for row in rows) for i in range(len(names))]
    heads = [_visible(name, limit) for name in names]
    widths = [max([len(heads[i]), *(len(row[i]) for row in cells)]) for i in range(len(names))]
    lines = [heads, ["-" * width for width in widths], *cells]
    for line in lines:
        padded = [c.rjust(w) if r else c.ljust(w) for c, w, r in zip(line, widths, right, strict=True)]
        stream.write("  ".join(padded).rstrip() + "\n")


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) and 1e-4 <= abs(value) < 1e6 else _cell(value, "NULL")


def _visible(text: str, limit: int | None) -> str:
    text = visible(text)
    return text if limit is None or len(text) <= limit else text[: limit - 1] + "…"


_FORMS = {"table": _table, "csv": _csv, "json": _json}
