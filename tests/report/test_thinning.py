"""Fewer marks and fewer rows where there are thousands: what a reader looks for stays, and nothing is counted wrong."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from report.charts import charts
from report.thinning import counted, thinned, weight
from report.trial_rows import MOST, shown_rows

Row = dict[str, Any]


def marks(number: int) -> list[Row]:
    """One in a hundred failed, of two causes; one is the best."""
    causes = {0: "hang", 500: "crash"}
    return [{"n": n, "cause": causes.get(n % 1000), "best": n == 1234} for n in range(number)]


def test_few_marks_stay_as_they_are() -> None:
    rows = marks(1000)
    assert thinned(rows, lambda row: False, lambda row: 0) is rows


def test_the_named_stay_and_every_class_keeps_its_count() -> None:
    rows = marks(5000)
    kept = thinned(rows, lambda row: row["best"], lambda row: row["cause"])
    assert len(kept) <= 1003
    assert [row["n"] for row in kept if row["best"]] == [1234]
    assert [row["n"] for row in kept] == sorted(row["n"] for row in kept)
    found: Counter[Any] = Counter()
    for row in kept:
        found[row["cause"]] += weight(row)
    assert found == Counter(row["cause"] for row in rows)
    assert counted(kept) == 5000


def test_a_class_of_one_is_drawn() -> None:
    rows = [{"n": n, "cause": "seldom" if n == 4321 else "often"} for n in range(5000)]
    assert 4321 in [row["n"] for row in thinned(rows, lambda row: False, lambda row: row["cause"])]


def trial(number: int, score: float | None, **changes: Any) -> Row:
    status = "failed" if score is None else "succeeded"
    cause, phase = ("crash", "load") if score is None else (None, "done")
    return {
        "campaign": "c", "number": number, "entry": "e", "params_json": json.dumps({"threads": number % 4}),
        "status": status,
        "score": score, "objective_value": score, "objective": "output_throughput", "penalty": None, "cause": cause,
        "phase": phase, "best_so_far": None, "is_best": False, "is_default": number < 2, "confirm_repeats": 0,
    } | changes  # fmt: skip


def searched(trials: int) -> list[Row]:
    """One in ten fails, one of them of what no other does; late ones are better, the best is in the middle."""
    rows, best = [], 0.0
    for number in range(trials):
        score = None if number % 10 == 9 else 50 + (number * 37 % 101) / 10
        if number == trials // 2:
            score = 99.0
        best = max(best, score or 0.0)
        rows.append(trial(number, score, best_so_far=best, is_best=number == trials // 2))
    rows[trials - 1] |= {"score": None, "status": "failed", "cause": "hang", "phase": "ready"}
    return rows


def test_a_caption_counts_what_was_measured_however_much_is_drawn() -> None:
    chart = charts.get("history")
    few, many = searched(900), searched(5000)
    drawn = chart.rows({"trials": many})
    assert len(drawn) < 1100
    text = chart.caption(drawn, {})
    assert text.startswith("5000 trials, 4500 succeeded, 500 failed: 499 at load, 1 at ready.")
    assert f"Drawn: {len(drawn)} of 5000 marks" in text
    assert "Drawn" not in chart.caption(chart.rows({"trials": few}), {})
    assert [row["number"] for row in drawn if row["score"] == 99.0] == [2500]
    turns = [row["number"] for row in many if row["score"] is not None and row["score"] == row["best_so_far"]]
    first_of_each = {row["best_so_far"]: row["number"] for row in reversed(many)}
    assert set(first_of_each.values()) <= {row["number"] for row in drawn}, turns


def test_every_value_of_a_parameter_keeps_its_place() -> None:
    chart = charts.get("slice")
    rows = chart.rows({"trials": searched(5000)})
    words = {"parameter": "threads"}
    assert len(rows) < 500
    assert chart.caption(rows, words).startswith("4 values in 5000 trials, 500 failed.")


def test_few_trials_all_have_their_row() -> None:
    shown = shown_rows(searched(MOST), [], [])
    assert (len(shown.rows), shown.left) == (MOST, 0)


@pytest.mark.parametrize("trials", [101, 5000])
def test_who_gets_a_row(trials: int) -> None:
    rows = searched(trials)
    rows[77] |= {"confirm_repeats": 3}
    compared = [{"number_a": trials // 2, "number_b": 88}]
    front = [{"number": 66, "on_front": True}, {"number": 67, "on_front": False}]
    gone = {"number": 55, "retracted_utc": "then"}
    shown = shown_rows([*rows, gone], compared, front)
    numbers = [row["number"] for row in shown.rows]
    assert len(numbers) == MOST
    assert numbers == sorted(numbers)
    assert {0, 1, trials // 2, 77, 88, 66, 9, trials - 1} <= set(numbers), "named, and both ways to fail"
    assert gone in shown.rows
    assert (shown.all, shown.left, shown.last) == (trials + 1, trials + 1 - MOST, trials - 1)


def test_less_is_better_where_the_search_says_so() -> None:
    scores = [9.0, 5.0, 1.0, *(10.0 + number * 37 % 401 for number in range(300))]
    rows = [trial(n, score, best_so_far=min(scores[: n + 1])) for n, score in enumerate(scores)]
    shown = {row["score"] for row in shown_rows(rows, [], []).rows}
    assert min(scores[3:]) in shown
    assert max(scores) not in shown
