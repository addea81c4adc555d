"""`tpe`: Optuna's tree-structured Parzen estimator, failures told as one constraint.

The first `search.startup` judged trials are random. A point that has run or is pending is asked for again of the same
study, where the refused one counts as pending and so pushes the next one away. A proposal that the caller refused
(`skip`) is asked for again with another seed, since the same study and seed would propose the same point; after
ASKS_BEFORE_RANDOM refusals a random point is drawn, because the model then insists on a spot that it can not have.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from runner.domain.campaign import Goal, Search
from runner.domain.parameters import Point, Space
from runner.samplers import Sampler, Told
from runner.samplers._known import learnable, taken_keys, unknown_point
from runner.samplers._optuna import study_of
from runner.samplers._seeding import generator, point_key, seed_of
from runner.samplers._space_to_optuna import suggested_point

ASKS_BEFORE_RANDOM = 8
SAME_STUDY = 4
"""Asks of one study, before a random point is drawn instead of a known one."""


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
        taken = taken_keys(history, pending)
        if len(known) < search.startup or skip >= ASKS_BEFORE_RANDOM:
            return unknown_point(space, taken, generator(search.seed, number, skip))
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
        for _ in range(SAME_STUDY):
            point = suggested_point(space, study.ask())
            if point_key(point) not in taken:
                return point
        return unknown_point(space, taken, generator(search.seed, number, skip))


SAMPLER: Sampler = Tpe()
