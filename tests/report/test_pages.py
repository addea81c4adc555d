"""Rendered Markdown, before MkDocs: golden, so that a change of a page is seen as what a reader gets."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from report.check import check
from report.gather import gather, prepare, query_names
from report.publish import Publisher
from report.render import Page, render, templates
from runner.domain.failure import Role
from runner.domain.records import RecordKind
from runner.store.ingest import ingest
from runner.store.reader import open_snapshot
from runner.store.record import seal
from runner.store.snapshot import snapshot
from tests import make


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Page]:
    results = tmp_path_factory.mktemp("pages") / "results"
    make.write_store(results)
    make.write_all_failed(results)
    make.write_gpus(results)
    return rendered(results)


def rendered(results: Path) -> dict[str, Page]:
    with closing(open_snapshot(results)) as connection:
        prepare(connection)
        data = gather(connection, query_names(), Publisher(["bench-1"]))
    facts: Mapping[str, Any] = {
        "version": "1.2.3", "private": False, "as_of": None, "note": "Data as of then.", "doubts": check(data),
        "exports": [], "reference": True, "sql": None,
    }  # fmt: skip
    return {page.path: page for page in render(data, facts)}


def test_every_page_is_golden(pages: Mapping[str, Page], golden_tree: Callable[..., None]) -> None:
    """Of every template, and of the data behind its figures."""
    made = {}
    for path, page in pages.items():
        tables = "".join(f"\n<!-- {name} -->\n{_lines(table)}\n" for name, table in page.tables.items())
        made[path] = page.markdown + tables
    golden_tree("site", made, ignore=("outline.txt", "downloads.txt"))


def _lines(table: str) -> str:
    """One row a line, so that a difference is a line."""
    return re.sub(r"(</tr>)", r"\1\n", table)


def test_a_need_that_no_query_gives_is_an_error() -> None:
    known = set(query_names())
    for template in templates():
        assert set(template.needs) <= known, template.name


def test_every_campaign_has_its_page(pages: Mapping[str, Page]) -> None:
    found = [path for path in pages if path.startswith("campaigns/") and path.count("/") == 2]
    assert found == [f"campaigns/smollm-{name}/index.md" for name in ("gpu", "hopeless", "cpu")]


def test_no_bulky_table_passes_through_markdown(pages: Mapping[str, Page]) -> None:
    rows: Sequence[str] = [path for path, page in pages.items() if "<tr" in page.markdown]
    assert rows == []


def test_what_was_withdrawn_is_struck_through_with_why_who_and_when(tmp_path: Path) -> None:
    """A trial whose attempts are all withdrawn keeps its row and its anchor; a withdrawn repeat is only listed."""
    made = make.write_store(tmp_path)
    of_best = [one for one in made.attempts if one.number == 11]
    for n, gone in enumerate([*of_best, made.of(4, Role.CONFIRM)]):
        fact = make.retraction(gone, retraction_id=make.an_id(7000 + n), by="Ada <b>")
        seal(tmp_path, RecordKind.RETRACTION, fact.retraction_id, fact)
    ingest(tmp_path)
    snapshot(tmp_path)
    page = rendered(tmp_path)["campaigns/smollm-cpu/index.md"]
    rows = re.findall(r"<tr[^>]*>.*?</tr>", page.tables["campaigns/smollm-cpu/trials"])
    struck = [row for row in rows if "tb-retracted" in row]
    assert len(struck) == 1
    assert 'id="trial-11"' in struck[0]
    assert "another job ran on the machine" in struck[0]
    assert "by Ada &#60;b&#62;, 2026-03-02 03:30 UTC" in struck[0]
    ids = re.findall(r'id="(trial-\d+)"', "".join(rows))
    assert ids == [f"trial-{n}" for n in range(12)]
    listed = re.findall(r'<tr class="tb-retracted">', page.tables["campaigns/smollm-cpu/retractions"])
    assert len(listed) == 5
    assert "Comparisons" not in page.markdown, "all of them were made with trials 4 or 11"
    assert "5 results withdrawn" in page.markdown
    assert "trial-11" not in page.tables["campaigns/smollm-cpu/failures"]
    failures = rendered(tmp_path)["failures.md"]
    assert failures.tables["failures/retractions"].count("tb-retracted") == 5


def test_the_table_of_a_big_campaign_has_a_hundred_rows_and_says_so(tmp_path: Path) -> None:
    attempts = [make.attempt(number=n, values={"batch-size": 64 + n}, throughput=50 + n / 10) for n in range(130)]
    make.write_store(tmp_path, attempts=attempts)
    page = rendered(tmp_path)["campaigns/smollm-cpu/index.md"]
    shown = [int(n) for n in re.findall(r'<tr id="trial-(\d+)"', page.tables["campaigns/smollm-cpu/trials"])]
    assert len(shown) == 100
    assert shown == sorted(set(shown))
    assert 129 in shown, "the best"
    assert '<p id="other-trials" data-last="129">100 of 130 are shown: the best, the defaults' in page.markdown
    assert "The other 30 are in" in page.markdown
