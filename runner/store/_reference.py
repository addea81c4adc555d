"""site/reference/tables.md, made of the comments in schema.sql and views.sql, of cookbook.sql and headlines.sql."""

from __future__ import annotations

import sys

from runner.store import schema
from runner.store.schema import Recipe

_HEAD = """# Tables and views

<!-- Generated: python -m runner.store._reference > site/reference/tables.md -->

`tunebook sql QUERY` reads `results/snapshot.duckdb`, and so can any DuckDB client from 1.5 on: it is a plain file,
replaced as a whole after each ingest. The live `store.duckdb` belongs to the runner; a shell that holds it open
makes new records wait.

The views are the interface. Columns are added behind those that stand; none is renamed or removed. Scores,
penalties and verdicts are computed from facts and rules at every read: a changed objective gives new numbers, not
new measurements. Times are UTC. A number never is NaN or infinite; NULL means not measured. Withdrawn attempts are
left out everywhere but in `retractions`.
"""

_NUMBERS = """What a page of the site opens with, made anew from what the site publishes: each query runs on a
downloaded `results.duckdb` and on the store. A test compares the answers with what stands on the built pages.
"""


def tables_page() -> str:
    """The page. Types come from a schema made in memory."""
    types = _types()
    items = schema.described()
    parts = [_HEAD, "## Views\n"]
    parts += [_section(item, types) for item in items if item.kind == "view" and "." not in item.name]
    parts += ["## Macros\n"]
    parts += [
        f"### {item.name}\n\n`{item.name}{item.signature.removesuffix(' AS TABLE')}`: {item.comment}\n"
        for item in items
        if item.kind == "macro"
    ]
    parts += ["## Cookbook\n"]
    parts += [_recipe(recipe) for recipe in schema.cookbook()]
    parts += ["## The numbers of the pages\n", _NUMBERS]
    parts += [_recipe(recipe) for recipe in schema.headlines()]
    parts += [
        "## Raw tables\n",
        "In schema `store`: one row per fact, never changed and never deleted (triggers refuse UPDATE, DELETE and "
        "TRUNCATE; the sealed records are the truth, and `tunebook store rebuild` makes all of this anew from "
        "them).\n",
    ]
    parts += [_section(item, types) for item in items if item.kind == "table" and "._" not in item.name]
    return "\n".join(parts).rstrip() + "\n"


def _section(item: schema.Described, types: dict[tuple[str, str], str]) -> str:
    lines = [f"### {item.name}", "", _escaped(item.comment), "", "| column | type | meaning |", "|---|---|---|"]
    name = item.name.removeprefix("store.")
    for column, comment in item.columns.items():
        kind = types[("store." if "." in item.name else "") + name, column]
        lines.append(f"| `{column}` | {kind} | {_escaped(comment)} |")
    return "\n".join(lines) + "\n"


def _recipe(recipe: Recipe) -> str:
    note = f"{recipe.note}\n\n" if recipe.note else ""
    return f"### {recipe.title}\n\n{note}```sql\n{recipe.query}\n```\n"


def _types() -> dict[tuple[str, str], str]:
    import duckdb

    with duckdb.connect() as connection:
        schema.create(connection)
        rows = connection.execute(
            "SELECT schema_name, table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal"
        ).fetchall()
    return {(f"store.{t}" if s == "store" else t, column): kind for s, t, column, kind in rows}


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    sys.stdout.write(tables_page())
