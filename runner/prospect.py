"""What a run of a campaign would still do, from what a snapshot knows of it. Pure.

An estimate for people: `run` itself decides from the sealed records (`runner.decide`), of which a snapshot may lack
the last ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from runner.domain.campaign import Campaign, Goal
from runner.domain.failure import EndReason
from runner.plan import Plan
from runner.scoring.rules import rules_id, rules_of
from runner.store.known import Known, KnownTrial


def enough_was_found(message: str) -> str:
    """What a run says, and a plan after it, of a search that ended by `search.stop: auto`."""
    return f"enough was found: {message}. Raise search.trials, or write search.stop: never, to go on"


class Would(StrEnum):
    """What `tunebook run` would do now."""

    START = "start"
    RESUME = "resume"
    EXTEND = "extend"
    RESCORE = "rescore"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Prospect:
    """`text` says `would` in a sentence. `new_trials` are configurations not deployed yet, `again` trials without a
    judgement (host fault, interruption, withdrawn), `confirm` confirming attempts: all at most. `points` of the
    `looked_at` configurations of the plan are measured already. `seconds` and `cost` are estimates for those attempts,
    None where no measured attempt is known."""

    would: Would
    text: str
    new_trials: int
    again: int
    confirm: int
    points: int
    looked_at: int
    seconds: float | None = None
    cost: float | None = None

    @property
    def attempts(self) -> int:
        return self.new_trials + self.again + self.confirm


def prospect(plan: Plan, known: Known) -> Prospect:
    """What is left of `plan` when all that `known` says is done."""
    campaign = plan.campaign
    again = sum(trial.status in ("unmeasured", "withdrawn") for trial in known.trials)
    new, confirm, spent = _new_trials(plan, known), _confirm(campaign, known), _spent(campaign, known)
    if spent:
        new = again = 0
    if new or again:  # who is confirmed is decided afterwards
        finalists = campaign.confirm.top + len(campaign.entries) if campaign.confirm.top else 0
        confirm = max(confirm, finalists * campaign.confirm.cap - len(known.confirmed))
    would, text = _would(campaign, known, new, again, confirm, spent)
    measured = {trial.fingerprint for trial in known.trials if trial.status in ("succeeded", "failed")}
    looked = {p.configuration.fingerprint for p in (*plan.defaults, *plan.configurations) if p.rule is None}
    seconds = known.pace.seconds * (new + again + confirm) if known.pace else None
    price, gpus = campaign.hardware.price_per_gpu_hour, campaign.hardware.gpus
    cost = seconds / 3600 * gpus * price if seconds is not None and gpus and price else None
    return Prospect(would, text, new, again, confirm, len(looked & measured), len(looked), seconds, cost)


def _new_trials(plan: Plan, known: Known) -> int:
    """Trials to come, at most; a space that was looked at whole can not give more than it has."""
    if known.series is None:
        return plan.trials
    left = max(plan.campaign.search.trials - len({trial.number for trial in known.trials}), 0)
    if known.end_reason == EndReason.CONVERGED and (not _found_enough(known) or _stays_ended(plan.campaign, known)):
        return 0
    if plan.complete:
        first = plan.defaults if plan.campaign.search.baseline else ()
        untried = {p.configuration.fingerprint for p in (*first, *plan.configurations) if p.rule is None}
        return min(left, len(untried - {trial.fingerprint for trial in known.trials}))
    return left


def _found_enough(known: Known) -> bool:
    """`search.stop: auto` ended it, as its sentence tells, and not a space without anything untried."""
    return known.end_reason == EndReason.CONVERGED and bool(known.message)


def _stays_ended(campaign: Campaign, known: Known) -> bool:
    """Of one that found enough: nothing is asked for that it did not weigh (runner.enough.found_before)."""
    if campaign.search.stop != "auto" or known.run_planned != campaign.search.trials:
        return False
    return known.rules_id in (None, rules_id(rules_of(campaign)))


def _confirm(campaign: Campaign, known: Known) -> int:
    """Confirming attempts missing, were the search over: the best by the scores that stand, and working defaults. All
    that are allowed while one is missing; none once a run of this very file came to its end.
    """
    succeeded = [trial for trial in known.trials if trial.status == "succeeded" and trial.score is not None]
    if not succeeded or not campaign.confirm.top or campaign.confirm.repeats < 1:
        return 0
    sign = -1 if campaign.objective.goal is Goal.MAXIMIZE else 1

    def rank(trial: KnownTrial) -> tuple[float, int]:
        return sign * (trial.score or 0.0), trial.number

    chosen = {trial.fingerprint for trial in sorted(succeeded, key=rank)[: campaign.confirm.top]}
    chosen |= {trial.fingerprint for trial in succeeded if trial.is_default}
    client = campaign.confirm.client or campaign.workload.client
    planned = {(one, repeat, client) for one in chosen for repeat in range(1, campaign.confirm.repeats + 1)}
    allowed = {(one, repeat, client) for one in chosen for repeat in range(1, campaign.confirm.cap + 1)}
    ended = known.end_reason not in (None, EndReason.INTERRUPTED, EndReason.ERROR)
    if len(chosen) < 2 or (ended and planned <= known.confirmed and known.version_sha256 == campaign.version_sha256):
        return len(planned - known.confirmed)
    return len(allowed - known.confirmed)


def _spent(campaign: Campaign, known: Known) -> str | None:
    """The budget that ends the search, as `runner.decide` counts it."""
    budget = campaign.budget
    failed = sum(trial.status == "failed" for trial in known.trials)
    if budget.wall is not None and known.seconds >= budget.wall:
        return "budget.wall"
    if budget.gpu_hours is not None and known.gpu_seconds / 3600 >= budget.gpu_hours:
        return "budget.gpu_hours"
    return "budget.failures" if budget.failures is not None and failed >= budget.failures else None


def _would(
    campaign: Campaign, known: Known, new: int, again: int, confirm: int, spent: str | None
) -> tuple[Would, str]:
    if known.series is None:
        text = "start: this campaign was not run yet"
        if known.earlier:
            text = (
                f"start a new lineage: {known.earlier} trials under this name were made with another space, model, "
                "hardware or workload"
            )
        return Would.START, text
    rescored = known.rules_id is not None and known.rules_id != rules_id(rules_of(campaign))
    suffix = ", and score all of them by the changed objective and SLOs" if rescored else ""
    if new or again or confirm:
        kinds = ((again, "trial to measure again"), (new, "new trial"), (confirm, "confirming attempt"))
        parts = [_counted(*kind) for kind in kinds if kind[0]]
        cut = known.run_planned is not None and (known.run_trials or 0) < known.run_planned
        over = known.end_reason not in (None, EndReason.INTERRUPTED, EndReason.ERROR)
        extends = over and new > 0 and not (known.end_reason == EndReason.TRIALS and cut)
        verb, would = ("extend", Would.EXTEND) if extends else ("resume", Would.RESUME)
        auto = new and _found_enough(known) and campaign.search.stop == "auto"
        unless = ", fewer if search.stop: auto finds enough again" if auto else ""
        return would, f"{verb} {_series(known)}: {', '.join(parts)} at most{unless}{suffix}"
    why = _why_over(campaign, known, spent)
    if rescored:
        what = "re-score: the objective or an SLO changed, nothing is measured again"
        return Would.RESCORE, what + (f" ({why})" if spent else "")
    if known.version_sha256 != campaign.version_sha256:
        return Would.NOTHING, f"nothing but note the new version of the file: {why}"
    return Would.NOTHING, f"nothing: {why} (--again starts another series)"


def _why_over(campaign: Campaign, known: Known, spent: str | None) -> str:
    if spent:
        return f"{spent} is spent"
    if _found_enough(known) and _stays_ended(campaign, known):
        return enough_was_found(known.message)
    return "all trials are done"


def _series(known: Known) -> str:
    return f"series {known.series}" if known.series else "it"


def _counted(number: int, noun: str) -> str:
    if noun == "trial to measure again":
        return f"{number} trial{'s'[: number > 1]} to measure again"
    return f"{number} {noun}{'s'[: number > 1]}"
