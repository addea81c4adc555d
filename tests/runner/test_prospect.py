"""What a run would still do, by what a snapshot knows."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from runner.campaign.load import parse
from runner.cli._main import run_command_line
from runner.cli._plan_markdown import LONGEST, comment, of_plan
from runner.domain.campaign import Budget, Campaign, Confirm, Goal
from runner.domain.failure import EndReason
from runner.domain.prior import Prior
from runner.domain.records import RecordKind
from runner.errors import StoreDamaged, StoreError
from runner.plan import plan
from runner.prospect import Would, prospect
from runner.retract import retract
from runner.scoring.rules import rules_id, rules_of
from runner.store.ingest import ingest
from runner.store.known import Known, KnownTrial, Pace, known
from runner.store.record import seal
from runner.store.snapshot import snapshot
from tests import make
from tests.runner.test_plan import TEXT


def campaign(text: str = TEXT) -> Campaign:
    return parse(text, Path("planned.yaml"))


def measured(of: Campaign, statuses: list[str], **changes: Any) -> Known:
    """A store in which the first configurations of the plan have these statuses."""
    made = plan(of)
    points = [p.configuration for p in (*made.defaults, *made.configurations) if p.rule is None]
    trials = tuple(
        KnownTrial(n, one.fingerprint, one.entry, one.is_default, status, 10.0 + n if status == "succeeded" else None)
        for n, (one, status) in enumerate(zip(points, statuses, strict=False))
    )
    whole = Known(
        series=0, version_sha256=of.version_sha256, rules_id=rules_id(rules_of(of)), end_reason="trials",
        run_trials=len(trials), run_planned=len(trials), trials=trials, pace=Pace(30.0, 4, "of this campaign"),
    )  # fmt: skip
    return replace(whole, **changes)


DONE = ["succeeded"] * 4 + ["failed"]  # the default and the four that the pre-check lets pass


def test_a_first_run_starts() -> None:
    left = prospect(plan(campaign()), Known(earlier=3))
    assert (left.would, left.new_trials, left.points, left.seconds) == (Would.START, 7, 0, None)
    assert "3 trials under this name" in left.text


def test_a_finished_campaign_has_nothing_to_do() -> None:
    left = prospect(plan(campaign()), measured(campaign(), DONE))
    assert (left.would, left.attempts, left.points, left.looked_at) == (Would.NOTHING, 0, 5, 5)
    other = replace(campaign(), version_sha256="x")
    assert "note the new version" in prospect(plan(other), measured(campaign(), DONE)).text


def test_an_unfinished_run_is_resumed_and_estimated() -> None:
    of = replace(campaign(), hardware=replace(campaign().hardware, gpus=2, price_per_gpu_hour=3.0))
    left = prospect(plan(of), measured(of, ["succeeded", "unmeasured"], end_reason=None))
    assert (left.would, left.new_trials, left.again, left.points) == (Would.RESUME, 3, 1, 1)
    assert left.seconds == 4 * 30
    assert left.cost == pytest.approx(4 * 30 / 3600 * 2 * 3.0)


def test_more_trials_extend() -> None:
    left = prospect(plan(campaign()), measured(campaign(), DONE[:3]))
    assert (left.would, left.new_trials) == (Would.EXTEND, 2)
    slice_of_it = measured(campaign(), DONE[:3], run_planned=50)
    assert prospect(plan(campaign()), slice_of_it).would is Would.RESUME, "--max-trials had cut it short"


def auto(**search: Any) -> Campaign:
    of = campaign()
    return replace(of, search=replace(of.search, **{"stop": "auto", "trials": 5, **search}))


def test_a_search_that_found_enough_says_so_and_how_to_go_on() -> None:
    ended = {"end_reason": "converged", "message": "2 more trials would improve nothing", "run_planned": 5}
    left = prospect(plan(auto()), measured(auto(), DONE[:3], **ended))
    assert (left.would, left.attempts) == (Would.NOTHING, 0)
    assert left.text == (
        "nothing: enough was found: 2 more trials would improve nothing. Raise search.trials, or write search.stop: "
        "never, to go on (--again starts another series)"
    )
    more = prospect(plan(auto(trials=6)), measured(auto(), DONE[:3], **ended))
    assert (more.would, more.new_trials) == (Would.EXTEND, 2)
    assert more.text.endswith("2 new trials at most, fewer if search.stop: auto finds enough again")
    never = prospect(plan(auto(stop="never")), measured(auto(), DONE[:3], **ended))
    assert (never.would, never.new_trials) == (Would.EXTEND, 2)
    assert "fewer" not in never.text
    again = prospect(plan(auto()), measured(auto(), ["withdrawn", *DONE[1:3]], **ended))
    assert (again.new_trials, again.again) == (0, 1)
    other = replace(auto(), objective=replace(campaign().objective, metric="ttft_p90", goal=Goal.MINIMIZE))
    assert prospect(plan(other), measured(auto(), DONE[:3], **ended)).new_trials == 2, "by other rules it is not known"


def test_a_space_with_nothing_untried_is_no_search_that_found_enough() -> None:
    left = prospect(plan(auto(trials=50)), measured(auto(), DONE, end_reason="converged", run_planned=5))
    assert (left.would, left.text) == (Would.NOTHING, "nothing: all trials are done (--again starts another series)")


def test_a_changed_objective_only_rescores() -> None:
    of = campaign(TEXT.replace("{metric: output_throughput}", "{metric: ttft_p90}"))
    left = prospect(plan(of), measured(campaign(), DONE))
    assert (left.would, left.attempts) == (Would.RESCORE, 0)


def test_a_withdrawn_trial_is_measured_again() -> None:
    left = prospect(plan(campaign()), measured(campaign(), ["withdrawn", *DONE[1:]]))
    assert (left.would, left.again, left.points) == (Would.RESUME, 1, 4)
    assert "1 trial to measure again" in left.text


def test_a_spent_budget_ends_the_search_but_not_the_confirmation() -> None:
    of = replace(campaign(), budget=Budget(failures=1), confirm=Confirm(top=1, repeats=2))
    left = prospect(plan(of), measured(of, ["succeeded", "failed", "succeeded"]))
    assert (left.new_trials, left.confirm) == (0, 4)
    default_first = prospect(plan(of), measured(of, ["succeeded", "failed"], confirmed=frozenset()))
    assert default_first.confirm == 2, "the best is the default"


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> make.Made:
    return make.write_store(tmp_path_factory.mktemp("known") / "results")


def test_a_snapshot_tells_what_it_knows(sealed: make.Made, tmp_path: Path) -> None:
    shutil.copytree(sealed.results, tmp_path / "r")
    path = tmp_path / "r" / "snapshot.duckdb"
    seen = known(path, sealed.campaign)
    assert (seen.series, seen.end_reason, len(seen.trials)) == (0, "trials", 12)
    assert [t.fingerprint for t in seen.trials] == [sealed.of(n).configuration.fingerprint for n in range(12)]
    assert (seen.version_sha256, seen.rules_id) == (sealed.campaign.version_sha256, sealed.rules.rules_id)
    assert len(seen.confirmed) == 12
    assert seen.pace is not None
    assert (seen.pace.of, seen.pace.attempts) == ("of this campaign", 20)

    retract(tmp_path / "r", "smollm-cpu#4", "wrong")
    ingest(tmp_path / "r")
    snapshot(tmp_path / "r")
    states = {t.number: t.status for t in known(path, sealed.campaign).trials}
    assert (states[4], len(states)) == ("withdrawn", 12)

    assert seen.message == ""

    stranger = replace(sealed.campaign, search_key="other")
    seen = known(path, stranger)
    assert (seen.series, seen.earlier) == (None, 11)
    assert seen.pace is not None
    assert "of other campaigns of SmolLM2" in seen.pace.of


def test_a_snapshot_tells_why_the_search_ended(tmp_path: Path) -> None:
    made = make.write_store(tmp_path / "r", ended=False)
    end = make.run_end(made.run, end_reason=EndReason.CONVERGED, message="the last 9 trials brought nothing")
    seal(made.results, RecordKind.RUN_END, end.run_id, end)
    ingest(made.results)
    snapshot(made.results)
    seen = known(made.results / "snapshot.duckdb", made.campaign)
    assert (seen.end_reason, seen.message) == ("converged", "the last 9 trials brought nothing")


def test_what_is_no_snapshot_is_refused(tmp_path: Path) -> None:
    import duckdb

    with pytest.raises(StoreError, match="no snapshot at"):
        known(tmp_path / "absent.duckdb", campaign())
    (tmp_path / "page.duckdb").write_text("<!doctype html>")
    with pytest.raises(StoreDamaged, match="no snapshot that this tunebook can read"):
        known(tmp_path / "page.duckdb", campaign())
    with duckdb.connect(str(tmp_path / "other.duckdb")) as connection:
        connection.execute("CREATE TABLE x (a INTEGER)")
    with pytest.raises(StoreDamaged, match="no snapshot"):
        known(tmp_path / "other.duckdb", campaign())


def test_a_snapshot_from_elsewhere_reads_no_file_of_this_machine(tmp_path: Path) -> None:
    """A hostile one: its `trials` is a view on a file here. A plan in a public comment would show what stands there."""
    import duckdb

    (tmp_path / "private.csv").write_text("secret\n1\n")
    with duckdb.connect(str(tmp_path / "evil.duckdb")) as connection:
        for name in ("campaigns", "runs", "rules", "attempts", "retractions"):
            connection.execute(f"CREATE TABLE {name} (a INTEGER)")
        connection.execute(f"CREATE VIEW trials AS SELECT * FROM read_csv('{tmp_path}/private.csv')")
    with pytest.raises(StoreDamaged) as caught:
        known(tmp_path / "evil.duckdb", campaign())
    assert "secret" not in caught.value.what


def test_the_comment_of_a_pull_request_is_short_and_tame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    evil = TEXT.replace("model.gguf", "'@octocat/<img src=x>|[a](b).gguf'")
    Path("planned.yaml").write_text(evil)
    Path("broken.yaml").write_text("tunebook: 1\nname: '@octocat'\n")
    assert run_command_line(["plan", ".", "--markdown"]) == 2
    out = capsys.readouterr().out
    assert out.startswith("<!-- tunebook plan -->\n## tunebook plan\n")
    assert "problems" in out
    assert "2 configurations refused</summary>" in out
    assert "Not checked without the hardware" in out
    assert "octocat" in out
    assert "@octocat" not in out
    assert "<img" not in out

    made = plan(campaign())
    taken = unescape("\n".join(of_plan(made, Path("p.yaml"), None, None, None, "", Prior((make.warm_start(),)))))
    assert "| warm start | <code>trial 14 of llama3-chat, +38 % output_throughput there: f16 threads=2 " in taken
    section = of_plan(made, Path("x" * 4000), None, None, None, "")
    text = comment([section] * 60)
    assert len(text) <= LONGEST
    assert text.endswith("`tunebook plan --json` shows all.*\n")


def test_the_command_refuses_what_it_can_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("planned.yaml").write_text(TEXT)
    for words, status, message in (
        (["--store", "absent.duckdb"], 5, "error[store]: no snapshot at absent.duckdb"),
        (["--store", "results/store.duckdb"], 2, "snapshot.duckdb"),
        (["--store", "ftp://host/x"], 2, "http"),
        (["--json", "--markdown"], 2, "two forms"),
    ):
        assert run_command_line(["plan", "planned.yaml", *words]) == status
        assert message in capsys.readouterr().err


def test_json_has_the_same_facts(sealed: make.Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "planned.yaml").write_text(TEXT)
    words = ["plan", str(tmp_path / "planned.yaml"), "--json", "--store", str(sealed.results)]
    assert run_command_line(words) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[0])
    assert said["measured"] == {
        "series": None, "points": 0, "looked_at": 5, "trials": 0, "succeeded": 0, "failed": 0, "unmeasured": 0,
        "withdrawn": 0, "confirming_attempts": 0,
    }  # fmt: skip
    assert (said["would"]["run"], said["would"]["new_trials"]) == ("start", 7)
    assert said["would"]["pace"]["of"] == "of other campaigns on CPU"
