"""Plan and pre-check: what would run, what is refused and why, what it costs at worst; and the commands on top."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from runner.campaign.load import parse
from runner.cli._main import run_command_line
from runner.domain.campaign import Campaign, Hardware
from runner.domain.parameters import Point
from runner.plan import plan
from runner.precheck import precheck
from runner.runtimes import runtimes
from runner.space.resolve import default_point, resolve

TEXT = """\
tunebook: 1
name: planned
model: {path: model.gguf}
runtimes:
  - runtime: simulated
    flags: {ctx-size: 512}
    space:
      max-num-seqs: [4, 8, 16]
      chunk-size: [128, 512]
    where: ["ctx-size / max-num-seqs >= request_tokens / 2"]
workload:
  scenarios: ["D(64,32)"]
  load: {concurrency: [1, 4]}
  each_level: {duration: 5s}
objective: {metric: output_throughput}
search: {trials: 50}
timeouts: {load: 20s, ready: 10s, level: 30s, stop: 5s}
"""


def campaign(*changes: tuple[str, str]) -> Campaign:
    text = TEXT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return parse(text, Path("planned.yaml"))


def test_a_small_space_is_looked_at_whole() -> None:
    made = plan(campaign())
    assert (made.grid, made.complete, made.continuous, made.duplicates) == (6, True, False, 0)
    assert len(made.configurations) == 6
    assert [planned.configuration.values["max-num-seqs"] for planned in made.rejected] == [16, 16]
    reason = "ctx-size / max-num-seqs >= request_tokens / 2 is false: 512 / 16 = 32 < 96 / 2 = 48"
    assert {(planned.rule, planned.reason) for planned in made.rejected} == {("where", reason)}
    assert made.trials == 7  # the default and all six; a refused one costs a trial number at most


def test_worst_case_adds_every_deadline() -> None:
    worst = plan(campaign()).worst
    assert worst.attempt == 20 + 10 + 2 * 30 + 5
    assert worst.search == worst.total == 7 * 95
    assert worst.gpu_hours == 0
    assert worst.measuring == 10


def on_gpus(of: Campaign, gpu_hours: float | None = None) -> Campaign:
    """The arithmetic knows GPUs, though `check` lets none be asked for with a search yet."""
    return replace(of, hardware=Hardware(gpus=2), budget=replace(of.budget, gpu_hours=gpu_hours))


def test_budgets_cut_the_worst_case_off() -> None:
    made = plan(on_gpus(campaign(("search:", "budget: {wall: 5m}\nconfirm: {top: 1, repeats: 2}\nsearch:"))))
    assert made.worst.confirm == 2 * 2 * 95
    assert made.worst.total == 300 + 380
    assert made.worst.ended_by == "budget.wall"
    assert made.worst.gpu_hours == pytest.approx(680 / 3600 * 2)
    tight = plan(on_gpus(campaign(("search:", "budget: {wall: 5m}\nsearch:")), gpu_hours=0.05))
    assert (tight.worst.ended_by, tight.worst.total) == ("budget.gpu_hours", 90)


def test_a_large_space_is_sampled_and_repeatable() -> None:
    large = campaign(("[128, 512]", "{int: [16, 4096], log: true}"))
    one, two = plan(large, limit=50), plan(large, limit=50)
    assert one == two
    assert (one.complete, one.continuous) == (False, True)
    assert 30 < len(one.configurations) <= 50
    assert one.duplicates == 0
    assert one.trials == 50


def test_points_that_make_the_same_configuration_are_duplicates() -> None:
    twin = campaign(("max-num-seqs: [4, 8, 16]", "max-num-seqs: [4, 8]\n      env.LEVEL: ['1', 1]"))
    made = plan(twin)
    assert (len(made.configurations), made.duplicates) == (4, 4)


def test_an_entry_without_a_space_has_one_trial() -> None:
    searched = TEXT[TEXT.index("    space:") : TEXT.index("workload:")]
    made = plan(campaign((searched, "")))
    assert (made.trials, len(made.defaults), made.configurations) == (1, 1, ())


def test_precheck_asks_the_campaign_first_then_the_engine() -> None:
    made = campaign(("flags: {ctx-size: 512}", "flags: {ctx-size: 64}"), ("request_tokens / 2", "8"))
    entry = made.entries[0]
    passes_where = resolve(entry, Point(entry.name, {"max-num-seqs": 4, "chunk-size": 128}))
    assert precheck(passes_where, made) == (
        "context-too-small",
        "ctx-size 64 holds less than a request of 96 tokens",
    )
    fails_both = resolve(entry, Point(entry.name, {"max-num-seqs": 16, "chunk-size": 128}))
    assert precheck(fails_both, made) == ("where", "ctx-size / max-num-seqs >= 8 is false: 64 / 16 = 4 < 8")


def test_a_default_passes_constraints_over_flags_it_does_not_set() -> None:
    made = campaign()
    assert precheck(resolve(made.entries[0], default_point(made.entries[0])), made) is None


def test_the_command_shows_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "planned.yaml").write_text(TEXT)
    assert run_command_line(["plan", "planned.yaml"]) == 0
    out = capsys.readouterr().out
    assert "looked at  6 configurations (all): 2 refused, 0 duplicates" in out
    assert "where: ctx-size / max-num-seqs >= request_tokens / 2 is false: 512 / 16 = 32 < 96 / 2 = 48" in out
    assert "measuring  at most 1m10s in all (2 levels x 5s x 7 attempts, 10s each)" in out
    assert "at worst   11m5s (1m35s per attempt)" in out
    assert out.index("  measuring  ") < out.index("  at worst  ")
    assert "not here   no model at " in out
    assert [path.name for path in tmp_path.iterdir()] == ["planned.yaml"]


def test_json_is_one_object_per_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "planned.yaml").write_text(TEXT)
    (tmp_path / "broken.yaml").write_text("tunebook: 1\n")
    assert run_command_line(["plan", ".", "--json"]) == 2
    out, err = capsys.readouterr()
    first, last = map(json.loads, out.splitlines())
    assert (first["event"], first["campaign"], len(first["configurations"])) == ("plan", "planned", 6)
    assert {c["rule"] for c in first["configurations"]} == {None, "where"}
    assert last == {"event": "end", "exit_code": 2}
    assert "broken.yaml" in err


@pytest.mark.parametrize("runtime", runtimes.names())
def test_a_new_campaign_is_accepted_as_it_is(
    runtime: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_command_line(["new", "my-first", "--runtime", runtime]) == 0
    text = (tmp_path / "my-first.yaml").read_text()
    assert text.startswith("tunebook: 1 "), "no schema outside a project, so no line about one"
    assert 15 <= len(text.splitlines()) <= 27
    capsys.readouterr()
    assert run_command_line(["check", "my-first.yaml"]) == 0
    assert capsys.readouterr().out.startswith("ok my-first.yaml: my-first, 1 entry, ")
    assert run_command_line(["new", "my-first", "--runtime", runtime]) == 2
    assert "exists already" in capsys.readouterr().err
    assert (tmp_path / "my-first.yaml").read_text() == text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["new", "My First"], "no good name"), (["new", "x", "--runtime", "simulate"], "did you mean 'simulated'?")],
)
def test_new_refuses_before_it_writes(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_command_line(arguments) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_new_points_at_the_schema_of_its_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("campaigns", "site"):
        (tmp_path / folder).mkdir()
    (tmp_path / "mkdocs.yml").touch()
    (tmp_path / "site" / "campaign.schema.json").touch()
    assert run_command_line(["new", "x"]) == 0
    first = (tmp_path / "campaigns" / "x.yaml").read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=../site/campaign.schema.json"
