"""Withdrawing results: what is meant by an id, and what no longer counts afterwards."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from runner.cli._main import run_command_line
from runner.confirm import best_trial, missing_attempts
from runner.decide import SoFar, Step, next_step
from runner.domain.failure import Outcome, Role
from runner.domain.records import RecordKind
from runner.errors import UnknownId, UsageError
from runner.lineage import Lineage
from runner.retract import find, retract, retractions
from runner.store.history import history, lineage_facts, withdrawn
from runner.store.ingest import ingest
from runner.store.reader import open_snapshot
from runner.store.record import read_records, seal
from runner.store.snapshot import snapshot
from tests import make

REASON = "another job ran on the machine"


@pytest.fixture(scope="session")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> make.Made:
    return make.write_store(tmp_path_factory.mktemp("retract") / "results")


@pytest.fixture
def store(sealed: make.Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> make.Made:
    shutil.copytree(sealed.results, tmp_path / "results")
    monkeypatch.setenv("TUNEBOOK_LOCK_WAIT", "0.2")
    monkeypatch.setenv("TUNEBOOK_RESULTS", str(tmp_path / "results"))
    return make.Made(tmp_path / "results", sealed.campaign, sealed.run, sealed.rules, sealed.attempts, sealed.trials)


def ask(results: Path, query: str) -> list[tuple[Any, ...]]:
    ingest(results)
    snapshot(results)
    with closing(open_snapshot(results)) as connection:
        rows: list[tuple[Any, ...]] = connection.execute(query).fetchall()
        return rows


def lineage(store: make.Made) -> Lineage:
    mine = store.results, store.campaign.search_key, 0
    return Lineage.of(store.campaign, 0, history(*mine), withdrawn(*mine))


def test_ids_may_be_abbreviated_and_trials_named(store: make.Made) -> None:
    attempt = store.of(4)
    of_trial = {one.attempt_id for one in store.attempts if one.number == 4}
    assert [one.attempt_id for one in find(store.results, attempt.attempt_id).attempts] == [attempt.attempt_id]
    assert {one.attempt_id for one in find(store.results, attempt.trial_id[:13]).attempts} == of_trial
    assert {one.attempt_id for one in find(store.results, "smollm-cpu#4").attempts} == of_trial
    assert len(find(store.results, store.run.run_id).attempts) == len(store.attempts)
    assert find(store.results, f"attempt-{attempt.attempt_id}").attempts == (attempt,)


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("smollm-cpu#77", "has no trial 77", "trials 0 to 11"),
        ("smolm-cpu#1", "no run, trial, attempt or campaign", "did you mean smollm-cpu?"),
        ("zzzz", "no run, trial, attempt or campaign", "campaigns that ran here: smollm-cpu"),
        ("019c", "may be any of", "write more of it"),
    ],
)
def test_an_unknown_or_ambiguous_id_says_what_there_is(store: make.Made, text: str, what: str, hint: str) -> None:
    with pytest.raises(UnknownId) as caught:
        find(store.results, text)
    assert what in caught.value.what
    assert hint in str(caught.value.hint)


def test_a_bare_name_is_too_much_for_one_word(store: make.Made) -> None:
    with pytest.raises(UsageError, match="smollm-cpu is a whole campaign") as caught:
        find(store.results, "smollm-cpu")
    assert store.run.run_id in str(caught.value.hint)


def test_a_reason_is_needed_and_carries_no_secret(store: make.Made) -> None:
    with pytest.raises(UsageError):
        retract(store.results, "smollm-cpu#4", "  ")
    retract(store.results, "smollm-cpu#4", "ran with token=hf_abcdefgh12345678")
    assert {fact.reason for fact in retractions(store.results)} == {"ran with token=[redacted]"}


def test_twice_is_once(store: make.Made, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert run_command_line(["retract", "smollm-cpu#4", "--reason", REASON, "--by", "Ada"]) == 0
    assert len(retractions(store.results)) == 4, "the search attempt and three repeats, once each"
    out = capsys.readouterr().out
    assert "trial 4 of smollm-cpu: 4 attempts withdrawn" in out
    assert f"by Ada: {REASON}" in out
    assert "already withdrawn, nothing to do" in out
    assert run_command_line(["retract", "smollm-cpu#99", "--reason", REASON]) == 2
    assert run_command_line(["store", "verify"]) == 0


def test_another_trial_wins_when_the_confirmed_best_is_withdrawn(store: make.Made) -> None:
    ((best, basis),) = ask(store.results, "SELECT trial_id, basis FROM best")
    assert basis == "confirmed"
    before = best_trial(store.campaign, lineage(store).trials, lineage(store).attempts)
    assert before is not None
    assert before.trial_id == best
    assert ask(store.results, f"SELECT count(*) FROM comparisons WHERE trial_a = '{best}'") == [(3,)]

    retract(store.results, best, REASON)
    ((other, basis),) = ask(store.results, "SELECT trial_id, basis FROM best")
    assert (other != best, basis) == (True, "confirmed")
    after = best_trial(store.campaign, lineage(store).trials, lineage(store).attempts)
    assert after is not None
    assert after.trial_id == other
    for view in ("trials", "attempts", "comparisons", "scores"):
        column = {"comparisons": "trial_a", "scores": "attempt_id"}.get(view, "trial_id")
        gone = [best, *(one.attempt_id for one in store.attempts if one.trial_id == best)]
        listed = ", ".join(f"'{one}'" for one in gone)
        assert ask(store.results, f"SELECT count(*) FROM {view} WHERE {column} IN ({listed})") == [(0,)], view
    assert lineage_facts(store.results, store.campaign.search_key).comparisons == ()
    ((score, number),) = ask(
        store.results, "SELECT score, number FROM retractions WHERE role = 'search' AND outcome = 'measured'"
    )
    assert (score > 0, number) == (True, before.number)


def test_one_withdrawn_repeat_takes_its_comparisons_along_until_they_are_made_anew(store: make.Made) -> None:
    repeat = store.of(0, Role.CONFIRM)
    facts = list(lineage_facts(store.results, store.campaign.search_key).comparisons)
    resting = [fact for fact in facts if repeat.trial_id in (fact.trial_a, fact.trial_b)]
    assert (len(resting), len(facts)) == (1, 3)
    retract(store.results, repeat.attempt_id, REASON)
    kept = lineage_facts(store.results, store.campaign.search_key).comparisons
    assert {fact.comparison_id for fact in kept} == {fact.comparison_id for fact in facts if fact not in resting}
    assert ask(store.results, "SELECT count(*) FROM comparisons") == [(2,)]
    assert ask(store.results, "SELECT confirm_repeats FROM trials WHERE number = 0") == [(2,)]

    later = retractions(store.results)[0].retracted_utc.replace("20", "21", 1)
    anew = make.comparison(store.of(11), store.of(0), n=99, comparison_id=make.an_id(6099), compared_utc=later)
    seal(store.results, RecordKind.COMPARISON, anew.comparison_id, anew)
    assert ask(store.results, f"SELECT latest FROM comparisons WHERE trial_b = '{repeat.trial_id}'") == [(True,)]
    assert anew in lineage_facts(store.results, store.campaign.search_key).comparisons


def test_a_withdrawn_trial_keeps_its_number_and_is_measured_again_first(store: make.Made) -> None:
    """Its configuration is not proposed under another number, and the sampler does not hear of it."""
    gone = store.of(4)
    assert 4 in {one.number for one in lineage(store).told}
    retract(store.results, gone.trial_id, REASON)
    now = lineage(store)
    assert 4 not in {one.number for one in now.told}
    assert 4 in now.unjudged
    step = next_step(store.campaign, now, SoFar())
    assert isinstance(step, Step)
    assert (step.number, step.configuration) == (4, gone.configuration)

    again = make.attempt(
        store.campaign, 4, configuration=gone.configuration, throughput=90.0, n=900, run_id=make.an_id(9)
    )
    make.seal_one(store.results, again)
    assert 4 in {one.number for one in lineage(store).told}
    assert ask(store.results, "SELECT status, attempts FROM trials WHERE number = 4") == [("succeeded", 1)]
    assert ask(store.results, "SELECT count(*) FROM trials") == [(12,)]


def test_a_withdrawn_repeat_is_missing_again(store: make.Made) -> None:
    def missing() -> list[tuple[int, int]]:
        now = lineage(store)
        return [(one.number, repeat) for one, repeat in missing_attempts(store.campaign, now.trials, now.attempts)]

    assert missing() == []
    retract(store.results, store.of(0, Role.CONFIRM).attempt_id, REASON)
    assert missing() == [(0, 1)]


def test_what_was_spent_on_it_stays_spent(store: make.Made) -> None:
    of = make.gpu_campaign()
    attempt = make.attempt(of, 0, seconds=3600.0, gpu_seconds=3600.0)
    assert Lineage.of(of, 0, [], [attempt]).gpu_hours == 1.0


def test_a_whole_run_is_withdrawn_and_the_store_stays_right(
    store: make.Made, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(["retract", store.run.run_id, "--reason", REASON]) == 0
    assert "has no end yet" not in capsys.readouterr().err
    sealed = len(list(read_records(store.results, RecordKind.RETRACTION)))
    assert sealed == len(store.attempts)
    empty = "SELECT (SELECT count(*) FROM trials), (SELECT count(*) FROM best), (SELECT count(*) FROM comparisons)"
    assert ask(store.results, empty) == [(0, 0, 0)]
    assert ask(store.results, "SELECT count(*), count(DISTINCT number) FROM retractions") == [(sealed, 12)]
    assert run_command_line(["store", "rebuild"]) == 0
    assert run_command_line(["store", "verify"]) == 0
    assert ask(store.results, "SELECT count(*), count(DISTINCT number) FROM retractions") == [(sealed, 12)]
    assert any(one.outcome is Outcome.INFRA for one in store.attempts), "faults of the host are withdrawn too"


def test_a_held_store_is_no_obstacle(store: make.Made, capsys: pytest.CaptureFixture[str]) -> None:
    from runner.store._live import store_lock

    with store_lock(store.results):
        assert run_command_line(["retract", "smollm-cpu#4", "--reason", REASON]) == 0
    assert "stay pending" in capsys.readouterr().err
    assert len(retractions(store.results)) == 4
    assert ask(store.results, "SELECT count(*) FROM retractions") == [(4,)]
