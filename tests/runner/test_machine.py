"""`tunebook preflight`: what a machine has and lacks, for people and for programs."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from runner.cli.preflight import COMMAND
from runner.domain.campaign import Hardware
from runner.errors import NotReady, UsageError
from runner.hardware.lease import leased
from runner.hardware.locks import lease_path
from runner.machine import CHECKS, _vulkan, look, wanted
from runner.running_file import identity

XTASK = ["cuda", "cuda_version", "metal", "rocm", "wgpu", "any_available"]
NOWHERE = "unix:///nowhere/docker.sock"


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two simulated GPUs, no Docker Engine."""
    for name, value in {
        "TUNEBOOK_FAKE_GPUS": "H100:2", "TUNEBOOK_LEASES": str(tmp_path / "leases"), "DOCKER_HOST": NOWHERE,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    for name in ("CUDA_VISIBLE_DEVICES", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)


class Engine(BaseHTTPRequestHandler):
    """As much of a Docker Engine as says its version."""

    def do_GET(self) -> None:
        body = json.dumps({"Version": "28.5.1", "ApiVersion": "1.51"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Engine)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    at = f"tcp://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("DOCKER_HOST", at)
    yield at
    server.shutdown()
    server.server_close()
    thread.join()


def ask(*words: str) -> Result:
    return CliRunner().invoke(COMMAND, list(words))


def as_json(*words: str) -> dict[str, Any]:
    done = ask("--format", "json", *words)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_keys_that_other_tools_read() -> None:
    found = as_json()
    assert list(found)[:6] == XTASK
    assert {key: found[key] for key in XTASK} == {
        "cuda": True, "cuda_version": "13.0", "metal": False, "rocm": False, "wgpu": False, "any_available": True,
    }  # fmt: skip


def test_a_machine_without_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEBOOK_FAKE_GPUS", "none")
    found = as_json("--require", "gpu")
    assert [found[key] for key in XTASK] == [False, None, False, False, False, False]
    assert (found["gpus"], found["required"], found["ready"]) == ([], ["gpu"], False)


def test_each_gpu_with_what_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    with leased(Hardware(gpus=1), {**identity(), "campaign": "x"}) as (held,):
        first, second = as_json()["gpus"]
        text = ask().stdout
    assert (first["usable"], first["standing"]) == (False, "free")
    assert (second["usable"], second["uuid"]) == (True, held.uuid)
    assert second["standing"].startswith(f"leased by pid {identity()['pid']} of campaign x since 2")
    assert "GPU 0: NVIDIA H100 80GB HBM3, 85.5 GB, free; not shown by CUDA_VISIBLE_DEVICES" in text
    assert "GPU 1: NVIDIA H100 80GB HBM3, 85.5 GB, leased by pid" in text


def test_the_words_of_a_dead_owner_are_no_lease() -> None:
    [first, _] = look().host.gpus
    path = lease_path(first.uuid)
    path.parent.mkdir()
    dead = {**identity(), "pid_started": 1, "uuid": first.uuid, "since": "2026-03-02T01:00:00Z"}
    path.write_text(json.dumps(dead), encoding="utf-8")
    assert as_json()["gpus"][0]["standing"] == "free"


def test_gpus_that_a_scheduler_hides_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert look().finding("gpu").there is False
    assert look().finding("cuda").there is True


def test_what_is_lacking_has_a_remedy_and_what_is_there_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TUNEBOOK_FAKE_GPUS")
    findings = look().findings
    assert [one.name for one in findings] == list(CHECKS)
    for one in findings:
        assert one.what
        assert (one.remedy is None) == one.there
    text = ask().stdout
    for one in findings:
        assert f"{one.name:<12}{one.title}: {one.what}" in text
        assert one.remedy is None or f"remedy: {one.remedy}" in text


def test_without_a_demand_nothing_is_lacking() -> None:
    done = ask()
    assert done.exit_code == 0
    assert f"no  docker      Docker Engine: nothing answers at {NOWHERE}" in done.stdout


def test_a_demand_that_is_not_met_lists_everything_and_then_says_what() -> None:
    done = ask("--require", "gpu,docker", "--require", "cuda")
    assert isinstance(done.exception, NotReady)
    assert done.exception.what == f"this machine lacks docker (nothing answers at {NOWHERE})"
    assert "install Docker Engine" in str(done.exception.hint)
    assert "yes gpu " in done.stdout


def test_a_demand_that_is_met(engine: str) -> None:
    done = ask("--require", "gpu, docker")
    assert done.exit_code == 0, done.exception
    assert f"yes docker      Docker Engine: 28.5.1 at {engine}" in done.stdout


@pytest.mark.parametrize(
    ("word", "hint"),
    [("dokcer", "did you mean 'docker'?"), ("gpu,genai", "did you mean 'genai-bench'?"), ("?", "known")],
)
def test_an_unknown_demand_is_a_mistake_with_the_near_name(word: str, hint: str) -> None:
    with pytest.raises(UsageError) as refused:
        wanted([word])
    assert hint in str(refused.value.hint)


def test_the_help_names_every_word() -> None:
    assert COMMAND.help is not None
    assert f"one of {', '.join(CHECKS)}." in " ".join(COMMAND.help.split())


def test_a_software_renderer_is_no_gpu(tmp_path: Path) -> None:
    drivers, nodes = tmp_path / "icd.d", tmp_path / "dri"
    drivers.mkdir()
    nodes.mkdir()
    (drivers / "lvp_icd.x86_64.json").touch()
    assert not _vulkan(nodes, [drivers])
    (nodes / "renderD128").touch()
    assert _vulkan(nodes, [drivers])
    assert not _vulkan(nodes, [tmp_path / "none"])
