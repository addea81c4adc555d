"""Engines side by side: what may stand together, what its order is, and that no verdict is made up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from report.charts import charts
from report.runtimes import MOST, alone, differing, settings, side_by_side
from report.standings import pairs, ranked
from runner.stats.compare import MUST_BE_EQUAL, comparable
from tests import make
from tests.report.test_pages import rendered

CHART = charts.get("runtimes")


def row(campaign: str, entry: str, score: float | None = 10.0, **more: Any) -> dict[str, Any]:
    return {
        "campaign": campaign, "entry": entry, "runtime": entry, "model": "m", "model_revision": None, "hardware": "CPU",
        "objective": "output_throughput", "objective_at": "worst", "goal": "maximize", "client": "native",
        "client_version": "1", "workload_key": "w", "host": "host-1", "gpu": None, "cpu_model": "x", "engine": entry,
        "engine_version": "1.0", "image_digest": None, "trials": 9, "failed": 0 if score else 9, "fail_low": 0.0,
        "fail_high": 0.3, "rejected": 0, "best_number": 3 if score else None, "best_score": score,
        "best_basis": "search" if score else None, "best_client": None, "best_repeats": 0, "best_params_json": "{}",
        "default_number": 0, "default_score": 5.0, "status": "succeeded", "cause": None,
    } | more  # fmt: skip


def level(campaign: str, entry: str, load: float, value: Sequence[float] | None, **more: Any) -> dict[str, Any]:
    return {
        "campaign": campaign, "entry": entry, "number": 3, "setting": "native client 1 on host-1",
        "scenario": "D(100,20)", "load_kind": "concurrency", "load_value": load, "position": int(load),
        "broken": value is None, "output_throughput": value, "ttft_p99": value, "tpot_p99": value,
    } | more  # fmt: skip


def compared(campaign: str, a: int, b: int, verdict: str, log_ratio: float | None = 0.2) -> dict[str, Any]:
    return {
        "campaign": campaign,
        "number_a": a,
        "number_b": b,
        "verdict": verdict,
        "log_ratio": log_ratio,
        "repeats": 3,
    }


def names(rows: Sequence[dict[str, Any]]) -> list[list[str]]:
    return [[f"{one['campaign']}/{one['entry']}" for one in setting.members] for setting in settings(rows)]


def test_entries_of_one_campaign_stand_together_the_best_first() -> None:
    rows = [row("a", "slow", 5.0), row("a", "dead", None), row("a", "fast", 20.0),
            row("a", "sure", 9.0, best_basis="confirmed")]  # fmt: skip
    assert names(rows) == [["a/sure", "a/fast", "a/slow", "a/dead"]]
    less = [one | {"goal": "minimize"} for one in rows]
    assert names(less) == [["a/sure", "a/slow", "a/fast", "a/dead"]]


@pytest.mark.parametrize("fact", [*MUST_BE_EQUAL, "objective", "objective_at", "goal"])
def test_one_other_fact_keeps_two_campaigns_apart_and_is_named(fact: str) -> None:
    other = row("b", "vllm") | {fact: "other"}
    rows = [row("a", "llama"), other]
    assert side_by_side(rows) == []
    first, second = alone(rows)
    assert len(first.differs) == len(second.differs) == 1
    assert first.differs[0][2] == second.differs[0][1] == "other"


def test_what_never_worked_stands_beside_what_its_campaign_measured() -> None:
    """It was given no GPU and no engine answered: that is no reason to leave it out."""
    dead = row("a", "dead", None, gpu=None, engine_version=None)
    assert names([dead, row("a", "x", gpu="H100"), row("b", "y", gpu="H100")]) == [["a/x", "b/y", "a/dead"]]
    assert names([dead, row("b", "y", gpu="H100")]) == [["a/dead"], ["b/y"]]


def test_equal_facts_bring_campaigns_together() -> None:
    assert names([row("a", "llama", 5.0), row("b", "vllm", 9.0)]) == [["b/vllm", "a/llama"]]


def test_one_runtime_in_two_versions_is_two_things_unless_one_campaign_measured_both() -> None:
    old = row("old", "vllm", engine_version="0.9")
    assert names([row("new", "vllm"), row("new", "llama"), old]) == [["new/llama", "new/vllm"], ["old/vllm"]]
    (single,) = alone([row("new", "vllm"), row("new", "llama"), old])
    assert single.differs == (("engine version", "0.9", "1.0"),)
    both = [row("a", "v1", runtime="vllm"), row("a", "v2", runtime="vllm", engine_version="0.9")]
    assert names(both) == [["a/v1", "a/v2"]]


FACTS = st.fixed_dictionaries(
    {
        "host": st.sampled_from("xy"),
        "workload_key": st.sampled_from("vw"),
        "engine_version": st.sampled_from(["1", "2"]),
        "runtime": st.sampled_from("pqr"),
    }
)


@given(st.lists(FACTS, max_size=8))
def test_whatever_the_facts_nothing_stands_together_that_may_not(facts: list[dict[str, Any]]) -> None:
    rows = [row(f"c{n}", "e", **one) for n, one in enumerate(facts)]
    found = settings(rows)
    assert sorted(one["campaign"] for setting in found for one in setting.members) == [
        f"c{n}" for n in range(len(rows))
    ]
    for setting in found:
        for one in setting.members:
            assert all(comparable(one, other) is None for other in setting.members)


def test_of_many_each_campaign_and_engine_is_shown_before_a_second_entry() -> None:
    rows = [row("a", f"e{n}", 90.0 - n, runtime="vllm") for n in range(8)] + [row("b", "sgl", 1.0)]
    (setting,) = settings(rows)
    assert len(setting.shown) == MOST
    assert [one["entry"] for one in setting.shown] == ["e0", "e1", "e2", "e3", "e4", "sgl"]
    assert setting.label(setting.shown[-1]) == "sgl (b)"


def test_what_differs_is_unknown_rather_than_none_and_hashes_are_short() -> None:
    told = differing(row("a", "x"), row("b", "y", gpu="H100", workload_key="0123456789abcdef"))
    assert told == (("workload", "w", "01234567"), ("GPU", "unknown", "H100"))


def test_ranks_are_shared_where_medians_are_equal_and_less_time_is_better() -> None:
    rows = [row("a", "x", 3.0), row("a", "y", 2.0), row("a", "z", 1.0)]
    levels = [level("a", "x", 1, [5.0]), level("a", "y", 1, [5.0]), level("a", "z", 1, [1.0]),
              level("a", "x", 8, None), level("a", "y", 8, [2.0])]  # fmt: skip
    (setting,) = settings(rows)
    (table,) = ranked(setting, levels)
    found = {(line.metric, line.label): [cell and cell.rank for cell in line.cells] for line in table.lines}
    assert table.loads == ("1 user", "8 users")
    assert found["output_throughput", "x"] == [1, None]
    assert found["output_throughput", "y"] == [1, 1]
    assert found["output_throughput", "z"] == [3, None]
    assert [found["ttft_p99", name] for name in "xyz"] == [[2, None], [2, 1], [1, None]]


def test_what_two_clients_measured_is_never_ranked_together() -> None:
    rows = [row("a", "x"), row("a", "y")]
    (setting,) = settings(rows)
    assert ranked(setting, [level("a", "x", 1, [5.0]), level("a", "y", 1, [4.0], setting="genai-bench")]) == []


def test_a_pair_that_nobody_compared_is_not_compared_whatever_the_scores() -> None:
    rows = [row("a", "x", 100.0), row("a", "y", 1.0, best_number=4, default_number=1), row("b", "z", 50.0)]
    (setting,) = settings(rows)
    assert [[p and p.verdict for p in cells] for _, cells in pairs(setting, [])] == [
        [None, None, None], [None, None, None], [None, None, None],
    ]  # fmt: skip
    found = {one["entry"]: cells for one, cells in pairs(setting, [compared("a", 3, 4, "better")])}
    assert [p and (p.verdict, p.log_ratio) for p in found["x"]] == [None, (None, None), ("better", 0.2)]
    assert [p and (p.verdict, p.log_ratio) for p in found["y"]] == [("worse", -0.2), (None, None), None]


def test_a_comparison_with_the_default_of_the_other_says_so() -> None:
    rows = [row("a", "x", 100.0), row("a", "y", 1.0, best_number=4, default_number=1)]
    (setting,) = settings(rows)
    (_, (_, other)), (_, (back, _)) = pairs(setting, [compared("a", 3, 1, "inconclusive", None)])
    assert other is not None
    assert back is not None
    assert (other.verdict, other.default, other.log_ratio) == ("inconclusive", True, None)
    assert back.verdict is None


def test_a_figure_shows_what_broke_and_who_never_lived() -> None:
    rows = [row("a", "x"), row("a", "y", 9.0), row("a", "dead", None)]
    levels = [level("a", "x", 1, [5.0, 7.0]), level("a", "x", 8, [9.0]), level("a", "y", 1, [4.0]),
              level("a", "y", 8, None)]  # fmt: skip
    drawn = CHART.rows({"runtimes": rows, "runtime_levels": levels})
    words = {"setting": "1.0.output_throughput"}
    assert CHART.missing(drawn, words) is None
    caption = CHART.caption(drawn, words)
    assert "x: 6 tok/s (5 tok/s to 7 tok/s) at 1 user, 9 tok/s at 8 users" in caption
    assert "y: 4 tok/s at 1 user, not to the end at 8 users (✕)" in caption
    assert "dead: none of 9 trials succeeded" in caption
    failed = [one for one in drawn if one["status"] == "failed" and one["setting"] == words["setting"]]
    assert {(one["entry"], one["load"], one["value"]) for one in failed} == {
        ("y", "8 users", None), ("dead", "1 user", None), ("dead", "8 users", None),
    }  # fmt: skip


def test_the_page_lays_the_comparable_ones_side_by_side(tmp_path: Path) -> None:
    make.write_comparable(tmp_path)
    page = rendered(tmp_path)["runtimes.md"]
    tables = {name.partition("/")[2]: unescape(table) for name, table in page.tables.items()}
    entries = tables["entries-1"]
    assert re.findall(r'<span class="tb-name">(\w+)</span>', entries) == ["vllm", "llama_cpp", "transformers"]
    assert "confirmed, 3 repeats" in entries
    assert "search, measured once" in entries
    assert "2 of 8" in entries
    verdicts = re.findall(r"(better|worse|tie|inconclusive|not compared)", tables["pairs-1"])
    assert verdicts == ["better", "not compared", "worse", "not compared", "not compared", "not compared"]
    ((single,),) = [re.findall(r"<td>([^<]*workload[^<]*)</td>", tables["alone"])]
    assert single == "workload: 0ddba110 / 5ca1ab1e"
    limits = re.findall(r"<tr>(.*?)</tr>", tables["limits"])
    assert any("refused by the rule <b>memory</b>" in line and ">vllm<" in line for line in limits)
    assert any("died of <b>oom_load</b>" in line and "only here" in line for line in limits)
    assert page.markdown.count('data-spec="runtimes"') == 3
