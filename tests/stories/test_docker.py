"""Campaigns whose engines stand in containers, on a real Docker Engine: nothing stays behind, and every end is told."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from runner.hardware.locks import leases
from runner.util import net
from tests.docker_engine import BASE_PYTHON, EMPTY, PATHS, ROOT, DockerEngine, image_with, within
from tests.stories._copied import answers, filled, running
from tests.stories._world import (
    CONTAINED,
    assert_nothing_left,
    assert_quiet,
    assert_seen_dead,
    attempts,
    start,
    tunebook,
)

pytestmark = [pytest.mark.docker, pytest.mark.story]

CAMPAIGN: dict[str, Any] = {**CONTAINED, "name": "contained"}


@dataclass
class Place:
    """A folder, the Engine, and the campaigns that run there."""

    folder: Path
    engine: DockerEngine

    @property
    def results(self) -> Path:
        return self.folder / "results"

    def simulated(self, *faults: str, deploy: dict[str, Any] | None = None, trials: int = 1, **entry: Any) -> Path:
        flags = {"time-scale": 0.02, **({"fault": ",".join(faults)} if faults else {})}
        runtime = {
            "runtime": "simulated",
            "flags": flags,
            "space": {"max-num-seqs": [1, 2, 4]},
            "python": sys.executable,
        }
        return self.write({**runtime, **entry}, deploy, trials)

    def command(self, code: str, deploy: dict[str, Any] | None = None, **entry: Any) -> Path:
        """An engine that is a line of Python."""
        words = [sys.executable, "-c", code, "{port}"]
        return self.write({"runtime": "command", "command": words, **entry}, deploy)

    def write(self, entry: dict[str, Any], deploy: dict[str, Any] | None, trials: int = 1) -> Path:
        entry = {"image": EMPTY, "env": {"PYTHONPATH": os.pathsep.join(PATHS)}, **entry}
        deploy = {"kind": "docker", "mounts": self.engine.mounts, **(deploy or {})}
        search = {**CAMPAIGN["search"], "trials": trials}
        path = self.folder / "contained.yaml"
        path.write_text(json.dumps({**CAMPAIGN, "deploy": deploy, "runtimes": [entry], "search": search}))
        return path

    def run(self, path: Path, status: int = 0) -> list[dict[str, Any]]:
        """Facts of the attempts; and nothing is left of any of them."""
        self.said = tunebook("run", path, results=self.results, status=status)
        assert self.engine.containers() == []
        assert_nothing_left(self.results)
        return attempts(self.results)

    def log(self, attempt: dict[str, Any]) -> str:
        return (self.results / "records" / f"attempt-{attempt['attempt_id']}" / "engine.log").read_text()


@pytest.fixture
def place(tmp_path: Path, docker_engine: DockerEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("DOCKER_HOST", docker_engine.address)
    with within(docker_engine.namespace):
        yield Place(tmp_path, docker_engine)


def until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < limit, "it never came"
        time.sleep(0.02)


@pytest.mark.parametrize(("network", "trials"), [("bridge", 2), ("host", 1)])
def test_campaign_to_store(place: Place, network: str, trials: int) -> None:
    made = place.run(place.simulated(deploy={"network": network}, trials=trials))
    assert [one["outcome"] for one in made] == ["measured"] * trials, [one["failure"] for one in made]
    digest = made[0]["placement"]["image_digest"]
    assert digest.startswith("sha256:")
    assert all(one["placement"]["port"] for one in made)
    assert "listening on" in place.log(made[0]), "the first line"
    assert "SIGTERM: stopping" in place.log(made[0]), "and the last one"
    shown = tunebook("sql", "SELECT DISTINCT image_digest FROM attempts", "--format", "csv", results=place.results)
    assert shown.stdout.split() == ["image_digest", digest]


def test_a_missing_image_says_so_and_is_no_failure_of_the_configuration(place: Place) -> None:
    made = place.run(place.simulated(image="nowhere.invalid/none:1"), status=1)
    assert {(one["outcome"], one["phase"], one["failure"]["cause"]) for one in made} == {("infra", "pull", "image")}
    assert "is not present, and it can not be fetched" in made[0]["failure"]["evidence"]


def test_a_program_that_the_image_lacks(place: Place) -> None:
    [made] = place.run(place.command("", command=["no-such-program", "--port", "{port}"]), status=1)
    assert (made["outcome"], made["phase"], made["failure"]["cause"]) == ("failed", "start", "bad_flag")
    assert "no-such-program" in made["failure"]["evidence"]


def test_the_memory_limit_is_a_cause_and_137_alone_is_none(place: Place) -> None:
    eats = "import time; print('eating', flush=True); x = bytearray(400 * 2**20); time.sleep(600)"
    [made] = place.run(place.command(eats, {"memory": "64MB"}), status=1)
    assert (made["outcome"], made["failure"]["cause"], made["failure"]["signal"]) == ("failed", "oom_load", "SIGKILL")
    assert "by the kernel for memory" in made["failure"]["evidence"]
    assert "eating" in place.log(made)


def test_137_alone_is_no_lack_of_memory(place: Place) -> None:
    [made] = place.run(place.command("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"), status=1)
    assert (made["outcome"], made["failure"]["cause"], made["failure"]["signal"]) == ("failed", "crash", "SIGKILL")


STARVED_WORKER = """
import subprocess, sys, time
worker = subprocess.Popen([sys.executable, "-c", "bytearray(400 * 2**20)"])
while worker.poll() is None:
    print("my worker works", flush=True)
    time.sleep(0.2)
"""


@pytest.mark.parametrize(("then", "seen"), [("time.sleep(600)", "no new line"), ("sys.exit(1)", "ended by")])
def test_a_worker_that_the_kernel_ends_for_memory(place: Place, then: str, seen: str) -> None:
    """The engine's first process outlives it: it hangs, or ends with a code of its own."""
    path = place.command(STARVED_WORKER + then, {"memory": "64MB"})
    campaign = json.loads(path.read_text())
    path.write_text(json.dumps({**campaign, "timeouts": {**campaign["timeouts"], "no_progress": "5s"}}))
    [made] = place.run(path, status=1)
    assert (made["outcome"], made["failure"]["cause"]) == ("failed", "oom_load")
    assert seen in made["failure"]["evidence"]
    assert "the kernel" in made["failure"]["evidence"]


def test_no_driver_for_gpus_is_the_machines_fault(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Docker answers where NVIDIA's toolkit is not installed; the half-made container goes too, and the lease."""
    monkeypatch.setenv("TUNEBOOK_FAKE_GPUS", "H100:2")
    monkeypatch.setenv("TUNEBOOK_LEASES", str(place.folder / "leases"))
    path = place.simulated()
    path.write_text(json.dumps({**json.loads(path.read_text()), "hardware": {"gpus": 1}}))
    made = place.run(path, status=1)
    for one in made:
        assert (one["outcome"], one["phase"], one["failure"]["cause"]) == ("infra", "start", "driver")
        assert "could not select device driver" in one["failure"]["evidence"]
        [uuid] = one["placement"]["gpus"]
        assert uuid.startswith("GPU-")
    assert leases() == []


def test_a_container_of_somebody_else_stays_with_name_and_port_of_its_own(place: Place) -> None:
    with place.engine.client() as client:
        mounts = {path: {"bind": path, "mode": "ro"} for path in place.engine.mounts}
        other = client.containers.run(
            EMPTY, [sys.executable, "-c", "import time; time.sleep(600)"], name="tb-somebody-else", volumes=mounts,
            labels={"tunebook.attempt": "of-another-host", "tunebook.driver": "elsewhere/boot/1"}, detach=True,
        )  # fmt: skip
        try:
            tunebook("run", place.simulated(), results=place.results)
            tunebook("reap", results=place.results)
            other.reload()
            assert other.status == "running"
        finally:
            other.remove(force=True)
    assert [one["outcome"] for one in attempts(place.results)] == ["measured"]


def killed(place: Place, path: Path) -> str:
    """The driver of a campaign is killed in the middle of a trial. The name of the container that it leaves."""
    run = start("run", path, results=place.results)
    until(place.engine.speaks)
    [name] = place.engine.containers()
    run.send_signal(signal.SIGKILL)
    run.communicate()
    assert place.engine.containers() == [name], "nobody is there to end it"
    assert_seen_dead(place.results, "contained")
    return name


def test_kill_9_of_the_driver_and_the_next_run_goes_on(place: Place) -> None:
    path = place.simulated("slow_load")
    name = killed(place, path)
    made = place.run(path)
    assert [one["outcome"] for one in made] == ["interrupted", "measured"]
    assert f"tb-{made[0]['attempt_id']}" == name
    assert "simulated engine" in place.log(made[0]), "what it wrote until it was reaped"
    assert_quiet(place.results)


def test_kill_9_of_the_driver_and_reap_as_soon_as_docker_answers(place: Place) -> None:
    name = killed(place, place.simulated("never_ready"))
    said = tunebook("reap", results=place.results, DOCKER_HOST=f"unix://{place.folder}/none.sock")
    assert f"left: attempt {name.removeprefix('tb-')} of contained: no Docker Engine answers" in said.stderr
    assert_seen_dead(place.results, "contained")
    said = tunebook("reap", results=place.results)
    assert f"ended container {name} (running)" in said.stdout
    assert [one["outcome"] for one in attempts(place.results)] == ["interrupted"]
    assert place.engine.containers() == []
    assert_quiet(place.results)


def test_sigterm_ends_the_container_too_even_a_stubborn_one(place: Place) -> None:
    run = start("run", place.simulated("slow_load", "ignore_sigterm"), results=place.results)
    until(place.engine.speaks)
    run.terminate()
    run.communicate()
    assert run.returncode == 130
    assert place.engine.containers() == []
    assert_nothing_left(place.results)
    assert_quiet(place.results)


def test_an_orphan_that_no_running_file_names_is_swept(place: Place) -> None:
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True,
                          check=True)  # fmt: skip
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    with place.engine.client() as client:
        labels = {"tunebook.attempt": "lost", "tunebook.driver": f"{os.uname().nodename}/{boot}/{gone.stdout.strip()}"}
        client.containers.create(EMPTY, ["none"], name="tb-lost", labels=labels)
    said = tunebook("reap", results=place.results)
    assert "container tb-lost" in said.stdout
    assert place.engine.containers() == []
    assert_quiet(place.results)


def test_the_engine_restarted_in_the_middle_of_a_trial(place: Place) -> None:
    """Its containers go with it. No configuration did that: the attempt is made again."""
    run = start("run", place.simulated("slow_load"), results=place.results)
    until(place.engine.speaks)
    place.engine.stop()
    place.engine.start()
    out, err = run.communicate()
    made = attempts(place.results)
    assert made[0]["outcome"] == "infra", (out, err)
    assert "restarted" in made[0]["failure"]["evidence"]
    assert run.returncode == 0, (out, err)
    assert place.engine.containers() == []
    assert_nothing_left(place.results)
    assert_quiet(place.results)


def test_no_engine_is_one_message(tmp_path: Path, docker_engine: DockerEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    place = Place(tmp_path, docker_engine)
    done = tunebook("run", place.simulated(), results=place.results, status=4)
    assert "error[not-ready]: no Docker Engine answers" in done.stderr
    assert "DOCKER_HOST" in done.stderr
    assert attempts(place.results) == []


def test_a_proxy_on_loopback_is_refused_for_a_bridge(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:3128")
    done = tunebook("run", place.simulated(), results=place.results, status=4)
    assert "HTTPS_PROXY names a proxy on loopback" in done.stderr
    assert "network: host" in done.stderr
    tunebook("run", place.simulated(deploy={"network": "host"}), results=place.results)


@pytest.mark.engine
def test_the_quickstart_from_an_image_built_offline(place: Place) -> None:
    """The campaign as it stands, but for where it runs and how long. The engine is in the image; only the interpreter
    and system libraries are this machine's own. The image has an entrypoint, as vLLM's has."""
    image, mounts = image_with(place.engine, "xllamacpp")
    text = (ROOT / "campaigns" / "quickstart.yaml").read_text()
    for old, new in {
        "deploy: local": f"deploy: {{kind: docker, memory: 3GB, mounts: {json.dumps(mounts)}}}",
        "  - runtime: llama_cpp\n": f"  - runtime: llama_cpp\n    image: {image}\n    python: {BASE_PYTHON}\n",
        "trials: 12": "trials: 2",
        "top: 1": "top: 0",
    }.items():
        assert old in text
        text = text.replace(old, new)
    path = place.folder / "quickstart.yaml"
    path.write_text(text)
    made = place.run(path)
    assert f"xllamacpp=={version('xllamacpp')}" in (ROOT / "site/guide/docker.md").read_text(), (
        "what the guide installs"
    )
    assert [one["outcome"] for one in made] == ["measured", "measured"], [one["failure"] for one in made]
    assert [one["configuration"]["entry"] for one in made] == ["f16-cache", "q8-cache"]
    for one in made:
        assert one["placement"]["model_path"] == "/model/SmolLM2-135M-Instruct.Q4_1.gguf"
        assert (one["engine"]["name"], one["engine"]["version"]) == ("llama.cpp", version("xllamacpp"))
        for level in one["levels"]:
            used = {value["metric"]: value["value"] for value in level["metrics"] if value["stat"] in ("value", "max")}
            assert used["engine_cpu"] > 0.2, "its processes are seen through the container"
            assert 0.1 < used["engine_memory"] < 3
    text = tunebook("render", "quickstart#0", "--as", "docker", results=place.results).stdout
    assert image in text
    # The image of the test has no system and no Python of its own: they come from this machine, as in the campaign.
    words = [word for path in mounts for word in ("--volume", f"{path}:{path}:ro")]
    words += ["--env", f"PATH={Path(BASE_PYTHON).parent}:/usr/bin"]
    port = net.free_port()
    with running(filled(text, port).replace("docker run ", f"docker run {shlex.join(words)} ")) as child:
        assert "SmolLM2-135M-Instruct.Q4_1.gguf" in answers(port, child)
    until(lambda: place.engine.containers() == [])
