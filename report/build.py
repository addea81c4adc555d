"""The story of a site: open the snapshot, gather, check, render, build, put the tables in, lay the details beside.

Nothing is written before everything is read, and the old site stays until the new one is whole.
"""

from __future__ import annotations

import gc
import json
import os
from calendar import timegm
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from report import campaign_list, campaigns, details, feed, phrases, postpass, recorded, sql_engine, website
from report.article import frame_page
from report.check import CHECKED
from report.exports import export
from report.gather import Portions, gather, prepare, query
from report.identity import identity
from report.publish import Publisher
from report.render import Pages, templates
from runner import __version__
from runner.events import emit
from runner.store.reader import open_snapshot, require_current, snapshot_path
from runner.util.files import disk_errors

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Built:
    """What was built. `pages` counts every page of the site; `doubts` are by campaign, as its page says them;
    `rendered` is how many campaigns had to be, of the others nothing has changed since the last build."""

    out: Path
    pages: int
    campaigns: int
    trials: int
    failed: int
    doubts: Mapping[str, Sequence[str]]
    rendered: int = 0


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
    with (
        closing(open_snapshot(results, confined=False)) as connection,
        website.alone(source),
        spill(connection, results),
        few_collections(),
    ):
        require_current(connection)
        prepare(connection)
        publisher = Publisher(machines(connection), private=private)
        of_site, of_campaigns = asked()
        portions = Portions(connection, of_campaigns, publisher)
        data = gather(connection, of_site, publisher, held=portions.names)
        facts = facts_of(data, private)

        with disk_errors(folder):
            website.clear(folder, campaigns.FOLDER)
            kept = campaigns.keep(portions, facts, publisher, folder / campaigns.FOLDER)
            website.write_parts(folder / "data" / recorded.FILE, recorded.site_parts(kept.recorded()))
            exports = export(connection, folder / "data", publisher)
            reference = (source / "reference" / "tables.md").is_file()
            told = {"exports": exports, "reference": reference, "sql": engine}
            pages = Pages().of_site(data, facts | told)
            frames = [frame_page(template) for template in templates() if template.for_each and kept.files]
            website.write_pages(folder, [*pages, *frames])
            every = campaign_list.listed(data["campaigns"], data["objectives"])
            website.write_for_script(folder / "data", campaign_list.NAME, every)
            whose.dress(folder / "assets")
            if engine:
                engine.write(folder / "assets" / "sql")
            write_mark(folder / "data" / website.MARK, facts)

        with disk_errors(out, "--out"), website.replacing(out) as fresh:
            address, name = website.run_mkdocs(config, fresh, epoch(data), whose)
            (fresh / feed.PATH).write_text(feed.feed(data, address, name), encoding="utf-8")
            count = postpass.fill(fresh, {name: table for page in pages for name, table in page.tables.items()})
            count += postpass.set_in(fresh, frames, kept, facts["note"], epoch(data))
            details.write(connection, fresh, publisher, held=portions.names)
    store = data["snapshot"][0]
    built = Built(out, count, store["campaigns"], store["trials"], store["failed"], kept.doubts, kept.rendered)
    emit("site", out=str(out), pages=built.pages, campaigns=built.campaigns, trials=built.trials, failed=built.failed)
    return built


@contextmanager
def spill(connection: DuckDBPyConnection, results: Path) -> Iterator[None]:
    """DuckDB takes four fifths of the machine's memory and all its cores unless it is told otherwise. Here a fixed part
    of memory and four times what the snapshot takes (a thousand campaigns of 50 trials, 47 MB, need more than 190), and
    one thread: each takes memory of its own, and on eight cores they did not fit. What needs more goes to a folder for
    the time; that of a build that was killed is removed."""
    megabytes = max(256, 128 + 4 * snapshot_path(results).stat().st_size // 2**20)
    with website.scratch() as folder:
        connection.execute("SET threads = 1")
        connection.execute(f"SET memory_limit = '{megabytes}MiB'")
        connection.execute(f"SET temp_directory = '{folder}'")
        yield


@contextmanager
def few_collections() -> Iterator[None]:
    """Python looks for cycles after every 700 new containers. A build makes rows by the million, and hardly a cycle."""
    before = gc.get_threshold()
    gc.set_threshold(20_000, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def asked() -> tuple[set[str], set[str]]:
    """The queries of the pages that there is one of, and those of the pages of campaigns."""
    of_site = {"snapshot"}.union(*(one.queries() for one in templates() if one.for_each is None))
    of_campaigns = set(CHECKED).union(*(one.queries() for one in templates() if one.for_each))
    return of_site, of_campaigns


def machines(connection: DuckDBPyConnection) -> list[str]:
    """Host names in order of first appearance; they get their aliases from it."""
    return [row[0] for row in connection.execute(query("machines").sql).fetchall()]


def facts_of(data: Mapping[str, Sequence[Mapping[str, Any]]], private: bool) -> dict[str, Any]:
    """What pages say about the build itself."""
    as_of = data["snapshot"][0]["as_of"]
    note = f"Data as of {phrases.when(as_of)}." if as_of else "No data yet."
    return {"version": __version__, "private": private, "as_of": as_of, "note": note}


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
