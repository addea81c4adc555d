"""Judge what was measured by other rules: new score rows for all history, nothing is measured again.

The rules are sealed for each lineage, as those of a changed campaign file are, so that `store rebuild` restores them
and their scores. The lineage's own rules stay in force: they are sealed once more behind them, because the latest
record is what counts. A run seals rules, too, and between reading those in force and sealing them again it could
bring others into force: therefore each lineage is owned meanwhile, as by a run.
"""

from __future__ import annotations

import difflib
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from runner.campaign.load import from_resolved
from runner.campaign.other_rules import OtherRules
from runner.confirm import JudgedTrial, best_trial
from runner.domain.campaign import Campaign
from runner.domain.failure import Cause, Phase, Role
from runner.domain.ids import NAMESPACE, campaign_id
from runner.domain.records import RecordKind, RulesFact, RunStart
from runner.errors import CampaignError, StoreError, UnknownId
from runner.lineage import JUDGED_OUTCOMES, SEARCH_ROLES, Lineage
from runner.lineage_lock import owned_lineage
from runner.scoring.levels import needed_levels, reached_levels
from runner.scoring.rank import rank_key
from runner.scoring.rules import rules_id, rules_of, rules_to_plain
from runner.store.history import facts, history, lineage_facts
from runner.store.record import seal
from runner.util.clock import utc_now


@dataclass(frozen=True, slots=True)
class Rescored:
    """One lineage. `own` and `other` are the same attempts of its latest series, judged by the campaign's rules and by
    the new ones. `new`: the rules were sealed now; they stood there before otherwise. `attempts`: of all its series.
    `refused`: why these rules can not be asked of it; nothing was sealed then."""

    name: str
    own: Lineage
    other: Lineage
    attempts: int
    latest: bool
    new: bool = False
    refused: str | None = None

    @property
    def rules_id(self) -> str:
        return rules_id(self.other.rules)

    @property
    def winners(self) -> tuple[JudgedTrial | None, JudgedTrial | None]:
        """Under the campaign's rules, and under the new ones. Repeats were made for the best under the campaign's
        rules: another one that ranks first now wins by its one measurement, and `measured_once` says so."""
        own = self.own
        before = best_trial(own.campaign, own.trials, own.attempts)
        if self.measured_once:
            return before, ranked(self.other)[0]
        return before, best_trial(self.other.campaign, self.other.trials, self.other.attempts)

    @property
    def measured_once(self) -> bool:
        """The first under the new rules was not measured again, though others were."""
        repeated = {attempt.trial_id for attempt in self.other.attempts if attempt.role is Role.CONFIRM}
        first = next(iter(ranked(self.other)), None)
        succeeded = first is not None and first.judgement.value is not None
        return bool(repeated) and succeeded and first is not None and first.trial_id not in repeated

    @property
    def unjudged(self) -> dict[int, str]:
        """Trial number -> why the new rules can not judge what the campaign's rules could, or what was measured."""
        found = {number: _why_not(self.other, number) for number in self.other.unjudged}
        for trial in self.other.failed:
            failure = trial.judgement.failure
            if failure and (failure.phase, failure.cause) == (Phase.SLO, Cause.UNKNOWN):
                found[trial.number] = failure.evidence
        return dict(sorted(found.items()))


def rescore(results: Path, names: Sequence[str], rules: OtherRules) -> list[Rescored]:
    """Seal `rules` for every lineage of the campaigns called `names` (none: of all); the caller ingests.

    Raises UnknownId, StoreError when nothing ran, StoreDamaged, NoSpace, Unwritable; AlreadyRunning, before anything is
    sealed, while one of the campaigns runs; CampaignError when the rules are wrong, or can be asked of none of the
    campaigns. One that they can not be asked of is told among others.
    """
    starts: list[RunStart] = sorted(facts(results, RecordKind.RUN_START), key=lambda one: one.started_utc)
    if not starts:
        raise StoreError("there are no runs to judge", hint="run a campaign first, or name another folder: --results")
    _require_known(names, {start.name for start in starts})
    chosen = {start.search_key: start for start in starts if not names or start.name in names}
    with ExitStack() as owned:
        for key, start in sorted(chosen.items()):
            owned.enter_context(owned_lineage(results, key, start.name))
        return _rescored(results, chosen, rules)


def _rescored(results: Path, chosen: Mapping[str, RunStart], rules: OtherRules) -> list[Rescored]:
    newest = {start.name: start.search_key for start in chosen.values()}
    found, refusals = list[Rescored](), list[CampaignError]()
    for key, start in sorted(chosen.items(), key=lambda item: (item[1].name, item[1].started_utc)):
        campaign = from_resolved(dict(start.campaign))
        mine = _lineage(results, campaign, campaign)
        count = len(history(results, key))
        try:
            other = rules.of(campaign)
        except CampaignError as error:
            refusals.append(error)
            refused = error.problems()[0].what
            found.append(Rescored(start.name, mine, mine, count, newest[start.name] == key, refused=refused))
            continue
        new = _seal(results, campaign, other)
        judged = _lineage(results, campaign, other)
        found.append(Rescored(start.name, mine, judged, count, newest[start.name] == key, new))
    if len(refusals) == len(found):
        raise refusals[0]
    return found


def _require_known(names: Sequence[str], known: set[str]) -> None:
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(sorted(known))}"
            raise UnknownId(f"no campaign is called {name!r}", hint=hint)


def _lineage(results: Path, campaign: Campaign, judged_by: Campaign) -> Lineage:
    """Of the latest series that has attempts."""
    attempts = history(results, campaign.search_key)
    series = max((attempt.series for attempt in attempts), default=0)
    return Lineage.of(judged_by, series, [attempt for attempt in attempts if attempt.series == series])


def _seal(results: Path, campaign: Campaign, other: Campaign) -> bool:
    """False when these rules stand there already: what was judged by them stays, and new attempts are, too."""
    known: Sequence[RulesFact] = lineage_facts(results, campaign.search_key).rules
    wanted = rules_of(other)
    if rules_id(wanted) in {fact.rules_id for fact in known}:
        return False
    beside = _fact(campaign, other)
    in_force = replace(known[-1], written_utc=utc_now()) if known else _fact(campaign, campaign)
    while in_force.written_utc <= beside.written_utc:
        in_force = replace(in_force, written_utc=utc_now())
    for fact in (in_force, beside):  # in this order no moment sees the new ones in force
        name = f"rules/{fact.rules_id}/{fact.search_key}/{fact.written_utc}"
        seal(results, RecordKind.RULES, str(uuid.uuid5(NAMESPACE, name)), fact)
    return True


def _fact(campaign: Campaign, judged_by: Campaign) -> RulesFact:
    rules = rules_of(judged_by)
    return RulesFact(
        rules_id=rules_id(rules),
        campaign_id=campaign_id(campaign.version_sha256),
        search_key=campaign.search_key,
        rules=rules_to_plain(rules),
        written_utc=utc_now(),
    )


def ranked(lineage: Lineage) -> list[JudgedTrial]:
    """Best first, by what the search measured."""
    goal = lineage.campaign.objective.goal
    return sorted(lineage.trials, key=lambda one: (rank_key(one.judgement, goal), one.number))


def _why_not(lineage: Lineage, number: int) -> str:
    mine = [a for a in lineage.attempts if a.number == number and a.role in SEARCH_ROLES]
    measured = [attempt for attempt in mine if attempt.outcome in JUDGED_OUTCOMES]
    if not measured:
        return "it was never measured to its end"
    reached = reached_levels(measured[0].levels, lineage.rules)
    missing = [key.label for key in needed_levels(lineage.rules) if key.position not in reached]
    return f"not measured: {', '.join(missing)}" if missing else "its answers were never compared with the reference's"
