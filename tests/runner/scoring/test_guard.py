"""The quality guard judges facts by rules: a changed limit judges them anew, and nothing is asked twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runner.domain.answers import Agreement, QualityFacts, TokenUnit
from runner.domain.campaign import Goal, Quality, Slo
from runner.domain.failure import Cause, Outcome, Phase, TrialStatus
from runner.domain.trial import Attempt
from runner.scoring.guard import disagreement, parting, percent
from runner.scoring.judge import judge
from runner.scoring.rules import Rules, rules_from_plain, rules_id, rules_of, rules_to_plain
from tests import make
from tests.runner.scoring.facts import attempt, failed, levels, rules

GUARD = Quality("f16", 0.9)
HALF = Agreement(16, 16, 5, 256, 512, TokenUnit.TOKEN, 9.0, 3, 0.02, 256)


def guarded(guard: Quality | None = GUARD, at: str = "worst") -> Rules:
    return replace(rules("e2e_mean", Goal.MINIMIZE, at), quality=guard)


def asked(facts: QualityFacts | None, *values: float) -> Attempt:
    under = guarded()
    return replace(attempt(levels(under, "e2e_mean", values or (1.0, 2.0, 4.0))), quality=facts)


def facts(agreement: Agreement | None, reference: str = "f16") -> QualityFacts:
    return QualityFacts(reference, "set", 16, 16, "of-another", agreement)


def test_too_little_agreement_is_a_failure_that_keeps_its_metrics() -> None:
    judged = judge(asked(facts(HALF)), guarded())
    assert judged.status is TrialStatus.FAILED
    assert judged.failure is not None
    assert (judged.failure.phase, judged.failure.cause) == (Phase.SLO, Cause.QUALITY)
    assert judged.failure.evidence == (
        "50 % token agreement with the default of f16, 90 % are needed; 5 of 16 answers are equal"
    )
    assert judged.severity == pytest.approx(0.15)
    assert (judged.value, judged.objective_value) == (None, 4.0)
    assert judged.hint is not None
    assert "half of the 11 that differ part after 9 tokens or sooner, 3 of them where" in judged.hint.text


def test_another_limit_judges_the_same_facts_anew() -> None:
    assert judge(asked(facts(HALF)), guarded(Quality("f16", 0.5))).status is TrialStatus.SUCCEEDED
    assert judge(asked(facts(HALF)), guarded(None)).status is TrialStatus.SUCCEEDED


def test_wrong_answers_go_before_a_missed_slo_and_behind_a_dead_engine() -> None:
    hard = (Slo("e2e_mean", "e2e_mean", maximum=1.0, hard=True),)
    judged = judge(asked(facts(HALF)), replace(guarded(), slos=hard))
    assert judged.failure is not None
    assert judged.failure.cause is Cause.QUALITY
    died = replace(attempt([], failed(Phase.LOAD, Cause.OOM_LOAD)), quality=None)
    judged = judge(died, guarded())
    assert judged.failure is not None
    assert judged.failure.cause is Cause.OOM_LOAD


def test_a_guard_without_anything_to_compare_with_says_nothing() -> None:
    """The reference itself, and an attempt of a campaign whose reference never answered."""
    assert judge(asked(facts(None)), guarded()).status is TrialStatus.SUCCEEDED


@pytest.mark.parametrize("given", [None, facts(HALF, "q8")])
def test_who_was_never_asked_is_measured_again(given: QualityFacts | None) -> None:
    judged = judge(asked(given), guarded())
    assert (judged.status, judged.failure) == (TrialStatus.UNMEASURED, None)


def test_who_was_never_asked_and_misses_an_slo_has_failed_all_the_same() -> None:
    hard = (Slo("e2e_mean", "e2e_mean", maximum=1.0, hard=True),)
    judged = judge(asked(None), replace(guarded(), slos=hard))
    assert judged.status is TrialStatus.FAILED


def test_an_engine_that_dies_of_the_prompts_has_failed_at_any_objective() -> None:
    end = failed(Phase.SLO, Cause.CRASH)
    died = replace(asked(None), failure=end, outcome=Outcome.FAILED)
    for at in ("worst", "c=8"):
        judged = judge(died, guarded(at=at))
        assert judged.failure == end
        assert judged.severity == pytest.approx(0.15)


def test_rules_without_a_guard_keep_their_id() -> None:
    """Of every store that was written before there were guards."""
    plain = rules_to_plain(rules())
    assert "quality" not in plain
    assert rules_from_plain(plain) == rules()
    assert rules_from_plain(rules_to_plain(guarded())) == guarded()
    assert len({rules_id(guarded(None)), rules_id(guarded()), rules_id(guarded(Quality("f16", 0.8)))}) == 3


def test_a_guard_that_only_shows_is_no_rule() -> None:
    shown = make.campaign(quality=Quality("f16"))
    assert rules_of(shown) == rules_of(make.campaign())
    assert rules_of(make.campaign(quality=Quality("f16", 1))).quality == Quality("f16", 1.0)


def test_nearly_all_is_never_said_to_be_all() -> None:
    assert [percent(share) for share in (1.0, 0.99999, 0.9, 0.0)] == ["100 %", "99.9 %", "90 %", "0 %"]


def test_the_words_count_what_they_speak_of() -> None:
    one = replace(HALF, exact=15, near_ties=0, first_divergence=0.0)
    assert parting(one) == "the one that differs parts at their first word"
    assert parting(replace(HALF, exact=16)) == "every answer that came is equal"
    assert "13 of 16 answers are equal, 2 did not come" in disagreement(replace(HALF, exact=13, answered=14), GUARD)
