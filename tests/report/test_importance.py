"""What a campaign's page says of its parameters: a finding, that nothing is told apart, or that trials are too few."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from report.charts import Rows, charts
from report.importance import FAILING, OBJECTIVE, by_parameter, importances, said
from tests import make
from tests.report.test_pages import rendered

CHART = charts.get("importance")
CAMPAIGNS = [{"campaign": "c", "goal": "maximize"}]


def trial(number: int, params: dict[str, Any], score: float | None, **more: Any) -> dict[str, Any]:
    status = "failed" if score is None else "succeeded"
    return {
        "campaign": "c", "number": number, "entry": "e", "params_json": json.dumps(params), "status": status,
        "score": score,
    } | more  # fmt: skip


def searched(entry: str = "e", trials: int = 40, decides: str = "threads") -> list[dict[str, Any]]:
    draw = random.Random(entry)
    made = []
    for number in range(trials):
        params = {"threads": draw.choice((1, 2, 4)), "ubatch": draw.choice((64, 128, 256))}
        made.append(trial(number, params, params[decides] * (1 + draw.random()), entry=entry))
    return made


def drawn(rows: Rows, outcome: str = OBJECTIVE) -> tuple[str | None, str]:
    words = {"outcome": outcome}
    return CHART.missing(rows, words), CHART.caption(rows, words)


def of(trials: Sequence[dict[str, Any]]) -> Rows:
    return CHART.rows({"campaigns": CAMPAIGNS, "trials": trials})


def test_only_what_is_told_apart_from_chance_has_a_bar() -> None:
    rows = of(searched())
    scoring = [row for row in rows if row["outcome"] == OBJECTIVE]
    assert [(row["bar"], row["length"], row["at"]) for row in scoring] == [
        ("threads", 100.0, "4"),
        ("ubatch", None, ""),
    ]
    assert scoring[1]["note"] == "not told apart from chance"
    missing, caption = drawn(rows)
    assert missing is None
    assert re.match(
        r"threads 100 %; explains \d\d(\.\d)? %, chance 0\.2 %\. Not told apart from chance: ubatch\.", caption
    )
    assert drawn(rows, FAILING)[0] == "No trial failed."


def test_entries_are_never_mixed() -> None:
    """Together the two would say that neither decides, or the wrong one."""
    rows = of([*searched("a"), *searched("b", decides="ubatch")])
    named = [(row["entry"], row["bar"]) for row in rows if row["matters"]]
    assert named == [("a", "a: threads"), ("b", "b: ubatch")]
    assert len({row["bar"] for row in rows}) == 4


def test_a_second_parameter_says_beyond_which_it_explains() -> None:
    trials = searched()
    for row in trials:
        row["score"] += json.loads(row["params_json"])["ubatch"] / 100
    first, second, *_ = importances(trials, "maximize")
    assert (first.weight.parameter, second.weight.parameter) == ("threads", "ubatch")
    assert re.fullmatch(r"[\d.]+ %; explains [\d.]+ %, chance 0\.2 %", said(first))
    assert re.fullmatch(r"[\d.]+ %; explains [\d.]+ % beyond threads, chance [\d.]+ %", said(second))
    assert first.share is not None
    assert second.share is not None
    assert first.share + second.share == pytest.approx(1)


def test_noise_has_no_figure() -> None:
    draw = random.Random(8)
    noise = [trial(n, {"threads": draw.choice((1, 2, 4))}, draw.random()) for n in range(40)]
    assert drawn(of(noise))[0] == (
        "No parameter is told apart from chance in 40 trials (5 % level, after Holm's correction)."
    )


@pytest.mark.parametrize(("trials", "reason"), [
    ([], "No trial has set a parameter to two values."),
    ([trial(0, {}, 5.0)], "No trial has set a parameter to two values."),
    ([trial(n, {"threads": 2}, float(n)) for n in range(40)], "No trial has set a parameter to two values."),
    ([trial(n, {"threads": n % 3}, 5.0) for n in range(40)], "All scores are equal."),
    ([trial(n, {"threads": n % 3}, None) for n in range(40)], "No trial succeeded."),
    (searched(trials=7), "Too few trials: 7 succeeded, 20 are needed."),
    ([*searched("a", 7), *searched("b", 9)],
     "a: too few trials: 7 succeeded, 20 are needed; b: too few trials: 9 succeeded, 20 are needed."),
])  # fmt: skip
def test_it_says_why_nothing_is_drawn(trials: list[dict[str, Any]], reason: str) -> None:
    rows = of(trials)
    assert drawn(rows)[0] == reason
    assert not any(row["matters"] for row in rows)


def test_what_was_not_measured_says_nothing() -> None:
    unmeasured = [trial(90 + n, {"threads": 1}, None, status="unmeasured") for n in range(20)]
    assert of([*searched(), *unmeasured]) == of(searched())


def test_less_is_better_where_the_goal_says_so() -> None:
    rows = searched()
    most, *_ = importances(rows, "maximize")
    least, *_ = importances(rows, "minimize")
    assert (most.at, least.at) == ("4", "1")


def test_what_fails_is_counted_at_its_worst_value() -> None:
    trials = [trial(n, {"ubatch": (64, 512)[n % 2], "threads": n % 3}, None if n % 4 == 1 else 1.0) for n in range(40)]
    lines = {parameter: (scoring, failing) for _, parameter, scoring, failing in by_parameter(importances(trials, "x"))}
    scoring, failing = lines["ubatch"]
    assert said(scoring) == "all scores are equal"
    assert failing.at == "512: 10 of 20"
    assert re.fullmatch(r"explains \d\d(\.\d)? %, chance 0\.\d %", said(failing))
    assert said(lines["threads"][1]).startswith("not told apart from chance (")


def test_the_page_of_a_campaign_with_trials_enough_says_what_decides(tmp_path: Path) -> None:
    make.write_searched(tmp_path)
    page = rendered(tmp_path)["campaigns/smollm-searched/index.md"]
    assert "## Parameter importance" in page.markdown
    assert page.markdown.count('data-spec="importance"') == 2
    table = page.tables["campaigns/smollm-searched/importance"]
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", table)]
    lines = {(line[0], line[1]): line[2:] for line in cells if line}
    assert set(lines) == {("f16", name) for name in ("threads", "batch-size", "flash-attn")}, "q8 had four trials"
    assert lines["f16", "threads"][0].startswith("100 %")
    assert lines["f16", "threads"][1] == "4"
    assert lines["f16", "threads"][2].startswith("not told apart from chance")
    assert lines["f16", "batch-size"][0].startswith("not told apart from chance")
    assert lines["f16", "batch-size"][2].startswith("explains")
    assert all(cell.startswith("not told apart") for cell in lines["f16", "flash-attn"][::2])


def test_the_page_of_a_small_campaign_says_that_trials_are_too_few(tmp_path: Path) -> None:
    make.write_store(tmp_path)
    page = rendered(tmp_path)["campaigns/smollm-cpu/index.md"]
    assert 'data-spec="importance"' not in page.markdown
    assert "campaigns/smollm-cpu/importance" not in page.tables
    section = page.markdown.partition("## Parameter importance")[2].partition("## Parameters")[0]
    assert "For the output throughput: f16: too few trials: 3 succeeded, 20 are needed;" in section
    assert "For failing: f16: too few trials:" in section
