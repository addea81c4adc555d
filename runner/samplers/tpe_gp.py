"""`tpe-gp`: the tree-structured Parzen estimator and a Gaussian process in turn.

They err differently: TPE keeps looking around, the process finds its way down a smooth valley and along the edge of the
memory. Together they found better configurations than either alone, on six of six landscapes (`make bench-search`). Of
several objectives TPE alone is asked.
"""

from __future__ import annotations

from collections.abc import Sequence

from runner.domain.campaign import Goal, Search
from runner.domain.parameters import Point, Space
from runner.samplers import Sampler, Told
from runner.samplers._tpe import ask_tpe


class TpeGp:
    name = "tpe-gp"

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
        if number % 2 or any(told.also for told in history):
            return ask_tpe(space, goal, history, pending, search, number, skip)
        from runner.samplers._gp import ask_gp

        return ask_gp(space, goal, history, pending, search, number, skip)


SAMPLER: Sampler = TpeGp()
