"""The history of a lineage as an Optuna study in memory, made anew for every ask and then forgotten.

A failure is told as a finished trial with one constraint, `severity` (> 0 = infeasible), and the worst score seen in
place of a value. Told as Optuna's FAIL it would be forgotten; several constraints would be summed, and the sum would
put a far missed SLO behind a refused flag.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from runner.domain.campaign import Goal
from runner.domain.parameters import Point, Space
from runner.samplers import Told
from runner.samplers._space_to_optuna import Teller

if TYPE_CHECKING:
    from optuna import Study
    from optuna.samplers import BaseSampler

SEVERITY = "severity"


def study_of(
    space: Space, goal: Goal, history: Sequence[Told], pending: Sequence[Point], sampler: BaseSampler
) -> Study:
    """A study that holds `history` as finished trials and `pending` as running ones."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction=goal.value, sampler=sampler)
    scores = [told.score for told in history if told.score is not None]
    worst = (min(scores) if goal is Goal.MAXIMIZE else max(scores)) if scores else 0.0
    teller = Teller(space)
    for told in history:
        parameters, distributions = teller.told(told.point)
        study.add_trial(
            optuna.trial.create_trial(
                params=parameters,
                distributions=distributions,
                value=worst if told.score is None else told.score,
                constraints={SEVERITY: told.severity if told.score is None else 0.0},
            )
        )
    for point in pending:
        parameters, distributions = teller.told(point)
        study.add_trial(
            optuna.trial.create_trial(
                state=optuna.trial.TrialState.RUNNING, params=parameters, distributions=distributions
            )
        )
    return study
