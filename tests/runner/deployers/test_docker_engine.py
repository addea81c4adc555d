"""The deployer on a real Docker Engine, without a campaign: what is taken, what is stubborn, what is asked for."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from runner.deployers import Engine, PlaceRequest, deployers
from runner.deployers._readiness import wait_ready
from runner.deployers.docker import api, container_name, wanted
from runner.deployers.docker.options import options_of
from runner.domain.campaign import Deploy, Timeouts
from runner.domain.failure import INFRA_CAUSES, Cause, Failure, Phase
from runner.domain.trial import Exit, Health, Launch, Placement
from runner.util.hurry import hurry
from tests.docker_engine import EMPTY, DockerEngine, empty_image, within

pytestmark = pytest.mark.docker

DEPLOYER = deployers.get("docker")
SLEEPS = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPS}"


@dataclass
class Bench:
    request: PlaceRequest
    engine: DockerEngine

    def placed(self, **options: Any) -> Placement:
        self.request = replace(self.request, options={**self.request.options, **options})
        placement = DEPLOYER.place(self.request, Deploy("docker", self.request.options))
        assert isinstance(placement, Placement)
        return placement

    def start(self, placement: Placement, code: str = SLEEPS) -> Engine | Failure:
        launch = Launch((sys.executable, "-c", code), {}, Health("/health"), ())
        return DEPLOYER.start(launch, placement, self.request)

    def refused(self, placement: Placement) -> Failure:
        failure = self.start(placement)
        assert isinstance(failure, Failure)
        assert failure.phase is Phase.START
        return failure

    @contextlib.contextmanager
    def somebody_elses(self, **how: Any) -> Iterator[Any]:
        """A container that is none of ours; it still runs when its test is over."""
        mounts = {path: {"bind": path, "mode": "ro"} for path in self.engine.mounts}
        with self.engine.client() as client:
            made = client.containers.run(EMPTY, [sys.executable, "-c", SLEEPS], volumes=mounts, detach=True, **how)
            try:
                yield made
                made.reload()
                assert made.status == "running"
                assert self.engine.containers() == [made.name]
            finally:
                made.remove(force=True)


@pytest.fixture
def bench(tmp_path: Path, docker_engine: DockerEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("DOCKER_HOST", docker_engine.address)
    labels = {"tunebook.attempt": tmp_path.name, "tunebook.run": "r"}
    request = PlaceRequest(
        tmp_path.name, "org/model", "m", sys.executable, tmp_path, tmp_path / "engine.log", labels, grace=0.3,
        options={"image": EMPTY, "mounts": docker_engine.mounts},
    )  # fmt: skip
    with within(docker_engine.namespace):
        yield Bench(request, docker_engine)
        assert docker_engine.containers() == []


class Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None: ...


@contextlib.contextmanager
def stranger(port: int) -> Iterator[None]:
    """This process answers on the port."""
    with HTTPServer(("127.0.0.1", port), Healthy) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield
        server.shutdown()
        thread.join()


def test_a_port_that_a_program_took_meanwhile(bench: Bench) -> None:
    placement = bench.placed()
    with stranger(placement.port):
        assert bench.refused(placement).cause is Cause.PORT
        assert bench.engine.containers() == [], "Docker leaves what it could not start"


def test_a_port_that_another_container_took_meanwhile(bench: Bench) -> None:
    placement = bench.placed()
    with bench.somebody_elses(ports={"9/tcp": ("127.0.0.1", placement.port)}):
        failure = bench.refused(placement)
    assert failure.cause is Cause.PORT
    assert "port is already allocated" in failure.evidence


def test_a_port_of_the_host_that_a_program_took_meanwhile(bench: Bench) -> None:
    """Docker sees nothing of it; an engine that is slow to bind would be taken for the one that answers."""
    placement = bench.placed(network="host")
    engine = bench.start(placement)
    assert not isinstance(engine, Failure)
    with engine, stranger(placement.port):
        launch, log = Launch((), {}, Health("/"), ()), bench.request.log_path
        ready = wait_ready(engine, launch, engine.endpoint, log, Timeouts(load=60), lambda: False, lambda phase: None)
    assert ready.failure is not None
    assert (ready.failure.phase, ready.failure.cause) == (Phase.START, Cause.PORT)
    assert "is not the engine" in ready.failure.evidence


def test_a_name_that_is_taken_is_told_and_stays_whose_it_is(bench: Bench) -> None:
    name = container_name(bench.request.attempt_id)
    with bench.somebody_elses(name=name):
        failure = bench.refused(bench.placed())
        assert DEPLOYER.reap(bench.request.labels) == []
    assert failure.cause in INFRA_CAUSES, "no configuration did that"
    assert f'"/{name}" is already in use' in failure.evidence


def test_a_tag_that_names_another_image_meanwhile(bench: Bench) -> None:
    """The record would hold the digest of the one, and the numbers of the other."""
    with bench.engine.client() as client:
        client.images.get(EMPTY).tag("tunebook-test", tag="moves")
        placement = bench.placed(image="tunebook-test:moves")
        client.api.import_image_from_data(empty_image(), repository="tunebook-test", tag="moves")
        failure = bench.refused(placement)
    assert failure.cause in INFRA_CAUSES
    assert f"the image was {placement.image_digest} a moment ago, and is sha256:" in failure.evidence


def test_a_stubborn_container_is_ended_after_its_grace(bench: Bench) -> None:
    engine = bench.start(bench.placed(), STUBBORN)
    assert not isinstance(engine, Failure)
    with engine:
        while "up" not in bench.request.log_path.read_text():
            assert engine.poll() is None
            time.sleep(0.02)
        assert engine.stop(0.3) == Exit(None, "SIGKILL"), "and not for memory"
    assert bench.engine.containers() == []


def test_a_second_signal_ends_a_stubborn_container_at_once(bench: Bench) -> None:
    engine = bench.start(bench.placed(), STUBBORN)
    assert not isinstance(engine, Failure)
    with engine:
        patient = threading.Thread(target=engine.stop, args=(500.0,), daemon=True)
        patient.start()
        hurry()
        patient.join(60)
        assert not patient.is_alive()
    assert bench.engine.containers() == []


def test_a_proxy_on_loopback_that_an_entry_sets_is_refused(bench: Bench) -> None:
    launch = Launch((sys.executable, "-c", SLEEPS), {"https_proxy": "localhost:3128"}, Health(), ())
    failure = DEPLOYER.start(launch, bench.placed(), bench.request)
    assert isinstance(failure, Failure)
    assert failure.cause in INFRA_CAUSES
    assert "https_proxy names a proxy on loopback" in failure.evidence
    assert "network: host" in failure.evidence


def test_gpus_are_asked_for_by_their_uuids(bench: Bench) -> None:
    bench.request = replace(bench.request, gpus=("GPU-1", "GPU-2"))
    placement = bench.placed()
    launch = Launch((sys.executable, "-c", SLEEPS), {}, Health(), ())
    with api.asking() as client:
        made: Any = client.containers.create(**wanted(launch, placement, bench.request, options_of({})))
        [asked] = made.attrs["HostConfig"]["DeviceRequests"]
        made.remove()
    assert (asked["DeviceIDs"], asked["Count"], asked["Capabilities"]) == (["GPU-1", "GPU-2"], 0, [["gpu"]])
    failure = bench.refused(placement)
    assert failure.cause is Cause.DRIVER
    assert "could not select device driver" in failure.evidence


def test_a_pinned_container_has_no_other_cpu(bench: Bench) -> None:
    last = max(os.sched_getaffinity(0))
    placement = replace(bench.placed(), cpus=(last,))
    engine = bench.start(placement)
    assert not isinstance(engine, Failure)
    with engine:
        pids = engine.pids()
        assert pids
        assert {frozenset(os.sched_getaffinity(pid)) for pid in pids} == {frozenset({last})}


def test_a_runtime_that_docker_does_not_know(bench: Bench) -> None:
    failure = bench.refused(bench.placed(runtime="nvidia"))
    assert (failure.cause, "nvidia" in failure.evidence) == (Cause.DRIVER, True)
