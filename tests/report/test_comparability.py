"""Which campaigns and runs may stand side by side."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from duckdb import DuckDBPyConnection

from report.comparability import FACTS, IN_WORDS, comparable_groups, runs_in_turn, selection
from report.gather import gather, prepare, query
from report.publish import Publisher
from runner.domain.failure import Cause, Phase, Role
from runner.domain.records import RecordKind
from runner.domain.trial import Attempt
from runner.fixtures.facts import an_id, attempt, campaign, failure, rules, run_end, run_start, utc
from runner.fixtures.sealing import seal_one
from runner.stats.compare import EQUAL_WITHIN_A_RUNTIME, MUST_BE_EQUAL, comparable
from runner.store.ingest import ingest
from runner.store.reader import open_snapshot
from runner.store.record import seal, seal_rules
from runner.store.snapshot import snapshot
from tests.make.alike import ELSEWHERE, FIRST, SECOND, write_alike
from tests.make.trend import DEAD, NIGHTS, SLOWER, write_trend
from tests.report.test_pages import rendered


def facts(results: Path) -> dict[str, dict[str, Any]]:
    with closing(open_snapshot(results)) as connection:
        prepare(connection)
        rows = gather(connection, ("compare_facts",), Publisher([]))["compare_facts"]
    return {row["campaign"]: row for row in rows}


def test_what_was_measured_under_equal_facts_is_one_group(tmp_path: Path) -> None:
    write_alike(tmp_path / "results")
    by = facts(tmp_path / "results")
    assert comparable(by[FIRST], by[SECOND]) is None
    assert str(comparable(by[FIRST], by[ELSEWHERE])).startswith("cpu_model differs")
    (group,) = comparable_groups(list(by.values()))
    assert group.campaigns == [FIRST, SECOND]


def test_the_facts_of_the_page_are_those_of_the_comparison(tmp_path: Path) -> None:
    """A fact that the query did not give would count as equal."""
    write_alike(tmp_path / "results")
    (one, *_) = facts(tmp_path / "results").values()
    assert set(one) >= {*MUST_BE_EQUAL, *EQUAL_WITHIN_A_RUNTIME, "runtime"}
    assert {*query("compared_runs").columns} >= {*MUST_BE_EQUAL, *EQUAL_WITHIN_A_RUNTIME, "runtime"}
    assert {*query("compare_facts").columns} - {*query("compared_runs").columns} == set(), "one script reads both"
    assert [name for name, _ in FACTS["always"]] == list(MUST_BE_EQUAL)
    assert set(IN_WORDS) == {*MUST_BE_EQUAL, *EQUAL_WITHIN_A_RUNTIME}


def asked(connection: DuckDBPyConnection, name: str, campaign: str) -> list[dict[str, Any]]:
    return [row for row in gather(connection, [name], Publisher([]))[name] if row["campaign"] == campaign]


@pytest.fixture(scope="module")
def nightly(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDBPyConnection]:
    results = tmp_path_factory.mktemp("nightly") / "results"
    write_trend(results)
    write_alike(results)
    with closing(open_snapshot(results)) as connection:
        prepare(connection)
        yield connection


def test_runs_are_numbered_by_their_start_and_each_has_the_best_of_its_own(nightly: DuckDBPyConnection) -> None:
    """Each night is a series of its own: the best of a night is that of its series, as the store tells it."""
    rows = asked(nightly, "compared_runs", "smollm-nightly")
    assert [row["run"] for row in rows] == list(range(NIGHTS, 0, -1))
    assert {row["runs"] for row in rows} == {NIGHTS}
    assert [row["run"] for row in rows if row["number"] is None] == [DEAD + 1]
    of_series = "FROM best_by_series SELECT series + 1, score, basis WHERE campaign = 'smollm-nightly'"
    stored = nightly.execute(of_series).fetchall()
    assert sorted((row["run"], row["score"], row["basis"]) for row in rows if row["number"] is not None) == sorted(
        stored
    )
    assert {row["campaign"] for row in gather(nightly, ["compared_runs"], Publisher([]))["compared_runs"]} == {
        "smollm-nightly"
    }, "an only run is its campaign"


def test_the_levels_of_a_run_are_those_of_its_own_attempt(nightly: DuckDBPyConnection) -> None:
    rows = asked(nightly, "run_levels", "smollm-nightly")
    found = {(row["run"], row["load_value"]): row["output_throughput"] for row in rows}
    assert {run for run, _ in found} == {*range(1, NIGHTS + 1)} - {DEAD + 1}
    assert found[1, 1.0] == 100.0
    assert found[SLOWER + 1, 1.0] == 85.8


def test_a_run_is_set_against_the_last_one_that_measured_something(nightly: DuckDBPyConnection) -> None:
    found = {one.row["run"]: one for one in runs_in_turn(asked(nightly, "compared_runs", "smollm-nightly"))}
    assert list(found) == list(range(NIGHTS, 0, -1))
    assert (found[1].before, found[2].before, found[DEAD + 1].before, found[DEAD + 2].before) == (None, 1, None, DEAD)
    assert {run: one.differs for run, one in found.items() if one.differs} == {
        SLOWER + 1: "version of the engine differs, b11549 / b11556"
    }
    assert found[1].started.isoformat() == "2026-03-02T14:53:20+00:00"


def test_of_a_campaign_that_runs_every_night_the_latest_hundred_runs_leave(nightly: DuckDBPyConnection) -> None:
    nightly.begin()
    try:
        nightly.execute("UPDATE numbered_runs SET run = 20 * run, runs = 20 * runs WHERE runs > 1")
        for name in ("compared_runs", "run_levels"):
            found = {row["run"] for row in asked(nightly, name, "smollm-nightly")}
            assert found == {100, 120, 140, 160, 180}
    finally:
        nightly.rollback()


def seal_run(results: Path, n: int, attempts: Sequence[Attempt]) -> None:
    of = campaign()
    run = run_start(of, run_id=an_id(n), started_utc=utc(1e5 * n))
    seal(results, RecordKind.RUN_START, run.run_id, run)
    if n == 1:
        seal_rules(results, rules(of))
    for one in attempts:
        seal_one(results, one)
    end = run_end(run, ended_utc=utc(1e5 * n + 900))
    seal(results, RecordKind.RUN_END, end.run_id, end)


def one_of(number: int, throughput: float, run: int, n: int, **changes: Any) -> Attempt:
    values = {"threads": number} if number else {}
    return attempt(
        number=number, values=values, throughput=throughput, n=n, run_id=an_id(run),
        started_utc=utc(1e5 * run + n), ended_utc=utc(1e5 * run + n + 9), **changes,
    )  # fmt: skip


def test_a_resumed_series_has_two_runs_and_each_answers_for_itself(tmp_path: Path) -> None:
    """The second run goes on with the series, retries what failed, and confirms a trial of the first."""
    crashed = failure(Phase.LOAD, Cause.CRASH)
    seal_run(tmp_path, 1, [one_of(0, 60, 1, 0), one_of(1, 90, 1, 1), one_of(2, 10, 1, 2, failed=crashed)])
    seal_run(tmp_path, 2, [
        one_of(2, 70, 2, 3, role=Role.RETRY), one_of(3, 99, 2, 4),
        *(one_of(1, 80 + repeat, 2, 4 + repeat, role=Role.CONFIRM, repeat=repeat) for repeat in (1, 2, 3)),
        *(one_of(3, 60, 2, 7 + repeat, role=Role.CONFIRM, repeat=repeat) for repeat in (1, 2, 3)),
    ])  # fmt: skip
    seal_run(tmp_path, 3, [one_of(4, 50, 3, 20, failed=crashed)])
    ingest(tmp_path)
    snapshot(tmp_path)
    with closing(open_snapshot(tmp_path)) as connection:
        prepare(connection)
        rows = {row["run"]: row for row in asked(connection, "compared_runs", "smollm-cpu")}
        levels = asked(connection, "run_levels", "smollm-cpu")
    found = {run: (row["number"], row["score"], row["basis"]) for run, row in rows.items()}
    assert found == {1: (1, 90.0, "search"), 2: (1, 82.0, "confirmed"), 3: (None, None, None)}
    assert next(row["output_throughput"] for row in levels if row["run"] == 2) == 81.0, "of its first confirmation"
    page = rendered(tmp_path)
    table = page["campaigns/smollm-cpu/index.md"].tables["campaigns/smollm-cpu/runs"]
    assert re.findall(r'compare\.html#([^"]+)"', table) == ["c=smollm-cpu@1,smollm-cpu@2"]
    assert re.findall(r'id="(run-\d)"', table) == ["run-3", "run-2", "run-1"]
    assert 'href="#c=smollm-cpu@2,smollm-cpu@3"' in page["compare.md"].tables["compare/runs"]


def test_what_ran_once_has_no_list_of_runs(tmp_path: Path) -> None:
    write_alike(tmp_path)
    pages = rendered(tmp_path)
    assert not [name for page in pages.values() for name in page.tables if name.endswith("/runs") and "chat" in name]
    assert "compare/runs" not in pages["compare.md"].tables


def test_a_choice_stands_in_an_address_whatever_a_campaign_is_called() -> None:
    assert selection("a,b", ("50% & @", 3)) == "c=a%2Cb,50%25%20%26%20%40@3"
