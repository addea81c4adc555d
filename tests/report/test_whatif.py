"""Other limits: the scores are those of `runner.scoring`, and a page says what they would have made of a campaign."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from report.gather import gather, prepare
from report.publish import Publisher
from report.whatif import Answer, rescore
from report.whatif_panel import Row, case_of, panel, script
from runner.domain.campaign import Goal, LoadKind, LoadSearch, Objective, Slo
from runner.domain.failure import LevelState, TrialStatus
from runner.domain.metrics import metric_ref
from runner.domain.trial import LevelResult, MetricValue
from runner.scoring.judge import Judgement, judge
from runner.scoring.rank import rank_key
from runner.scoring.rules import LevelKey, Rules
from runner.store.reader import open_snapshot
from tests import make
from tests.make.limits import CASES, METRICS, cases

OBJECTIVE = "output_throughput"


def judged(case: Mapping[str, Any], limits: Sequence[float | None]) -> Answer:
    """What `runner.scoring` says of a case."""
    goal = Goal(case["goal"])
    slos = [
        Slo(metric, metric, minimum=limit if least else None, maximum=None if least else limit, hard=True)
        for metric, least, limit in zip(METRICS, case["least"], limits, strict=True)
        if limit is not None
    ]
    levels = tuple(LevelKey(p, scenario, LoadKind(kind), load) for p, scenario, kind, load in case["declared"])
    search = None if levels else LoadSearch(1.0, 64.0, 8)
    rules = Rules(Objective(OBJECTIVE, goal, case["at"]), tuple(slos), 0.99, levels, 0, search=search)
    verdicts: list[tuple[int, Judgement]] = [(n, judge(attempt_of(levels), rules)) for n, levels in case["trials"]]
    states = Counter(verdict.status for _, verdict in verdicts)
    good = [(n, verdict) for n, verdict in verdicts if verdict.status is TrialStatus.SUCCEEDED]
    number, best = min(good, key=lambda one: (*rank_key(one[1], goal), one[0]), default=(None, None))
    return Answer(
        number,
        best.value if best else None,
        states[TrialStatus.SUCCEEDED],
        states[TrialStatus.FAILED],
        states[TrialStatus.UNMEASURED],
    )


def attempt_of(levels: Sequence[Sequence[Any]]) -> Any:
    return replace(make.attempt(), levels=tuple(map(level_of, levels)))


def level_of(level: Sequence[Any]) -> LevelResult:
    position, scenario, kind, load, good, value, *numbers = level
    told = [(OBJECTIVE, "value", value)]
    told += [(ref.metric.name, ref.stat, one) for ref, one in zip(map(metric_ref, METRICS), numbers, strict=True)]
    return LevelResult(
        position=position, scenario=scenario, load_kind=kind, load_value=load,
        state=LevelState.COMPLETE if good else LevelState.FAILED, sent=100, ok=100 if good else 10,
        failed=0 if good else 90, seconds=10.0,
        metrics=tuple(MetricValue(name, stat, "", one) for name, stat, one in told if one is not None),
    )  # fmt: skip


def test_it_scores_as_the_runner_does() -> None:
    made = cases()
    assert len(made) == CASES
    for number, (case, limits) in enumerate(made):
        assert rescore(case, limits) == judged(case, limits), f"case {number}: {case['at']}, {limits}"


def test_the_cases_show_every_end() -> None:
    """Were all of them met, or none, the comparison above would prove little."""
    answers = [rescore(case, limits) for case, limits in cases()]
    assert sum(one.winner is not None for one in answers) > 60
    assert sum(one.winner is None and one.missed > 0 for one in answers) > 15
    assert sum(one.unknown > 0 for one in answers) > 15
    assert {case["at"] for case, _ in cases() if rescore(case, [None] * 3).winner is not None} >= {
        "worst", "mean", "goodput", "c=4", "r=2",
    }  # fmt: skip


def asked(results: Path, campaign: str) -> tuple[Sequence[Row], Sequence[Row]]:
    """Its rows of `whatif` and of `trials`."""
    with closing(open_snapshot(results)) as connection:
        prepare(connection)
        data = gather(connection, ["trials", "whatif"], Publisher([]))
    mine = [[row for row in data[name] if row["campaign"] == campaign] for name in ("whatif", "trials")]
    return mine[0], mine[1]


def test_under_its_own_hard_limits_a_campaign_is_what_the_store_says(filled: Path) -> None:
    """As far as scores have no soft penalty in them: the objective decides here."""
    (row,), trials = asked(filled, "smollm-cpu")
    limits = json.loads(row["limits_json"])
    assert [one[:2] for one in limits] == [["ttft_p99", False], ["tpot_p99", False], ["tpot_p50", False]]
    assert [one[2:] for one in limits] == [[2.0, 2.0], [None, None], [0.05, None]]
    found = rescore(case_of(row), [hard for *_, hard in limits])
    good = [one for one in trials if one["status"] == "succeeded"]
    best = max(good, key=lambda one: one["objective_value"])
    assert (found.winner, found.value) == (best["number"], best["objective_value"])
    assert found.met == len(good)
    missed = [one["number"] for one in trials if (one["status"], one["cause"]) == ("failed", "slo")]
    assert found.missed == len(missed) == 1
    assert rescore(case_of(row), [None] * 3).met == len(good) + 1, "without a limit the one that missed it counts"


def test_the_table_says_who_wins_and_when_nobody_does(filled: Path) -> None:
    made = panel(*asked(filled, "smollm-cpu"))
    assert made is not None
    lines = {line.limit: line for line in made.lines}
    assert lines["No limit"].met == 8
    assert "Time to first token, p99 at most 2 s" in lines, "the campaign's own"
    assert [line.met for line in made.lines[:5]] == [8, 7, 7, 4, 2], "no limit, then those of the first token"
    assert all(line.winner is not None and line.value.endswith(" tok/s") for line in made.lines)
    (row,), trials = asked(filled, "smollm-cpu")
    tight = json.loads(row["limits_json"])
    tight[0][2] = 0.001
    made = panel([{**row, "limits_json": json.dumps(tight)}], trials)
    assert made is not None
    (nobody,) = [line for line in made.lines if line.limit.endswith("at most 1 ms")]
    assert (nobody.met, nobody.winner, nobody.value) == (0, None, "–")
    assert len(made.lines) <= 1 + 2 * 4


def test_without_a_level_there_is_no_panel(tmp_path: Path, filled: Path) -> None:
    assert panel([], []) is None
    assert panel(*asked(filled, "smollm-hopeless")) is None


@pytest.mark.parametrize("searched", [True, False])
def test_levels_that_nobody_declared_count_only_where_the_load_is_searched(tmp_path: Path, searched: bool) -> None:
    of = make.campaign(objective=Objective(OBJECTIVE, Goal.MAXIMIZE, "c=1"))
    if searched:
        workload = replace(of.workload, loads=(), load_search=LoadSearch(1.0, 64.0, 8))
        of = replace(of, workload=workload)
    strange = tuple(make.level(n, load) for n, load in enumerate((1.0, 32.0)))
    make.write_store(tmp_path, of=of, attempts=[replace(make.attempt(of, 0), levels=strange)])
    (row,), _ = asked(tmp_path, of.name)
    loads = [level[3] for _, levels in json.loads(row["levels_json"]) for level in levels]
    assert loads == ([1.0, 32.0] if searched else [1.0])


def test_the_data_file_is_one_call_and_holds_what_the_page_needs(filled: Path) -> None:
    (row,), trials = asked(filled, "smollm-cpu")
    text = script("smollm-cpu", row, trials)
    head, _, rest = text.partition(",")
    assert head == '__tunebookWhatif.take("smollm-cpu"'
    data = json.loads(rest.removesuffix(");\n"))
    assert {"goal", "at", "least", "declared", "trials"} <= set(data)
    assert {name: data[name] for name in case_of(row)} == case_of(row)
    assert data["of"] == 12
    assert len(data["names"]) == len(data["trials"]) == 8
    assert "--threads 4" in data["names"]["4"][2]
    hostile = {**row, "declared_json": '[[0,"</script>","concurrency",1.0]]'}
    assert "</" not in script("smollm-cpu", hostile, trials)
