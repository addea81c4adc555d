"""The table of edits in site/guide/campaigns.md, each edit made to a campaign that has been run to its end."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from runner.campaign.identity import with_identity
from runner.campaign.load import parse
from runner.decide import Over, SoFar, Step, next_step
from runner.domain.campaign import Campaign, Deploy
from runner.domain.failure import Role
from runner.domain.records import RecordKind
from runner.lineage import Lineage
from runner.run_campaign import Run, run_campaign
from runner.scoring.rules import rules_id, rules_of
from runner.store.history import history, lineage_facts
from runner.store.record import seal, seal_rules
from tests import make

PAGE = Path(__file__).parents[2] / "site/guide/campaigns.md"
BASE = """\
# as it was
tunebook: 1
name: edits
description: as it was
every: 7d
model: {id: simulated/tiny}
hardware: {price_per_gpu_hour: 2}
runtimes:
  - runtime: simulated
    name: one
    flags: {threads: 1}
    env: {OMP_NUM_THREADS: 1}
    space: {block-size: [8, 16, 32], max-num-seqs: [1, 2, 4]}
    where: ["block-size >= 8"]
  - {name: two, runtime: simulated, flags: {threads: 2}}
workload:
  scenarios: ["D(100,20)"]
  load: {concurrency: [1, 4]}
  each_level: {duration: 1m30s, requests: 12}
objective: {metric: output_throughput, at: worst}
slo: {ttft_p99: {max: 2s}}
quality: {reference: two, min_agreement: 0.5}
search: {sampler: random, trials: 4, seed: 3, startup: 2}
confirm: {top: 1, repeats: 2}
budget: {wall: 6h}
timeouts: {load: 20s}
"""
TWO = "  - {name: two, runtime: simulated, flags: {threads: 2}}\n"
ONE = BASE[BASE.index("  - runtime: simulated") : BASE.index(TWO)]

Change = Callable[[Campaign], Campaign]


def text(old: str, new: str) -> str:
    """The file with `old` replaced."""
    assert BASE.count(old) == 1, old
    return BASE.replace(old, new)


def read(content: str) -> Campaign:
    return parse(content, Path("edits.yaml"))


def value(**changes: object) -> Change:
    """What no file on this machine may say."""
    return lambda campaign: with_identity(replace(campaign, **changes))  # type: ignore[arg-type]


EDITS: dict[tuple[str, str], str | Change] = {
    ("goes on", "search.trials raised"): text("trials: 4", "trials: 6"),
    ("goes on", "confirm.top raised"): text("top: 1", "top: 2"),
    ("goes on", "confirm.repeats raised"): text("repeats: 2", "repeats: 3"),
    ("goes on", "confirm.at_most raised"): text("repeats: 2", "repeats: 2, at_most: 4"),
    ("scores again", "objective.metric"): text("metric: output_throughput", "metric: ttft_p90"),
    ("scores again", "objective.at"): text("at: worst", "at: c=4"),
    ("scores again", "slo"): text("max: 2s", "max: 3s"),
    ("scores again", "quality.min_agreement"): text("min_agreement: 0.5", "min_agreement: 0.6"),
    ("asks again", "quality.reference"): text("reference: two", "reference: one"),
    ("notes it", "search.trials lowered"): text("trials: 4", "trials: 3"),
    ("notes it", "budget.wall lowered"): text("wall: 6h", "wall: 5m"),
    ("notes it", "search.seed"): text("seed: 3", "seed: 4"),
    ("notes it", "search.sampler"): text("sampler: random", "sampler: tpe"),
    ("notes it", "search.startup"): text("startup: 2", "startup: 3"),
    ("notes it", "search.stop"): lambda c: value(search=replace(c.search, stop="auto"))(c),
    ("notes it", "search.warm_start"): lambda c: value(search=replace(c.search, warm_start=3))(c),
    ("notes it", "search.history"): lambda c: value(search=replace(c.search, history=False))(c),
    ("notes it", "search.baseline"): lambda c: value(search=replace(c.search, baseline=False))(c),
    ("notes it", "timeouts"): text("load: 20s", "load: 30s"),
    ("notes it", "name"): text("name: edits", "name: renamed"),
    ("notes it", "description"): text("description: as it was", "description: other words"),
    ("notes it", "every"): text("every: 7d", "every: 1d"),
    ("notes it", "hardware.price_per_gpu_hour"): text("price_per_gpu_hour: 2", "price_per_gpu_hour: 3"),
    ("notes it", "the order of runtimes"): text(ONE + TWO, TWO + ONE),
    ("nothing", "comments"): text("# as it was", "# as it is"),
    ("nothing", "the order of keys"): text("top: 1, repeats: 2", "repeats: 2, top: 1"),
    ("nothing", "another spelling of the same value"): text("1m30s", "90s"),
    ("begins a new lineage", "model"): text("simulated/tiny", "simulated/small"),
    ("begins a new lineage", "hardware.gpus"): lambda c: value(hardware=replace(c.hardware, gpus=2))(c),
    ("begins a new lineage", "hardware.cpus"): lambda c: value(hardware=replace(c.hardware, cpus=2))(c),
    ("begins a new lineage", "hardware.client_cpus"): text(
        "hardware: {price_per_gpu_hour: 2}", "hardware: {cpus: 1, client_cpus: 0}"
    ),
    ("begins a new lineage", "deploy"): value(deploy=Deploy("attach", {"url": "http://127.0.0.1:1"})),
    ("begins a new lineage", "runtimes with an entry more"): text(TWO, TWO + TWO.replace("two", "three")),
    ("begins a new lineage", "runtimes.name"): text("name: one", "name: uno"),
    ("begins a new lineage", "runtimes.flags"): text("flags: {threads: 1}", "flags: {threads: 4}"),
    ("begins a new lineage", "runtimes.env"): text("OMP_NUM_THREADS: 1", "OMP_NUM_THREADS: 2"),
    ("begins a new lineage", "runtimes.space"): text("[8, 16, 32]", "[8, 16]"),
    ("begins a new lineage", "runtimes.where"): text("block-size >= 8", "block-size > 4"),
    ("begins a new lineage", "runtimes.python"): text("    name: one", "    name: one\n    python: /usr/bin/python3"),
    ("begins a new lineage", "workload.scenarios"): text("D(100,20)", "D(100,21)"),
    ("begins a new lineage", "workload.load"): text("[1, 4]", "[1, 8]"),
    ("begins a new lineage", "workload.each_level"): text("requests: 12", "requests: 13"),
    ("begins a new lineage", "workload.api"): text("workload:", "workload:\n  api: completions"),
    ("begins a new lineage", "workload.ignore_eos"): text("workload:", "workload:\n  ignore_eos: false"),
    ("begins a new lineage", "workload.temperature"): text("workload:", "workload:\n  temperature: 1"),
    ("begins a new lineage", "workload.min_success_rate"): text("workload:", "workload:\n  min_success_rate: 0.5"),
}
ENDED_BY: dict[str, tuple[dict[str, object], dict[str, object]]] = {
    "budget.wall raised": ({"wall": 60.0}, {"wall": 6000.0}),
    "budget.gpu_hours raised": ({"gpu_hours": 0.5}, {"gpu_hours": 50.0}),
    "budget.failures raised": ({"failures": 1}, {"failures": 5}),
}
"""Edits of a campaign whose budget ended it: the budget before, and after."""


def table() -> set[tuple[str, str]]:
    """(effect, edit) of every row, the rows taken apart at their commas."""
    found = set()
    for line in PAGE.read_text(encoding="utf-8").split("| edit |")[1].split("\n\n")[0].splitlines()[2:]:
        edits, effect = (cell.strip() for cell in line.strip("|").split(" | ", 1))
        word = re.match(r"\*\*(.+?)\*\*", effect)
        assert word, line
        edits, _, _ = edits.partition(", where they")
        how = edits.rsplit(" ", 1)[1] if edits.endswith((" raised", " lowered")) else ""
        for edit in edits.removesuffix(how).split(","):
            found.add((word[1], f"{edit.strip().replace('`', '')} {how}".strip()))
    return found


def test_every_edit_of_the_table_is_made_here_and_no_other() -> None:
    assert table() == set(EDITS) | {("goes on", edit) for edit in ENDED_BY}


def finished(campaign: Campaign, results: Path) -> None:
    """Seal what a run to the end would have sealed."""
    start = make.run_start(campaign)
    seal(results, RecordKind.RUN_START, start.run_id, start)
    seal_rules(results, make.rules(campaign))
    n = 0
    while isinstance(step := next_step(campaign, lineage(campaign, results), SoFar()), Step):
        speed = 50.0 + 10 * n
        make.seal_one(
            results,
            make.attempt(
                campaign, step.number, configuration=step.configuration, throughput=speed, ttft=3.6 / speed, n=n,
                gpu_seconds=3600.0, quality=replace(make.quality(make.an_id(900)), reference="two"),
                failed=make.failure() if campaign.budget.failures else None,
            ),
        )  # fmt: skip
        n += 1
    for target, repeat in opened(campaign, results).confirm_left(lineage(campaign, results)):
        speed = (50.0 + 10 * target.number) * (1.2 if repeat % 2 else 0.8)  # two such repeats decide nothing
        made = make.attempt(
            campaign, target.number, configuration=target.configuration, throughput=speed, ttft=3.6 / speed, n=n,
            role=Role.CONFIRM, repeat=repeat, quality=replace(make.quality(make.an_id(900)), reference="two"),
        )  # fmt: skip
        make.seal_one(results, made)
        n += 1
    for verdict in opened(campaign, results).verdicts_left(lineage(campaign, results)):
        seal(results, RecordKind.COMPARISON, verdict.comparison_id, verdict)
    end = make.run_end(start)
    seal(results, RecordKind.RUN_END, end.run_id, end)


def lineage(campaign: Campaign, results: Path) -> Lineage:
    return Lineage.of(campaign, 0, history(results, campaign.search_key, 0))


def opened(campaign: Campaign, results: Path) -> Run:
    return Run.open(campaign, Path("edits.yaml"), results, results)


@pytest.mark.parametrize(("effect", "edit"), sorted(EDITS))
def test_what_the_table_says_of_an_edit(effect: str, edit: str, results: Path) -> None:
    before = read(BASE)
    finished(before, results)
    assert opened(before, results).nothing_to_do()
    change = EDITS[effect, edit]
    after = read(change) if isinstance(change, str) else change(before)
    run = opened(after, results)
    assert (after.search_key != before.search_key) is (effect == "begins a new lineage")
    if after.search_key == before.search_key:
        other = rules_id(rules_of(after)) != rules_id(rules_of(before))
        assert other is (effect in ("scores again", "asks again"))
    assert run.nothing_to_do() is (effect == "nothing")
    match effect:
        case "begins a new lineage":
            assert not run.facts.starts
        case "goes on" | "asks again":
            assert not run.series_is_over()
        case "scores again" | "notes it" | "nothing":  # nothing is measured; other rules may give other verdicts
            so_far = lineage(after, results)
            assert isinstance(next_step(after, so_far, run.so_far()), Over)
            assert not run.confirm_left(so_far)
            assert effect == "scores again" or run.series_is_over()
        case _:
            pytest.fail(f"the page has a new word: {effect}")


@pytest.mark.parametrize("edit", sorted(ENDED_BY))
def test_a_raised_budget_goes_on(edit: str, results: Path) -> None:
    ended, raised = (
        with_identity(replace(read(BASE), budget=replace(read(BASE).budget, **changes)))  # type: ignore[arg-type]
        for changes in ENDED_BY[edit]
    )
    ended = with_identity(replace(ended, search=replace(ended.search, trials=8)))
    raised = with_identity(replace(raised, search=replace(raised.search, trials=8)))
    if "wall" in edit:
        start = make.run_start(ended)
        seal(results, RecordKind.RUN_START, start.run_id, start)
        end = make.run_end(start)
        seal(results, RecordKind.RUN_END, end.run_id, end)
    else:
        finished(ended, results)
    assert opened(ended, results).series_is_over()
    assert len(lineage(ended, results).known) < 8
    assert not opened(raised, results).series_is_over()


@pytest.mark.parametrize(("effect", "edit"), [("notes it", "name"), ("scores again", "slo")])
def test_an_edit_that_a_run_takes_in_without_an_attempt(effect: str, edit: str, tmp_path: Path, results: Path) -> None:
    before = read(BASE)
    finished(before, results)
    content = EDITS[effect, edit]
    assert isinstance(content, str)
    after = read(content)
    path = tmp_path / "edits.yaml"
    path.write_text(content, encoding="utf-8")
    attempts = history(results, before.search_key)
    done = run_campaign(path, results, tmp_path)
    assert done.run_id is not None, "the new version is noted"
    assert history(results, before.search_key) == attempts, "nothing is deployed"
    facts = lineage_facts(results, before.search_key)
    assert [start.version_sha256 for start in facts.starts] == [before.version_sha256, after.version_sha256]
    rules = [fact.rules_id for fact in facts.rules]
    first, second = rules_id(rules_of(before)), rules_id(rules_of(after))
    assert rules == ([first, second] if effect == "scores again" else [first])
    assert (first != second) is (effect == "scores again")
    assert opened(after, results).nothing_to_do()
