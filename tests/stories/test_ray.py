"""Attempts on other machines: a real Ray cluster of several nodes on this one, with pretended GPUs."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.ray_cluster import Cluster, cluster, environment
from tests.ray_install import ROOT
from tests.stories._world import assert_nothing_left, attempts, events, proposals, tunebook, write_campaign

pytestmark = [pytest.mark.story, pytest.mark.ray]


@pytest.fixture(scope="module")
def machines() -> Iterator[Cluster]:
    """Two machines with a GPU each, for all tests that leave them as they are."""
    with cluster() as made:
        made.add("one")
        made.add("two")
        yield made


def gpu_campaign(folder: Path, **changes: Any) -> Path:
    path = write_campaign(folder, loads="[1]", **changes)
    path.write_text(path.read_text(encoding="utf-8") + "hardware: {gpus: 1, gpu: h100}\n", encoding="utf-8")
    return path


def driver(machines: Cluster, *words: str | Path, results: Path, address: str | None = None) -> subprocess.Popen[str]:
    """`tunebook run` in Ray's Python, on a machine without GPUs."""
    own = {"TUNEBOOK_RESULTS": str(results), "TUNEBOOK_FAKE_GPUS": "none", "NO_COLOR": "1"}
    where = ("--executor", "ray", "--address", address or machines.address, "--json")
    return subprocess.Popen(
        [str(machines.python), "-m", "runner", "run", *map(str, words), *where],
        env=environment(**own), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip


def run(
    machines: Cluster, *words: str | Path, results: Path, address: str | None = None, status: int = 0
) -> list[dict[str, Any]]:
    with driver(machines, *words, results=results, address=address) as running:
        out, err = running.communicate(timeout=300)
    assert running.returncode == status, f"exit {running.returncode}\n{out}\n{err}"
    return events(out)


def said(lines: list[dict[str, Any]]) -> list[str]:
    return [line["message"] for line in lines if line["event"] == "notice"]


def refused(lines: list[dict[str, Any]]) -> tuple[str, str]:
    [error] = [line for line in lines if line["event"] == "error"]
    return error["slug"], error["what"]


def left_on(machine: Path) -> list[str]:
    """Files that attempts left in a machine's own folders, locks aside."""
    return [str(path.relative_to(machine)) for path in (machine / "cache" / "away").rglob("*") if path.is_file()]


def at_work(machine: Path) -> list[dict[str, Any]]:
    """The running files there."""
    return [json.loads(path.read_bytes()) for path in (machine / "cache" / "away").glob("*/running/*.json")]


def test_a_search_on_two_machines_ends_with_all_records_at_home(
    machines: Cluster, tmp_path: Path, results: Path
) -> None:
    path = gpu_campaign(tmp_path, trials=4, flags=", fault: slow_load:100")
    lines = run(machines, path, "--slots", "3", results=results)
    names = [line.split(": ")[0] for line in said(lines)[:2]]
    assert sorted(name.rpartition("/")[2] for name in names) == sorted(map(machines.node, ("one", "two")))
    assert all(line.endswith(": 1x NVIDIA H100 80GB HBM3") for line in said(lines)[:2]), said(lines)
    assert said(lines)[2] == "2 of 3 slots: these machines hold no more attempts at a time"
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


@pytest.mark.matrix
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


@pytest.mark.matrix
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


def until_loading(running: subprocess.Popen[str], count: int = 2) -> None:
    assert running.stdout is not None
    loading: set[int] = set()
    while len(loading) < count:
        line = running.stdout.readline()
        assert line, running.communicate()[1]
        [event] = events(line)
        if event["event"] == "phase" and event["phase"] == "load":
            loading.add(event["number"])


@pytest.mark.matrix
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


@pytest.mark.matrix
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
    lines = run(machines, path, "--slots", "2", results=results)
    assert "2 attempts of an earlier run were sealed there, and their records are here now" in said(lines)
    ends = sorted((one["number"], one["outcome"]) for one in attempts(results))
    assert ends == [(0, "interrupted"), (0, "measured"), (1, "interrupted"), (1, "measured"), (2, "measured")]
    assert [number for number, _ in proposals(results)] == [0, 1, 2]
    assert_nothing_left(results)
    assert [left_on(machines.home(name)) for name in ("one", "two")] == [[], []]


@pytest.mark.matrix
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
