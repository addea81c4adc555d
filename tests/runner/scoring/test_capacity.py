"""A level judged by the share of its good requests, and what the levels of a search say together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from runner.domain.campaign import Goal, Objective, Scenario, Slo, Workload
from runner.domain.failure import Cause, LevelState, Phase, SloVerdict, TrialStatus
from runner.domain.load import LoadKind, LoadSearch
from runner.domain.metrics import VALUE
from runner.domain.trial import Attained, LevelResult
from runner.render.capacity import capacity_text
from runner.scoring.aggregate import limits_of
from runner.scoring.capacity import capacity_doubts, found, holds, never_begun, next_level, with_capacity
from runner.scoring.judge import judge
from runner.scoring.rules import LevelKey, Rules, rules_from_plain, rules_id, rules_to_plain
from tests.runner.scoring.facts import attempt, level

TTFT = Slo("ttft_p99", "ttft_p99", maximum=0.5, hard=True)
FLOOR = Slo("output_throughput", "output_throughput", minimum=10.0, hard=True)
ONE = Scenario("D(1,1)", "D", 1, 1)
TWO = Scenario("D(2,2)", "D", 2, 2)
WORK = Workload(scenarios=(ONE,), loads=(1.0, 16.0), load_search=LoadSearch(1, 16, 8))


def asking(*slos: Slo, share: float = 0.9) -> Rules:
    objective = Objective("output_throughput", Goal.MAXIMIZE, "goodput", share)
    return Rules(objective, slos or (TTFT,), 0.9, (), 0, search=WORK.load_search)


def tried(
    *goods: tuple[float, int], of: int = 100, scenario: str = "D(1,1)", first: int = 0, slos: Sequence[Slo] = (TTFT,)
) -> list[LevelResult]:
    """Levels in the order of measuring: (load, good requests of 100)."""
    made = []
    for position, (load, good) in enumerate(goods, first):
        key = LevelKey(position, scenario, LoadKind.CONCURRENCY, load)
        one = level(key, {"output_throughput": 10 * load, "ttft_p99": 9.9}, sent=of)
        made.append(replace(one, attained=Attained(good, of, limits_of(slos))))
    return made


def test_a_level_holds_by_its_share_of_good_requests_whatever_its_percentile() -> None:
    assert [holds(one, asking()) for one in tried((1, 95), (2, 90), (4, 89))] == [True, True, False]


def test_a_limit_of_a_whole_level_is_no_part_of_the_share() -> None:
    light, heavy = tried((0.5, 100), (1, 100), slos=(TTFT, FLOOR))
    assert not holds(light, asking(TTFT, FLOOR))  # 5 tok/s
    assert holds(heavy, asking(TTFT, FLOOR))


def test_a_level_with_too_many_errors_does_not_hold() -> None:
    (one,) = tried((1, 95))
    assert not holds(replace(one, ok=80, failed=20, state=LevelState.FAILED), asking())


def test_the_value_is_that_of_the_highest_load_that_held_wherever_it_was_measured() -> None:
    made = attempt(with_capacity(tried((1, 100), (4, 99), (16, 10), (8, 50), (6, 95)), asking()))
    judged = judge(made, asking())
    assert (judged.status, judged.value, judged.goodput_level) == (TrialStatus.SUCCEEDED, 60.0, 4)
    told = {one.load_value: [one.metric(f"capacity_{end}", VALUE) for end in ("low", "high")] for one in made.levels}
    assert told == {1: [None, None], 4: [None, None], 16: [None, None], 8: [None, None], 6: [6, 8]}
    verdicts = {made.levels[one.position].load_value: one.verdict for one in judged.slos}
    assert verdicts[6] is SloVerdict.MET
    assert verdicts[8] is SloVerdict.MISSED_HARD


def test_where_not_even_the_lightest_load_holds_the_trial_failed_and_says_how_many_did() -> None:
    judged = judge(attempt(with_capacity(tried((1, 40)), asking())), asking())
    assert judged.status is TrialStatus.FAILED
    assert judged.failure is not None
    assert (judged.failure.phase, judged.failure.cause) == (Phase.SLO, Cause.SLO)
    assert judged.hint is not None
    assert "40 of 100 requests met every limit" in judged.hint.text
    assert judged.hint.changes == ()


def test_other_limits_than_those_that_were_counted_leave_it_unmeasured() -> None:
    made = attempt(tried((1, 100), (4, 99)))
    assert judge(made, asking(replace(TTFT, maximum=0.4))).status is TrialStatus.UNMEASURED
    assert judge(made, asking(replace(TTFT, name="ttft_p50", metric="ttft_p50"))).status is TrialStatus.SUCCEEDED
    assert judge(made, asking(share=0.995)).value == 10.0  # another share needs no measuring: it was counted


def test_scenarios_are_searched_one_after_the_other_and_a_lightest_miss_decides() -> None:
    work, rules = replace(WORK, scenarios=(ONE, TWO), load_search=LoadSearch(1, 2, 4)), asking()
    done = tried((1, 100), (2, 10))
    plan = next_level(work, rules, done)
    assert plan is not None
    assert (plan.position, plan.scenario, plan.load_value) == (2, TWO, 1)
    missed = tried((1, 10))
    assert next_level(work, rules, missed) is None
    assert [(one.position, one.scenario, one.load_value) for one in never_begun(work, missed)] == [(1, TWO, 1)]
    both = [*done, *tried((1, 100), (2, 100), scenario="D(2,2)", first=2)]
    assert next_level(work, rules, both) is None
    assert [(one.held and one.held.load_value, one.missed and one.missed.load_value) for one in found(both, rules)] == [
        (1, 2),
        (2, None),
    ]


def test_what_chance_may_have_decided_is_said() -> None:
    assert list(capacity_doubts(tried((1, 100), (4, 99), (8, 40)), asking())) == []
    (reason,) = capacity_doubts(tried((1, 100), (4, 92), (8, 40)), asking())
    assert "4 users: 92 of 100 of the requests" in reason
    assert "sure that 90 % do" in reason


def test_attainment_that_grows_with_load_is_said() -> None:
    reasons = list(capacity_doubts(tried((1, 92), (8, 100)), asking()))
    assert any(
        "at 8 users: more requests met every limit (100 of 100) than at 1 user (92 of 100)" in r for r in reasons
    )


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (30.0, 34.0, "holds 30 users at 95 % attainment; 34 users miss it"),
        (16.0, None, "holds 16 users at 95 % attainment: the highest load that was tried, so it may hold more"),
        (None, 1.0, "not even the lowest load, 1 user, holds 95 % attainment"),
    ],
)
def test_in_words(low: float | None, high: float | None, text: str) -> None:
    assert capacity_text("concurrency", low, high, 0.95) == text


def test_rules_of_a_search_come_back_and_others_keep_their_id() -> None:
    rules = asking()
    assert rules_from_plain(rules_to_plain(rules)) == rules
    listed = replace(rules, search=None, objective=replace(rules.objective, attainment=None))
    plain = rules_to_plain(listed)
    assert "search" not in plain
    assert "attainment" not in plain["objective"]
    assert rules_id(listed) != rules_id(rules)
