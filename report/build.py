"""The story of a site: open the snapshot, gather, check, render, build, put the tables in, lay the details beside.

Nothing is written before everything is read, and the old site stays until the new one is whole.
"""

from __future__ import annotations

import json
import os
import shutil
from calendar import timegm
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from report import details, feed, phrases, postpass, recorded, sql_engine, website
from report.check import check
from report.exports import export
from report.gather import gather, prepare, query, query_names
from report.identity import identity
from report.publish import Publisher
from report.recorded import recorded_json
from report.render import render
from runner import __version__
from runner.events import emit
from runner.store.reader import open_snapshot, require_current
from runner.util.files import disk_errors

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Built:
    """What was built. `pages` counts every page of the site; `doubts` are by campaign, as its page says them."""

    out: Path
    pages: int
    campaigns: int
    trials: int
    failed: int
    doubts: Mapping[str, Sequence[str]]


def build_site(results: Path, project: Path, out: Path | None, *, private: bool = False, sql: bool = False) -> Built:
    """Build the site of `project` from the snapshot in `results` into `out` (default: `<project>/public`).

    `private` shows host names and paths; `sql` adds DuckDB for the SQL page, fetched when it is not in the cache. Same
    snapshot, same version: same bytes. Raises StoreError without a snapshot, UsageError for a wrong `[site]` in
    tunebook.toml, NotReady when `out` is not ours to replace, SiteError when MkDocs complains of one, NoSpace,
    Unwritable, and what fetching can raise (`sql_engine.fetched`).
    """
    out = out or project / "public"
    whose = identity(project)
    config, source = website.sources(project, results)
    engine = sql_engine.fetched() if sql or whose.sql else None
    folder = source / "results"
    with closing(open_snapshot(results, confined=False)) as connection, website.alone(source):
        require_current(connection)
        prepare(connection)
        publisher = Publisher(machines(connection), private=private)
        data = gather(connection, [name for name in query_names() if name not in details.QUERIES], publisher)
        doubts = check(data)

        with disk_errors(folder):
            shutil.rmtree(folder, ignore_errors=True)
            (folder / "data").mkdir(parents=True)
            (folder / "data" / recorded.FILE).write_text(recorded_json(connection, publisher), encoding="utf-8")
            exports = export(connection, folder / "data", publisher)
            reference = (source / "reference" / "tables.md").is_file()
            facts = facts_of(data, doubts, private) | {"exports": exports, "reference": reference, "sql": engine}
            pages = render(data, facts)
            website.write_pages(folder, pages)
            whose.dress(folder / "assets")
            if engine:
                engine.write(folder / "assets" / "sql")
            write_mark(folder / "data" / website.MARK, facts)

        with disk_errors(out, "--out"), website.replacing(out) as fresh:
            address, name = website.run_mkdocs(config, fresh, epoch(data), whose)
            (fresh / feed.PATH).write_text(feed.feed(data, address, name), encoding="utf-8")
            count = postpass.fill(fresh, {name: table for page in pages for name, table in page.tables.items()})
            details.write(connection, fresh, publisher, data["whatif"])
    store = data["snapshot"][0]
    built = Built(out, count, store["campaigns"], store["trials"], store["failed"], doubts)
    emit("site", out=str(out), pages=built.pages, campaigns=built.campaigns, trials=built.trials, failed=built.failed)
    return built


def machines(connection: DuckDBPyConnection) -> list[str]:
    """Host names in order of first appearance; they get their aliases from it."""
    return [row[0] for row in connection.execute(query("machines").sql).fetchall()]


def facts_of(data: Mapping[str, Sequence[Mapping[str, Any]]], doubts: Any, private: bool) -> dict[str, Any]:
    """What pages say about the build itself."""
    as_of = data["snapshot"][0]["as_of"]
    note = f"Data as of {phrases.when(as_of)}." if as_of else "No data yet."
    return {"version": __version__, "private": private, "as_of": as_of, "note": note, "doubts": doubts}


def epoch(data: Mapping[str, Sequence[Mapping[str, Any]]]) -> int:
    """The date of the site: SOURCE_DATE_EPOCH, else the time of the latest fact, never the clock."""
    text = os.environ.get("SOURCE_DATE_EPOCH")
    as_of = data["snapshot"][0]["as_of"]
    return int(text) if text else timegm(as_of.timetuple()) if as_of else 0


def write_mark(path: Path, facts: Mapping[str, Any]) -> None:
    mark = {
        "tunebook": facts["version"],
        "as_of_utc": facts["as_of"].isoformat() if facts["as_of"] else None,
        "private": facts["private"],
    }
    path.write_text(json.dumps(mark, indent=1) + "\n", encoding="utf-8")
