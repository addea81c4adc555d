"""`random`: every point drawn on its own, from the campaign's seed, the trial number and the skip count."""

from __future__ import annotations

from collections.abc import Sequence

from runner.domain.campaign import Goal, Search
from runner.domain.parameters import Point, Space
from runner.samplers import Sampler, Told
from runner.samplers._seeding import generator
from runner.space.expand import random_point


class Random:
    """Ignores the history: a resumed campaign draws what the uninterrupted one would have drawn."""

    name = "random"

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
        return random_point(space, generator(search.seed, number, skip))


SAMPLER: Sampler = Random()
