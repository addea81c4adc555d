"""The synthetic landscapes. `make(name, instance)` gives one; the same instance is the same everywhere."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from runner.domain.campaign import Goal
from runner.domain.failure import Cause, Phase
from runner.domain.parameters import EntrySpace, Point, Space, Values
from tests.benchmarks.search import spaces
from tests.benchmarks.search.landscape import SUCCESS, Deployed, died, luck, noisy
from tests.benchmarks.search.terrain import Surface, Wall, around, at_quantile, place, sample, surface

_ORDER = list(Phase)


@dataclass(frozen=True)
class Engine:
    """One entry of a landscape: how fast, and where it dies. `estimate` is the memory formula that a pre-check knows,
    which is not quite the truth; `allowed` is what it lets pass."""

    surface: Surface
    walls: tuple[Wall, ...]
    peak: float
    estimate: Callable[[Values], float] | None = None
    allowed: float = 0.0


@dataclass(frozen=True)
class Synthetic:
    """See `Landscape`."""

    name: str
    space: Space
    goal: Goal
    noise: float
    engines: Mapping[str, Engine]
    feasible: bool = True
    declared: bool = field(default=True)

    @property
    def optimum(self) -> float | None:
        if not self.feasible:
            return None
        peaks = [engine.peak for engine in self.engines.values()]
        return max(peaks) if self.goal is Goal.MAXIMIZE else min(peaks)

    @property
    def best(self) -> Point:
        """Where the optimum is."""
        sign = 1 if self.goal is Goal.MAXIMIZE else -1
        name = max(self.engines, key=lambda entry: sign * self.engines[entry].peak)
        return Point(name, dict(self.engines[name].surface.best))

    @property
    def rule(self) -> Callable[[Point], bool] | None:
        return self._refuses if any(e.estimate for e in self.engines.values()) else None

    def _refuses(self, point: Point) -> bool:
        engine = self.engines[point.entry]
        return engine.estimate is not None and engine.estimate(engine.surface.whole(point.values)) > engine.allowed

    def contains(self, point: Point) -> bool:
        return True

    def true(self, point: Point) -> float | None:
        engine = self.engines[point.entry]
        if self._stopped(point) is not None:
            return None
        lost = engine.surface.loss(point.values)
        return engine.peak * math.exp(-lost if self.goal is Goal.MAXIMIZE else lost)

    def deploy(self, point: Point, seed: int) -> Deployed:
        wall = self._stopped(point)
        if wall is not None:
            return died(wall.phase, wall.cause, wall.levels_done)
        score = self.true(point)
        assert score is not None
        seconds = SUCCESS * luck(point, seed + 1).uniform(0.85, 1.15)
        return Deployed(noisy(score, self.noise, point, seed), 0.0, seconds)

    def _stopped(self, point: Point) -> Wall | None:
        """The first wall in the order of phases; past them all the engine serves."""
        engine = self.engines[point.entry]
        values = engine.surface.whole(point.values)
        return next((wall for wall in engine.walls if wall.stops(values)), None)


def _memory(entry: EntrySpace, costs: Mapping[str, float], leave_out: str = "") -> Callable[[Values], float]:
    def height(values: Values) -> float:
        present = ((name, cost) for name, cost in costs.items() if name in values and name != leave_out)
        return sum(cost * place(entry.parameters[name], values[name]) for name, cost in present)

    return height


def _memory_walls(height: Callable[[Values], float], limit: float, spread: float) -> list[Wall]:
    """How far over it is says when it dies."""
    return [
        Wall(Phase.LOAD, Cause.OOM_LOAD, height, limit + 0.30 * spread),
        Wall(Phase.READY, Cause.OOM_GRAPH, height, limit + 0.12 * spread),
        Wall(Phase.MEASURE, Cause.OOM_SERVE, height, limit + 0.05 * spread, levels_done=1),
        Wall(Phase.MEASURE, Cause.OOM_SERVE, height, limit, levels_done=2),
    ]


@dataclass(frozen=True)
class _Far:
    """A wall around the best in these parameters; `passes` is the share of what got so far that passes."""

    phase: Phase
    cause: Cause
    names: tuple[str, ...]
    passes: float


def _engine(
    entry: EntrySpace, defaults: Values, costs: Mapping[str, float], rng: random.Random, *, fits: float, loss: float,
    matter: int, far: Sequence[_Far] = (), peak: float, draws: int = 600,
) -> Engine:  # fmt: skip
    """`fits`: share of random points that the memory holds. The best lies just below that edge."""
    points = sample(entry, {}, rng, draws)
    height = _memory(entry, costs)
    ranked = sorted(points, key=height)
    best = dict(ranked[min(len(ranked) - 1, round(fits * len(ranked)))])
    spread = height(ranked[-1]) - height(ranked[0])
    walls: list[Wall] = []
    estimate, allowed = None, 0.0
    left = points
    if fits < 1:
        limit = height(best) + 0.01 * spread
        walls += _memory_walls(height, limit, spread)
        weakest = min(costs, key=lambda name: abs(costs[name]))
        estimate, allowed = _memory(entry, costs, weakest), limit + rng.uniform(0.01, 0.04) * spread
        left = [values for values in points if height(values) <= limit]
    for one in far:
        away = around(entry, best, one.names, defaults)
        wall = Wall(one.phase, one.cause, away, at_quantile(away, left, one.passes))
        left = [values for values in left if not wall.stops(values)]
        walls.append(wall)
    walls.sort(key=lambda wall: _ORDER.index(wall.phase))  # stable: within a phase as they were listed
    made = surface(entry, {}, best, defaults, rng, loss, matter)
    return Engine(made, tuple(walls), peak, estimate, allowed)


def easy(rng: random.Random) -> Synthetic:
    """Six parameters, one of them conditional; nothing fails but one in twelve for memory."""
    costs = {"max-num-seqs": 1.0, "gpu-memory-utilization": 0.6, "max-num-batched-tokens": 0.5}
    engine = _engine(
        spaces.EASY, spaces.EASY_DEFAULTS, costs, rng, fits=0.92, loss=0.5, matter=4, peak=rng.uniform(800, 4000)
    )
    return Synthetic("easy", Space((spaces.EASY,)), Goal.MAXIMIZE, 0.03, {"engine": engine})


def tight_memory(rng: random.Random) -> Synthetic:
    """Twelve parameters, two in three configurations run out of memory, the best lies just below the edge."""
    engine = _engine(
        spaces.TWELVE, spaces.TWELVE_DEFAULTS, spaces.MEMORY, rng, fits=0.35, loss=0.6, matter=6,
        peak=rng.uniform(800, 4000),
    )  # fmt: skip
    return Synthetic("tight memory", Space((spaces.TWELVE,)), Goal.MAXIMIZE, 0.035, {"engine": engine})


_STAIRS = (
    _Far(Phase.START, Cause.BAD_FLAG, ("attention-backend", "max-num-batched-tokens"), 0.45),
    _Far(Phase.LOAD, Cause.CRASH, ("block-size", "max-capture-size"), 0.55),
    _Far(Phase.READY, Cause.CRASH, ("tensor-parallel-size", "max-num-seqs"), 0.5),
    _Far(Phase.MEASURE, Cause.ERROR_RATE, ("enable-chunked-prefill", "prefill-chunk", "gpu-memory-utilization"), 0.4),
)


def mostly_failing(rng: random.Random, name: str = "mostly failing") -> Synthetic:
    """Two in a hundred configurations serve. What fails later is nearer."""
    engine = _engine(
        spaces.TWELVE, spaces.TWELVE_DEFAULTS, spaces.MEMORY, rng, fits=0.4, loss=0.6, matter=6, far=_STAIRS,
        peak=rng.uniform(800, 4000), draws=4000,
    )  # fmt: skip
    return Synthetic(name, Space((spaces.TWELVE,)), Goal.MAXIMIZE, 0.035, {"engine": engine})


def all_failing(rng: random.Random) -> Synthetic:
    """As before, and what got through all of it still fails under load."""
    made = mostly_failing(rng, "all failing")
    engine = made.engines["engine"]
    last = Wall(Phase.MEASURE, Cause.ERROR_RATE, lambda values: 1.0, 0.0, levels_done=2)
    return replace(made, engines={"engine": replace(engine, walls=(*engine.walls, last))}, feasible=False)


def hang_basin(rng: random.Random) -> Synthetic:
    """About half of the space hangs for the whole of a long deadline, another third dies at once, an eighth serves."""
    far = (
        _Far(Phase.START, Cause.BAD_FLAG, ("attention-backend", "max-num-batched-tokens"), 0.7),
        _Far(Phase.READY, Cause.HANG, ("max-num-seqs", "enforce-eager", "block-size"), 0.3),
    )
    engine = _engine(
        spaces.TWELVE, spaces.TWELVE_DEFAULTS, spaces.MEMORY, rng, fits=0.75, loss=0.6, matter=6, far=far,
        peak=rng.uniform(800, 4000),
    )  # fmt: skip
    return Synthetic("hang basin", Space((spaces.TWELVE,)), Goal.MAXIMIZE, 0.035, {"engine": engine})


def noisy_latency(rng: random.Random) -> Synthetic:
    """Time to first token, to be small, of which one measurement says little: 12 % noise."""
    engine = _engine(
        spaces.TWELVE, spaces.TWELVE_DEFAULTS, spaces.MEMORY, rng, fits=0.75, loss=0.6, matter=6,
        peak=rng.uniform(0.04, 0.2),
    )  # fmt: skip
    return Synthetic("noisy latency", Space((spaces.TWELVE,)), Goal.MINIMIZE, 0.12, {"engine": engine})


def several_engines(rng: random.Random) -> Synthetic:
    """Three engines with parameters of their own and one that two of them share; half of each runs out of memory."""
    best, peaks = rng.uniform(800, 4000), [1.0, rng.uniform(0.8, 0.95), rng.uniform(0.6, 0.85)]
    rng.shuffle(peaks)
    engines = {
        entry.entry: _engine(entry, defaults, costs, rng, fits=0.5, loss=0.6, matter=3, peak=best * share)
        for (entry, defaults, costs), share in zip(spaces.ENGINES, peaks, strict=True)
    }
    return Synthetic("several engines", Space(tuple(e for e, _, _ in spaces.ENGINES)), Goal.MAXIMIZE, 0.035, engines)


MAKERS: Mapping[str, Callable[[random.Random], Synthetic]] = {
    "easy": easy,
    "tight memory": tight_memory,
    "mostly failing": mostly_failing,
    "all failing": all_failing,
    "hang basin": hang_basin,
    "noisy latency": noisy_latency,
    "several engines": several_engines,
}


@lru_cache(maxsize=64)
def make(name: str, instance: int) -> Synthetic:
    return MAKERS[name](random.Random(f"{name}/{instance}"))


@lru_cache(maxsize=64)
def earlier(name: str, instance: int) -> Synthetic:
    """The same engine on the same machine under another workload, of an earlier campaign: what dies is the same, what
    matters how much is not, and the best is elsewhere."""
    made, rng = make(name, instance), random.Random(f"earlier/{name}/{instance}")
    engines = {}
    for key, engine in made.engines.items():
        old = engine.surface
        moved = {parameter: rng.gauss(0, 0.08) for parameter in old.entry.parameters}
        weights = {parameter: weight * rng.lognormvariate(0, 0.4) for parameter, weight in old.weights.items()}
        engines[key] = replace(engine, surface=replace(old, weights=weights, moved=moved))
    return replace(made, engines=engines)
