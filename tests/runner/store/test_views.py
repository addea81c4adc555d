"""What the views say of a believable campaign, and of the odd ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from runner.domain.campaign import Goal, Hardware, Objective
from runner.domain.failure import Cause, LevelState, Outcome, Phase, Role
from runner.domain.records import RecordKind
from runner.domain.trial import ErrorCount, Placement
from runner.scoring import severity as scale
from runner.store import schema
from runner.store.ingest import ingest
from runner.store.record import seal, seal_rules
from runner.store.snapshot import snapshot
from tests import make
from tests.runner.store.conftest import Ask


def trial(ask: Ask, made: make.Made, number: int, columns: str) -> tuple[object, ...]:
    (row,) = ask(made.results, f"SELECT {columns} FROM trials WHERE trial_id = ?", [made.trials[number]])
    return row


def test_every_view_can_be_read(sealed: make.Made, ask: Ask) -> None:
    for item in schema.described():
        if item.kind == "view":
            ask(sealed.results, f"FROM {item.name}")


def test_trials_say_how_each_ended(sealed: make.Made, ask: Ask) -> None:
    found = ask(sealed.results, "SELECT number, entry, status, phase, cause FROM trials ORDER BY number")
    assert found == [
        (0, "f16", "succeeded", "done", None),
        (1, "q8", "succeeded", "done", None),
        (2, "f16", "succeeded", "done", None),
        (3, "q8", "failed", "start", "bad_flag"),
        (4, "f16", "succeeded", "done", None),
        (5, "f16", "failed", "load", "oom_load"),
        (6, "q8", "succeeded", "done", None),
        (7, "f16", "failed", "measure", "crash"),
        (8, "f16", "failed", "slo", "slo"),
        (9, "q8", "failed", "ready", "hang"),
        (10, "q8", "succeeded", "done", None),
        (11, "f16", "succeeded", "done", None),
    ]


def test_scores_severities_and_penalties(sealed: make.Made, ask: Ask) -> None:
    rows = ask(
        sealed.results,
        "SELECT status, score, severity, penalty, penalty_classic, unit FROM trials ORDER BY severity, number",
    )
    good = [row for row in rows if row[0] == "succeeded"]
    bad = [row for row in rows if row[0] == "failed"]
    assert len(good) == 7
    assert all(row[1] > 0 and row[2] == 0 and row[3] is None and row[4] is None for row in good)
    assert all(row[1] is None and 0 < row[2] < 1 for row in bad)
    assert {row[5] for row in rows} == {"tok/s"}
    worst = min(row[1] for row in good)
    penalties = [row[3] for row in bad]
    assert all(penalty < worst for penalty in penalties)
    assert penalties == sorted(penalties, reverse=True), "the worse the failure, the worse the penalty"
    spread = max(row[1] for row in good) - worst
    assert penalties[-1] == pytest.approx(worst - 0.95 * spread)


def test_a_missed_hard_slo_keeps_its_numbers(sealed: make.Made, ask: Ask) -> None:
    status, score, value, evidence = trial(ask, sealed, 8, "status, score, objective_value, evidence")
    assert (status, score) == ("failed", None)
    assert isinstance(value, float)
    assert value > 30
    assert "ttft_p99" in str(evidence)
    verdicts = ask(
        sealed.results,
        "SELECT position, verdict FROM slo_verdicts JOIN trials USING (attempt_id) "
        "WHERE number = 8 AND slo = 'ttft_p99' AND latest ORDER BY position",
    )
    assert verdicts == [(0, "met"), (1, "missed_hard")]


def test_an_infrastructure_fault_is_retried_and_does_not_decide(sealed: make.Made, ask: Ask) -> None:
    assert trial(ask, sealed, 6, "status, attempts") == ("succeeded", 2)
    found = ask(sealed.results, "SELECT outcome, cause, severity FROM failures WHERE number = 6")
    assert found == [("infra", "port", None)]


def test_a_trial_with_nothing_but_infrastructure_faults_is_unmeasured(results: Path, ask: Ask) -> None:
    port = make.failure(Phase.START, Cause.PORT)
    stopped = make.failure(Phase.LOAD, Cause.INTERRUPTED)
    attempts = [
        make.attempt(values={"threads": 1}, failed=port, n=1),
        make.attempt(values={"threads": 1}, failed=stopped, n=2, role=Role.RETRY),
    ]
    assert attempts[1].outcome is Outcome.INTERRUPTED
    make.write_store(results, attempts=attempts)
    columns = "status, score, severity, penalty, penalty_classic, phase, cause, attempts"
    assert ask(results, f"SELECT {columns} FROM trials") == [
        ("unmeasured", None, None, None, None, "load", "interrupted", 2)
    ]
    assert ask(results, "SELECT status, severity FROM scores") == [("unmeasured", None)] * 2
    assert ask(results, "FROM best") == []


def test_confirmed_scores_are_the_mean_of_one_client(store: make.Made, ask: Ask) -> None:
    (mean, repeats, failed, client) = trial(
        ask, store, 11, "confirmed_score, confirm_repeats, confirm_failed, confirm_client"
    )
    values = ask(
        store.results,
        "SELECT s.value FROM scores s JOIN attempts a USING (attempt_id) WHERE a.number = 11 AND a.role = 'confirm'",
    )
    assert len(values) == 3
    assert mean == pytest.approx(sum(row[0] for row in values) / 3)
    assert (repeats, failed, client) == (3, 0, "native")
    chosen = store.of(11).configuration
    for n in (1, 2):  # another client measures twice as much: not mixed in, whatever it says
        other = make.attempt(
            store.campaign, 11, configuration=chosen, role=Role.CONFIRM, repeat=n, throughput=500.0, n=300 + n,
            client="genai-bench",
        )  # fmt: skip
        make.seal_one(store.results, other)
    ingest(store.results)
    snapshot(store.results)
    assert trial(ask, store, 11, "confirmed_score, confirm_client") == (mean, "native")


def test_best_is_the_best_confirmed_trial(sealed: make.Made, ask: Ask) -> None:
    ((number, score, basis),) = ask(
        sealed.results, "SELECT t.number, b.score, b.basis FROM best b JOIN trials t USING (trial_id)"
    )
    assert (number, basis) == (4, "confirmed")
    assert score == max(
        row[0] for row in ask(sealed.results, "SELECT confirmed_score FROM trials WHERE number > 1") if row[0]
    )
    found = ask(sealed.results, "SELECT entry, basis, status FROM baselines ORDER BY entry")
    assert found == [("f16", "confirmed", "succeeded"), ("q8", "confirmed", "succeeded")]


@pytest.mark.parametrize(
    ("metric", "goal", "winner"), [("e2e_p50", Goal.MINIMIZE, 1), ("output_throughput", Goal.MAXIMIZE, 1)]
)
def test_best_follows_the_goal(results: Path, ask: Ask, metric: str, goal: Goal, winner: int) -> None:
    of = make.campaign(objective=Objective(metric, goal, "worst"), slos=())
    attempts = [
        make.attempt(of, 0, throughput=50.0, ttft=0.1),
        make.attempt(of, 1, values={"threads": 4}, throughput=90.0, ttft=0.05),
        make.attempt(of, 2, values={"threads": 1}, throughput=20.0, ttft=0.4),
        make.attempt(of, 3, values={"threads": 2}, failed=make.failure()),
    ]
    make.write_store(results, of=of, attempts=attempts)
    found = ask(results, "SELECT t.number, b.basis FROM best b JOIN trials t USING (trial_id)")
    assert found == [(winner, "search")]
    ((penalty, worst),) = ask(
        results,
        f"SELECT max(penalty), {'min' if goal is Goal.MAXIMIZE else 'max'}(score) FROM trials",
    )
    assert penalty < worst if goal is Goal.MAXIMIZE else penalty > worst


def test_when_nothing_succeeded_there_is_no_penalty_and_no_best(results: Path, ask: Ask) -> None:
    make.write_all_failed(results)
    rows = ask(results, "SELECT status, penalty, penalty_classic, severity FROM trials ORDER BY severity")
    assert [row[0] for row in rows] == ["failed"] * 3
    assert [row[1] for row in rows] == [None] * 3
    assert all(row[2] < 0 for row in rows)
    assert ask(results, "FROM best") == []
    assert ask(results, "SELECT count(*) FROM trials WHERE severity = (SELECT min(severity) FROM trials)") == [(1,)]


def test_one_success_alone_still_beats_its_failures(results: Path, ask: Ask) -> None:
    attempts = [make.attempt(number=0), make.attempt(number=1, values={"threads": 1}, failed=make.failure())]
    make.write_store(results, attempts=attempts)
    (score, penalty) = (row[0] for row in ask(results, "SELECT coalesce(score, penalty) FROM trials ORDER BY number"))
    assert penalty == pytest.approx(score - 0.8 * 0.1 * score), "the spread is 10 % of the worst"


@pytest.mark.parametrize(
    ("message", "completion", "expected"),
    [  # the vectors of the predecessor's published scale
        ("Failed to deploy InferenceService", 30 / 600, -1200),
        ("crash", 30 / 600, -1000),
        ("OOM", 300 / 600, -750),
        ("crash", 300 / 600, -500),
        ("crash", 480 / 600, -200),
        ("Experiment timed out", 1.0, -100),
        ("timeout", 1.0, -80),
        ("Failed to deploy: CUDA out of memory (oom)", 20 / 600, -1200),
        ("crash", 119.9 / 600, -1000),
        ("crash", 120 / 600, -500),
        ("crash", 360 / 600, -200),
        ("crash", 570 / 600, -100),
    ],
)
def test_the_classic_penalty(sealed: make.Made, ask: Ask, message: str, completion: float, expected: float) -> None:
    ((found,),) = ask(sealed.results, "SELECT penalty_classic(?, ?)", [message, completion])
    assert found == expected
    assert isinstance(found, float)


def test_the_classic_penalty_is_a_double_in_the_snapshot(sealed: make.Made, ask: Ask) -> None:
    """Written without decimals it would be DECIMAL, which clients show and plot differently."""
    assert ask(sealed.results, "SELECT DISTINCT typeof(penalty_classic) FROM trials") == [("DOUBLE",)]
    assert ask(sealed.results, "SELECT typeof(penalty_classic('oom', 0.1))") == [("DOUBLE",)]


def test_levels_done_of_a_failure_reproduces_its_severity(results: Path, ask: Ask) -> None:
    """A degraded level counted, a failed one and one that was not reached did not."""
    of = make.campaign(workload=replace(make.campaign().workload, loads=(1.0, 2.0, 4.0, 8.0), min_success_rate=0.5))
    levels = (
        make.level(0, 1.0),
        make.level(1, 2.0, state=LevelState.DEGRADED, ok=9, failed=3, errors=(ErrorCount("reset", 3, "reset"),)),
        replace(make.broken_level(1), position=2, load_value=4.0),
        replace(make.not_reached(1), position=3, load_value=8.0),
    )
    broken = make.attempt(of, values={"threads": 1}, failed=make.failure(Phase.MEASURE, Cause.CRASH))
    make.write_store(results, of=of, attempts=[replace(broken, levels=levels)])
    ((done, severity),) = ask(results, "SELECT levels_done, severity FROM failures")
    assert done == 2
    assert severity == pytest.approx(scale.severity(make.failure(Phase.MEASURE, Cause.CRASH), done, 4))


def test_going_back_to_an_earlier_version_makes_it_the_latest(store: make.Made, ask: Ask) -> None:
    """A, then B with another objective, then A again: everything speaks of A, what ran under B included."""
    shown = "SELECT number, campaign_id, unit, score, rules_id FROM trials WHERE number < 12 ORDER BY number"
    before = ask(store.results, shown)
    other = make.campaign(
        objective=Objective("e2e_p50", Goal.MINIMIZE, "c=1"), slos=(), search_key=store.campaign.search_key
    )
    for n, of in ((1, other), (2, store.campaign)):
        run = make.run_start(of, run_id=make.an_id(60 + n), started_utc=make.utc(30_000 * n))
        seal(store.results, RecordKind.RUN_START, run.run_id, run)
        seal_rules(store.results, make.rules(of, written_utc=make.utc(30_000 * n)))
        if of is other:
            under_b = make.attempt(of, 12, values={"threads": 3}, throughput=80.0, n=900, run_id=run.run_id)
            make.seal_one(store.results, under_b)
        ingest(store.results)
        snapshot(store.results)
        assert ask(store.results, "SELECT campaign_id FROM campaigns WHERE latest") == [(run.campaign_id,)]
        assert ask(store.results, "SELECT DISTINCT campaign_id, unit FROM trials") == [
            (run.campaign_id, "s" if of is other else "tok/s")
        ]
    assert ask(store.results, shown) == before
    assert ask(store.results, "SELECT status, unit, score > 50 FROM trials WHERE number = 12") == [
        ("succeeded", "tok/s", True)
    ]
    assert ask(store.results, "SELECT count(*), count(*) FILTER (WHERE latest) FROM rules") == [(3, 1)]
    assert ask(store.results, "SELECT DISTINCT campaign_id FROM comparisons") == [(store.run.campaign_id,)]
    assert ask(store.results, "SELECT count(*), count(*) FILTER (WHERE latest) FROM campaigns") == [(2, 1)]


def test_a_retracted_attempt_is_left_out_and_shown(store: make.Made, ask: Ask) -> None:
    gone = store.of(4)
    fact = make.retraction(gone)
    seal(store.results, RecordKind.RETRACTION, fact.retraction_id, fact)
    assert ingest(store.results).new == 1
    snapshot(store.results)
    for view in ("attempts", "levels", "metrics", "phases", "scores", "slo_verdicts", "histograms", "cost"):
        assert ask(store.results, f"SELECT count(*) FROM {view} WHERE attempt_id = ?", [gone.attempt_id]) == [(0,)]
    found = ask(store.results, 'SELECT attempt_id, reason, "by", outcome FROM retractions')
    assert found == [(gone.attempt_id, "another job ran on the machine", "analyst", "measured")]
    assert trial(ask, store, 4, "status, attempts") == ("unmeasured", 3), "its confirm attempts alone decide nothing"


def test_two_series_are_kept_apart(store: make.Made, ask: Ask) -> None:
    run = replace(store.run, run_id=make.an_id(50), series=1, started_utc=make.utc(20_000))
    seal(store.results, RecordKind.RUN_START, run.run_id, run)
    second = [
        make.attempt(store.campaign, 0, series=1, run_id=run.run_id, throughput=50.0, n=700),
        make.attempt(
            store.campaign, 1, series=1, run_id=run.run_id, values={"threads": 4}, failed=make.failure(), n=701
        ),
    ]
    for one in second:
        make.seal_one(store.results, one)
    ingest(store.results)
    snapshot(store.results)
    assert ask(store.results, "SELECT series, count(*) FROM trials GROUP BY series ORDER BY series") == [
        (0, 12),
        (1, 2),
    ]
    assert [row[0] for row in ask(store.results, "SELECT series FROM best_by_series ORDER BY series")] == [0, 1]
    assert [row[0] for row in ask(store.results, "SELECT series FROM best")] == [1]
    ((penalty,),) = ask(store.results, "SELECT penalty FROM trials WHERE series = 1 AND status = 'failed'")
    ((score,),) = ask(store.results, "SELECT score FROM trials WHERE series = 1 AND status = 'succeeded'")
    assert penalty == pytest.approx(score * (1 - 0.08)), "from its own series, not from the first"


def test_a_new_version_of_a_campaign_takes_its_trials_along(store: make.Made, ask: Ask) -> None:
    newer = replace(store.campaign, description="changed", version_sha256="")
    newer = make.campaign(**{name: getattr(newer, name) for name in ("description", "search_key")})
    run = make.run_start(newer, run_id=make.an_id(60), started_utc=make.utc(30_000))
    seal(store.results, RecordKind.RUN_START, run.run_id, run)
    ingest(store.results)
    snapshot(store.results)
    assert ask(store.results, "SELECT count(*), count(*) FILTER (WHERE latest) FROM campaigns") == [(2, 1)]
    assert ask(store.results, "SELECT DISTINCT campaign_id FROM trials") == [(run.campaign_id,)]
    assert ask(store.results, "SELECT DISTINCT campaign_id FROM rejections") == [(run.campaign_id,)]


def test_cost_has_a_price_on_gpus_only(store: make.Made, ask: Ask) -> None:
    assert ask(store.results, "SELECT DISTINCT price, currency FROM cost") == [(None, None)]
    of = make.campaign(name="gpu", hardware=Hardware(2, "H100", 3.6))
    run = make.run_start(of, run_id=make.an_id(70), host=make.gpu_host(2))
    seal(store.results, RecordKind.RUN_START, run.run_id, run)
    attempt = make.attempt(of, run_id=run.run_id, n=800, host=make.gpu_host(2))
    make.seal_one(store.results, attempt)
    ingest(store.results)
    snapshot(store.results)
    ((seconds, gpu_seconds, price, currency),) = ask(
        store.results, "SELECT seconds, gpu_seconds, price, currency FROM cost WHERE run_id = ?", [run.run_id]
    )
    assert gpu_seconds == pytest.approx(2 * seconds)
    assert price == pytest.approx(gpu_seconds * 3.6 / 3600)
    assert currency == "USD"
    assert ask(store.results, "SELECT gpu_count, gpu FROM hosts WHERE gpu_count > 0") == [
        (2, "2x NVIDIA H100 80GB HBM3")
    ]


def test_every_attempt_says_what_measured_it(store: make.Made, ask: Ask) -> None:
    """To the version, and of the GPUs those that it was given: the machine may have others."""
    made = make.write_gpus(store.results)
    taken = replace(
        make.attempt(made.campaign, 2, n=802, run_id=made.run.run_id, host=make.gpu_host(3)),
        placement=Placement("0.0.0.0", 1, "/m", "m", "python3", "/tmp", ("GPU-00000002",), "sha256:1f"),
    )
    make.seal_one(store.results, taken)
    ingest(store.results)
    snapshot(store.results)
    rows = ask(
        store.results,
        "SELECT campaign, git_commit, tunebook_version, version_sha256, host, boot_id, kernel, cpu_model, engine, "
        "engine_version, client_version, python, image_digest, gpu_uuids, gpu, driver, cuda FROM provenance "
        "WHERE attempt_id = ?", [taken.attempt_id],
    )  # fmt: skip
    assert rows == [(
        "smollm-gpu", made.run.git_commit, "0.1.0", made.campaign.version_sha256, "gpu-1", taken.host.boot_id,
        taken.host.kernel, "Example server CPU", "llama.cpp", "b11549", "0.1.0", taken.host.python, "sha256:1f",
        ["GPU-00000002"], "NVIDIA H100 80GB HBM3", "580.95.05", "13.0",
    )]  # fmt: skip
    assert ask(store.results, "SELECT count(*) FROM provenance") == ask(store.results, "SELECT count(*) FROM attempts")
    without = "SELECT DISTINCT gpu_uuids, gpu, driver FROM provenance WHERE campaign = 'smollm-cpu'"
    assert ask(store.results, without) == [([], None, None)]


def test_facts_arrive_as_they_were(sealed: make.Made, ask: Ask) -> None:
    attempt = sealed.of(4)
    ((params, launch, warnings, engine, version, settings, started),) = ask(
        sealed.results,
        "SELECT t.params_json, a.launch, a.warnings, a.engine, a.engine_version, a.engine_settings_json, "
        "a.started_utc::VARCHAR FROM attempts a JOIN trials t USING (attempt_id) WHERE t.number = 4",
    )
    assert params == '{"batch-size":256,"flash-attn":true,"threads":4}'
    assert '--model "$MODEL" --port "$PORT"' in launch
    assert (warnings, engine, version, settings) == ([], "llama.cpp", "b11549", '{"n_ctx":2048}')
    assert started == attempt.started_utc.replace("T", " ").rstrip("Z").rstrip("0").rstrip(".")
    typed = 'SELECT params."batch-size"::INT + 1, params."flash-attn"::BOOL, params.nope FROM trials WHERE number = 4'
    assert ask(sealed.results, typed) == [(257, True, None)]
    metrics = ask(
        sealed.results, "SELECT value FROM metrics WHERE attempt_id = ? AND metric = 'ttft' AND stat = 'p99' "
        "ORDER BY position", [attempt.attempt_id],
    )  # fmt: skip
    assert [row[0] for row in metrics] == [level.metric("ttft", "p99") for level in attempt.levels]


def test_request_rows_are_read_from_the_record(sealed: make.Made, ask: Ask) -> None:
    attempt = sealed.of(7)
    found = ask(sealed.results, "SELECT count(*), count(error) FROM requests(?)", [attempt.attempt_id])
    assert found == [(24, 9)]
    assert ask(sealed.results, "SELECT n, kind FROM request_errors") == [(9, "reset")]


def test_quality_has_numbers_and_an_interval(store: make.Made, ask: Ask) -> None:
    """Of the reference itself nothing is compared; 12 of 16 equal answers leave a wide interval."""
    made = make.write_gpus(store.results)
    rows = ask(
        store.results,
        "SELECT number, reference, prompts, exact_match, round(exact_low, 3), round(exact_high, 3), token_agreement, "
        "token_unit, first_divergence, near_ties, logprob_difference FROM quality JOIN trials USING (attempt_id) "
        f"WHERE trials.search_key = '{made.campaign.search_key}' ORDER BY number",
    )
    assert rows == [
        (0, "f16", 16, None, None, None, None, None, None, None, None),
        (1, "f16", 16, 0.75, 0.505, 0.898, 0.92, "token", 14.0, 3, 0.0123),
    ]
