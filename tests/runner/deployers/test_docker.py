"""What is asked of Docker, and what its answers mean, without an Engine; with one: tests/stories/test_docker.py."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker.errors
import pytest
import requests

from runner import __file__ as ours
from runner.deployers import PlaceRequest, deployers
from runner.deployers.docker import api, container, container_name, images, unlike, wanted
from runner.deployers.docker.options import NAMES, options_of
from runner.domain.campaign import Deploy
from runner.domain.failure import Cause, Phase
from runner.domain.trial import Endpoint, Exit, Health, Launch, Placement

DEPLOYER = deployers.get("docker")


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"network": "overlay"}, "network"),
        ({"ipc": "shareable"}, "ipc"),
        ({"shm_size": 16}, "shm_size"),
        ({"shm_size": "16"}, "shm_size"),
        ({"memory": "-1GB"}, "memory"),
        ({"cpus": 0}, "cpus"),
        ({"cpus": True}, "cpus"),
        ({"ulimits": {"memlock": "unlimited"}}, "ulimits"),
        ({"ulimits": [1]}, "ulimits"),
        ({"mounts": "/data"}, "mounts"),
        ({"mounts": ["data:/data"]}, "mounts"),
        ({"mounts": ["/data:/data:rw"]}, "mounts"),
        ({"user": ""}, "user"),
        ({"privileged": True}, "privileged"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], named: str) -> None:
    [problem] = DEPLOYER.check(Deploy("docker", options))
    assert repr(named) in problem.what
    assert problem.hint


def test_every_option_is_understood() -> None:
    given: dict[str, Any] = {
        "network": "host", "shm_size": "2GB", "ipc": "host", "memory": "24GiB", "cpus": 1.5, "user": "1000:1000",
        "ulimits": {"memlock": -1}, "mounts": ["/data/hub:/hub", "/models"], "runtime": "nvidia",
    }  # fmt: skip
    assert set(given) == set(NAMES)
    assert DEPLOYER.check(Deploy("docker", given)) == []
    chosen = options_of(given)
    assert (chosen.shm_size, chosen.memory, chosen.cpus) == (2 * 10**9, 24 * 2**30, 1.5)
    assert [(one.source, one.target) for one in chosen.mounts] == [("/data/hub", "/hub"), ("/models", "/models")]


def request(tmp_path: Path, model: str = "org/model", **options: Any) -> PlaceRequest:
    return PlaceRequest(
        "an-attempt", model, "model", "", tmp_path, tmp_path / "log", {"tunebook.attempt": "an-attempt"},
        options={"image": "engine:1", **options},
    )  # fmt: skip


def placed(**changes: Any) -> Placement:
    given = {"host": "0.0.0.0", "port": 20001, "model_path": "org/model", "served_model": "model", "python": "python3"}
    return Placement(**{**given, "work_dir": "/tmp", **changes})


def test_no_word_is_split_and_nothing_is_privileged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_TOKEN", "a-secret-of-the-hub")
    monkeypatch.setenv("PLAIN", "nobody asked for it")
    argv = ("serve", "--json", '{"a": "b c"}', "$(reboot)", "")
    asked = wanted(
        Launch(argv, {"A": "1"}, Health(), ()), placed(), request(tmp_path, pass_env=("HF_TOKEN",)), options_of({})
    )
    assert (asked["entrypoint"], asked["command"]) == (["serve"], list(argv[1:]))
    assert asked["environment"] == {"A": "1", "HF_TOKEN": "a-secret-of-the-hub"}
    assert asked["ports"] == {"20001/tcp": ("127.0.0.1", 20001)}
    assert asked["name"] == container_name("an-attempt") == "tb-an-attempt"
    assert asked["security_opt"] == ["no-new-privileges"]
    assert not {"privileged", "cap_add", "auto_remove", "devices"} & set(asked)
    assert asked["mounts"] == []


def test_gpus_by_uuid_the_model_and_our_own_launcher(tmp_path: Path) -> None:
    model = tmp_path / "m.gguf"
    model.touch()
    launcher = str(Path(ours).parent / "runtimes" / "llama_cpp" / "launcher.py")
    place = placed(gpus=("GPU-1", "GPU-2"), model_path="/model/m.gguf")
    launch = Launch(("python3", launcher, "--model", "/model/m.gguf"), {}, Health(), ())
    asked = wanted(launch, place, request(tmp_path, str(model)), options_of({"network": "host", "memory": "1GB"}))
    [gpus] = asked["device_requests"]
    assert (gpus["DeviceIDs"], gpus["Count"], gpus["Capabilities"]) == (["GPU-1", "GPU-2"], 0, [["gpu"]])
    mounts = {one["Target"]: (one["Source"], one["ReadOnly"]) for one in asked["mounts"]}
    folder = str(Path(launcher).parent)
    assert mounts == {"/model/m.gguf": (str(model), True), folder: (str(Path(folder).resolve()), True)}
    assert "ports" not in asked, "the host's own network"
    assert asked["mem_limit"] == asked["memswap_limit"] == 10**9


def test_a_hub_model_that_is_here_is_mounted_and_nobody_is_asked(tmp_path: Path) -> None:
    home = tmp_path / "hub" / "models--org--model"
    home.mkdir(parents=True)
    launch, of = Launch(("serve",), {}, Health(), ()), replace(request(tmp_path), hub_model=home)
    asked = wanted(launch, placed(), of, options_of({}))
    assert {one["Target"]: one["Source"] for one in asked["mounts"]} == {"/hub/models--org--model": str(home)}
    assert {"HF_HUB_CACHE": "/hub", "HF_HUB_OFFLINE": "1"}.items() <= asked["environment"].items()
    own = wanted(launch, placed(), of, options_of({"mounts": ["/data:/root/.cache/huggingface"]}))
    assert [one["Target"] for one in own["mounts"]] == ["/root/.cache/huggingface"], "the campaign has its own"
    assert "HF_HUB_OFFLINE" not in own["environment"]


def test_another_command_than_planned_is_told() -> None:
    launch = Launch(("serve", "--port", "1"), {}, Health(), ())
    assert unlike({"Path": "serve", "Args": ["--port", "1"]}, launch) is None
    assert "sh" in str(unlike({"Path": "sh", "Args": ["-c", "serve --port 1"]}, launch))


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"Status": "running"}, None),
        ({"Status": "exited", "ExitCode": 0}, Exit(0)),
        ({"Status": "exited", "ExitCode": 7}, Exit(7)),
        ({"Status": "exited", "ExitCode": 134}, Exit(None, "SIGABRT")),
        ({"Status": "exited", "ExitCode": 137}, Exit(None, "SIGKILL")),
        ({"Status": "exited", "ExitCode": 137, "OOMKilled": True}, Exit(None, "SIGKILL", oom_killed=True)),
        ({"Status": "dead", "ExitCode": 255}, Exit(255)),
        ({"Status": "exited", "ExitCode": 0, "Error": ""}, Exit(0)),
        (
            {"Status": "exited", "ExitCode": 128, "Error": "no space left on device"},
            Exit(128, host_fault="Docker could not keep the container: no space left on device"),
        ),
        ({"Status": "exited", "ExitCode": 137, "OOMKilled": True, "Error": "x"}, Exit(None, "SIGKILL", True)),
    ],
)
def test_how_it_ended(state: dict[str, Any], expected: Exit | None) -> None:
    assert container.ended({"OOMKilled": False, **state}) == expected


def test_an_end_beside_a_lost_engine_is_the_hosts() -> None:
    found = container.ended({"Status": "exited", "ExitCode": 1, "OOMKilled": False}, was_away=True)
    assert found is not None
    assert "restarted" in found.host_fault


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("Bind for 127.0.0.1:20001 failed: port is already allocated", Cause.PORT),
        ('could not select device driver "" with capabilities: [[gpu]]', Cause.DRIVER),
        ("Unknown runtime specified nvidia", Cause.DRIVER),
        ('exec: "nosuch": executable file not found in $PATH: unknown', Cause.BAD_FLAG),
        ("error setting rlimit type 8: operation not permitted", Cause.INFRA),
    ],
)
def test_what_a_refusal_means(said: str, cause: Cause) -> None:
    found = api.failure(docker.errors.APIError("500 Server Error", explanation=said), "image engine:1")
    assert (found.phase, found.cause) == (Phase.START, cause)
    assert said in found.evidence
    assert "500 Server Error" not in found.evidence


def test_an_engine_that_is_gone_is_no_refusal() -> None:
    found = api.failure(requests.exceptions.ConnectionError("refused"), "image engine:1")
    assert found.cause is Cause.INFRA
    assert "does not answer" in found.evidence


@pytest.mark.parametrize(
    ("image", "parts"),
    [
        ("vllm", ("vllm", "latest")),
        ("vllm:v1", ("vllm", "v1")),
        ("host:5000/vllm", ("host:5000/vllm", "latest")),
        ("host:5000/vllm:v1", ("host:5000/vllm", "v1")),
    ],
)
def test_an_image_without_a_tag_is_the_latest(image: str, parts: tuple[str, str]) -> None:
    name, _, tag = images._tagged(image)
    assert (name, tag) == parts


def test_no_socket_is_told_before_the_sdk_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    assert f"{tmp_path}/none.sock: No such file" in str(api.reachable())
    [problem] = DEPLOYER.needs(Deploy("docker"))
    assert (problem.slug, "DOCKER_HOST" in str(problem.hint)) == ("not-ready", True)
    assert DEPLOYER.sweep(lambda label: False) == []


class Made:
    """As much of a container as is looked at: what each `reload` answers, in turn."""

    def __init__(self, *answers: Exception | dict[str, Any]) -> None:
        self.answers = list(answers)
        self.attrs: dict[str, Any] = {"State": {"Pid": 0}}
        self.id = "a" * 64
        self.client = self

    def reload(self) -> None:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        self.attrs = {"State": {"OOMKilled": False, **answer}}

    def ping(self) -> None: ...

    def logs(self, **how: Any) -> Any:
        return iter(()) if how.get("stream") else b""


def looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *answers: Exception | dict[str, Any]) -> Exit | None:
    """The last of so many polls as there are answers."""
    monkeypatch.setattr(container, "FRESH", 0.0)
    made = Made(*answers)
    watched = container.Container(made, Endpoint("http://h", "m"), tmp_path / "log", 0.1, shares_network=False)
    found = None
    for _ in answers:
        found = watched.poll()
    assert made.answers == []
    return found


def test_an_engine_without_time_for_a_moment_takes_no_blame_from_the_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = docker.errors.APIError("500 Server Error", explanation="context deadline exceeded")
    away = requests.exceptions.ConnectionError("refused")
    assert looked_at(tmp_path, monkeypatch, busy) is None, "it may come back"
    ended = {"Status": "exited", "ExitCode": 134}
    assert looked_at(tmp_path, monkeypatch, busy, {"Status": "running"}, ended) == Exit(None, "SIGABRT")
    found = looked_at(tmp_path, monkeypatch, away, ended)
    assert found is not None
    assert "restarted" in found.host_fault
    found = looked_at(tmp_path, monkeypatch, docker.errors.NotFound("404"))
    assert found is not None
    assert "removed the container" in found.host_fault


def test_a_process_number_of_another_machine_names_nobody_here(tmp_path: Path) -> None:
    made = Made({"Status": "running", "Pid": os.getpid()})
    watched = container.Container(made, Endpoint("http://h", "m"), tmp_path / "log", 0.1, shares_network=True)
    assert watched.poll() is None
    assert watched.pids() is None, "we are in no container of that id"
    made.id = "/"  # which every control group has in its path
    assert os.getpid() in (watched.pids() or set())
