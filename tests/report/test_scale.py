"""Many campaigns: what has not changed is not rendered again, and nobody can tell from the site."""

from __future__ import annotations

import json
import re
from contextlib import closing
from pathlib import Path

import pytest

from report import build, campaigns
from report.build import Built, build_site
from report.gather import Portions, gather, prepare
from report.publish import Publisher
from report.render import ROWS, Page, Pages, Paging
from runner.store.reader import open_snapshot
from tests.benchmarks import bench_site
from tests.make.many import write_many
from tests.report.conftest import make_small_project
from tests.report.test_build import DATABASE, SUMS, hashes

SOME = 3


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many") / "results"
    write_many(folder, SOME, 30)
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_small_project(tmp_path_factory.mktemp("project") / "project")


@pytest.fixture(scope="module")
def first(results: Path, project: Path) -> Built:
    return build_site(results, project, project.parent / "first")


def same(one: Built, other: Built) -> bool:
    """To the byte; but the database of the downloads has an identity of its own."""
    before, after = hashes(one.out), hashes(other.out)
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)} <= {DATABASE, SUMS}


def test_what_has_not_changed_is_taken_again_and_the_site_is_the_same(
    first: Built, results: Path, project: Path
) -> None:
    again = build_site(results, project, project.parent / "again")
    assert (first.rendered, again.rendered) == (SOME + 1, 0)
    assert again.doubts == first.doubts
    assert same(first, again)


def test_one_campaign_more_is_one_page_more(tmp_path: Path) -> None:
    results, project = tmp_path / "results", make_small_project(tmp_path / "project")
    write_many(results, 2, 12)
    build_site(results, project, None)
    write_many(results, 1, 12, first=3)  # on a host that is known: with another one the aliases would change
    grown = build_site(results, project, None)
    fresh = build_site(results, make_small_project(tmp_path / "other"), None)
    assert (grown.rendered, fresh.rendered) == (1, 4)
    assert same(grown, fresh), "the date at the foot of the old pages too"


def test_the_frame_is_gone_and_every_campaign_is_on_the_map(first: Built) -> None:
    pages = {path.parent.name for path in (first.out / "results/campaigns").glob("*/index.html")}
    assert pages == {"smollm-cpu", *(f"campaign-{n:04}" for n in range(SOME))}
    assert first.pages == len(list(first.out.rglob("*.html")))
    assert "tbframe" not in "".join(path.read_text(encoding="utf-8") for path in first.out.rglob("*.html"))
    assert campaigns.FOLDER not in {path.name for path in (first.out / "results").iterdir()}


def kept(results: Path, folder: Path, *, private: bool = False) -> campaigns.Kept:
    """As `build_site` keeps them."""
    with closing(open_snapshot(results, confined=False)) as connection:
        prepare(connection)
        publisher = Publisher(build.machines(connection), private=private)
        facts = build.facts_of(gather(connection, ["snapshot"], publisher), private)
        return campaigns.keep(Portions(connection, build.asked()[1], publisher), facts, publisher, folder)


def test_what_was_made_of_something_else_is_not_taken(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kept(results, tmp_path).rendered == SOME + 1
    assert kept(results, tmp_path).rendered == 0
    cut, empty, strange, _ = sorted(tmp_path.iterdir())
    cut.write_bytes(cut.read_bytes()[:-10])
    empty.write_bytes(b"")
    strange.write_text("[]\n")
    stray = cut.with_name("gone.page")
    stray.write_text(json.dumps({"key": "x"}))
    assert kept(results, tmp_path).rendered == 3, "what a killed build left"
    assert not stray.exists()
    assert kept(results, tmp_path, private=True).rendered == SOME + 1
    monkeypatch.setattr(campaigns, "code", lambda: "another template")
    assert kept(results, tmp_path, private=True).rendered == SOME + 1


def test_memory_does_not_grow_with_the_cores(results: Path) -> None:
    with closing(open_snapshot(results, confined=False)) as connection:
        connection.execute("SET threads = 64")
        with build.spill(connection, results):
            limits = "FROM (SELECT current_setting('threads'), current_setting('memory_limit'))"
            assert connection.execute(limits).fetchall() == [(1, "256.0 MiB")]
            prepare(connection)


def test_a_long_list_has_pages(tmp_path: Path) -> None:
    write_many(tmp_path, ROWS + 5, 3)
    with closing(open_snapshot(tmp_path)) as connection:
        prepare(connection)
        data = gather(connection, build.asked()[0], Publisher([]))
    facts = {
        "version": "1",
        "private": False,
        "as_of": None,
        "note": "Then.",
        "exports": [],
        "reference": True,
        "sql": None,
    }
    pages = {page.path: page for page in Pages().of_site(data, facts)}
    one, two = pages["campaigns/index.md"], pages["campaigns/page-2.md"]
    assert [len(rows(one)), len(rows(two))] == [ROWS, 6]
    assert {*rows(one), *rows(two)} == {"smollm-cpu", *(f"campaign-{n:04}" for n in range(ROWS + 5))}
    assert "1 to 100 of 106" in one.markdown
    assert '<a href="page-2.html">2</a>' in one.markdown
    assert '<a href="index.html">1</a>' in two.markdown
    assert (two.title, Paging(2, 106, ()).last) == ("Campaigns, page 2", 106)


def rows(page: Page) -> list[str]:
    (table,) = page.tables.values()
    return re.findall(r'<tr><td><a href="([^"/]+)/index.html"', table)


@pytest.mark.story
def test_the_benchmark_runs(tmp_path: Path) -> None:
    lines = bench_site.bench(tmp_path, 3, 12, 130, guide=False)
    text = "\n".join(lines)
    for what in (*bench_site.STAGES, "all", "peak memory", "largest page", "site"):
        assert re.search(rf"^{what} .*\d\.\d", text, re.MULTILINE), what
    assert re.search(r"^campaigns +4 +5 +2$", text, re.MULTILINE)
