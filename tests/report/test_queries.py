"""Every query of the folder: what its header says is what it gives, on a full and on an empty store."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from report import publish
from report.gather import QueryHeaderError, gather, prepare, query, query_names
from report.publish import Publisher
from runner.store.reader import open_snapshot


@pytest.mark.parametrize("name", query_names())
def test_header_and_columns_agree_and_may_leave(name: str, empty: Path) -> None:
    asked = query(name)
    assert asked.meaning.endswith(".")
    with closing(open_snapshot(empty)) as connection:
        prepare(connection)
        given = {c[0]: str(c[1]) for c in connection.execute(asked.sql).description or ()}
    assert given == asked.columns
    texts = [column for column, kind in given.items() if publish.is_text(kind)]
    assert [column for column in texts if column not in publish.COLUMNS] == []


def test_the_numbers_of_the_full_store(filled: Path) -> None:
    with closing(open_snapshot(filled)) as connection:
        prepare(connection)
        data = gather(connection, query_names(), Publisher([]))
    by_name = {row["campaign"]: row for row in data["campaigns"]}
    good, bad = by_name["smollm-cpu"], by_name["smollm-hopeless"]
    assert (good["trials"], good["succeeded"], good["failed"], good["rejected"]) == (12, 7, 5, 2)
    assert good["best_basis"] == "confirmed"
    assert good["best_repeats"] == 3
    assert (bad["best_number"], bad["near_number"], bad["near_cause"]) == (None, 2, "crash")
    best = [row["best_so_far"] for row in data["trials"] if row["campaign"] == "smollm-cpu"]
    assert best == sorted(best)
    assert {row["metric"] for row in data["slos"]} == {"ttft_p99", "tpot_p50"}
    levels = [row for row in data["compared_levels"] if row["campaign"] == "smollm-cpu"]
    assert [(row["which"], row["position"]) for row in levels] == [
        ("best", 0), ("best", 1), ("default", 0), ("default", 1),
    ]  # fmt: skip
    assert {row["outcome"] for row in data["setbacks"]} == {"infra"}


def test_a_query_that_gives_something_else_is_refused(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = query("runs")
    monkeypatch.setattr("report.gather.query", lambda name: wrong.__class__(name, "x", {"a": "INTEGER"}, wrong.sql))
    with closing(open_snapshot(filled)) as connection:
        prepare(connection)
        with pytest.raises(QueryHeaderError, match="runs"):
            gather(connection, ["runs"], Publisher([]))


@pytest.mark.parametrize(("ours", "views"), [
    ("FROM shown_best SELECT trial_id, round(score, 9), search_score, basis",
     "FROM best b JOIN shown s USING (search_key, series) "
     "SELECT b.trial_id, round(b.score, 9), b.search_score, b.basis"),
    ("FROM shown_trials SELECT entry, number, round(coalesce(confirmed_score, score), 9) WHERE is_default",
     "FROM baselines b JOIN shown s USING (search_key, series) JOIN trials t USING (trial_id) "
     "SELECT b.entry, t.number, round(b.score, 9)"),
    (f"FROM ({query('front').sql}) SELECT DISTINCT campaign, number, on_front",
     "FROM fronts f JOIN shown s USING (search_key, series) JOIN trials t USING (trial_id) "
     "SELECT s.campaign, t.number, f.on_front"),
])  # fmt: skip
def test_what_is_told_quicker_is_what_the_views_say(filled: Path, ours: str, views: str) -> None:
    with closing(open_snapshot(filled)) as connection:
        prepare(connection)
        found = [sorted(map(repr, connection.execute(sql).fetchall())) for sql in (ours, views)]
    assert found[0] == found[1] != []
