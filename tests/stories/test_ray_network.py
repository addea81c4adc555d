"""The network of a machine is cut in the middle of an attempt: it is done elsewhere, and once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.ray_cluster import cluster
from tests.ray_network import behind, cable
from tests.stories._ray_world import driver, gpu_campaign, left_on, run, said
from tests.stories._world import assert_nothing_left, attempts, proposals, tunebook

pytestmark = [pytest.mark.story, pytest.mark.ray, pytest.mark.matrix]


def test_a_machine_that_is_cut_off_costs_one_attempt_and_its_late_record_is_said(tmp_path: Path, results: Path) -> None:
    path = gpu_campaign(tmp_path, trials=3)
    with cable() as wire, cluster(wire.here) as machines:
        machines.add("near")
        with behind(wire, machines, "far") as far:
            machines.hold("far", "measure")
            machines.wait_for(2)
            with driver(machines, path, "--slots", "2", "--max-trials", "2", results=results) as running:
                machines.wait_until_held("far")
                wire.pull()
                machines.release("far")  # it goes on there, and seals what nobody waits for
                out, err = running.communicate(timeout=400)
            assert running.returncode == 0, out + err
            [lost] = [one for one in attempts(results) if one["outcome"] == "infra"]
            assert re.match(r"far/[0-9a-f]{8}: ", lost["failure"]["evidence"]), lost["failure"]
            assert [number for number, _ in proposals(results)] == [0, 1]
            assert [name for name in left_on(machines.home("far")) if name.endswith("attempt.json")], "nothing sealed"
            wire.plug()
            assert far.wait(300) != 0, "Ray's node ends when it hears that it counts as dead"
        before = {path: path.read_bytes() for path in (results / "records").glob("attempt-*/attempt.json")}
        with behind(wire, machines, "far"):
            machines.wait_for(2)
            lines = run(machines, path, "--slots", "2", results=results)
        [late] = [line for line in said(lines) if "late record" in line]
        told = f"had a late record of trial {lost['number']}, measured: it counts as infra since its driver gave it up"
        assert re.match(rf"far/[0-9a-f]{{8}} {told}", late), late
        assert {path: path.read_bytes() for path in before} == before
        assert left_on(machines.home("far")) == []
    asked = "SELECT count(*) AS n, count(DISTINCT attempt_id) AS ids FROM attempts"
    assert tunebook("sql", asked, "--format", "csv", results=results).stdout.split() == ["n,ids", "4,4"]
    assert [number for number, _ in proposals(results)] == [0, 1, 2]
    assert_nothing_left(results)
