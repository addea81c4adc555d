"""What comes next in a search: a trial number with its configuration, or the reason why it is over. Pure.

The same lineage gives the same step, which is why a killed and resumed campaign proposes what the uninterrupted one
proposes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count

from runner.allot import UNLEARNED, narrowed, owed
from runner.domain.campaign import Campaign, Entry
from runner.domain.failure import EndReason
from runner.domain.ground import NOTHING_KNOWN, Ground
from runner.domain.parameters import Point
from runner.domain.trial import Configuration
from runner.enough import found_enough
from runner.lineage import Lineage
from runner.precheck import precheck
from runner.runtimes import configuration as configuration_of
from runner.samplers import samplers

MOST_ASKS = 2000
"""Proposals for one trial number before we say that the space holds nothing new."""

MOST_HOST_FAULTS = 3
"""Attempts of one number that may end by the host's fault in one run; also how many such numbers end the run."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A configuration that the pre-check rejected while a number was being filled."""

    configuration: Configuration
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class Step:
    number: int
    configuration: Configuration
    refused: tuple[Refused, ...] = ()


@dataclass(frozen=True, slots=True)
class Over:
    """`cut_short`: the run was told to stop here (`--max-trials`), the search itself is not over. `message` says of a
    rule that ended it why."""

    reason: EndReason
    refused: tuple[Refused, ...] = ()
    cut_short: bool = False
    message: str = ""


@dataclass(frozen=True, slots=True)
class Later:
    """Nothing can start before an attempt that runs has ended."""

    refused: tuple[Refused, ...] = ()


@dataclass(frozen=True, slots=True)
class SoFar:
    """What the trials do not say: running time of the series (s), new trials this run may still start (None: any), per
    number how often the host, not the configuration, failed in this run, why an earlier run had found enough, and what
    runs in other slots, by trial number."""

    seconds: float = 0.0
    trials_left: int | None = None
    host_faults: Mapping[int, int] = field(default_factory=dict)
    ground: Ground = NOTHING_KNOWN  # what the pre-check stands on
    enough: str = ""
    pending: Mapping[int, Configuration] = field(default_factory=dict)


def next_step(campaign: Campaign, lineage: Lineage, so_far: SoFar) -> Step | Later | Over:
    """Unjudged numbers first, then each entry's default, then warm starts, then what the sampler proposes, within the
    budget. While others run it never gives one of theirs; that the search is over then holds for what is known now."""
    spent = _spent(campaign, lineage, so_far)
    if spent is not None:
        return Over(spent)
    guard = campaign.quality
    if guard and any(one.entry == guard.reference and one.is_default for one in so_far.pending.values()):
        return Later()  # the answers of all others are compared with what it says
    for number in lineage.unjudged:
        if number not in so_far.pending and so_far.host_faults.get(number, 0) < MOST_HOST_FAULTS:
            return Step(number, lineage.known[number])
    taken = {**lineage.known, **so_far.pending}
    if len(taken) >= campaign.search.trials:
        return Over(EndReason.TRIALS)
    if so_far.trials_left == 0:
        return Over(EndReason.TRIALS, cut_short=True)
    number = next(free for free in count() if free not in taken)  # a record may have been taken out
    deployed = {configuration.fingerprint for configuration in taken.values()}
    for entry in baselines(campaign):
        default = configuration_of(entry, Point(entry.name))
        if default.fingerprint not in deployed:
            return Step(number, default)
    for warm in lineage.prior.warm_start:
        configuration = configuration_of(campaign.entry(warm.entry), Point(warm.entry, warm.values))
        if configuration.fingerprint not in deployed and precheck(configuration, campaign, so_far.ground) is None:
            return Step(number, configuration)
    found = so_far.enough or found_enough(campaign, lineage)
    if found:
        return Over(EndReason.CONVERGED, message=found)
    return _proposed(campaign, lineage, number, taken, so_far)


def baselines(campaign: Campaign) -> list[Entry]:
    """The entries whose default is measured before the search, in this order: that of the quality guard's reference
    first, because all others are compared with its answers."""
    if not campaign.search.baseline:
        return []
    first = campaign.quality.reference if campaign.quality else None
    return sorted(campaign.entries, key=lambda entry: entry.name != first)


def _proposed(
    campaign: Campaign, lineage: Lineage, number: int, taken: Mapping[int, Configuration], so_far: SoFar
) -> Step | Over:
    """A configuration that was never deployed and that the pre-check lets pass."""
    sampler = samplers.get(campaign.search.sampler)
    deployed = {configuration.fingerprint for configuration in taken.values()}
    tried = [configuration.entry for configuration in taken.values() if not configuration.is_default]
    poorest = owed(campaign.search, campaign.space, tried)
    known = [told for told in lineage.told if told.number >= 0 or sampler.name not in UNLEARNED]
    (space, told), goal = narrowed(campaign.space, known, poorest), campaign.objective.goal
    beside = [Point(one.entry, one.values) for _, one in sorted(so_far.pending.items())]
    pending = [point for point in beside if poorest in (None, point.entry)]
    refused: dict[str, Refused] = {}
    for skip in range(MOST_ASKS):
        point = sampler.ask(space, goal, told, pending, campaign.search, number, skip)
        if point is None:
            break
        entry = campaign.entry(point.entry)
        configuration = configuration_of(entry, point)
        verdict = precheck(
            configuration, campaign, so_far.ground
        )  # first: what is refused may come to a launch that was deployed
        if verdict is not None:
            refused.setdefault(configuration.fingerprint, Refused(configuration, *verdict))
        elif configuration.fingerprint not in deployed:
            return Step(number, configuration, tuple(refused.values()))
    return Over(EndReason.CONVERGED, tuple(refused.values()))


def _spent(campaign: Campaign, lineage: Lineage, so_far: SoFar) -> EndReason | None:
    budget = campaign.budget
    if budget.wall is not None and so_far.seconds >= budget.wall:
        return EndReason.WALL
    if budget.gpu_hours is not None and lineage.gpu_hours >= budget.gpu_hours:
        return EndReason.GPU_HOURS
    if budget.failures is not None and len(lineage.failed) >= budget.failures:
        return EndReason.FAILURES
    given_up = [n for n in lineage.unjudged if so_far.host_faults.get(n, 0) >= MOST_HOST_FAULTS]
    return EndReason.ERROR if len(given_up) >= MOST_HOST_FAULTS else None
