"""Doubts are said in sentences; queries that disagree stop the build."""

from __future__ import annotations

from typing import Any

import pytest

from report.check import Inconsistent, check

LEVEL = {"campaign": "c", "load_before": 0.5, "steal": 0.0, "cpus": 2}


def data(**changes: Any) -> dict[str, Any]:
    campaign = {"campaign": "c", "objective": "output_throughput", "trials": 1, "failed": 0, "best_number": 0,
                "best_basis": "confirmed"}  # fmt: skip
    rows: dict[str, Any] = {
        "campaigns": [campaign | changes.pop("campaign", {})], "trials": [{"campaign": "c"}], "failures": [],
        "comparisons": [], "compared_levels": [LEVEL], "setbacks": [], "retractions": [],
        "level_warnings": [],
    }  # fmt: skip
    return rows | changes


def test_a_quiet_confirmed_campaign_leaves_nothing_to_doubt() -> None:
    assert check(data()) == {"c": []}


def test_what_was_measured_once_is_doubted() -> None:
    assert "measured once" in check(data(campaign={"best_basis": "search"}))["c"][0]


def test_a_busy_machine_is_doubted() -> None:
    busy = [LEVEL | {"load_before": 2.5}, LEVEL | {"steal": 0.2}]
    assert check(data(compared_levels=busy))["c"] == [
        "The machine was busy before 1 level: load average up to 2.5 on 2 cores.",
        "The hypervisor took up to 20 % of the CPU time during 1 level.",
    ]


def test_an_unknown_core_count_is_no_crash() -> None:
    assert check(data(compared_levels=[LEVEL | {"cpus": None, "load_before": None, "steal": None}])) == {"c": []}


def test_setbacks_are_counted_apart() -> None:
    rows = {"setbacks": [{"campaign": "c", "outcome": "infra"}], "retractions": [{"campaign": "c"}]}
    assert [text.split(";")[0] for text in check(data(**rows))["c"]] == [
        "1 attempt ended by no fault of a configuration",
        "1 result withdrawn",
    ]


def test_warnings_of_the_best_trial_are_a_matter_of_the_answer() -> None:
    rows = [{"campaign": "c", "is_best": best} for best in (True, False, False)]
    assert check(data(level_warnings=rows)) == {"c": ["1 warning about levels of the best trial; see Warnings."]}
    assert check(data(level_warnings=rows[1:])) == {"c": []}


def test_queries_that_disagree_stop_the_build() -> None:
    with pytest.raises(Inconsistent, match="1 trials, but 0 rows"):
        check(data(trials=[]))
