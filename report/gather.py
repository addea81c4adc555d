"""The queries of the report, run once each. A query is one `.sql` file in `report/queries/` whose first lines say what
it means and which columns it gives:

    -- One sentence: what a row is.
    -- columns:
    --   number INTEGER   the trial
    --   ...

A query with a column `campaign` is split by it for the pages of single campaigns. A `$word` in it is a parameter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from report.publish import Publisher

if TYPE_CHECKING:
    import duckdb

_COLUMN = re.compile(r"--   (\w+) +([A-Z]+(?:\[\])?)(?: +(.*))?")


@dataclass(frozen=True, slots=True)
class Query:
    name: str
    meaning: str
    columns: dict[str, str]
    sql: str


class QueryHeaderError(ValueError):
    """A query gives other columns than its header says: a defect of this package."""


def query_names() -> list[str]:
    """Every query. A file with an underscore in front is what the others stand on, not a query."""
    found = (p.name for p in files("report.queries").iterdir())
    return sorted(name.removesuffix(".sql") for name in found if name.endswith(".sql") and name[0] != "_")


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the temporary views that the queries read. Once per connection."""
    connection.execute(files("report.queries").joinpath("_shown.sql").read_text(encoding="utf-8"))


def query(name: str) -> Query:
    """The query called `name`, its header parsed."""
    text = files("report.queries").joinpath(f"{name}.sql").read_text(encoding="utf-8")
    head = [line for line in text.splitlines() if line.startswith("--")]
    split = head.index("-- columns:") if "-- columns:" in head else len(head)
    columns = {m[1]: m[2] for line in head[split + 1 :] if (m := _COLUMN.fullmatch(line))}
    if not columns:
        raise QueryHeaderError(f"{name}.sql has no `-- columns:` in its header")
    return Query(name, " ".join(line[3:] for line in head[:split]), columns, text)


def gather(
    connection: duckdb.DuckDBPyConnection, names: Iterable[str], publisher: Publisher
) -> dict[str, list[dict[str, Any]]]:
    """The rows of each query, as they may be published. Nothing is written before all of them are read."""
    data: dict[str, list[dict[str, Any]]] = {}
    for name in names:
        asked = query(name)
        result = connection.execute(asked.sql)
        given = {column[0]: str(column[1]) for column in result.description or ()}
        if given != asked.columns:
            raise QueryHeaderError(f"{name}.sql gives {given}, its header says {asked.columns}")
        data[name] = publisher.rows(given, result.fetchall())
    return data
