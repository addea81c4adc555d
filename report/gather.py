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
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from report.publish import Publisher

if TYPE_CHECKING:
    import duckdb

PORTION = 40
"""Campaigns whose rows stand in memory together."""
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
    connection: duckdb.DuckDBPyConnection, names: Iterable[str], publisher: Publisher, held: Container[str] = ()
) -> dict[str, list[dict[str, Any]]]:
    """The rows of each query, as they may be published. Nothing is written before all of them are read. Those `held`
    were asked already, by `Portions` over the same connection."""
    data: dict[str, list[dict[str, Any]]] = {}
    for name in names:
        asked = query(name)
        result = connection.execute(f"FROM read_{name}" if name in held else asked.sql)
        _agrees(asked, result)
        data[name] = publisher.rows(asked.columns, result.fetchall())
    return data


def _agrees(asked: Query, result: duckdb.DuckDBPyConnection) -> None:
    given = {column[0]: str(column[1]) for column in result.description or ()}
    if given != asked.columns:
        raise QueryHeaderError(f"{asked.name}.sql gives {given}, its header says {asked.columns}")


class Portions:
    """The rows of queries, for some campaigns at a time: those of all do not stand in memory together. Each query is
    asked once, for all campaigns; its answer lies in a table of DuckDB's, which is quick to ask for a part of it. Those
    `held` lie there already.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        names: Iterable[str],
        publisher: Publisher,
        held: Container[str] = (),
    ) -> None:
        self._connection, self._publisher = connection, publisher
        self._queries = [query(name) for name in sorted(names)]
        self._columns: dict[str, list[str]] = {}
        for asked in self._queries:
            _agrees(asked, self._read(asked.name, None if asked.name in held else asked.sql))

    @property
    def names(self) -> set[str]:
        """Of what was read: what `held` means elsewhere."""
        return set(self._columns)

    def campaigns(self) -> list[str]:
        """Every campaign, as the store names it, in order."""
        return [name for (name,) in self._connection.execute("FROM shown SELECT campaign ORDER BY campaign").fetchall()]

    def digests(self) -> dict[str, str]:
        """Campaign -> hash of all its rows of what was read. Rows of a query that does not tell campaigns apart are
        everybody's."""
        found: dict[str, list[str]] = {}
        for name, columns in self._columns.items():
            for campaign, digest in self._connection.execute(_digested(name, columns)).fetchall():
                found.setdefault(campaign, []).append(f"{name} {digest}")
        shared = " ".join(found.pop("", []))
        return {name: f"{shared} {' '.join(found[name])}" for name in self.campaigns()}

    def add(self, name: str, sql: str) -> None:
        """Read rows that are not published as they are: whoever asks for them by `raw` sees to it."""
        self._read(name, sql)

    def of(self, campaigns: Sequence[str]) -> dict[str, dict[str, list[Mapping[str, Any]]]]:
        """Campaign -> the rows of each query that are its own, as they may be published. `campaigns` are neighbours
        in the order of their names."""
        mine: dict[str, dict[str, list[Mapping[str, Any]]]] = {campaign: {} for campaign in campaigns}
        for asked in self._queries:
            key = campaign_column(asked.columns)
            cells = self._picked(asked.name, key, campaigns).fetchall()
            rows = self._publisher.rows(asked.columns, cells)
            for rows_of in mine.values():
                rows_of[asked.name] = [] if key else list(rows)
            if key:  # by the name as it stands in the store: what is published of it may be another
                place = list(asked.columns).index(key)
                for cell, row in zip(cells, rows, strict=True):
                    mine[cell[place]][asked.name].append(row)
        return mine

    def raw(self, name: str, campaigns: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """Campaign -> its rows of what `add` read."""
        result = self._picked(name, "campaign", campaigns)
        names = [column[0] for column in result.description or ()]
        mine: dict[str, list[dict[str, Any]]] = {campaign: [] for campaign in campaigns}
        for cells in result.fetchall():
            row = dict(zip(names, cells, strict=True))
            mine[row["campaign"]].append(row)
        return mine

    def _read(self, name: str, sql: str | None) -> duckdb.DuckDBPyConnection:
        """None: the table is there."""
        if sql is not None:
            self._connection.execute(f"CREATE OR REPLACE TEMP TABLE read_{name} AS\n{sql}")
        empty = self._connection.execute(f"FROM read_{name} LIMIT 0")
        self._columns[name] = [column[0] for column in empty.description or ()]
        return empty

    def _picked(self, name: str, key: str | None, campaigns: Sequence[str]) -> duckdb.DuckDBPyConnection:
        """In the order of the query. Two comparisons take a tenth of the time of a join with the names."""
        if key is None:
            return self._connection.execute(f"FROM read_{name}")
        only = f"FROM read_{name} WHERE {key} BETWEEN $1 AND $2"
        return self._connection.execute(only, [campaigns[0], campaigns[-1]])


def campaign_column(columns: Iterable[str]) -> str | None:
    """Which column of a query tells campaigns apart, if one does."""
    return next((key for key in ("campaign", "campaign_name") if key in columns), None)


def _digested(name: str, columns: Iterable[str]) -> str:
    """Campaign, hash of its rows; the name of a campaign is never empty. The order of rows follows from what is in
    them."""
    key = campaign_column(columns) or "''"
    return f"FROM read_{name} t SELECT {key}, concat_ws(' ', count(*), sum(hash(t)), bit_xor(hash(t, 1))) GROUP BY 1"
