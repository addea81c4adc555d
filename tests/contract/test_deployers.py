"""What every deployer must keep: nothing is left after success, time limit, crash and stop; nothing else is ended.

A deployer that starts engines starts the simulated one here, a real server in a real process. One that attaches is
given a server that this test started, and must leave it alone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import typing
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from runner.deployers import Deployer, Engine, PlaceRequest, deployers
from runner.deployers._readiness import Ready, wait_ready
from runner.domain.campaign import Deploy, Timeouts
from runner.domain.failure import Cause, Failure, Phase
from runner.domain.trial import Exit, Health, Launch, Placement
from runner.util import net, process, procfs
from tests.contract.bystander import bystander
from tests.docker_engine import EMPTY, PATHS, DockerEngine, within

TIMEOUTS = Timeouts(load=60, ready=60, no_progress=60, stop=0.3)
ATTACHING = {"attach"}


@dataclass
class Bench:
    """One deployer, one attempt."""

    deployer: Deployer
    request: PlaceRequest
    deploy: Deploy

    python_path: str = ""
    docker: DockerEngine | None = None

    def launch(self, placement: Placement, *faults: str) -> Launch:
        server = (sys.executable, "-m", "runner.simulated.server", "--time-scale", "0.02")
        where = ("--host", placement.host, "--port", str(placement.port), "--model", placement.served_model)
        env = {"PYTHONPATH": self.python_path} if self.python_path else {}
        return Launch((*server, *where, *(f"--fault={f}" for f in faults)), env, Health("/health"), ())

    def start(self, *faults: str) -> tuple[Engine, Launch]:
        placement = self.placed()
        launch = self.launch(placement, *faults)
        engine = self.deployer.start(launch, placement, self.request)
        assert not isinstance(engine, Failure), engine
        return engine, launch

    def placed(self) -> Placement:
        placement = self.deployer.place(self.request, self.deploy)
        assert not isinstance(placement, Failure), placement
        return placement

    def wait(self, engine: Engine, launch: Launch, timeouts: Timeouts = TIMEOUTS, stop: bool = False) -> Ready:
        log = self.request.log_path
        return wait_ready(engine, launch, engine.endpoint, log, timeouts, lambda: stop, lambda phase: None)

    def left(self) -> list[str]:
        """Processes that carry the label of the attempt, and its containers with their processes."""
        processes = [f"{s.pid}" for s in procfs.labelled(process.LABEL, self.request.attempt_id)]
        if self.docker is None:
            return processes
        with self.docker.client() as client:
            mine = client.containers.list(all=True, filters={"label": f"tunebook.attempt={self.request.attempt_id}"})
            for made in mine:
                found = made.top()["Processes"] if made.status == "running" else []
                processes += [made.name] * max(1, len(found) - 1)  # Docker's own init is none of the engine's
        return processes


MEMBERS = [n for n in deployers.names() if n != "kubernetes"]
"""A cluster is nothing that this machine has: what its deployer keeps is asked of a real API server in tests/kube."""


@pytest.fixture(params=[pytest.param(n, marks=pytest.mark.docker) if n == "docker" else n for n in MEMBERS])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def asking(request: pytest.FixtureRequest) -> pytest.FixtureRequest:
    """For fixtures that only some members need."""
    return request


@pytest.fixture
def bench(name: str, tmp_path: Path, asking: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    request = PlaceRequest(
        attempt_id=f"contract-{os.getpid()}-{tmp_path.name}",
        model_path=str(tmp_path / "model.gguf"),
        served_model="simulated",
        python=sys.executable,
        work_dir=tmp_path,
        log_path=tmp_path / "engine.log",
        labels={"tunebook.attempt": f"contract-{os.getpid()}-{tmp_path.name}", "tunebook.run": "r"},
        grace=0.3,
    )
    Path(request.model_path).touch()
    if name == "docker":
        own: DockerEngine = asking.getfixturevalue("docker_engine")
        monkeypatch.setenv("DOCKER_HOST", own.address)
        options: dict[str, Any] = {"mounts": own.mounts}
        request = replace(request, options={**options, "image": EMPTY})
        with within(own.namespace):
            yield Bench(deployers.get(name), request, Deploy(name, options), os.pathsep.join(PATHS), own)
        return
    if name not in ATTACHING:
        yield Bench(deployers.get(name), request, Deploy(name))
        return
    local = Bench(deployers.get("local"), replace(request, attempt_id=f"{request.attempt_id}-other"), Deploy("local"))
    engine, launch = local.start()
    with engine:
        assert local.wait(engine, launch).failure is None
        options = {"url": f"{engine.endpoint.base_url}/v1/", "model": "simulated"}
        yield Bench(deployers.get(name), replace(request, options=options), Deploy(name, options))
        assert engine.poll() is None, "an attached server is not ours to end"


@pytest.fixture
def foreign(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A simulated engine of somebody else, on a port of its own, with the very same program; and beside the attempt a
    server and files that are nobody's business."""
    argv = [sys.executable, "-m", "runner.simulated.server", "--port", "0", "--time-scale", "0.02"]
    popen = subprocess.Popen(argv, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with bystander(tmp_path):
            yield popen
        assert popen.poll() is None, "a process that is not ours was ended"
    finally:
        popen.kill()
        popen.wait()


def owns(name: str) -> None:
    if name in ATTACHING:
        pytest.skip("starts no engine")


def test_the_constant_is_annotated(name: str) -> None:
    module = import_module(f"runner.deployers.{name.replace('-', '_')}")
    assert typing.get_type_hints(module).get("DEPLOYER") is Deployer, "without it mypy checks nothing"
    assert deployers.get(name).name == name
    assert deployers.get(name).title


def test_placing_starts_and_reserves_nothing(bench: Bench) -> None:
    before = process.live()
    placement = bench.placed()
    assert placement.port > 0
    assert placement.served_model == "simulated"
    assert process.live() == before


def test_success_leaves_nothing(bench: Bench, foreign: subprocess.Popen[bytes]) -> None:
    engine, launch = bench.start()
    with engine:
        ready = bench.wait(engine, launch)
        assert ready.failure is None
        assert set(ready.times) == {Phase.START, Phase.LOAD, Phase.READY}
        assert not engine.endpoint.base_url.endswith(("/", "/v1"))
        assert engine.poll() is None
        assert not engine.starved()
    assert bench.left() == []


def test_its_processes_have_the_numbers_of_this_host(bench: Bench, foreign: subprocess.Popen[bytes]) -> None:
    """The engine and what it started; nobody else's, and none when it is gone."""
    engine, launch = bench.start(*(() if bench.deployer.name in ATTACHING else ("leave_children",)))
    with engine:
        assert bench.wait(engine, launch).failure is None
        if bench.deployer.name in ATTACHING:
            assert (engine.pids(), engine.listens_itself) == (None, False)
            return
        until_children(bench, 3)
        mine = engine.pids() or set()
        assert len(mine) >= 3
        assert all((stat := procfs.stat(pid)) is not None and not stat.zombie for pid in mine)
        assert not mine & {os.getpid(), foreign.pid, 1}
        names = {procfs.command_name(pid) for pid in mine}
        assert not names & {"dockerd", "docker-proxy", "containerd-shim"}, "those of Docker are none of the engine's"
        listening = procfs.listeners(urlsplit(engine.endpoint.base_url).port or 0)
        assert bool(listening & mine) is engine.listens_itself
        engine.stop(0.3)
        assert not engine.pids()


def test_stop_is_idempotent(bench: Bench) -> None:
    engine, launch = bench.start()
    with engine:
        bench.wait(engine, launch)
        first = engine.stop(5.0)
        assert engine.stop(5.0) == first
    assert engine.poll() == first


def test_an_exception_leaves_nothing(bench: Bench) -> None:
    engine, _ = bench.start()
    with pytest.raises(ZeroDivisionError), engine:
        raise ZeroDivisionError
    assert bench.left() == []


def test_a_request_to_stop_leaves_nothing(bench: Bench) -> None:
    engine, launch = bench.start()
    with engine:
        ready = bench.wait(engine, launch, stop=True)
        assert ready.failure is not None
        assert ready.failure.cause is Cause.INTERRUPTED
    assert bench.left() == []


def test_a_time_limit_leaves_nothing(name: str, bench: Bench, foreign: subprocess.Popen[bytes]) -> None:
    owns(name)
    engine, launch = bench.start("never_ready", "ignore_sigterm", "leave_children")
    with engine:
        ready = bench.wait(engine, launch, replace(TIMEOUTS, load=2.0))
        assert ready.failure is not None
        assert ready.failure.hung
        assert (ready.failure.phase, ready.failure.cause) == (Phase.LOAD, Cause.HANG)
        until_children(bench, 3)
    assert bench.left() == []


def test_a_stubborn_engine_and_its_children_are_gone(name: str, bench: Bench, foreign: subprocess.Popen[bytes]) -> None:
    owns(name)
    engine, launch = bench.start("ignore_sigterm", "leave_children")
    with engine:
        assert bench.wait(engine, launch).failure is None
        until_children(bench, 3)
    assert bench.left() == []


def test_the_workers_of_a_server_that_is_killed_are_gone(name: str, bench: Bench) -> None:
    """vLLM's EngineCore outlives its server: somebody kills the one that listens, and the rest holds the memory."""
    owns(name)
    engine, launch = bench.start("leave_children")
    with engine:
        assert bench.wait(engine, launch).failure is None
        until_children(bench, 3)
        os.kill(server_of(engine.pids() or set()), signal.SIGKILL)
        ended = until_ended(engine)
        assert (ended.signal, ended.code) in (("SIGKILL", None), (None, 137))
    assert bench.left() == []


@pytest.mark.parametrize(
    ("fault", "cause", "code", "signal"),
    [
        ("crash_load", Cause.CRASH, None, "SIGABRT"),
        ("oom_load", Cause.UNKNOWN, 1, None),  # the runtime knows better, from the log
        ("bad_flag", Cause.BAD_FLAG, 2, None),
    ],
)
def test_an_engine_that_ends_by_itself_is_a_failure_and_its_log_is_kept(
    name: str, bench: Bench, fault: str, cause: Cause, code: int | None, signal: str | None
) -> None:
    owns(name)
    engine, launch = bench.start(fault, "leave_children")
    with engine:
        failure = bench.wait(engine, launch).failure
        assert failure is not None
        assert (failure.cause, failure.exit_code, failure.signal) == (cause, code, signal)
        assert not failure.hung
        assert failure.evidence
    assert bench.left() == []
    assert bench.request.log_path.stat().st_size > 0


def test_a_stranger_on_the_port_is_not_taken_for_the_engine(name: str, bench: Bench) -> None:
    """It took the port between our choice and the engine's bind, and it answers at once."""
    owns(name)
    placement = bench.placed()
    launch = bench.launch(placement)
    stranger = subprocess.Popen(launch.argv, start_new_session=True, stdout=subprocess.DEVNULL)
    try:
        until(lambda: _healthy(placement.port))
        engine = bench.deployer.start(launch, placement, bench.request)
        failure: Failure | None
        if isinstance(engine, Failure):
            failure = engine
        else:
            with engine:
                failure = bench.wait(engine, launch).failure
        assert failure is not None
        assert failure.phase is Phase.START
        assert failure.cause is Cause.PORT or "couldn't bind" in bench.request.log_path.read_text()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def _healthy(port: int) -> bool:
    try:
        return net.get(f"http://127.0.0.1:{port}/health", 5)[0] == 200
    except net.NoAnswer:
        return False


def test_reap_ends_what_carries_the_labels_and_nothing_else(
    name: str, bench: Bench, foreign: subprocess.Popen[bytes]
) -> None:
    engine, launch = bench.start()
    with engine:
        bench.wait(engine, launch)
        assert bench.deployer.reap({"tunebook.attempt": "of-somebody-else"}) == []
        assert engine.poll() is None
        ended = bench.deployer.reap(bench.request.labels)
        assert (ended == []) == (name in ATTACHING)
    assert bench.left() == []


def server_of(pids: Set[int]) -> int:
    """The first Python that the deployer started: it listens, the others are its children."""
    return min(pid for pid in pids if procfs.command_name(pid).startswith("python"))


def until_ended(engine: Engine) -> Exit:
    until(lambda: engine.poll() is not None)
    ended = engine.poll()
    assert ended is not None
    return ended


def until_children(bench: Bench, count: int) -> None:
    until(lambda: len(bench.left()) >= count)


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that must come; the limit only keeps a broken test from hanging for ever."""
    limit = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < limit, "it never came"
        time.sleep(0.02)
