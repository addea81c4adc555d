"""Judging all history by other rules: what is sealed, what stays in force, what can not be judged."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from runner.campaign.other_rules import OtherRules, from_words
from runner.cli._main import run_command_line
from runner.domain.campaign import Goal
from runner.domain.records import RecordKind
from runner.errors import AlreadyRunning, CampaignError, UnknownId, UsageError
from runner.lineage_lock import owned_lineage
from runner.rescore import ranked, rescore
from runner.store.ingest import ingest
from runner.store.reader import open_snapshot
from runner.store.rebuild import rebuild
from runner.store.record import read_records
from runner.store.snapshot import snapshot
from tests import make


@pytest.fixture
def store(tmp_path: Path) -> make.Made:
    return make.write_store(tmp_path / "results")


def ask(results: Path, query: str) -> list[tuple[Any, ...]]:
    ingest(results)
    snapshot(results)
    with closing(open_snapshot(results)) as connection:
        rows: list[tuple[Any, ...]] = connection.execute(query).fetchall()
        return rows


def test_every_attempt_gets_a_score_and_the_views_stay(store: make.Made) -> None:
    before = ask(store.results, "SELECT * FROM best ORDER BY ALL"), ask(store.results, "FROM trials ORDER BY trial_id")
    old = ask(store.results, "SELECT rules_id FROM rules WHERE latest")
    [done] = rescore(store.results, [], from_words("ttft_p90@c=1", ["e2e_p99=5s:hard:weight=2"]))
    assert done.new
    assert done.other.campaign.objective.goal is Goal.MINIMIZE
    attempts = ask(store.results, "SELECT count(*) FROM attempts")[0][0]
    scored = f"SELECT count(*) FROM scores WHERE rules_id = '{done.rules_id}' AND NOT latest"
    assert ask(store.results, scored) == [(attempts,)]
    assert ask(store.results, "SELECT DISTINCT rules_id FROM rules WHERE latest") == old, "the campaign's own stay"
    after = ask(store.results, "SELECT * FROM best ORDER BY ALL"), ask(store.results, "FROM trials ORDER BY trial_id")
    assert after == before


def test_again_is_a_no_op_and_a_rebuild_restores_it(store: make.Made) -> None:
    rules = from_words("request_throughput", [])
    [done] = rescore(store.results, ["smollm-cpu"], rules)
    ingest(store.results)
    count = len(list(read_records(store.results, RecordKind.RULES)))
    [again] = rescore(store.results, ["smollm-cpu"], rules)
    assert (again.new, again.rules_id) == (False, done.rules_id)
    assert len(list(read_records(store.results, RecordKind.RULES))) == count
    query = f"SELECT attempt_id, value, status FROM scores WHERE rules_id = '{done.rules_id}' ORDER BY ALL"
    before = ask(store.results, query)
    rebuild(store.results)
    assert ask(store.results, query) == before


def test_the_ranking_is_that_of_the_new_rules(store: make.Made) -> None:
    [done] = rescore(store.results, [], from_words("ttft_p50@c=1", [], without_slos=True))
    values = [trial.judgement.value for trial in ranked(done.other) if trial.judgement.value is not None]
    assert values == sorted(values), "less is better now"
    assert values != sorted(trial.judgement.value or 0 for trial in ranked(done.own))
    before, now = done.winners
    assert before is not None
    assert now is not None
    assert (now.number in {before.number}) or done.measured_once or now.judgement.value is not None


def test_what_was_not_measured_is_told(store: make.Made) -> None:
    """Nobody measured this delay in that store."""
    [done] = rescore(store.results, [], from_words(None, ["send_delay_p99=10ms:hard"]))
    assert done.unjudged
    assert all("send_delay_p99" in reason or "not measured" in reason for reason in done.unjudged.values())


@pytest.mark.parametrize(
    ("objective", "slos", "told"),
    [
        ("ttft_p5", [], "no metric called 'ttft_p5'"),
        ("output_throughput@c=77", [], "c=77 was not measured"),
        ("output_throughput:minimize", [], "is against output_throughput"),
        ("output_throughput@best", [], "is not one of worst, mean, goodput"),
        (None, ["ttft_p99=500"], "has no unit"),
        (None, ["ttft_p99=500ms", "ttft_p99=1s"], "names one metric twice"),
        (None, ["ttft_p99"], "is not METRIC=LIMIT"),
        (None, ["ttft_p99=1s:soft"], "is none of hard"),
    ],
)
def test_wrong_rules_are_refused_and_nothing_is_sealed(
    store: make.Made, objective: str | None, slos: list[str], told: str
) -> None:
    count = len(list(read_records(store.results, RecordKind.RULES)))
    with pytest.raises((CampaignError, UsageError)) as raised:
        rescore(store.results, [], from_words(objective, slos))
    assert told in raised.value.problems()[0].what
    assert len(list(read_records(store.results, RecordKind.RULES))) == count


def test_a_file_of_rules_says_where_it_is_wrong(store: make.Made) -> None:
    text = "objective: {metric: output_throughput, at: goodput}\nslo: {ttft_p90: {max: 2s}}\nsearch: {trials: 3}\n"
    with pytest.raises(CampaignError) as raised:
        rescore(store.results, [], OtherRules(text, "rules.yaml"))
    [problem] = raised.value.problems()
    assert (problem.what, str(problem.where)) == (
        "'search' is no part of the rules: they are objective and slo",
        "rules.yaml:3:1",
    )
    [done] = rescore(store.results, [], OtherRules(text.partition("search")[0], "rules.yaml"))
    assert done.other.campaign.objective.at == "goodput"


def test_an_unknown_campaign_has_a_neighbour(store: make.Made) -> None:
    with pytest.raises(UnknownId) as raised:
        rescore(store.results, ["smolm-cpu"], from_words("request_throughput", []))
    assert raised.value.hint == "did you mean 'smollm-cpu'?"


def test_a_lineage_that_runs_is_left_alone(store: make.Made, capsys: pytest.CaptureFixture[str]) -> None:
    """The run could bring other rules into force, between our reading of those in force and our sealing of them."""
    count = len(list(read_records(store.results, RecordKind.RULES)))
    with owned_lineage(store.results, store.campaign.search_key, "smollm-cpu"):
        with pytest.raises(AlreadyRunning, match=r"campaign 'smollm-cpu' is already running \(process \d+ on "):
            rescore(store.results, [], from_words("request_throughput", []))
        words = ["store", "rescore", "--objective", "request_throughput", "--results", str(store.results)]
        assert run_command_line(words) == 7
        assert "is already running" in capsys.readouterr().err
        assert len(list(read_records(store.results, RecordKind.RULES))) == count
    [done] = rescore(store.results, [], from_words("request_throughput", []))
    assert done.new
