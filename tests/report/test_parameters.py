"""What is recommended over all campaigns: only what intervals tell apart, with its evidence, never noise."""

from __future__ import annotations

import re
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from report.charts import charts
from report.gather import gather, prepare
from report.parameters import BEHIND, FAILS, FEW, FEWEST, FEWEST_EACH, GOOD, SAME, judged, parameters, ranges
from report.publish import Publisher
from runner.stats.intervals import wilson
from runner.store.reader import open_snapshot
from tests import make
from tests.report.test_pages import rendered


def value(place: int, trials: int, failed: int, gap: float | None = 0.1, **more: Any) -> dict[str, Any]:
    low, high = wilson(failed, trials)
    told = gap is not None and failed < trials
    return {
        "runtime": "vllm", "parameter": "batch", "place": place, "label": None, "low": float(2**place),
        "high": float(2**place), "trials": trials, "failed": failed, "fail_low": low, "fail_high": high,
        "cause": "oom_load" if failed else None, "scored": trials - failed if told else 0, "gap": gap if told else None,
        "gap_low": gap - 0.02 if told and gap is not None else None,
        "gap_high": gap + 0.02 if told and gap is not None else None, "best": 0, "campaigns": 2, "all_campaigns": 3,
        "answered": 2, "settings": 1,
    } | more  # fmt: skip


def word(place: int, label: str, trials: int, failed: int, gap: float = 0.1) -> dict[str, Any]:
    return value(place, trials, failed, gap, label=label, low=None, high=None)


def verdicts(rows: list[dict[str, Any]]) -> list[str]:
    return [one.verdict for one in judged(rows)]


def test_a_value_that_fails_surely_more_is_left_out_with_its_numbers() -> None:
    rows = [value(0, 20, 0, best=1), value(1, 20, 1, best=1), value(2, 20, 15)]
    (known,) = parameters(rows)
    assert verdicts(rows) == [GOOD, GOOD, FAILS]
    assert known.said == "1 to 2"
    assert known.evidence == "39 of 40 trials lived, best of 2 of 2 campaigns. Left out: 4, 15 of 20 failed (oom_load)"


def test_a_value_that_stays_surely_behind_is_left_out_too() -> None:
    rows = [value(0, 20, 0, 0.3), value(1, 20, 0, 0.05), value(2, 20, 0, 0.06)]
    (known,) = parameters(rows)
    assert verdicts(rows) == [BEHIND, GOOD, GOOD]
    assert known.said == "2 to 4"
    assert known.evidence.endswith("Left out: 1, 30 % behind the best in the median")


def test_what_fails_sets_no_standard_for_the_gap() -> None:
    """Its few survivors may be fast; who must not be recommended must not leave others out."""
    rows = [value(0, 20, 0, 0.3), value(1, 20, 0, 0.31), value(2, 30, 24, 0.0)]
    assert verdicts(rows) == [GOOD, GOOD, FAILS]


def test_the_gap_leaves_out_no_value_that_was_the_best_of_a_campaign() -> None:
    """Behind in the median, over whatever the other parameters were, and yet part of the best configuration."""
    rows = [value(0, 20, 0, 0.3, best=1), value(1, 20, 0, 0.05)]
    assert verdicts(rows) == [SAME, SAME]
    rows = [value(0, 20, 15, 0.0, best=2), value(1, 20, 0, 0.05)]
    (known,) = parameters(rows)
    assert (known.said, verdicts(rows)) == ("2", [FAILS, GOOD])
    assert known.evidence.endswith("best of 0 of 2 campaigns. Left out: 1, 15 of 20 failed (oom_load), "
                                   "yet the best of 2 campaigns")  # fmt: skip


def test_nothing_told_apart_is_no_recommendation() -> None:
    (known,) = parameters([value(0, 20, 2), value(1, 20, 3)])
    assert not known.tells
    assert known.said == "no value is told apart from the others"
    assert known.evidence == "35 of 40 trials lived"
    assert {one.verdict for one in known.values} == {SAME}


@pytest.mark.parametrize(("rows", "said"), [
    ([value(0, 3, 0), value(1, 4, 4)], "not enough: 7 trials, 20 are needed"),
    ([value(0, 30, 0), value(1, 4, 4)], "not enough: 1 value has 5 trials, two must have"),
    ([value(n, 4, 4) for n in range(6)], "not enough: no value has 5 trials, two must have"),
])  # fmt: skip
def test_too_few_is_said_instead_of_noise(rows: list[dict[str, Any]], said: str) -> None:
    (known,) = parameters(rows)
    assert (known.said, known.tells, known.few) == (said, False, True)


def test_a_range_ends_where_a_value_between_was_left_out_or_hardly_tried() -> None:
    rows = [value(0, 20, 0), value(1, 20, 20), value(2, 20, 0), value(3, 3, 0), value(4, 20, 0), value(5, 20, 0)]
    found = judged(rows)
    assert [one.verdict for one in found] == [GOOD, FAILS, GOOD, FEW, GOOD, GOOD]
    assert ranges(found) == ["1", "4", "16 to 32"]


def test_words_are_listed_and_never_made_a_range() -> None:
    rows = [word(0, "auto", 20, 0), word(1, "fp8", 20, 1), word(2, "int4", 20, 19)]
    (known,) = parameters(rows)
    assert known.said == "auto, fp8"


counts = st.tuples(st.integers(0, 60), st.integers(0, 60), st.floats(0, 1)).map(lambda c: (c[0] + c[1], c[1], c[2]))


@given(st.lists(counts.filter(lambda c: c[0] > 0), min_size=1, max_size=7))
def test_whatever_was_tried_one_good_value_is_left_and_a_left_out_one_is_told_apart(
    tried: list[tuple[int, int, float]],
) -> None:
    rows = [value(place, *one) for place, one in enumerate(tried)]
    (known,) = parameters(rows)
    found = known.values
    assert [one.row for one in found] == rows
    good = [one for one in found if one.verdict == GOOD]
    assert bool(good) == known.tells
    for one in found:
        assert (one.verdict == FEW) == (one.row["trials"] < FEWEST_EACH)
        if one.verdict == FAILS:
            assert any(one.row["fail_low"] > other.row["fail_high"] for other in found if other.verdict != FEW)
        if one.verdict == BEHIND:
            assert any(other.row["gap"] is not None and one.row["gap_low"] > other.row["gap_high"] for other in good)
    if known.trials < FEWEST:
        assert not known.tells


@given(st.lists(counts.filter(lambda c: c[0] > 0), min_size=2, max_size=6))
def test_ten_times_the_evidence_never_takes_a_verdict_back(tried: list[tuple[int, int, float]]) -> None:
    """Of failing alone: intervals around the same shares only become narrower."""
    less = judged([value(place, trials, failed, None) for place, (trials, failed, _) in enumerate(tried)])
    more = judged([value(place, 10 * trials, 10 * failed, None) for place, (trials, failed, _) in enumerate(tried)])
    if all(one.verdict != FEW for one in less):
        assert {one.what for one in less if one.verdict == FAILS} <= {one.what for one in more if one.verdict == FAILS}


def asked(results: Path) -> list[dict[str, Any]]:
    with closing(open_snapshot(results)) as connection:
        prepare(connection)
        return gather(connection, ["parameters"], Publisher([]))["parameters"]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    results = tmp_path_factory.mktemp("parameters") / "results"
    make.write_searched(results)
    make.write_comparable(results)
    return asked(results)


def of(rows: list[dict[str, Any]], runtime: str, parameter: str) -> list[dict[str, Any]]:
    return [row for row in rows if (row["runtime"], row["parameter"]) == (runtime, parameter)]


def test_many_numbers_go_into_five_ranges_that_share_no_number(rows: list[dict[str, Any]]) -> None:
    found = of(rows, "llama_cpp", "batch-size")
    assert [row["place"] for row in found] == [0, 1, 2, 3, 4]
    assert all(a["high"] < b["low"] for a, b in pairwise(found))
    assert sum(row["trials"] for row in found) == 52 + 7
    assert max(row["trials"] for row in found) - min(row["trials"] for row in found) <= 2
    assert {row["all_campaigns"] for row in found} == {2}


def test_few_numbers_and_words_stand_alone(rows: list[dict[str, Any]]) -> None:
    assert [(row["low"], row["high"]) for row in of(rows, "llama_cpp", "threads")] == [(1, 1), (2, 2), (4, 4)]
    assert [(row["label"], row["low"]) for row in of(rows, "vllm", "eager")] == [("false", None), ("true", None)]


def test_counts_intervals_and_gaps_are_those_of_the_trials(rows: list[dict[str, Any]]) -> None:
    last = of(rows, "vllm", "batch-size")[-1]
    assert (last["low"], last["trials"], last["failed"], last["cause"]) == (512, 2, 2, "oom_load")
    assert (last["fail_low"], last["fail_high"]) == pytest.approx(wilson(2, 2), abs=1e-6)
    assert (last["scored"], last["gap"], last["gap_low"], last["gap_high"]) == (0, None, None, None)
    slow, *_ = of(rows, "transformers", "batch-size")
    assert slow["low"] == 64
    assert (slow["gap"], slow["failed"]) == (1, 0), "missed soft SLOs push its score below zero"
    best = [row for row in of(rows, "transformers", "batch-size") if row["best"]]
    assert [(row["low"], row["best"], row["answered"]) for row in best] == [(512, 2, 2)]


def test_what_decides_in_a_search_is_what_is_recommended(rows: list[dict[str, Any]]) -> None:
    known = {one.name: one for one in parameters(rows)}
    batch = known["llama_cpp: batch-size"]
    assert batch.values[-1].verdict == FAILS
    assert known["llama_cpp: threads"].said == "4"
    assert not known["llama_cpp: flash-attn"].tells
    assert known["vllm: batch-size"].said == "not enough: 7 trials, 20 are needed"


def test_the_page_says_the_range_its_evidence_and_what_is_not_enough(tmp_path: Path) -> None:
    make.write_searched(tmp_path)
    make.write_comparable(tmp_path)
    page = rendered(tmp_path)["parameters.md"]
    advice = page.tables["parameters/advice"]
    assert re.search(r"<b>4</b></td><td[^>]*>\d+ of \d+ trials lived, best of 1 of 1 campaign\. Left out: ", advice)
    assert "not enough: 7 trials, 20 are needed" in advice
    assert page.markdown.count("<figure") <= 12
    assert page.markdown.count('data-spec="value_failing"') == 2
    failing = charts.get("value_failing")
    drawn = failing.rows({"parameters": asked(tmp_path)})
    assert failing.missing(drawn, {"setting": "vllm: batch-size"}) is None
    assert "512: 2 of 2, " in failing.caption(drawn, {"setting": "vllm: batch-size"})
