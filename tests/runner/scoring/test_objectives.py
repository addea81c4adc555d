"""Several objectives of one attempt: the first is the score, and a success has a value of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from runner.domain.campaign import Goal, Objective, Slo
from runner.domain.failure import Cause, Phase, TrialStatus
from runner.domain.trial import LevelResult
from runner.scoring.ascent import Ascent, after_level
from runner.scoring.judge import judge
from runner.scoring.rules import Rules, rules_from_plain, rules_id, rules_to_plain
from tests.runner.scoring.facts import attempt, failed, level, rules

FIRST_TOKEN = Objective("ttft_p50", Goal.MINIMIZE, "c=1")


def both(at: str = "c=32", slos: Sequence[Slo] = (), also: Objective = FIRST_TOKEN) -> Rules:
    return replace(rules("output_throughput", Goal.MAXIMIZE, at, slos), also=(also,))


def measured(under: Rules, throughput: Sequence[float], first: Sequence[float]) -> list[LevelResult]:
    pairs = zip(under.levels, throughput, first, strict=False)
    return [level(key, {"output_throughput": value, "ttft_p50": ttft}) for key, value, ttft in pairs]


def test_each_objective_is_read_at_its_own_level() -> None:
    under = both()
    judged = judge(attempt(measured(under, [10, 60, 90], [0.1, 0.2, 0.9])), under)
    assert (judged.status, judged.value) == (TrialStatus.SUCCEEDED, 90)
    assert [(one.objective.metric, one.value) for one in judged.also] == [("ttft_p50", 0.1)]


def test_a_missed_soft_slo_makes_each_worse_in_its_own_direction() -> None:
    under = both(slos=[Slo("ttft_p50", "ttft_p50", maximum=0.5)])
    judged = judge(attempt(measured(under, [10, 60, 90], [0.1, 0.2, 0.9])), under)
    assert judged.value is not None
    assert judged.value < 90 == judged.objective_value
    assert judged.also[0].value > 0.1 == judged.also[0].objective_value


def test_a_level_that_only_the_second_reads_is_needed() -> None:
    under = both("c=1", also=Objective("ttft_p50", Goal.MINIMIZE, "c=32"))
    died = attempt(measured(under, [10], [0.1]), failed(Phase.MEASURE, Cause.OOM_SERVE))
    assert judge(died, under).status is TrialStatus.FAILED
    assert judge(died, replace(under, also=())).status is TrialStatus.SUCCEEDED


def test_a_metric_that_no_client_gave_fails_the_second_objective_too() -> None:
    under = both()
    levels = [level(key, {"output_throughput": 10.0}) for key in under.levels]
    judged = judge(attempt(levels), under)
    assert judged.failure is not None
    assert (judged.failure.cause, "ttft_p50" in judged.failure.evidence) == (Cause.UNKNOWN, True)


def test_goodput_reads_all_at_the_highest_good_level() -> None:
    under = both("goodput", [Slo("ttft_p50", "ttft_p50", maximum=0.5)], Objective("ttft_p50", Goal.MINIMIZE, "goodput"))
    judged = judge(attempt(measured(under, [10, 60, 90], [0.1, 0.2, 0.9])), under)
    assert (judged.value, judged.goodput_level, judged.also[0].value) == (60, 1, 0.2)


@pytest.mark.parametrize(("position", "expected"), [(0, Ascent.STOP), (1, Ascent.GO_ON), (2, Ascent.STOP)])
def test_the_ascent_ends_where_some_objective_misses_a_hard_slo(position: int, expected: Ascent) -> None:
    under = both(slos=[Slo("ttft_p50", "ttft_p50", maximum=0.5, hard=True)])
    assert after_level(measured(under, [1, 1, 1], [0.9, 0.9, 0.9])[position], under) is expected


def test_one_objective_keeps_the_id_that_its_rules_had() -> None:
    one = rules("output_throughput", Goal.MAXIMIZE, "c=32")
    assert "also" not in rules_to_plain(one)
    assert rules_from_plain(rules_to_plain(both())) == both()
    assert rules_id(one) != rules_id(both())
