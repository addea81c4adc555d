"""What a client can not do is said before anything runs, of the confirming client too; what a load becomes."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.campaign.identity import workload_identity
from runner.campaign.load import from_resolved, parse, resolved
from runner.domain.campaign import Campaign, Workload
from runner.domain.load import AT, LoadKind, Prefix, Shape
from runner.errors import CampaignError
from runner.loadgens import Can, asked_of_the_client, loadgens
from runner.scoring.levels import parse_at

TEXT = """\
tunebook: 1
name: example
model: {id: simulated/tiny}
runtimes: [{runtime: simulated}]
workload:
  scenarios: ["D(64,32)"]
  load: {concurrency: [4]}
objective: {metric: output_throughput}
"""
LOADS = {
    "load: {rate: [2, 1]}": (LoadKind.RATE, (1.0, 2.0), Shape()),
    "load: {ramp: [8], from: 0.5}": (LoadKind.RAMP, (8.0,), Shape(ramp_from=0.5)),
    "load: {burst: [8], every: 30s}": (LoadKind.BURST, (8.0,), Shape(burst_every=30.0)),
    "load: {rate: [2]}\n  arrivals: {gamma: 0.25}": (LoadKind.RATE, (2.0,), Shape(gamma=0.25)),
}


def changed(load: str, more: str = "") -> Campaign:
    return parse(TEXT.replace("load: {concurrency: [4]}", load) + more, Path("example.yaml"))


@pytest.mark.parametrize("text", LOADS)
def test_a_load_becomes_its_kind_and_shape(text: str) -> None:
    workload = changed(text).workload
    assert (workload.load_kind, workload.loads, workload.shape) == LOADS[text]
    assert from_resolved(resolved(changed(text))).workload == workload


def test_every_shape_is_another_lineage() -> None:
    keys = {changed(text).search_key for text in [*LOADS, "load: {concurrency: [4]}", "load: {burst: [8]}"]}
    assert len(keys) == len(LOADS) + 2


def test_a_workload_that_uses_nothing_new_says_nothing_of_it() -> None:
    """Its hashes are those of before there were shapes, prefixes and files."""
    assert set(workload_identity(Workload())) == {
        "client", "api", "scenarios", "load_kind", "loads", "each_level", "min_success_rate", "arrivals", "ignore_eos",
        "temperature",
    }  # fmt: skip
    assert workload_identity(Workload(prefix=Prefix(length=2)))["prefix"] == {"length": 2, "ratio": None, "groups": 1}


@pytest.mark.parametrize("kind", LoadKind)
def test_each_kind_of_load_has_a_word_for_objective_at(kind: LoadKind) -> None:
    word = next(word for word, known in AT.items() if known is kind)
    assert parse_at(f"{word}=8").load_kind is kind


def test_what_the_client_can_not_do_is_said_once_though_it_confirms_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(loadgens.get("native")), "can", frozenset({Can.PREFIX, Can.RATE}))
    more = "  prefix: {length: 8, groups: 2}\n"
    text = TEXT.replace("  load: {concurrency: [4]}\n", f"  load: {{ramp: [4]}}\n{more}")
    with pytest.raises(CampaignError) as error:
        parse(text + "confirm: {top: 1, client: native}\n", Path("example.yaml"))
    said = [(problem.slug, problem.what) for problem in error.value.problems()]
    why = "it is not made for it"
    assert said == [
        ("client-limit", f"workload.client native can not do load: {{ramp: ...}}: {why}"),
        ("client-limit", f"workload.client native can not do prefixes in more than one group: {why}"),
    ]


def test_a_closed_loop_with_lengths_asks_nothing_of_a_client() -> None:
    assert asked_of_the_client(changed("load: {concurrency: [4]}").workload) == []
