"""How a failure may be told to TPE: ours, and the three ways of others. The last three live here only.

All four get the same sampler with the same settings, start-up and seeds; they differ in nothing but what they are told.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.trial import TrialState, create_trial

from runner.domain.campaign import Goal, Search
from runner.domain.parameters import Point, Space
from runner.samplers import Sampler, Told, samplers
from runner.samplers._seeding import generator, point_key, seed_of
from runner.samplers._space_to_optuna import Teller, suggested_point
from runner.scoring.penalty import classic_penalty
from runner.space.expand import random_point
from tests.benchmarks.search.gp import Gp
from tests.benchmarks.search.landscape import TIMEOUT, Deployed


@dataclass
class Log:
    """What a search knows: what we tell a sampler of ours, and what others grade by."""

    told: list[Told] = field(default_factory=list)
    deployed: list[Deployed] = field(default_factory=list)


class Ours:
    """A sampler with the interface of tunebook, as `runner.decide` asks it."""

    def __init__(self, sampler: Sampler) -> None:
        self.name, self._sampler = sampler.name, sampler

    def ask(self, space: Space, goal: Goal, log: Log, search: Search, number: int, skip: int) -> Point | None:
        return self._sampler.ask(space, goal, log.told, (), search, number, skip)


class Turns:
    """Another sampler that was tried: `tpe` at odd trial numbers, `gp` at even ones."""

    name = "tpe-gp"

    def ask(self, space: Space, goal: Goal, log: Log, search: Search, number: int, skip: int) -> Point | None:
        sampler = samplers.get("tpe") if number % 2 else Gp()
        return sampler.ask(space, goal, log.told, (), search, number, skip)


class Fail:
    """TrialState.FAIL: Optuna leaves such trials out of its model (auto-tuning-vllm, vllm-optimizer)."""

    name = "fail"

    def ask(self, space: Space, goal: Goal, log: Log, search: Search, number: int, skip: int) -> Point | None:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*group.*", category=ExperimentalWarning)
            sampler = optuna.samplers.TPESampler(
                n_startup_trials=search.startup, multivariate=True, group=True, constant_liar=True,
                seed=seed_of(search.seed, number, skip),
            )  # fmt: skip
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(direction=goal.value, sampler=sampler)
        teller = Teller(space)
        for told, deployed in zip(log.told, log.deployed, strict=True):
            parameters, kinds = teller.told(told.point)
            value = told.score if told.score is not None else self.value(deployed, goal)
            state = TrialState.FAIL if value is None else TrialState.COMPLETE
            study.add_trial(create_trial(state=state, params=parameters, distributions=kinds, value=value))
        taken = {point_key(told.point) for told in log.told}
        for _ in range(4):
            point = suggested_point(space, study.ask())
            if point_key(point) not in taken:
                return point
        return random_point(space, generator(search.seed, number, skip))

    def value(self, deployed: Deployed, goal: Goal) -> float | None:
        """What stands in for the score of a failure; None: nothing."""
        return None


class Infinite(Fail):
    """Minus infinity (plus, when the goal is to be small): the worst there is, all failures alike."""

    name = "inf"

    def value(self, deployed: Deployed, goal: Goal) -> float | None:
        return -math.inf if goal is Goal.MAXIMIZE else math.inf


class Classic(Fail):
    """The time-graded scale of an earlier tuner, in the sign that is right for the goal (it used the wrong one too)."""

    name = "classic"

    def value(self, deployed: Deployed, goal: Goal) -> float | None:
        return classic_penalty(deployed.message, deployed.seconds, TIMEOUT, goal)


EVERY: tuple[Fail | Ours | Turns, ...] = (
    Fail(), Infinite(), Classic(), Ours(Gp()), Turns(), *(Ours(samplers.get(name)) for name in samplers.names()),
)  # fmt: skip
ASKERS = {one.name: one for one in EVERY}
