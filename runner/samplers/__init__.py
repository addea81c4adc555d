"""SEAM: samplers propose the next configuration from the history. They keep no state of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from runner.domain.campaign import Goal, Search
from runner.domain.parameters import Point, Space
from runner.util.plugins import Folder


@dataclass(frozen=True, slots=True)
class Told:
    """One judged trial of the lineage, or with a negative number one that another lineage has measured: it is known,
    and may be proposed all the same. `score` (objective's unit, soft penalty included) is None for a failure;
    `severity` is 0 for a success, else in (0, 1). `also` are the further objectives of a success, turned so that more
    is better."""

    number: int
    point: Point
    score: float | None
    severity: float
    also: tuple[float, ...] = ()


class Sampler(Protocol):
    name: str

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
        """The next point, or None when the space is exhausted (grid).

        A pure function: the same history (ordered by number), pending points, seed, number and skip give the same
        point. `skip` counts the proposals already refused for this number (rejected or duplicate): another one is
        wanted. Called once per proposal, on the main thread. A point always satisfies `when`; `where` may fail
        (the pre-check says so and asks again).
        """
        ...


samplers: Folder[Sampler] = Folder(__name__, "SAMPLER", "sampler", dashed=True)
