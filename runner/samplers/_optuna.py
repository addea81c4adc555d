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
    """A study that holds `history` as finished trials and `pending` as running ones. Where trials of `history` have
    further objectives it is a study of all of them; a score that came without (of another campaign) is left out."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    further = max((len(told.also) for told in history), default=0)
    goals = [goal, *[Goal.MAXIMIZE] * further]
    study = optuna.create_study(directions=[optuna.study.StudyDirection[one.name] for one in goals], sampler=sampler)
    known = [told for told in history if told.score is None or len(told.also) == further]
    worst = _worst(known, goal, further)
    teller = Teller(space)
    for told in known:
        parameters, distributions = teller.told(told.point)
        study.add_trial(
            optuna.trial.create_trial(
                params=parameters,
                distributions=distributions,
                values=worst if told.score is None else [told.score, *told.also],
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


def _worst(history: Sequence[Told], goal: Goal, further: int) -> list[float]:
    """Of each objective the worst value that was seen: what stands in for those of a failure."""
    rows = [(told.score, *told.also) for told in history if told.score is not None]
    if not rows:
        return [0.0] * (1 + further)
    first, *others = zip(*rows, strict=True)
    return [min(first) if goal is Goal.MAXIMIZE else max(first), *map(min, others)]
