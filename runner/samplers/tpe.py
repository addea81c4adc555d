"""`tpe`: Optuna's tree-structured Parzen estimator, failures told as one constraint."""

from __future__ import annotations

from collections.abc import Sequence

from runner.domain.campaign import Goal, Search
from runner.domain.parameters import Point, Space
from runner.samplers import Sampler, Told
from runner.samplers._tpe import ask_tpe


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
        return ask_tpe(space, goal, history, pending, search, number, skip)


SAMPLER: Sampler = Tpe()
