"""What a lineage knows: its sealed attempts judged under today's rules, and what therefore comes next. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from runner.confirm import JudgedTrial
from runner.domain.campaign import Campaign
from runner.domain.failure import Outcome, Phase, Role, TrialStatus
from runner.domain.ids import trial_id
from runner.domain.parameters import Point
from runner.domain.trial import Attempt, Configuration
from runner.samplers import Told
from runner.scoring.judge import Judgement, judge
from runner.scoring.rules import Rules, rules_of
from runner.stats.failing import Tried

SEARCH_ROLES = (Role.SEARCH, Role.BASELINE, Role.RETRY)
BESIDE = (Role.GATE, Role.REPEAT)
"""Asked for by somebody beside the search: no budget of it pays for them."""
JUDGED_OUTCOMES = (Outcome.MEASURED, Outcome.FAILED)


@dataclass(frozen=True, slots=True)
class Lineage:
    """The attempts of one (search_key, series), ordered by trial number, and their judgement under `rules`.

    `trials` holds one judged trial per number that has a judged attempt of the search: its first one, or where that
    failed the first retry that succeeded. None of them is UNMEASURED. `withdrawn` are retracted attempts: nobody is
    told of them, but a number keeps the configuration that it had, and a trial that lost its judged attempt is
    measured again.
    """

    campaign: Campaign
    series: int
    rules: Rules
    attempts: tuple[Attempt, ...]
    trials: tuple[JudgedTrial, ...]
    withdrawn: tuple[Attempt, ...] = ()

    @classmethod
    def of(
        cls, campaign: Campaign, series: int, attempts: Sequence[Attempt], withdrawn: Sequence[Attempt] = ()
    ) -> Lineage:
        rules = rules_of(campaign)
        return cls(campaign, series, rules, tuple(attempts), tuple(_judged(attempts, rules)), tuple(withdrawn))

    @property
    def told(self) -> list[Told]:
        """The history a sampler sees: judged trials by number; infra and interrupted attempts are in none."""
        return [
            Told(
                trial.number,
                Point(trial.configuration.entry, dict(trial.configuration.values)),
                trial.judgement.value,
                trial.judgement.severity,
            )
            for trial in self.trials
        ]

    @property
    def known(self) -> Mapping[int, Configuration]:
        """Every trial number that was ever deployed and its configuration, judged or not."""
        both = (*self.attempts, *self.withdrawn)
        return {a.number: a.configuration for a in reversed(both) if a.role in SEARCH_ROLES}

    @property
    def unjudged(self) -> list[int]:
        """Numbers that were deployed but have no judgement: they come first. A host fault, an interruption or a
        retraction left them so, or stricter rules, which had ended their ascent before a level that counts today."""
        judged = {trial.number for trial in self.trials}
        return sorted(number for number in self.known if number not in judged)

    @property
    def succeeded(self) -> list[JudgedTrial]:
        return [trial for trial in self.trials if trial.judgement.status is TrialStatus.SUCCEEDED]

    @property
    def failed(self) -> list[JudgedTrial]:
        return [trial for trial in self.trials if trial.judgement.status is TrialStatus.FAILED]

    @property
    def tried(self) -> list[Tried]:
        """The judged trials, for whoever asks what their failures have in common."""
        return [
            Tried(
                trial.number,
                trial.entry,
                trial.configuration.values,
                trial.judgement.severity,
                trial.judgement.levels_done,
                trial.judgement.failure,
                trial.judgement.hint,
            )
            for trial in self.trials
        ]

    @property
    def worth_a_retry(self) -> list[JudgedTrial]:
        """What failed, but not what was measured in full and missed an SLO: to measure that again until it passes
        would be no measurement."""
        return [
            trial for trial in self.failed if trial.judgement.failure and trial.judgement.failure.phase is not Phase.SLO
        ]

    @property
    def gpu_hours(self) -> float:
        """Withdrawn attempts included: what they took is spent."""
        both = (*self.attempts, *self.withdrawn)
        return sum(attempt.gpu_seconds for attempt in both if attempt.role not in BESIDE) / 3600

    def trial_id(self, configuration: Configuration) -> str:
        return trial_id(self.campaign.search_key, self.series, configuration.fingerprint)


def _judged(attempts: Sequence[Attempt], rules: Rules) -> list[JudgedTrial]:
    deciding: dict[int, tuple[Attempt, Judgement]] = {}
    for attempt in attempts:
        if attempt.role in SEARCH_ROLES and attempt.outcome in JUDGED_OUTCOMES:
            judgement = judge(attempt, rules)
            if judgement.status is TrialStatus.UNMEASURED:
                continue
            held = deciding.setdefault(attempt.number, (attempt, judgement))
            if held[1].status is TrialStatus.FAILED and judgement.status is TrialStatus.SUCCEEDED:
                deciding[attempt.number] = attempt, judgement
    return [
        JudgedTrial(
            trial_id=attempt.trial_id,
            number=number,
            entry=attempt.configuration.entry,
            configuration=attempt.configuration,
            is_default=attempt.configuration.is_default,
            judgement=judgement,
        )
        for number, (attempt, judgement) in sorted(deciding.items())
    ]
