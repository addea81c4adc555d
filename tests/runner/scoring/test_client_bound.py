"""Whether a level shows the engine or its client, and what that means for an attempt."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runner.domain.campaign import Goal
from runner.domain.failure import INFRA_CAUSES, Outcome, TrialStatus
from runner.domain.trial import LevelResult
from runner.scoring.client_bound import LEAST_LAG, MOST_CPU, MOST_LAG, RULE, client_bound, not_ranked
from runner.scoring.judge import judge
from tests.runner.scoring.facts import attempt, level, rules

RULES = rules("ttft_p50", Goal.MINIMIZE)
KEY = RULES.levels[0]


def seen(cpu: float = 0.1, lag: float = 0.001, ttft: float = 0.2, seconds: float = 10.0) -> LevelResult:
    metrics = {"client_cpu": cpu, "loop_lag_p99": lag, "ttft_p50": ttft}
    return replace(level(KEY, metrics), seconds=seconds)


@pytest.mark.parametrize(
    ("result", "bound"),
    [
        (seen(), False),
        (seen(cpu=MOST_CPU), False),
        (seen(cpu=MOST_CPU + 0.01), True),
        (seen(cpu=0.99, seconds=0.9), False),  # too short to say
        (seen(lag=MOST_LAG * 0.2 + 0.001), True),
        (seen(lag=MOST_LAG * 0.2 - 0.001), False),
        (seen(lag=0.5, seconds=9.9), False),  # the worst of a few looks
        (seen(lag=LEAST_LAG - 0.001, ttft=0.01), False),  # a busy machine, not a slow client
        (seen(lag=LEAST_LAG + 0.001, ttft=0.01), True),
        (level(KEY, {"ttft_p50": 0.2}), False),  # a client that says nothing of itself
        (replace(seen(cpu=1.0), sent=0), False),
    ],
)
def test_a_level_shows_its_client_beyond_a_share_of_a_core_or_of_what_it_measures(
    result: LevelResult, bound: bool
) -> None:
    assert bool(client_bound(result)) is bound


def test_the_reason_has_the_numbers() -> None:
    assert client_bound(seen(cpu=0.934)) == "the load generator used 93 % of a core"
    assert client_bound(seen(lag=0.12)) == (
        "the load generator was 120 ms late (p99 of its event loop), for a time to first token of 200 ms"
    )


@pytest.mark.parametrize(
    ("at", "bad", "ranked"),
    [
        ("worst", 2, False),
        ("mean", 0, False),
        ("c=8", 1, False),
        ("c=8", 2, True),  # another level than the one that is asked for
        ("goodput", 2, False),  # it may have ended the ascent
    ],
)
def test_only_a_level_that_the_objective_reads_matters(at: str, bad: int, ranked: bool) -> None:
    under = rules("ttft_p50", Goal.MINIMIZE, at=at)
    metrics = {"client_cpu": 0.1, "ttft_p50": 0.2}
    levels = [level(key, metrics | ({"client_cpu": 0.95} if n == bad else {})) for n, key in enumerate(under.levels)]
    failure = not_ranked(levels, under)
    assert (failure is None) == ranked
    if failure:
        assert failure.rule == RULE
        assert failure.cause in INFRA_CAUSES
        assert under.levels[bad].label in failure.evidence
        made = replace(attempt(levels), outcome=Outcome.INFRA, failure=failure)
        judged = judge(made, under)
        assert (judged.status, judged.value, judged.severity) == (TrialStatus.UNMEASURED, None, 0.0)
        assert judged.hint
        assert "a core of its own" in judged.hint.text
