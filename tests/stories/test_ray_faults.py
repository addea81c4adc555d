"""What can go wrong on other machines: a real Ray cluster of several nodes on this one, with pretended GPUs."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ray_cluster import PATIENCE, Cluster, cluster, environment
from tests.ray_install import ROOT
from tests.stories._ray_world import at_work, driver, gpu_campaign, left_on, refused, run, said, until_loading
from tests.stories._world import assert_nothing_left, attempts, events, our_processes, proposals, tunebook

pytestmark = [pytest.mark.story, pytest.mark.ray, pytest.mark.matrix]


@pytest.fixture(scope="module")
def machines() -> Iterator[Cluster]:
    """Two machines with a GPU each, for all tests that leave them as they are."""
    with cluster() as made:
        made.add("one")
        made.add("two")
        yield made


def test_the_suite_of_executors_holds_on_a_real_cluster(machines: Cluster) -> None:
    """In Ray's Python: there it finds the member of that name."""
    done = subprocess.run(
        [str(machines.python), "-m", "pytest", "-q", "-k", "ray", "tests/contract/test_executors.py"],
        env=environment(RAY_ADDRESS=machines.address), capture_output=True, text=True, cwd=ROOT, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^9 passed", done.stdout, re.M), done.stdout


@pytest.mark.parametrize(
    ("address", "slug", "status", "what"),
    [
        ("127.0.0.1:9", "network", 14, "no Ray cluster answers at 127.0.0.1:9: "),
        ("local", "usage", 2, "'local' is no address of a Ray cluster"),
        ("ray://127.0.0.1:10001", "usage", 2, "'ray://127.0.0.1:10001' is no address of a Ray cluster"),
    ],
)
def test_a_wrong_or_dead_address_is_one_error_and_no_cluster(
    machines: Cluster, tmp_path: Path, results: Path, address: str, slug: str, status: int, what: str
) -> None:
    lines = run(machines, gpu_campaign(tmp_path), results=results, address=address, status=status)
    assert refused(lines)[0] == slug
    assert refused(lines)[1].startswith(what)
    assert attempts(results) == []


def test_a_machine_with_another_tunebook_is_refused_by_name(machines: Cluster, tmp_path: Path, results: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(ROOT / "runner", other / "runner", ignore=shutil.ignore_patterns("__pycache__"))
    with (other / "runner" / "measure.py").open("a", encoding="utf-8") as file:
        file.write("# measured otherwise\n")
    machines.add("other", product=other)
    name = machines.node("other")
    try:
        lines = run(machines, gpu_campaign(tmp_path), results=results, status=4)
    finally:
        machines.kill("other")
    slug, what = refused(lines)
    assert slug == "not-ready"
    assert re.fullmatch(rf"\S+/{name} has another tunebook: code [0-9a-f]{{12}}, here [0-9a-f]{{12}}", what), what
    assert attempts(results) == []


def test_a_machine_that_dies_costs_a_retry_elsewhere(machines: Cluster, tmp_path: Path, results: Path) -> None:
    machines.add("mortal", gpus=2, fake="H100:2")  # the most room: it gets the first attempts too
    name = machines.node("mortal")
    path = gpu_campaign(tmp_path, trials=3, flags=", fault: slow_load:200")
    with driver(machines, path, "--slots", "3", results=results) as running:
        assert running.stdout is not None
        heard: list[dict[str, Any]] = []
        while len({one["number"] for one in heard if one.get("phase") == "load"}) < 3:
            line = running.stdout.readline()
            assert line, running.communicate()[1]
            heard += events(line)
        machines.kill("mortal")
        out, err = running.communicate(timeout=300)
    assert running.returncode == 0, out + err
    lost = [one for one in attempts(results) if one["outcome"] == "infra"]
    assert lost
    assert all(re.match(rf"\S+/{name}: ", one["failure"]["evidence"]) for one in lost), lost
    assert {one["phase"] for one in lost} == {"load"}, "as far as was heard"
    assert [number for number, _ in proposals(results)] == [0, 1, 2]
    assert len(attempts(results)) == 3 + len(lost)
    assert_nothing_left(results)


def test_asked_to_end_it_ends_the_engines_there_and_goes_on_with_them(
    machines: Cluster, tmp_path: Path, results: Path
) -> None:
    path = gpu_campaign(tmp_path, trials=2, flags=", fault: slow_load:200")
    with driver(machines, path, "--slots", "2", results=results) as running:
        until_loading(running)
        running.send_signal(signal.SIGTERM)
        out, err = running.communicate(timeout=120)
    assert running.returncode == 130, out + err
    assert [one["outcome"] for one in attempts(results)] == ["interrupted"] * 2
    assert {one["failure"]["evidence"] for one in attempts(results)} == {"stopped on request"}
    assert_nothing_left(results)
    assert [left_on(machines.home(name)) for name in ("one", "two")] == [[], []]


def test_a_driver_that_is_killed_loses_nothing_and_doubles_nothing(
    machines: Cluster, tmp_path: Path, results: Path
) -> None:
    path = gpu_campaign(tmp_path, trials=3, flags=", fault: slow_load:200")
    with driver(machines, path, "--slots", "2", results=results) as running:
        until_loading(running)
        lines = events(tunebook("status", "--json", results=results).stdout)
        assert [line["phase"] for line in lines if line["event"] == "attempt"] == ["load", "load"]
        assert lines[-1]["alive"] == 1
        running.kill()
        running.communicate(timeout=60)
    end = time.monotonic() + PATIENCE
    while left := our_processes(results):
        assert time.monotonic() < end, f"nobody ended {left}"
        time.sleep(0.5)
    lines = run(machines, path, "--slots", "2", results=results)
    assert "the records of 2 attempts waited there: here now" in said(lines)
    ends = sorted((one["number"], one["outcome"]) for one in attempts(results))
    assert ends == [(0, "interrupted"), (0, "measured"), (1, "interrupted"), (1, "measured"), (2, "measured")]
    assert [number for number, _ in proposals(results)] == [0, 1, 2]
    assert_nothing_left(results)
    assert [left_on(machines.home(name)) for name in ("one", "two")] == [[], []]


def test_a_worker_that_is_killed_leaves_no_engine_and_costs_a_retry(
    machines: Cluster, tmp_path: Path, results: Path
) -> None:
    path = gpu_campaign(tmp_path, trials=1, flags=", fault: slow_load:200")
    with driver(machines, path, results=results) as running:
        until_loading(running, 1)
        [registered] = [found for name in ("one", "two") for found in at_work(machines.home(name))]
        os.kill(registered["pid"], signal.SIGKILL)
        out, err = running.communicate(timeout=120)
    assert running.returncode == 0, out + err
    assert [(one["number"], one["outcome"]) for one in attempts(results)] == [(0, "infra"), (0, "measured")]
    assert_nothing_left(results)
    assert [left_on(machines.home(name)) for name in ("one", "two")] == [[], []]
