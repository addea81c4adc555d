"""A machine that dies at every moment of an attempt, and what it had sealed when it comes back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ray_cluster import Cluster, cluster
from tests.ray_hold import SEAL, SEALED
from tests.stories._ray_world import driver, gpu_campaign, left_on, run, said
from tests.stories._world import assert_nothing_left, attempts, proposals, tunebook

pytestmark = [pytest.mark.story, pytest.mark.ray, pytest.mark.matrix]

MOMENTS = ("lease", "start", "load", "ready", "measure", SEAL, SEALED)


@pytest.fixture(scope="module")
def machines() -> Iterator[Cluster]:
    with cluster() as made:
        made.add("one")
        made.add("two")
        yield made


def killed_at(machines: Cluster, mortal: str, moment: str, path: Path, *words: str, results: Path) -> str:
    """A search on three machines, one of which, `mortal`, dies when its attempt comes to that moment. Its name."""
    machines.add(mortal)
    machines.hold(mortal, moment)
    name = machines.node(mortal)
    with driver(machines, path, "--slots", "3", *words, results=results) as running:
        machines.wait_until_held(mortal)
        machines.kill(mortal)
        machines.release(mortal)
        out, err = running.communicate(timeout=300)
    assert running.returncode == 0, out + err
    return name


def by_outcome(results: Path) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for one in attempts(results):
        found.setdefault(one["outcome"], []).append(one)
    return found


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_machine_that_dies_at_any_moment_costs_one_attempt_and_no_trial(
    moment: str, machines: Cluster, tmp_path: Path, results: Path
) -> None:
    name = killed_at(
        machines, moment, moment, gpu_campaign(tmp_path, trials=3, flags=", fault: slow_load:100"), results=results
    )
    found = by_outcome(results)
    [lost] = found.pop("infra")
    assert re.match(rf"\S+/{name}: ", lost["failure"]["evidence"]), lost["failure"]
    assert [len(some) for some in found.values()] == [3]
    assert [number for number, _ in proposals(results)] == [0, 1, 2]
    assert_nothing_left(results)


def test_what_a_dead_machine_had_measured_is_said_when_it_comes_back_and_changes_nothing(
    machines: Cluster, tmp_path: Path, results: Path
) -> None:
    path = gpu_campaign(tmp_path, trials=4, flags=", fault: slow_load:100")
    killed_at(machines, "back", SEALED, path, "--max-trials", "3", results=results)
    [lost] = by_outcome(results)["infra"]
    assert left_on(machines.home("back")), "the record of what it had measured"
    machines.add("back")
    name = machines.node("back")
    try:
        lines = run(machines, path, results=results)
    finally:
        machines.kill("back")
    [late] = [line for line in said(lines) if "late record" in line]
    told = f"/{name} had a late record of trial {lost['number']}, measured: it counts as infra since its driver gave"
    assert told in late
    assert left_on(machines.home("back")) == []
    asked = "SELECT count(*) AS n, count(DISTINCT attempt_id) AS ids FROM attempts"
    assert tunebook("sql", asked, "--format", "csv", results=results).stdout.split() == ["n,ids", "5,5"]
    assert [number for number, _ in proposals(results)] == [0, 1, 2, 3]
