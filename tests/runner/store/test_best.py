"""The view `best` and the end of a run name the same winner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from runner.confirm import JudgedTrial, best_trial
from runner.domain.campaign import Confirm, Goal, Objective
from runner.domain.failure import Role
from runner.domain.trial import Attempt
from runner.scoring.judge import judge
from runner.scoring.rules import rules_of
from tests import make
from tests.runner.store.conftest import Ask

SEARCHED = {0: 60.0, 1: 80.0, 2: 90.0, 3: 70.0}
"""Number of a trial -> what its search measured. 0 is the default; 1 and 2 are the finalists."""

Case = tuple[Mapping[int, Sequence[float | None]], int]

CASES: dict[str, Case] = {
    "nothing is confirmed": ({}, 2),
    "the better mean": ({0: (60, 61, 62), 1: (85, 86, 87), 2: (80, 81, 82)}, 1),
    "2 of 3 failed, with a higher mean": ({0: (60, 61, 62), 1: (80, 81, 82), 2: (95, None, None)}, 1),
    "1 of 3 failed before 2 of 3": ({0: (None, None, 50), 1: (None, 81, 82), 2: (95, None, None)}, 1),
    "all repeats of one failed": ({0: (60, 61, 62), 1: (70, 71, 72), 2: (None, None, None)}, 1),
    "all repeats of all failed": ({1: (None, None, None), 2: (None, None, None)}, 2),
    "one failed, the others are not measured yet": ({2: (None,)}, 2),
    "one confirmed, the others are not measured yet": ({1: (75,)}, 1),
}
DEFAULT: dict[str, Case] = {
    "a better default": ({0: (99, 98, 97), 1: (80, 81, 82), 2: (90, 91, 92)}, 0),
    "only the default never failed": ({0: (60, 61, 62), 1: (80, None, 82), 2: (90, None, 92)}, 0),
}
"""The default was measured again, so it may win too."""


@pytest.mark.parametrize("goal", list(Goal))
@pytest.mark.parametrize("case", [*CASES, *DEFAULT])
def test_the_view_and_the_run_name_the_same_winner(results: Path, ask: Ask, case: str, goal: Goal) -> None:
    repeats, winner = (CASES | DEFAULT)[case]
    metric = "output_throughput" if goal is Goal.MAXIMIZE else "tpot_p50"
    of = make.campaign(objective=Objective(metric, goal, "worst"), slos=(), confirm=Confirm(top=2, repeats=3))
    attempts = [searched(number, value) for number, value in SEARCHED.items()]
    attempts += [
        repeated(number, repeat, value)
        for number, values in repeats.items()
        for repeat, value in enumerate(values, start=1)
    ]
    make.write_store(results, of=of, attempts=attempts)
    rules = rules_of(of)
    trials = [
        JudgedTrial(a.trial_id, a.number, "f16", a.configuration, a.configuration.is_default, judge(a, rules))
        for a in attempts[: len(SEARCHED)]
    ]
    best = best_trial(of, trials, attempts)
    assert best is not None
    ((number, trial_id),) = ask(results, "SELECT t.number, b.trial_id FROM best b JOIN trials t USING (trial_id)")
    assert number == winner
    assert (best.number, best.trial_id) == (winner, trial_id)


def searched(number: int, value: float) -> Attempt:
    return make.attempt(number=number, values={"threads": number} if number else None, throughput=value)


def repeated(number: int, repeat: int, value: float | None) -> Attempt:
    return make.attempt(
        number=number,
        values={"threads": number} if number else None,
        throughput=value or 1.0,
        failed=make.failure() if value is None else None,
        role=Role.CONFIRM,
        repeat=repeat,
        n=100 + 10 * number + repeat,
    )
