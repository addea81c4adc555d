"""What a campaign would do, without doing it: configurations, duplicates, rejections, time and GPU-hours at worst."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

from runner.domain.campaign import Campaign, LevelPlan
from runner.domain.ground import NOTHING_KNOWN, Ground
from runner.domain.ids import canonical
from runner.domain.parameters import Choice, Int, Parameter, Point
from runner.domain.trial import Configuration
from runner.precheck import precheck
from runner.runtimes import configuration as configuration_of
from runner.space.expand import GRID_VALUES, enumerate_points, random_point, size
from runner.space.resolve import default_point

LIMIT = 200
"""Configurations looked at by default."""


@dataclass(frozen=True, slots=True)
class Planned:
    """One configuration, with the rule and reason that refuse it, or None."""

    configuration: Configuration
    rule: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class WorstCase:
    """Upper bounds in seconds. `attempt` is one deployment at every deadline; `search` all trials of it, `confirm` the
    repeats after it; `total` is both, cut off by the wall budget. `measuring` is the levels of one attempt alone,
    by their own duration; `attempts` how many there are at most, repeats included. `confirming`: attempts that confirm,
    as planned and at most, were no finalist a default. `ended_by` names what cuts the total off."""

    attempt: float
    attempts: int
    confirming: tuple[int, int]
    measuring: float
    search: float
    confirm: float
    total: float
    gpu_hours: float
    ended_by: str


@dataclass(frozen=True, slots=True)
class Plan:
    """`grid` counts the points of the grid (an upper bound where `when` links many parameters); `continuous` says that
    ranges hold more than the grid shows; `complete` that `configurations` are all there are, else a sample.
    `duplicates` are points that gave a configuration seen before."""

    campaign: Campaign
    defaults: tuple[Planned, ...]
    grid: int
    continuous: bool
    complete: bool
    configurations: tuple[Planned, ...]
    duplicates: int
    levels: tuple[LevelPlan, ...]
    trials: int
    worst: WorstCase
    unchecked: tuple[str, ...]

    @property
    def rejected(self) -> tuple[Planned, ...]:
        return tuple(planned for planned in self.configurations if planned.rule is not None)


def plan(campaign: Campaign, limit: int = LIMIT, ground: Ground = NOTHING_KNOWN) -> Plan:
    """Look at up to `limit` configurations. Starts nothing, writes nothing, needs no hardware: `ground` is what the
    pre-check may know of model and machine."""
    space = campaign.space
    points = size(space)
    continuous = any(not _listed(p) for entry in space.entries for p in entry.parameters.values())
    complete = points <= limit and not continuous
    defaults = tuple(_planned(campaign, default_point(entry), ground) for entry in campaign.entries)
    seen = {planned.configuration.fingerprint for planned in defaults}
    looked: list[Planned] = []
    duplicates = 0
    for point in _distinct(_points(campaign, limit, complete)):
        planned = _planned(campaign, point, ground)
        if planned.configuration.fingerprint in seen:
            duplicates += bool(point.values)  # the default again is no duplicate of anybody's making
            continue
        seen.add(planned.configuration.fingerprint)
        looked.append(planned)
    trials = _trials(campaign, len(defaults), len(looked) if complete else None)
    return Plan(
        campaign=campaign,
        defaults=defaults,
        grid=points,
        continuous=continuous,
        complete=complete,
        configurations=tuple(looked),
        duplicates=duplicates,
        levels=campaign.workload.levels,
        trials=trials,
        worst=_worst_case(campaign, trials),
        unchecked=tuple(_unchecked(campaign, ground)),
    )


def _planned(campaign: Campaign, point: Point, ground: Ground) -> Planned:
    entry = campaign.entry(point.entry)
    configuration = configuration_of(entry, point)
    refused = precheck(configuration, campaign, ground)
    return Planned(configuration, *(refused or (None, None)))


def _points(campaign: Campaign, limit: int, complete: bool) -> Iterator[Point]:
    """The whole grid, or a sample: random points of the campaign's seed, not the sampler's own proposals."""
    if complete:
        return enumerate_points(campaign.space)
    rng = random.Random(campaign.search.seed)
    return (random_point(campaign.space, rng) for _ in itertools.repeat(None, limit))


def _distinct(points: Iterator[Point]) -> Iterator[Point]:
    """Each point once: a sample that hits a point twice is no duplicate in the campaign."""
    seen: set[str] = set()
    for point in points:
        key = canonical({"entry": point.entry, "values": dict(point.values)})
        if key not in seen:
            seen.add(key)
            yield point


def _listed(parameter: Parameter) -> bool:
    """Whether the grid holds every value of the parameter."""
    if isinstance(parameter, Choice):
        return True
    return isinstance(parameter, Int) and (parameter.high - parameter.low) // parameter.step < GRID_VALUES


def _trials(campaign: Campaign, defaults: int, others: int | None) -> int:
    """Trials at most. A space that was enumerated can not give more than it has."""
    wanted = campaign.search.trials
    if others is None:
        return wanted
    return min(wanted, others + (defaults if campaign.search.baseline else 0)) or min(wanted, defaults)


def _worst_case(campaign: Campaign, trials: int) -> WorstCase:
    """Every phase of every attempt runs into its deadline; budgets cut the sum off."""
    times, each = campaign.timeouts, campaign.workload.each_level
    levels = campaign.workload.most_levels
    attempt = times.load + times.ready + levels * times.level + times.stop
    if campaign.deploy.kind in ("docker", "kubernetes"):
        attempt += times.pull
    if campaign.quality is not None:
        attempt += each.request_timeout  # the first prompt without an answer is the last one
    confirmed = campaign.confirm.top + len(campaign.entries) if campaign.confirm.top else 0
    search, confirm = trials * attempt, confirmed * campaign.confirm.cap * attempt
    bounds = {"trials": search + confirm}
    if campaign.budget.wall is not None:
        bounds["budget.wall"] = campaign.budget.wall + confirm
    gpus = campaign.hardware.gpus
    if gpus and campaign.budget.gpu_hours is not None:
        bounds["budget.gpu_hours"] = campaign.budget.gpu_hours * 3600 / gpus + confirm
    ended_by = min(bounds, key=lambda name: bounds[name])
    return WorstCase(
        attempt=attempt,
        attempts=trials + confirmed * campaign.confirm.cap,
        confirming=(confirmed * campaign.confirm.repeats, confirmed * campaign.confirm.cap),
        measuring=levels * each.duration,
        search=search,
        confirm=confirm,
        total=bounds[ended_by],
        gpu_hours=bounds[ended_by] / 3600 * gpus,
        ended_by=ended_by,
    )


def _unchecked(campaign: Campaign, ground: Ground) -> Iterator[str]:
    """What only the machine that runs it can tell."""
    if campaign.deploy.kind == "attach":
        yield f"whether a server answers at {campaign.deploy.options.get('url')}, and with which model"
    elif ground.model and (ground.gpu_bytes if campaign.hardware.gpus else ground.host_bytes):
        yield "whether what an engine needs beside weights and KV cache fits the memory too"
    elif campaign.hardware.gpus:
        yield f"whether {campaign.hardware.label} is here and free, and whether model and KV cache fit its memory"
    else:
        yield "whether model and KV cache fit the memory of the machine that runs it"
    if campaign.deploy.kind != "attach":
        yield "whether the engine accepts every combination of flags: known rules were checked, the rest shows at start"
    if campaign.search.sampler != "grid":
        yield f"which points {campaign.search.sampler} will propose: it depends on the results"
