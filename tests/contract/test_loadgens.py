"""What every load generator keeps to: its file's constant, and the protocol between driver and child.

A new file in runner/loadgens is found here by itself. One whose own program is not installed is skipped where it
would have to run; in CI that fails.
"""

from __future__ import annotations

import sys
import typing
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from runner.domain.campaign import Scenario
from runner.domain.metrics import STATS
from runner.domain.trial import Endpoint
from runner.loadgens import LoadGenerator, Row, loadgens
from runner.loadgens._driver import Child
from tests.contract.bystander import bystander
from tests.runner.loadgens.driving import Ran, closed, job, run, wait_for
from tests.runner.simulated.world import PATIENCE, serving

_MARKS = {"genai-bench": pytest.mark.genai_bench}
NOBODY = Endpoint("http://127.0.0.1:9", "nobody")


@pytest.fixture(scope="module", params=[pytest.param(name, marks=_MARKS.get(name, ())) for name in loadgens.names()])
def loadgen(request: pytest.FixtureRequest) -> LoadGenerator:
    return loadgens.get(request.param)


@dataclass(frozen=True)
class Whole:
    """A job of two levels, run to its end: what the driver heard, and what the server says of it."""

    ran: Ran
    seen: list[dict[str, Any]]


@pytest.fixture(scope="module")
def whole(loadgen: LoadGenerator, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Once for several tests: a client may take ten seconds to start. In a folder where no checkout lies, behind a
    proxy that nobody is at, and beside a server, its port and files of somebody else, which are left as they were."""
    around = tmp_path_factory.mktemp("whole")
    folder = around / "a folder with spaces"
    folder.mkdir()
    assert str(folder) not in sys.path
    with pytest.MonkeyPatch.context() as environment, bystander(around):
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            environment.setenv(name, "http://127.0.0.1:9")
        for name in ("no_proxy", "NO_PROXY"):
            environment.delenv(name, raising=False)
        with serving(around) as world:
            ran = run(job(world.endpoint, closed(1, 3), requests=9, warmup=2), folder, loadgen)
            return Whole(ran, world.seen())


@pytest.mark.parametrize("name", loadgens.names())
def test_the_constant_is_annotated_and_bears_the_name_of_its_file(name: str) -> None:
    module = import_module(f"runner.loadgens.{name.replace('-', '_')}")
    assert typing.get_type_hints(module).get("LOADGEN") is LoadGenerator
    assert loadgens.get(name).name == name
    assert loadgens.get(name).version()


@pytest.mark.parametrize("name", loadgens.names())
def test_the_command_is_plain_strings_with_both_paths(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNEBOOK_GENAI_BENCH", sys.executable)  # a Python: it is not started here
    command = loadgens.get(name).command(tmp_path / "a job.json", tmp_path / "rows.jsonl")
    assert all(isinstance(part, str) for part in command)
    assert {str(tmp_path / "a job.json"), str(tmp_path / "rows.jsonl")} <= set(command)


def test_load_never_goes_through_a_proxy(whole: Whole) -> None:
    """It would be measured too; and a proxy knows nothing of our loopback."""
    assert [row.error for row in whole.ran.rows] == [None] * len(whole.ran.rows)
    assert len(whole.ran.rows) >= 2


def test_a_level_may_come_with_its_order(loadgen: LoadGenerator, tmp_path: Path) -> None:
    """Where the load is searched nobody can list the levels before; one is skipped here, as none is ever listed."""
    plans = closed(2, 1)
    with serving(tmp_path) as world:
        work = job(world.endpoint, (), requests=3, most=4)
        ran = Ran()
        with Child(loadgen, work, tmp_path, tmp_path / "client.log", "test") as child:
            for plan in plans:
                assert child.next(plan)
                wait_for(child, "level_ended", ran)
            rows = child.rows()
    assert [(event["position"], event["sent"]) for event in ran.named("level_ended")] == [(0, 3), (1, 3)]
    assert [row.position for row in rows if row.kind == "measure"] == [0, 0, 0, 1, 1, 1]
    assert [row.error for row in rows] == [None] * len(rows)


def test_two_levels_from_order_to_end(whole: Whole) -> None:
    ran, seen = whole.ran, whole.seen
    order = [(event["event"], event["position"]) for event in ran.events if event["event"].startswith("level")]
    assert order == [("level_started", 0), ("level_ended", 0), ("level_started", 1), ("level_ended", 1)]
    for ended in ran.named("level_ended"):
        rows = [row for row in ran.rows if row.position == ended["position"]]
        assert len(rows) == ended["sent"] >= 9
        assert len({row.number for row in rows}) == len(rows)
        assert ended["seconds"] >= max(row.ended for row in rows) - 1e-3
        assert ended["cpu_seconds"] >= 0
        assert ended.get("lag", {}).keys() <= set(STATS)
        assert all(seconds >= 0 for seconds in ended.get("lag", {}).values())
    assert len(ran.warmups) == 4
    assert len(seen) >= len(ran.rows) + len(ran.warmups)
    for row in ran.rows:
        assert row.error is None
        assert row.output_tokens == row.asked_output == 8
        assert row.first is not None
        assert row.last is not None
        assert 0 <= row.intended <= row.sent < row.first <= row.last <= row.ended


def test_again_measures_the_level_that_has_ended_once_more(loadgen: LoadGenerator, tmp_path: Path) -> None:
    """The last level too; and with other prompts: an engine has those of the first time in its cache."""
    ran = Ran()
    with serving(tmp_path) as world:
        work = job(world.endpoint, closed(1, 2), requests=3)
        with Child(loadgen, work, tmp_path, tmp_path / "client.log", "test") as child:
            for order in ("next", "again", "next", "again"):
                assert child.order(order)
                wait_for(child, "level_ended", ran)
            child.order("next")
            wait_for(child, "end", ran)
            rows = [row for row in child.rows() if row.kind == "measure"]
        prompts = [one["prompt_sha256"] for one in world.seen() if "-m-" in one["id"]]
    assert [event["position"] for event in ran.named("level_started")] == [0, 0, 1, 1]
    counts = [sum(row.position == position for row in rows) for position in (0, 1)]
    assert all(count >= 6 for count in counts)
    assert len(set(prompts)) == len(prompts) == len(rows)


def test_a_level_ends_when_its_time_is_over(loadgen: LoadGenerator, tmp_path: Path) -> None:
    """However many requests it may send; what is on its way then is waited for. Each takes about a second."""
    with serving(tmp_path, "--time-scale", "1") as world:
        work = job(world.endpoint, closed(1, scenario=Scenario("D(20,60)", "D", 20, 60)), requests=40, duration=2.0)
        ran = run(work, tmp_path, loadgen)
    assert 1 <= len(ran.rows) < 10
    assert all(row.error is None for row in ran.rows)
    assert max(row.ended for row in ran.rows) >= 2.0


def test_stop_before_a_level_ends_it_with_no_row(loadgen: LoadGenerator, tmp_path: Path) -> None:
    with Child(loadgen, job(NOBODY, closed(1)), tmp_path, tmp_path / "client.log", "test") as child:
        child.order("stop")
        end = child._process.wait(PATIENCE)
        assert end is not None
        assert end.code == 0
        assert child.rows() == []


def test_the_end_of_its_stdin_ends_it_in_the_middle_of_a_level(loadgen: LoadGenerator, tmp_path: Path) -> None:
    with serving(tmp_path) as world:
        work = job(world.endpoint, closed(2))
        with Child(loadgen, work, tmp_path, tmp_path / "client.log", "test") as child:
            child.order("next")
            wait_for(child, "progress", Ran())
            stdin = child._process.stdin
            assert stdin is not None
            stdin.close()
            assert child._process.wait(PATIENCE) is not None


def test_what_a_killed_child_leaves_is_whole_rows_and_what_is_beside_it(loadgen: LoadGenerator, tmp_path: Path) -> None:
    """A server, its port and files of somebody else are as they were, as they are beside one that ends by itself."""
    with bystander(tmp_path), serving(tmp_path) as world:
        work = job(world.endpoint, closed(4))
        with Child(loadgen, work, tmp_path, tmp_path / "client.log", "test") as child:
            child.order("next")
            while wait_for(child, "progress", Ran())["done"] < 5:
                pass
            child._process.stop(0.0)
            rows = child.rows()
        assert child._process.poll() is not None
    assert len(rows) >= 5
    assert all(isinstance(row, Row) and row.error is None for row in rows)


def test_it_runs_from_any_folder(whole: Whole) -> None:
    """The driver starts it in the attempt's own folder, where no checkout lies."""
    assert len(whole.ran.rows) >= 2
