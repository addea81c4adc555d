"""Whose answers the guard compares with follows from the sealed records alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from runner.ask import ANSWERS, facts_of, prompt_set, write_answers
from runner.domain.answers import Answer, Answers
from runner.domain.campaign import Campaign, Quality
from runner.domain.records import RecordKind
from runner.domain.trial import Attempt
from runner.reference import reference_answers
from runner.store.record import record_path, seal_attempt
from tests import make

GUARDED = make.campaign(quality=Quality("f16", 0.9))


def answers(attempt_id: str, prompts_id: str | None = None, silent: int = 0) -> Answers:
    chosen = prompt_set()
    given = [Answer(prompt.name, "yes") for prompt in chosen.prompts]
    given[:silent] = [Answer(prompt.name, error="HTTP 500") for prompt in chosen.prompts[:silent]]
    return Answers(attempt_id, "f16", prompts_id or chosen.id, tuple(given))


def sealed(results: Path, n: int, given: Answers | None = None, **changes: Any) -> Attempt:
    made = make.attempt(GUARDED, n, n=n, **changes)
    given = given or answers(made.attempt_id)
    facts = facts_of(given, "f16", None, is_reference=True)
    made = replace(made, quality=facts)
    scratch = results / "scratch"
    scratch.mkdir(parents=True, exist_ok=True)
    seal_attempt(results, made, files={ANSWERS: write_answers(given, scratch)})
    return made


def found(of: Campaign, attempts: list[Attempt], results: Path) -> str | None:
    given = reference_answers(of, attempts, results)
    return given.attempt_id if given else None


def test_the_first_default_of_the_reference_that_answered_everything(results: Path) -> None:
    other = sealed(results, 0, entry="q8")
    searched = sealed(results, 1, values={"threads": 2})
    partly = sealed(results, 2, answers(make.an_id(102), silent=1))
    whole, again = sealed(results, 3), sealed(results, 4)
    everyone = [again, whole, partly, searched, other]
    assert found(GUARDED, everyone, results) == whole.attempt_id, "the order of the list does not matter"
    assert found(GUARDED, [again], results) == again.attempt_id, "the first was withdrawn"
    assert found(GUARDED, [partly, searched, other], results) is None
    assert found(make.campaign(), everyone, results) is None, "no guard, no reference"


def test_answers_to_other_prompts_are_none(results: Path) -> None:
    older = sealed(results, 0, answers(make.an_id(100), prompts_id="older"))
    assert found(GUARDED, [older], results) is None


def test_a_record_whose_answers_are_gone_is_passed_over(results: Path) -> None:
    first, second = sealed(results, 0), sealed(results, 1)
    (record_path(results, RecordKind.ATTEMPT, first.attempt_id) / ANSWERS).unlink()
    assert found(GUARDED, [first, second], results) == second.attempt_id


def test_what_an_attempt_keeps_of_its_answers() -> None:
    mine, its = answers("mine", silent=2), answers("reference")
    compared = facts_of(mine, "f16", its, is_reference=False)
    assert (compared.reference_attempt, compared.asked, compared.answered) == ("reference", 16, 14)
    assert compared.agreement is not None
    assert (compared.agreement.exact, compared.agreement.prompts) == (14, 16)
    alone = facts_of(mine, "f16", None, is_reference=False)
    assert (alone.reference_attempt, alone.agreement) == (None, None)
    assert facts_of(its, "f16", None, is_reference=True).reference_attempt == "reference"
    older = facts_of(mine, "f16", answers("reference", "older"), is_reference=False)
    assert older.agreement is None, "other prompts are not compared"
    assert facts_of(mine, "f16", None, is_reference=True).reference_attempt is None, "it did not answer everything"


def test_the_prompts_are_sixteen_of_several_kinds() -> None:
    chosen = prompt_set()
    assert (len(chosen.prompts), chosen.max_tokens) == (16, 32)
    assert len({prompt.name for prompt in chosen.prompts}) == 16
    assert all(20 < len(prompt.text) < 200 for prompt in chosen.prompts)
    assert len(chosen.id) == 16
