"""After the search: measure the finalists and each entry's default again, interleaved, until their order is decided.

The best of many noisy measurements looks better than it is. Repeats in turn (best, default, best, default, ...)
expose both sides to the same drift of the machine, and the order moves on by one every round, so that nobody is always
the first after a pause. After the planned rounds go on those whose difference to the best is still open
(runner.stats.sequential), up to the cap. What comes next follows from the attempts alone: a killed run goes on as it
would have gone on. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from runner.domain.campaign import Campaign, Goal
from runner.domain.failure import Outcome, Role, TrialStatus
from runner.domain.trial import Attempt, Configuration
from runner.scoring.judge import Judgement, judge
from runner.scoring.rank import rank_key
from runner.scoring.rules import rules_of
from runner.stats.arms import Repeat
from runner.stats.sequential import Design, going_on

SEALED = (Outcome.MEASURED, Outcome.FAILED)
"""A confirm attempt that says something. One that met an infrastructure fault is made again."""


@dataclass(frozen=True, slots=True)
class JudgedTrial:
    """A trial with the judgement of its first search or baseline attempt."""

    trial_id: str
    number: int
    entry: str
    configuration: Configuration
    is_default: bool
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class ConfirmTarget:
    """A configuration to measure again."""

    trial_id: str
    number: int
    entry: str
    configuration: Configuration


@dataclass(frozen=True, slots=True)
class Confirmed:
    """One repeat that counts, judged under today's rules."""

    attempt: Attempt
    judgement: Judgement


Rounds = Mapping[str, Mapping[int, Confirmed]]
"""trial_id -> round -> what was measured in it."""


def confirm_targets(campaign: Campaign, trials: Sequence[JudgedTrial]) -> list[ConfirmTarget]:
    """The best `confirm.top` trials, best first, then the default of each entry that has one that works.

    Empty when the campaign confirms nothing or nothing succeeded. A default that fails is not measured again: its
    failure is the comparison.
    """
    best = finalists(campaign, trials)
    if not best:
        return []
    working = [trial for trial in defaults(campaign, trials) if succeeded(trial)]
    chosen = {trial.trial_id: trial for trial in (*best, *working)}
    return [ConfirmTarget(t.trial_id, t.number, t.entry, t.configuration) for t in chosen.values()]


def missing_attempts(
    campaign: Campaign, trials: Sequence[JudgedTrial], attempts: Sequence[Attempt]
) -> list[tuple[ConfirmTarget, int]]:
    """(target, round) to measure next, in measuring order: all planned rounds first, then one round at a time of those
    that go on. Rounds count from 1. Empty when every difference that matters is decided or hopeless, or the cap is
    reached."""
    targets = confirm_targets(campaign, trials)
    measured = confirmed(campaign, attempts)
    planned = campaign.confirm.repeats
    left = [one for number in range(1, planned + 1) for one in _missing(targets, number, measured)]
    number = planned
    while targets and not left and number < campaign.confirm.cap:
        known = {trial: {n: one for n, one in rounds.items() if n <= number} for trial, rounds in measured.items()}
        going = _going_on(campaign, trials, targets, known)
        if not going:
            break
        number += 1
        left = _missing([target for target in targets if target.trial_id in going], number, measured)
    return left


def design(campaign: Campaign, trials: Sequence[JudgedTrial]) -> Design:
    """How strictly the repeats of this campaign are looked at."""
    confirm = campaign.confirm
    return Design(confirm.repeats, confirm.cap, len(confirm_targets(campaign, trials)))


def arms(campaign: Campaign, measured: Rounds) -> dict[str, dict[int, Repeat]]:
    """What can be compared: the trials without a failed repeat, by the logs of their objective."""
    sign = 1.0 if campaign.objective.goal is Goal.MAXIMIZE else -1.0
    found: dict[str, dict[int, Repeat]] = {}
    for trial, rounds in measured.items():
        values = {number: one.judgement.objective_value for number, one in rounds.items()}
        sound = all(one.judgement.failure is None for one in rounds.values())
        if sound and all(value is not None and value > 0 for value in values.values()):
            found[trial] = {
                number: Repeat(sign * math.log(value), rounds[number].attempt.host.host)
                for number, value in values.items()
                if value
            }
    return found


def confirmed(campaign: Campaign, attempts: Sequence[Attempt]) -> Rounds:
    """The sealed confirm attempts of the client that confirms."""
    client, rules = confirming_client(campaign), rules_of(campaign)
    found: dict[str, dict[int, Attempt]] = {}
    for attempt in attempts:
        if attempt.role is Role.CONFIRM and attempt.outcome in SEALED and attempt.client == client:
            found.setdefault(attempt.trial_id, {}).setdefault(attempt.repeat, attempt)
    return {
        trial: {number: Confirmed(rounds[number], judge(rounds[number], rules)) for number in sorted(rounds)}
        for trial, rounds in found.items()
    }


def confirming_client(campaign: Campaign) -> str:
    return campaign.confirm.client or campaign.workload.client


def best_trial(campaign: Campaign, trials: Sequence[JudgedTrial], attempts: Sequence[Attempt]) -> JudgedTrial | None:
    """The winner: of all that was measured again (finalists and defaults) the one that its repeats confirm, or the
    best of the search where nothing is confirmed. None when no trial succeeded."""
    return best_of(campaign, trials, confirmed(campaign, attempts))


def best_of(campaign: Campaign, trials: Sequence[JudgedTrial], measured: Rounds) -> JudgedTrial | None:
    """`best_trial`, from repeats that are judged already."""
    final = finalists(campaign, trials)
    if final:
        others = [t for t in trials if t.trial_id in measured and t not in final and succeeded(t)]
        candidates = [*final, *others]  # a default that its repeats show to be better wins
        return min(candidates, key=lambda trial: _confirmed_rank(campaign, trial, measured.get(trial.trial_id, {})))
    goal = campaign.objective.goal
    good = [trial for trial in trials if succeeded(trial)]
    return min(good, key=lambda trial: (rank_key(trial.judgement, goal), trial.number), default=None)


def finalists(campaign: Campaign, trials: Sequence[JudgedTrial]) -> list[JudgedTrial]:
    """The best of the search, best first."""
    goal = campaign.objective.goal
    ranked = sorted(filter(succeeded, trials), key=lambda trial: (rank_key(trial.judgement, goal), trial.number))
    return ranked[: max(0, campaign.confirm.top)] if campaign.confirm.repeats > 0 else []


def defaults(campaign: Campaign, trials: Sequence[JudgedTrial]) -> list[JudgedTrial]:
    """One per entry at most, in the order of the file."""
    found = {trial.entry: trial for trial in reversed(trials) if trial.is_default}
    return [found[entry.name] for entry in campaign.entries if entry.name in found]


def succeeded(trial: JudgedTrial) -> bool:
    return trial.judgement.status is TrialStatus.SUCCEEDED


def _missing(targets: Sequence[ConfirmTarget], number: int, measured: Rounds) -> list[tuple[ConfirmTarget, int]]:
    """Of one round. Each begins with another target."""
    first = (number - 1) % len(targets) if targets else 0
    order = (*targets[first:], *targets[:first])
    return [(target, number) for target in order if number not in measured.get(target.trial_id, {})]


def _going_on(
    campaign: Campaign, trials: Sequence[JudgedTrial], targets: Sequence[ConfirmTarget], measured: Rounds
) -> set[str]:
    best = best_of(campaign, trials, measured)
    able = arms(campaign, measured)
    wanted = {target.trial_id: able[target.trial_id] for target in targets if target.trial_id in able}
    if best is None or best.trial_id not in wanted:
        return set()
    return going_on(wanted, best.trial_id, design(campaign, trials))


def _confirmed_rank(
    campaign: Campaign, trial: JudgedTrial, rounds: Mapping[int, Confirmed]
) -> tuple[bool, float, float, int]:
    """Smallest best: all repeats succeeded before some failed, then the mean confirmed score; what was never repeated
    comes last, by its search score."""
    goal = campaign.objective.goal
    judged = [one.judgement for one in rounds.values()]
    scores = [judgement.value for judgement in judged if judgement.value is not None]
    if not scores:
        return True, 1.0, rank_key(trial.judgement, goal)[1], trial.number
    mean = fmean(scores)
    failed = 1 - len(scores) / len(judged)
    return False, failed, -mean if goal is Goal.MAXIMIZE else mean, trial.number
