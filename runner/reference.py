"""Whose answers the quality guard compares with: of a lineage the first attempt of the reference's default that
answered every prompt. Read from the sealed records, so that a resumed run finds the same."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from runner.ask import prompt_set, read_answers
from runner.domain.answers import Answers
from runner.domain.campaign import Campaign
from runner.domain.records import RecordKind
from runner.domain.trial import Attempt
from runner.store.record import record_path


def reference_answers(campaign: Campaign, attempts: Iterable[Attempt], results: Path) -> Answers | None:
    """None without a guard, and while no such attempt is sealed. Its speed does not matter: a reference that misses an
    SLO has answered all the same. Retracted attempts are not among `attempts`."""
    if campaign.quality is None:
        return None
    for attempt in sorted(attempts, key=lambda one: (one.started_utc, one.attempt_id)):
        if _may_be(attempt, campaign.quality.reference):
            answers = read_answers(record_path(results, RecordKind.ATTEMPT, attempt.attempt_id))
            if answers is not None and answers.prompts_id == prompt_set().id:
                return answers
    return None


def _may_be(attempt: Attempt, reference: str) -> bool:
    configuration, facts = attempt.configuration, attempt.quality
    mine = configuration.entry == reference and configuration.is_default
    return mine and facts is not None and facts.answered == facts.asked
