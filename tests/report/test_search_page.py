"""The parts of the methodology page that benchmarks of the search fill in: samplers on landscapes, other tuners beside
this one."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from report.figures import Figures
from report.render import _environment
from report.search import in_two
from tests.benchmarks.search import table


def line(variant: str, seed: int, last: float, failed: int) -> dict[str, Any]:
    return {
        "landscape": "easy", "variant": variant, "seed": seed, "trials": 40, "deployed": 40, "failed": failed,
        "hung": 0, "regret": {"10": 0.3, "20": 0.1, "40": last}, "first_success": 1,
        "seconds": 7200.0, "failed_seconds": 720.0, "ask_cpu": 1.5,
    }  # fmt: skip


def shown(part: str, found: dict[str, Any]) -> tuple[str, dict[str, list[list[str]]]]:
    """The text of a part of the page, and its tables: name -> rows of cells, the head first."""
    figures = Figures("methodology", "results/methodology.md", (), {}, None)
    page = _environment().from_string(f'{{% include "{part}" %}}').render(MEASURED_SEARCH=found, bulk=figures.bulk)
    return page, {
        name.removeprefix("methodology/"): [
            re.findall(r"<t[hd](?: [^>]*)?>(.*?)</t[hd]>", row) for row in re.findall(r"<tr>(.*?)</tr>", unescape(made))
        ]
        for name, made in figures.tables.items()
    }


def test_the_page_shows_each_search_on_each_landscape_and_whether_the_goals_were_met() -> None:
    lines = [line("tpe", seed, 0.02, 8) for seed in range(6)] + [line("fail", seed, 0.05, 12) for seed in range(6)]
    bench = {**table.content(lines), "measured": "2026-01-02", "machine": "2 cores", "command": "make bench-search"}
    page, tables = shown("_search.j2", {"bench": bench})
    assert "6 searches of 40 deployments" in page
    assert "### Easy" in page
    assert list(tables) == ["search-1", "search-1-cost"]
    assert tables["search-1"] == [
        ["Search", "Regret after 10", "after 20", "after 40", "p against tpe", "Failed", "First success"],
        ["tpe", "30.0 %", "10.0 %", "2.0 %", "–", "20 %", "1"],
        ["fail", "30.0 %", "10.0 %", "5.0 %", "0.031", "30 %", "1"],
    ]
    assert tables["search-1-cost"] == [
        ["Search", "Hung", "Searches with a success", "Hours", "Of them on failures", "CPU of all asks"],
        ["tpe", "0 %", "6 of 6", "2.0", "10 %", "1.50 s"],
        ["fail", "0 %", "6 of 6", "2.0", "10 %", "1.50 s"],
    ]
    assert "met: median regret@40 on the easy landscape: 2.0 %" in page
    assert "MISSED: failed share on easy: 20 % against 30 %" in page


def test_another_sampler_is_called_better_only_when_it_is_proven() -> None:
    ours = [line("tpe", seed, 0.02 + 0.01 * seed, 8) for seed in range(8)]
    nearer = [line("gp", seed, 0.01 + 0.005 * seed, 8) for seed in range(8)]
    mixed = [line("tpe-gp", seed, 0.02 + 0.01 * (seed ^ 1), 8) for seed in range(8)]
    farther = [line("gp", seed, 0.5, 8) for seed in range(8)]
    bench = {**table.content([*ours, *nearer, *mixed]), "measured": "", "machine": "", "command": ""}
    page, _ = shown("_search.j2", {"bench": bench})
    better = "gp is proven better than tpe over all landscapes: nearer to the optimum in 8, farther in 0 of 8 pairs"
    assert f"* {better} of searches (p = 0.0078)" in unescape(page)
    assert (
        "* tpe-gp is not proven better than tpe over all landscapes: nearer to the optimum in 4, farther in 4" in page
    )
    assert table.rivals([*ours, *farther])[0].startswith("gp is not proven better than tpe")
    assert table.rivals(ours) == []


def test_every_column_of_the_benchmark_has_its_place_in_one_of_the_tables() -> None:
    cells = [f"0.{n}" for n in range(1, 1 + len(table.COLUMNS))]
    answer, cost = in_two([["tpe", *cells]], table.COLUMNS)
    assert sorted([*answer.rows[0][1:], *cost.rows[0][1:]]) == sorted(cells)
    assert set(table.COLUMNS) & {*answer.heads, *cost.heads} == {"p against tpe"}, "each has a head for readers"
    [[_, p]] = in_two([["fail", "1.9e-06"]], ["p against tpe"])[0].rows
    assert p == "< 0.001"


PEERS: dict[str, Any] = {
    "trials": 40, "points": 768, "crash": 300, "close": 12, "measured": "2026-01-02", "machine": "2 cores",
    "command": "make bench-peers", "versions": {"tunebook": "this version, Optuna 5", "other": "1.0, Optuna 4"},
    "rows": [
        {"tool": "tunebook", "goal": "throughput", "runs": 5, "deployments": 46.2, "crashes": 3.0, "found": 4,
         "until_close": 17.5, "best_deployed": 0.5, "winner": 1.26, "wrong_winners": 0, "winners_that_crash": 0},
        {"tool": "other", "goal": "latency", "runs": 5, "deployments": 40.0, "crashes": 21.0, "found": 0,
         "until_close": None, "best_deployed": 9.0, "winner": None, "wrong_winners": 5, "winners_that_crash": 2},
    ],
}  # fmt: skip
"""As tests/benchmarks/peers makes it: the median of four is no whole number."""


def test_other_tuners_stand_beside_this_one_with_what_their_runs_were() -> None:
    page, tables = shown("_peers.j2", {"peers": PEERS})
    assert "Of its 768 configurations 300" in page
    assert tables["peers"][1:] == [
        ["tunebook", "most throughput", "46.2", "3.0", "4 of 5", "17.5", "1.3 %", "0 of 5", "0 of 5"],
        ["other", "least latency, p95", "40.0", "21.0", "0 of 5", "–", "–", "5 of 5", "2 of 5"],
    ]
    assert "other 1.0, Optuna 4; tunebook this version, Optuna 5. Measured 2026-01-02 on 2 cores" in page
