"""Every cause has advice; where the facts have numbers, the advice has them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runner.domain.campaign import Timeouts
from runner.domain.failure import Cause, Change, Failure, Hint, Phase
from runner.scoring.hints import ADVICE, Scene, hint
from runner.scoring.judge import judge
from runner.scoring.rules import rules_of
from tests import make


@pytest.mark.parametrize("cause", list(Cause))
@pytest.mark.parametrize("phase", [Phase.LOAD, Phase.MEASURE])
def test_every_cause_has_advice_whatever_is_known(cause: Cause, phase: Phase) -> None:
    assert cause in ADVICE
    of = make.campaign()
    attempt = make.attempt(of, failed=make.failure(phase, cause))
    assert attempt.failure is not None
    for rules in (None, rules_of(of)):
        told = hint(Scene(attempt.failure, attempt, rules))
        assert len(told.text) > 20
        assert "\n" not in told.text
        assert told.changes == (), "nothing is known here that could be a number"


def test_the_engines_own_hint_goes_first_unless_the_failure_is_another_one() -> None:
    own = Hint("ctx-size at most 8192", (Change("ctx-size", at_most=8192),))
    attempt = make.attempt(failed=make.failure(hint=own))
    assert attempt.failure is not None
    assert hint(Scene(attempt.failure, attempt)) == own
    assert hint(Scene(Failure(Phase.SLO, Cause.SLO, ""), attempt)) != own


def test_a_missed_slo_names_value_limit_ratio_and_what_would_hold() -> None:
    of = make.campaign()
    judged = judge(make.attempt(of, ttft=0.5), rules_of(of))  # p99 at 4 users is 0.5 x 4 x 1.35 s, the limit 2 s
    assert judged.hint is not None
    assert judged.hint.text.startswith(
        "ttft_p99 is 2.7 s at 4 users, the limit is 2 s: 1.35 times the limit; met at 1 user"
    )
    assert judged.hint.changes == (Change("slo.ttft_p99", at_least=3.0),)


@pytest.mark.parametrize(
    ("limit", "phase", "change", "words"),
    [
        ("timeouts.load", Phase.LOAD, Change("timeouts.load", at_least=40.0), "at load by timeouts.load = 20s"),
        ("timeouts.ready", Phase.READY, Change("timeouts.ready", at_least=20.0), "at least 20s"),
        ("timeouts.no_progress", Phase.LOAD, Change("timeouts.no_progress", at_least=10.0), "without a word"),
        ("timeouts.no_progress", Phase.MEASURE, None, "more time will not help"),
        # 3 of 12 requests in 10 s: 12 need 40 s, and a tenth
        ("timeouts.level", Phase.MEASURE, Change("timeouts.level", at_least=44.0), "1 of 2 levels were done"),
        ("each_level.request_timeout", Phase.MEASURE, None, "fewer users at a time"),
    ],
)
def test_a_time_limit_says_which_one_and_how_far_it_was(
    limit: str, phase: Phase, change: Change | None, words: str
) -> None:
    of = make.campaign(timeouts=Timeouts(load=20, ready=10, level=10, no_progress=5))
    failed = make.failure(phase, Cause.HANG, hung=True, limit=limit)
    attempt = make.attempt(of, failed=failed)
    told = hint(Scene(failed, attempt, campaign=of))
    assert words in told.text
    assert told.changes == ((change,) if change else ())


def test_an_error_rate_names_the_level_the_share_and_the_error() -> None:
    of = make.campaign()
    attempt = make.attempt(of, failed=make.failure(Phase.MEASURE, Cause.ERROR_RATE))
    judged = judge(attempt, rules_of(of))
    assert judged.hint is not None
    assert "3 of 12 requests ended well at 4 users (25 %), 99 % are needed; most often (9x) reset" in judged.hint.text
    assert judged.levels_done == 1


def test_a_killed_engine_points_at_the_kernel() -> None:
    failed = make.failure(Phase.MEASURE, Cause.CRASH, signal="SIGKILL", exit_code=None)
    attempt = replace(make.attempt(failed=failed))
    assert "kernel's log" in hint(Scene(failed, attempt)).text
