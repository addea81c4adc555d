"""The other options of `run` beside `--executor ray`, as a user gives them, on a real cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ray_cluster import Cluster, cluster
from tests.stories._ray_world import gpu_campaign, refused, run, said
from tests.stories._world import assert_nothing_left, attempts

pytestmark = [pytest.mark.story, pytest.mark.ray, pytest.mark.matrix]


@pytest.fixture(scope="module")
def machines() -> Iterator[Cluster]:
    with cluster() as made:
        made.add("one")
        made.add("two")
        yield made


def test_confirmations_run_there_and_so_does_the_capacity_of_the_winner(
    machines: Cluster, tmp_path: Path, results: Path
) -> None:
    path = gpu_campaign(tmp_path, trials=2, top=1)
    path.write_text(path.read_text(encoding="utf-8") + "slo: {ttft_p99: {max: 10s}}\n", encoding="utf-8")
    lines = run(machines, path, "--slots", "2", results=results)
    assert any(line["event"] == "confirm_started" for line in lines)
    confirming = [one for one in attempts(results) if one["role"] == "confirm"]
    assert len(confirming) in (2, 4), "two of the winner, and two of the default where that is another"
    lines = run(machines, path, "--only", "best", results=results)
    assert any(line.startswith("attempts run on ") for line in said(lines))
    [capacity] = [one for one in attempts(results) if one["role"] == "capacity"]
    assert capacity["outcome"] == "measured"
    assert capacity["host"]["gpus"], "it was measured on a machine with a GPU, which the driver has not"
    [end] = [line for line in lines if line["event"] == "file_ended"]
    assert end["reason"].endswith("is measured")
    assert_nothing_left(results)


def test_files_that_no_machine_of_the_cluster_fits_are_skipped_where_that_is_asked_for(
    machines: Cluster, tmp_path: Path, results: Path
) -> None:
    folder = tmp_path / "campaigns"
    folder.mkdir()
    gpu_campaign(folder, trials=1, name="here")
    many = gpu_campaign(folder, trials=1, name="many")
    other = gpu_campaign(folder, trials=1, name="other")
    many.write_text(many.read_text(encoding="utf-8").replace("gpus: 1", "gpus: 4"), encoding="utf-8")
    other.write_text(other.read_text(encoding="utf-8").replace("gpu: h100", "gpu: a100"), encoding="utf-8")
    lines = run(machines, folder, "--matching", results=results)
    ends = {line["campaign"]: line["outcome"] for line in lines if line["event"] == "file_ended"}
    assert ends == {"here": "ran", "many": "skipped", "other": "skipped"}
    lines = run(machines, other, results=results, status=4)
    assert refused(lines)[0] == "other-hardware"


def test_a_server_that_runs_already_is_not_measured_from_other_machines(
    machines: Cluster, tmp_path: Path, results: Path
) -> None:
    path = gpu_campaign(tmp_path, trials=1)
    text = path.read_text(encoding="utf-8")
    space = text[text.index("    space:") : text.index("workload:")]
    attached = text.replace(space, "") + "deploy: {kind: attach, url: 'http://127.0.0.1:9'}\n"
    path.write_text(attached, encoding="utf-8")
    slug, what = refused(run(machines, path, results=results, status=2))
    assert (slug, what) == ("usage", "`deploy: attach` starts no engine on the machines of --executor ray")
    assert attempts(results) == []


def test_a_failed_trial_is_tried_again_there_and_a_budget_ends_the_search(
    machines: Cluster, tmp_path: Path, results: Path
) -> None:
    path = gpu_campaign(tmp_path, trials=2, flags=", fault: crash_load")
    run(machines, path, "--slots", "2", results=results, status=1)
    run(machines, path, "--retry-failed", results=results, status=1)
    assert [one["role"] for one in attempts(results)] == ["baseline", "search", "retry", "retry"]
    good = gpu_campaign(tmp_path, trials=2, name="good")
    lines = run(machines, good, "--budget", "1s", results=results)
    [end] = [line for line in lines if line["event"] == "run_ended"]
    assert end["end_reason"] == "interrupted"
    run(machines, good, "--due", results=results)
    assert sorted(one["number"] for one in attempts(results) if one["outcome"] == "measured") == [0, 1]
