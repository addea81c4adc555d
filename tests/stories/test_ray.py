"""A search on other machines: a real Ray cluster of several nodes on this one, with pretended GPUs."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from tests.ray_cluster import Cluster, cluster
from tests.stories._ray_world import gpu_campaign, left_on, run, said
from tests.stories._world import assert_nothing_left, attempts, proposals

pytestmark = [pytest.mark.story, pytest.mark.ray]


def test_a_search_on_two_machines_ends_with_all_records_at_home(tmp_path: Path, results: Path) -> None:
    with cluster() as machines:
        machines.add("one")
        machines.add("two")
        search(machines, tmp_path, results)


def search(machines: Cluster, tmp_path: Path, results: Path) -> None:
    path = gpu_campaign(tmp_path, trials=4, flags=", fault: slow_load:100")
    lines = run(machines, path, "--slots", "3", results=results)
    names = [line.split(": ")[0] for line in said(lines)[:2]]
    assert sorted(name.rpartition("/")[2] for name in names) == sorted(map(machines.node, ("one", "two")))
    assert all(line.endswith(": 1x NVIDIA H100 80GB HBM3") for line in said(lines)[:2]), said(lines)
    assert re.fullmatch(r"the cluster is ready: [\d.]+ s to connect, [\d.]+ s to ask 2 machines", said(lines)[2])
    assert said(lines)[3] == "2 of 3 slots: these machines hold no more attempts at a time"
    assert re.fullmatch(r"being away took [\d.]+ to [\d.]+ s for each of 4 attempts, .*", said(lines)[-1])
    facts = attempts(results)
    assert {one["outcome"] for one in facts} == {"measured"}
    assert [number for number, _ in proposals(results)] == [0, 1, 2, 3]
    spans = sorted((one["started_utc"], one["ended_utc"]) for one in facts)
    assert any(later[0] < earlier[1] for earlier, later in pairwise(spans)), "one at a time"
    assert any(line["event"] == "phase" and line["phase"] == "measure" for line in lines), "nothing heard meanwhile"
    for name in ("one", "two"):
        assert list((machines.home(name) / "leases").glob("*.lock")), f"{name} took no attempt"
        assert left_on(machines.home(name)) == []
    assert_nothing_left(results)
