"""The schema of the store: version, migrations, triggers, comments; and its documentation.

`python -m runner.store.schema` prints site/reference/tables.md.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from runner import __version__
from runner.domain import answers, campaign, failure, records
from runner.errors import StoreDamaged, StoreNewer
from runner.store.migrations import MIGRATIONS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SCHEMA_VERSION = 10
"""Raised with every change of schema.sql; the history stands at its head."""

ENUMS: dict[str, type[StrEnum]] = {
    enum.__name__: enum
    for enum in (
        answers.TokenUnit,
        campaign.Goal,
        campaign.LoadKind,
        failure.Cause,
        failure.EndReason,
        failure.LevelState,
        failure.Outcome,
        failure.Phase,
        failure.Role,
        failure.SloVerdict,
        failure.TrialStatus,
        failure.Verdict,
        records.MergeForm,
        records.RecordKind,
    )
}
"""The word lists that CHECKs are made of."""

_HERE = Path(__file__).parent
_CREATE = re.compile(r"CREATE (?:OR REPLACE )?(TABLE|VIEW|MACRO) ([\w.]+) ?(.*)$")
_COLUMN = re.compile(r'\s+"?(\w+)"?( .+?)?,? -- (.+)$')


@dataclass(slots=True)
class Described:
    """A table, view or macro of the SQL texts with what its comments say. `columns`: name -> comment."""

    kind: str
    name: str
    comment: str
    signature: str = ""
    columns: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A question in SQL, as the cookbook has it."""

    title: str
    note: str
    query: str


def cookbook() -> list[Recipe]:
    """The questions of cookbook.sql, in their order."""
    return recipes_of((_HERE / "cookbook.sql").read_text(encoding="utf-8"))


def headlines() -> list[Recipe]:
    """How each number that the site opens with is made of what it publishes: the queries of headlines.sql."""
    return recipes_of((_HERE / "headlines.sql").read_text(encoding="utf-8"))


def recipes_of(text: str) -> list[Recipe]:
    """Questions with an empty line between them: a comment line is the title, more of them a note, then the query."""
    found: list[Recipe] = []
    for block in text.strip().split("\n\n"):
        lines = block.splitlines()
        comments = [line.removeprefix("-- ") for line in lines if line.startswith("-- ")]
        query = "\n".join(line for line in lines if not line.startswith("-- "))
        found.append(Recipe(comments[0], " ".join(comments[1:]), query))
    return found


def schema_text() -> str:
    """schema.sql with every {Enum} replaced by its values."""
    text = (_HERE / "schema.sql").read_text(encoding="utf-8")
    return re.sub(r"\(\{(\w+)\}\)", lambda match: f"({_values(ENUMS[match[1]])})", text)


def views_text() -> str:
    return (_HERE / "views.sql").read_text(encoding="utf-8")


def views_sha256() -> str:
    return hashlib.sha256(views_text().encode()).hexdigest()


@cache
def described() -> tuple[Described, ...]:
    """Everything the SQL texts create, in their order, with its comments."""
    found: list[Described] = []
    for text in (schema_text(), views_text()):
        comment: list[str] = []
        inside = False
        for line in text.splitlines():
            created = _CREATE.match(line)
            if line.startswith("-- "):
                comment.append(line[3:])
            elif created:
                kind, name, rest = created.groups()
                signature = rest.removesuffix(" AS") if kind == "MACRO" else ""
                found.append(Described(kind.lower(), name, " ".join(comment), signature))
                inside = rest == "("
                comment = []
            elif inside:
                column = _COLUMN.match(line)
                if column:
                    found[-1].columns[column[1]] = column[3]
                inside = not line.startswith(")")
            elif not line.strip():
                comment = []
    return tuple(found)


def create(connection: DuckDBPyConnection) -> None:
    """Make the schema in an empty file. Called once per file, alone on its connection."""
    connection.begin()
    connection.execute("CREATE SCHEMA store")
    connection.execute(schema_text())
    _comment(connection, "table")
    _apply_views(connection)
    guard(connection)
    _stamp(connection, SCHEMA_VERSION)
    connection.commit()


def prepare(connection: DuckDBPyConnection) -> list[str]:
    """Bring an opened store up to date: create, migrate, refresh views, restore triggers.

    Called at every open of the live file, under the lock, before any data. Returns warnings. Raises StoreNewer.
    """
    if not _exists(connection):
        create(connection)
        return []
    found, sha256 = current_version(connection)
    if found > SCHEMA_VERSION:
        raise StoreNewer(
            f"the store has schema version {found}; this tunebook ({__version__}) knows up to {SCHEMA_VERSION}",
            hint="use the newer tunebook that wrote it; or, to stay with this one, run `tunebook store rebuild`, "
            "which makes a store of this version from the sealed records",
        )
    for version in range(found + 1, SCHEMA_VERSION + 1):
        connection.execute(MIGRATIONS[version])
        _stamp(connection, version)
    if sha256 != views_sha256() or found < SCHEMA_VERSION:
        apply_views(connection)
        _comment(connection, "table")
        _stamp(connection, SCHEMA_VERSION)
    new = tuple(f"{table}_no_" for table in _made_after(found))  # a table that was made just now has none yet
    lost = [name for name in guard(connection) if not name.startswith(new)]
    return [f"trigger {name} was missing and is back: run `tunebook store verify`" for name in lost]


def tables_after(version: int) -> set[str]:
    """Names of the tables that a store of `version` will have only when it is migrated."""
    found: set[str] = set()
    there: set[str] = set()  # one that a migration makes anew stood before it, or was made by one in between
    for number in range(version + 1, SCHEMA_VERSION + 1):
        there |= set(re.findall(r"DROP TABLE store\.(\w+)", MIGRATIONS[number])) - found
        found |= set(re.findall(r"CREATE TABLE store\.(\w+)", MIGRATIONS[number])) - there
    return found


def _made_after(version: int) -> set[str]:
    """The tables that migrations beyond `version` make, those made anew included."""
    later = " ".join(sql for number, sql in MIGRATIONS.items() if number > version)
    return set(re.findall(r"CREATE TABLE store\.(\w+)", later))


def current_version(connection: DuckDBPyConnection) -> tuple[int, str]:
    """Schema version and hash of the views of an opened store or snapshot. Raises StoreDamaged where the block that
    says it can not be read, CatalogException where there is no such table."""
    import duckdb

    try:
        row = connection.execute(
            "SELECT version, views_sha256 FROM store.schema_migration ORDER BY version DESC, applied_utc DESC LIMIT 1"
        ).fetchone()
    except duckdb.CatalogException:
        raise
    except duckdb.Error as error:
        raise StoreDamaged(
            f"the version of the store's schema can not be read: {str(error).splitlines()[0][:300]}",
            hint="run `tunebook store rebuild`: it makes the store anew from the sealed records",
        ) from error
    return (int(row[0]), str(row[1])) if row else (0, "")


def apply_views(connection: DuckDBPyConnection) -> None:
    """Create or replace every view and macro, with comments."""
    connection.begin()
    _apply_views(connection)
    connection.commit()


def _apply_views(connection: DuckDBPyConnection) -> None:
    connection.execute(views_text())
    _comment(connection, "view")
    _comment(connection, "macro")


def tables(connection: DuckDBPyConnection) -> list[str]:
    """Names of the guarded tables of schema `store`, without the schema."""
    rows = connection.execute(
        "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'store' AND database_name = current_database() "
        "AND NOT starts_with(table_name, '_') ORDER BY table_name"
    ).fetchall()
    return [str(row[0]) for row in rows]


def missing_triggers(connection: DuckDBPyConnection) -> list[tuple[str, str, str]]:
    """(trigger, table, operation) of every guard that is not there."""
    have = {row[0] for row in connection.execute("SELECT trigger_name FROM duckdb_triggers()").fetchall()}
    wanted = [(f"{t}_no_{op.lower()}", t, op) for t in tables(connection) for op in ("UPDATE", "DELETE")]
    return [guarded for guarded in wanted if guarded[0] not in have]


def guard(connection: DuckDBPyConnection) -> list[str]:
    """Create the missing triggers that refuse UPDATE and DELETE; returns their names. They also refuse TRUNCATE,
    INSERT OR REPLACE and MERGE. A copy of the file by DuckDB drops them."""
    missing = missing_triggers(connection)
    for name, table, operation in missing:
        word = "of" if operation == "UPDATE" else "from"
        connection.execute(
            f"CREATE TRIGGER {name} BEFORE {operation} ON store.{table} FOR EACH STATEMENT "
            f"INSERT INTO store._refuse VALUES ('{operation} {word} store.{table}')"
        )
    return [name for name, _, _ in missing]


def _exists(connection: DuckDBPyConnection) -> bool:
    row = connection.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'store' AND table_name = 'schema_migration'"
    ).fetchone()
    return bool(row and row[0])


def _stamp(connection: DuckDBPyConnection, version: int) -> None:
    connection.execute(
        "INSERT INTO store.schema_migration SELECT ?, ?, now() AT TIME ZONE 'UTC', ?, version()",
        [version, views_sha256(), __version__],
    )


def _comment(connection: DuckDBPyConnection, kind: str) -> None:
    """All in one text: hundreds of statements, each alone, would take longer than the rest of the schema."""
    statements = []
    for item in described():
        if item.kind != kind:
            continue
        noun = "MACRO TABLE" if "AS TABLE" in item.signature else kind.upper()
        statements.append(f"COMMENT ON {noun} {item.name} IS {_literal(item.comment)}")
        for column, comment in item.columns.items():
            statements.append(f'COMMENT ON COLUMN {item.name}."{column}" IS {_literal(comment)}')
    connection.execute(";".join(statements))


def _values(enum: type[StrEnum]) -> str:
    return ", ".join(_literal(member.value) for member in enum)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
