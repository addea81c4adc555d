"""`tpe`: Optuna's tree-structured Parzen estimator, failures told as one constraint.

The first `search.startup` judged trials are random. A proposal that was refused (a duplicate, or the pre-check said no)
is asked for again with another seed, since the same study and seed would propose the same point; after
ASKS_BEFORE_RANDOM refusals a random point is drawn, because the model then insists on a spot that it can not have.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from runner.domain.campaign import Goal, Search
from runner.domain.parameters import Point, Space
from runner.samplers import Sampler, Told
from runner.samplers._optuna import learnable, study_of
from runner.samplers._seeding import generator, seed_of
from runner.samplers._space_to_optuna import suggested_point
from runner.space.expand import random_point

ASKS_BEFORE_RANDOM = 8


class Tpe:
    name = "tpe"

    def ask(
        self,
        space: Space,
        goal: Goal,
        history: Sequence[Told],
        pending: Sequence[Point],
        search: Search,
        number: int,
        skip: int,
    ) -> Point | None:
        known = learnable(history)
        if len(known) < search.startup or skip >= ASKS_BEFORE_RANDOM:
            return random_point(space, generator(search.seed, number, skip))
        from optuna.exceptions import ExperimentalWarning
        from optuna.samplers import TPESampler

        with warnings.catch_warnings():
            # Without group=True only parameters common to all trials are modelled jointly: with two engines, none.
            warnings.filterwarnings("ignore", message=".*group.*", category=ExperimentalWarning)
            sampler = TPESampler(
                n_startup_trials=search.startup,
                multivariate=True,
                group=True,
                constant_liar=True,
                seed=seed_of(search.seed, number, skip),
            )
        study = study_of(space, goal, known, pending, sampler)
        return suggested_point(space, study.ask())


SAMPLER: Sampler = Tpe()
