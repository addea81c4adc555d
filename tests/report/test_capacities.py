"""How much load the best trial holds: which attempt says so, and how its page tells it."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from report.charts import charts
from report.gather import gather, prepare, query
from report.publish import Publisher
from report.render import by_campaign
from runner.domain.failure import Role
from runner.store.reader import open_snapshot
from tests import make
from tests.make.wide import capacity_levels as searched
from tests.report.test_pages import rendered


def test_the_newest_attempt_made_for_it_alone_counts_and_reads_by_load(tmp_path: Path) -> None:
    best, other = make.attempt(number=0, throughput=90.0), make.attempt(number=1, entry="q8")
    capacity = [
        replace(make.attempt(number=0, n=n, role=Role.CAPACITY), levels=levels)
        for n, levels in ((2, searched((1, 0.5))), (3, searched((1, 1.0), (4, 0.96), (16, 0.2), (8, 0.6))))
    ]
    make.write_store(tmp_path, attempts=[best, other, *capacity])
    with closing(open_snapshot(tmp_path)) as connection:
        prepare(connection)
        rows = connection.execute(query("capacities").sql)
        names = [column[0] for column in rows.description or ()]
        found = [dict(zip(names, row, strict=True)) for row in rows.fetchall()]
        scores = connection.execute("SELECT number, score FROM trials ORDER BY number").fetchall()
    assert [(row["load_value"], row["position"], row["held"]) for row in found] == [
        (1, 0, True),
        (4, 1, True),
        (8, 3, False),
        (16, 2, False),
    ]
    assert {(row["role"], row["capacity_low"], row["capacity_high"]) for row in found} == {("capacity", 4, 8)}
    assert [number for number, _ in scores] == [0, 1]

    page = rendered(tmp_path)["campaigns/smollm-cpu/index.md"]
    assert "holds 4 users at 95 % attainment; 8 users miss it" in page.markdown
    assert "At 4 users 96 % of 12 requests met every limit" in page.markdown
    table = page.tables["campaigns/smollm-cpu/capacity-1"]
    assert re.findall(r"(holds|misses)</span>(&nbsp;)?", table) == [
        ("holds", ""),
        ("holds", "&nbsp;"),
        ("misses", ""),
        ("misses", ""),
    ]
    assert "An attempt of its own, in no score" in page.markdown
    told = page.markdown
    assert 'data-spec="attainment"' in told
    assert "SLO attainment against load, D(100,20)" in told
    assert "4 loads tried. 4 users, the highest load that held: 96 % of 12 requests, 95 % interval 94 % to" in told
    assert "8 users, the lowest that missed: 60 % of 12 requests" in told


def test_the_chart_says_which_load_holds_and_which_nobody_can_tell(tmp_path: Path) -> None:
    levels = searched((1, 1.0), (4, 0.96), (16, 0.2), (8, 0.6))
    make.write_store(tmp_path, attempts=[replace(make.attempt(number=0), levels=levels)])
    with closing(open_snapshot(tmp_path)) as connection:
        prepare(connection)
        capacities = by_campaign(gather(connection, ["campaigns", "capacities"], Publisher([])))["smollm-cpu"]
    rows = charts.get("attainment").rows(capacities)
    assert [(row["load"], row["verdict"], row["edge"]) for row in rows] == [
        ("1 user", "holds", None),
        ("4 users", "not sure", "low"),
        ("8 users", "misses", "high"),
        ("16 users", "misses", None),
    ]
    assert [round(row["attainment"]) for row in rows] == [100, 96, 60, 20]
    assert all(row["low"] <= row["attainment"] <= row["high"] and row["target"] == 95 for row in rows)


def test_a_load_that_the_search_looked_for_needs_no_attempt_of_its_own(tmp_path: Path) -> None:
    make.write_store(tmp_path, attempts=[replace(make.attempt(number=0), levels=searched((1, 1.0), (4, 0.96)))])
    page = rendered(tmp_path)["campaigns/smollm-cpu/index.md"]
    assert "holds 4 users at 95 % attainment: the highest load that was tried, so it may hold more" in page.markdown
    assert "As the search measured it" in page.markdown


def test_where_nothing_is_best_nothing_is_said(tmp_path: Path) -> None:
    make.write_store(tmp_path, attempts=[replace(make.attempt(number=0), levels=searched((1, 0.5)))])
    page = rendered(tmp_path)["campaigns/smollm-cpu/index.md"]
    assert "How much load it holds" not in page.markdown
