"""genai-bench as a process: what it may see, who ends it, and what is said when it is not the one that is driven."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from runner.domain.campaign import Scenario
from runner.domain.trial import Endpoint
from runner.loadgens import loadgens
from runner.loadgens._driver import Child
from runner.loadgens.genai_bench.bench import SHIM
from runner.util import codec
from tests.make import canaries
from tests.runner.loadgens.driving import Ran, closed, job, run, wait_for
from tests.runner.simulated.world import PATIENCE, World, serving

LONG = {"requests": None, "duration": 600.0}


def shims(of: int | None = None) -> list[psutil.Process]:
    """Running shims below a process."""
    found = psutil.Process(of).children(recursive=True)
    return [one for one in found if is_shim(one)]


def is_shim(one: psutil.Process) -> bool:
    try:
        return str(SHIM) in one.cmdline() and one.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def lives(one: psutil.Process) -> bool:
    try:
        return one.is_running() and one.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def soon(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)
    return true()


def quiet(world: World) -> bool:
    """Whether no request comes any more."""
    before = len(world.seen())
    time.sleep(0.5)
    return len(world.seen()) == before


@contextmanager
def loading(folder: Path, users: int = 2) -> Iterator[tuple[World, Child, psutil.Process]]:
    """genai-bench in the middle of a long level."""
    with serving(folder) as world:
        work = job(world.endpoint, closed(users), **LONG)
        with Child(loadgens.get("genai-bench"), work, folder, folder / "client.log", "test") as child:
            child.order("next")
            while wait_for(child, "progress", Ran())["done"] < 5:
                pass
            [shim] = shims(child._process.pid)
            yield world, child, shim


@pytest.mark.genai_bench
def test_a_killed_shim_is_told_and_its_requests_are_lost(tmp_path: Path) -> None:
    with loading(tmp_path) as (world, child, shim):
        shim.kill()
        ran = Ran()
        failed = wait_for(child, "failed", ran)
        assert failed["message"] == "genai-bench ended by itself (SIGKILL)"
        ended = child._process.wait(PATIENCE)
        assert ended is not None
        assert ended.code == 1
        lost = [row for row in child.rows() if row.error]
        assert [row.error for row in lost] == ["lost", "lost"]
        assert quiet(world)


@pytest.mark.genai_bench
def test_a_killed_child_takes_it_along(tmp_path: Path) -> None:
    with loading(tmp_path) as (world, child, shim):
        os.kill(child._process.pid, signal.SIGKILL)
        assert soon(lambda: not is_shim(shim))
        assert quiet(world)


DRIVER = """
import sys
from pathlib import Path
from runner.loadgens import Job, loadgens
from runner.loadgens._driver import Child
from runner.util import codec

folder = Path(sys.argv[1])
job = codec.from_json(Job, (folder / "work.json").read_bytes())
with Child(loadgens.get("genai-bench"), job, folder, folder / "client.log", "test") as child:
    child.order("next")
    while True:
        event = child.event(0.1)
        if event is not None and event["event"] == "progress":
            print(event["done"], flush=True)
"""


@pytest.mark.genai_bench
def test_a_killed_driver_leaves_no_load_behind(tmp_path: Path) -> None:
    with serving(tmp_path) as world:
        (tmp_path / "work.json").write_text(codec.to_json(job(world.endpoint, closed(2), **LONG)))
        command = [sys.executable, "-c", DRIVER, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as driver:
            assert driver.stdout is not None
            while int(driver.stdout.readline()) < 5:
                pass
            below = psutil.Process(driver.pid).children(recursive=True)
            [shim] = shims(driver.pid)
            driver.kill()
        assert soon(lambda: not is_shim(shim) and not any(lives(one) for one in below))
        assert quiet(world)


@pytest.mark.genai_bench
def test_stop_in_the_middle_of_a_level_gives_it_up(tmp_path: Path) -> None:
    with loading(tmp_path, users=3) as (_, child, _shim):
        ended = child.give_up_level()
        assert ended is not None
        assert ended["gave_up"]
        rows = [row for row in child.rows() if row.kind == "measure"]
        assert 1 <= sum(row.error in ("lost", "cancelled") for row in rows) <= 3
        assert child._process.wait(PATIENCE) is not None
        assert shims() == []


@pytest.mark.genai_bench
def test_it_sees_and_says_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alone it writes the values of variables such as GITHUB_TOKEN into its log, its metadata and its output."""
    for name, value in canaries.BY_NAME.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MODEL_API_KEY", "words-of-another-shop")
    with serving(tmp_path) as world:
        endpoint = Endpoint(world.endpoint.base_url, world.endpoint.model, api_key="key-of-the-endpoint-77")
        work = job(endpoint, closed(2), **LONG)
        with Child(loadgens.get("genai-bench"), work, tmp_path, tmp_path / "client.log", "test") as child:
            child.order("next")
            while wait_for(child, "progress", Ran())["done"] < 5:
                pass
            [shim] = shims(child._process.pid)
            texts = [repr(shim.environ()), repr(shim.cmdline())]
            own = [path for path in tmp_path.glob("genai-bench-*/**/*") if path.is_file()]
            texts += [path.read_text(errors="replace") for path in own]
            assert [path.name for path in own] == ["experiment_metadata.json"]
            metadata = json.loads(own[0].read_text())
        texts += [(tmp_path / name).read_text() for name in ("client.log", "rows.jsonl")]
    assert "cmd" in metadata, "it is what would leak"
    secrets = [*canaries.values(), "words-of-another-shop", "key-of-the-endpoint-77"]
    assert [secret for secret in secrets for text in texts if secret in text] == []
    assert list(tmp_path.glob("genai-bench-*")) == [], "its folder goes with it"


@pytest.mark.genai_bench
def test_a_disk_that_takes_no_row_ends_it(tmp_path: Path) -> None:
    """Alone it leaves half a JSON file behind."""
    member = loadgens.get("genai-bench")
    with serving(tmp_path) as world:
        (tmp_path / "job.json").write_text(codec.to_json(job(world.endpoint, closed(1), requests=3)))
        command = member.command(tmp_path / "job.json", Path("/dev/full"))
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=tmp_path) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            child.stdin.write("next\n")
            child.stdin.flush()
            said = [json.loads(line) for line in child.stdout]
    assert child.returncode == 1
    assert "No space left on device" in said[-1]["message"]
    assert list(tmp_path.glob("genai-bench-*")) == []


def failing(python: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What is said when it is started with this interpreter."""
    monkeypatch.setenv("TUNEBOOK_GENAI_BENCH", python)
    with serving(folder) as world:
        work = job(world.endpoint, closed(1), requests=1)
        with Child(loadgens.get("genai-bench"), work, folder, folder / "client.log", "test") as child:
            child.order("next")
            return str(wait_for(child, "failed", Ran())["message"])


def test_a_python_without_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = failing(sys.executable, tmp_path, monkeypatch)
    assert said.startswith("genai-bench can not be imported: No module named")


@pytest.mark.genai_bench
def test_embeddings(tmp_path: Path) -> None:
    """Alone it has one user there, and batches of documents; here so many users with a document each."""
    plan = closed(1, 3, scenario=Scenario("E(40)", "E", 40, 0))
    with serving(tmp_path) as world:
        ran = run(job(world.endpoint, plan, requests=9, task="embeddings"), tmp_path, loadgens.get("genai-bench"))
        seen = world.seen()
    assert [(row.error, row.prompt_tokens, row.output_tokens, row.first) for row in ran.rows] == [
        (None, 40, 0, None)
    ] * 18
    assert all(row.last is not None and row.sent < row.last == row.ended for row in ran.rows)
    assert {one["prompt_tokens"] for one in seen if "-m-" in one["id"]} == {40}
    for ended in ran.named("level_ended"):
        assert set(ended["reported"]) == {"e2e", "request_throughput"}


@pytest.mark.genai_bench
def test_two_clients_are_asked_to_do_the_same_work(tmp_path: Path) -> None:
    """Request by request the same prompt and the same lengths: what differs is the client."""
    seen = []
    for name in ("native", "genai-bench"):
        folder = tmp_path / name
        folder.mkdir()
        with serving(folder) as world:
            run(job(world.endpoint, closed(1), requests=6), folder, loadgens.get(name))
            ours = [one for one in world.seen() if "-m-" in one["id"]]
            seen.append([(one["id"], one["prompt_sha256"], one["prompt_tokens"], one["asked"]) for one in ours])
    assert seen[0] == seen[1]
    assert len(seen[0]) == 6
