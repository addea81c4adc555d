"""What is asked of a cluster, and what its answers mean, without one; with a real API server: tests/kube."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from runner.deployers import PlaceRequest, deployers
from runner.deployers.kubernetes import unlike
from runner.deployers.kubernetes.causes import newest, seen
from runner.deployers.kubernetes.manifests import ome, plain, pod
from runner.deployers.kubernetes.manifests.presets import base_models, serving_runtimes
from runner.deployers.kubernetes.manifests.rendered import Rendered, merged
from runner.deployers.kubernetes.manifests.strict import unknown
from runner.deployers.kubernetes.options import NAMES, options_of
from runner.domain.campaign import Deploy, Entry
from runner.domain.failure import Cause, Failure, Phase
from runner.domain.parameters import Scalar
from runner.domain.trial import Configuration, Exit, Health, Launch, Placement
from runner.runtimes import runtimes

DEPLOYER = deployers.get("kubernetes")
ALL: dict[str, Any] = {
    "renderer": "plain", "context": "lab", "namespace": "tune", "workload": "job", "endpoint": "service",
    "port": 9000, "weights": "pvc://models/qwen3-8b", "gpu_resource": "nvidia.com/gpu",
    "gpu_product": "NVIDIA-H100-80GB-HBM3", "node_selector": {"pool": "gpus"},
    "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}], "shm_size": "8GB", "memory": "64GiB", "cpus": 8,
    "image_pull_secrets": ["registry"], "secrets": {"HF_TOKEN": "hub/token"}, "service_account": "engine",
    "priority_class": "low", "runtime_class": "nvidia", "deadline": "2h", "unschedulable_after": "90s",
    "load_image": "lab/tunebook:1", "load_cpus": 4,
}  # fmt: skip


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"renderer": "helm"}, "renderer"),
        ({"namespace": "Tune"}, "namespace"),
        ({"workload": "pod"}, "workload"),
        ({"endpoint": "nodeport"}, "endpoint"),
        ({"port": 0}, "port"),
        ({"weights": "pvc://models"}, "weights"),
        ({"weights": "hf://org/name"}, "weights"),
        ({"node_selector": {"pool": 1}}, "node_selector"),
        ({"tolerations": {"key": "x"}}, "tolerations"),
        ({"shm_size": 16}, "shm_size"),
        ({"secrets": {"HF_TOKEN": "hf_abcdefgh"}}, "secrets"),
        ({"image_pull_secrets": "registry"}, "image_pull_secrets"),
        ({"deadline": 7200}, "deadline"),
        ({"privileged": True}, "privileged"),
        ({"base_model": "qwen3"}, "base_model"),
        ({"renderer": "ome", "weights": "pvc://m/q", "workload": "job"}, "workload"),
        ({"renderer": "ome", "weights": "pvc://m/q", "port": 9000}, "port"),
        ({"renderer": "ome", "weights": "pvc://m/q", "deadline": "1h"}, "deadline"),
        ({"workload": "deployment", "deadline": "1h"}, "deadline"),
        ({"endpoint": "https://{name}.{region}.example.org"}, "endpoint"),
        ({"renderer": "ome", "weights": "pvc://m/q", "base_model": "qwen3"}, "weights"),
        (
            {"renderer": "ome", "weights": "pvc://m/q", "serving_runtime": {"name": "x", "preset": "vllm"}},
            "serving_runtime",
        ),
        ({"renderer": "ome", "base_model": {"preset": "none"}}, "base_model"),
        ({"renderer": "ome", "weights": "pvc://m/q", "serving_runtime": {"named": "x"}}, "serving_runtime"),
        ({"renderer": "ome", "weights": "pvc://tune:m/q"}, "weights"),
        ({"renderer": "ome", "weights": "pvc://m/q", "base_model": {"kind": "ClusterBaseModel"}}, "weights"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], named: str) -> None:
    [problem] = DEPLOYER.check(Deploy("kubernetes", options))
    assert repr(named) in problem.what
    assert problem.hint


def test_ome_has_to_know_the_model() -> None:
    [problem] = DEPLOYER.check(Deploy("kubernetes", {"renderer": "ome"}))
    assert problem.slug == "missing-key"


def test_every_option_is_understood() -> None:
    assert set(ALL) | {"base_model", "serving_runtime"} == set(NAMES)
    assert DEPLOYER.check(Deploy("kubernetes", ALL)) == []
    chosen = options_of(ALL)
    assert (chosen.shm_size, chosen.memory, chosen.cpus) == (8 * 10**9, 64 * 2**30, 8.0)
    assert (chosen.deadline, chosen.unschedulable_after) == (7200.0, 90.0)
    assert chosen.secrets == {"HF_TOKEN": ("hub", "token")}


def request(tmp_path: Path, image: str = "engine:1", model: str = "org/model", **options: Any) -> PlaceRequest:
    labels = {"tunebook.attempt": "t007", "tunebook.run": "r1", "tunebook.driver": "host/boot/1"}
    return PlaceRequest(
        "t007", model, "model", "", tmp_path, tmp_path / "log", labels, options={"image": image, **options}, gpu_count=2
    )


def launched(name: str, place: Placement) -> Launch:
    flags: dict[str, dict[str, Scalar]] = {
        "vllm": {"tensor-parallel-size": 2, "max-num-seqs": 64},
        "sglang": {"tp-size": 2, "mem-fraction-static": 0.9},
    }
    entry = Entry(name, name)
    configuration = Configuration(name, name, {}, flags[name], {"NCCL_DEBUG": "WARN"}, "f")
    return runtimes.get(name).launch(configuration, entry, place)


def manifests(name: str, renderer: str, tmp_path: Path) -> str:
    """What is created for one attempt, as YAML; every object is one that the server knows to the last field."""
    images = {"vllm": "vllm/vllm-openai:v0.33.0", "sglang": "lmsysorg/sglang:v0.6.1"}
    options = {**ALL, "renderer": renderer, "workload": "job"}
    if renderer == "ome":
        options |= {"serving_runtime": {"preset": name}}
        del options["workload"], options["port"]
    deploy = Deploy("kubernetes", options)
    assert DEPLOYER.check(deploy) == []
    asked = request(tmp_path, images[name], pass_env=("TOKEN",), **options)
    place = DEPLOYER.place(asked, deploy)
    assert not isinstance(place, Failure)
    launch = launched(name, place)
    rendered = (
        plain.render(launch, asked, options_of(options), "tune", {"TOKEN": "secret"})
        if renderer == "plain"
        else ome.render(launch, asked, options_of(options), "tune", {"TOKEN": "secret"}, {})
    )
    made = [*rendered.models, *rendered.manifests]
    assert [unknown(one) for one in made] == [[]] * len(made)
    return yaml.safe_dump_all(made, sort_keys=False)


@pytest.mark.parametrize("renderer", ["plain", "ome"])
@pytest.mark.parametrize("name", ["vllm", "sglang"])
def test_the_manifests(
    name: str, renderer: str, tmp_path: Path, golden: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "a-secret-of-the-hub")
    golden(f"kubernetes/{renderer}-{name}.yaml", manifests(name, renderer, tmp_path))


def test_what_a_runtime_asks_is_in_the_manifest_to_the_word(tmp_path: Path) -> None:
    argv = ("serve", "--json", '{"a": "b c"}', "$(reboot)", "$(MODEL_PATH)/x", "", "$$", "$HOME")
    launch = Launch(argv, {"A": "$(B)"}, Health(), ())
    made = plain.render(launch, request(tmp_path), options_of({}), "tune", {}).manifests[-1]
    own = made["spec"]["template"]["spec"]["containers"][0]
    assert (own["command"], own["args"][:2]) == (["serve"], ["--json", '{"a": "b c"}'])
    filled = ["$$(reboot)", "$(MODEL_PATH)/x", "", "$$$$", "$$HOME"]
    assert own["args"][2:] == filled, "Kubernetes fills in what follows $( and halves $$"
    assert own["env"] == [{"name": "A", "value": "$$(B)"}]


def test_a_pod_that_was_changed_on_its_way_is_found(tmp_path: Path) -> None:
    launch = Launch(("serve", "--a"), {}, Health(), ())
    wanted = Rendered((), "x", "engine", 8000, "s")
    there = {"spec": {"containers": [{"name": "engine", "command": ["serve"], "args": ["--a"]}]}}
    assert unlike(there, wanted, launch) is None
    there["spec"]["containers"][0]["args"] = ["--a", "--b"]
    failure = unlike(there, wanted, launch)
    assert failure is not None
    assert failure.rule == "effective-command"


def test_a_file_of_this_machine_is_in_no_cluster(tmp_path: Path) -> None:
    place = DEPLOYER.place(request(tmp_path, model="/models/a.gguf"), Deploy("kubernetes"))
    assert isinstance(place, Failure)
    assert "write weights" in place.evidence
    there = DEPLOYER.place(
        request(tmp_path, model="/models/a.gguf"), Deploy("kubernetes", {"weights": "pvc://m/b/a.gguf"})
    )
    assert not isinstance(there, Failure)
    assert there.model_path == "/model/b/a.gguf"


def test_what_is_not_set_here_is_not_asked_of_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOBODY_SET_IT", raising=False)
    asked = request(tmp_path, pass_env=("NOBODY_SET_IT",))
    made = plain.render(Launch(("serve",), {}, Health(), ()), asked, options_of({}), "tune", {}).manifests
    assert "NOBODY_SET_IT" not in str(made)


def test_a_model_with_another_spec_is_another_model() -> None:
    one = {"storage": {"storageUri": "hf://org/gated"}}
    assert ome.model_name(one) == ome.model_name({"storage": {"storageUri": "hf://org/gated"}})
    assert ome.model_name(one) != ome.model_name(merged(one, {"storage": {"key": "hub-token"}}))


def test_a_launcher_of_ours_goes_along(tmp_path: Path) -> None:
    from runner.runtimes.transformers import HERE

    launch = Launch(("python3", str(HERE / "launcher.py"), "--model", "m"), {}, Health(), ())
    made = plain.render(launch, request(tmp_path), options_of({}), "tune", {}).manifests
    [files] = [one for one in made if one["kind"] == "ConfigMap"]
    assert files["data"]["launcher.py"] == (HERE / "launcher.py").read_text()
    mounts = made[-1]["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    assert {"name": "launcher", "mountPath": str(HERE), "readOnly": True} in mounts


@pytest.mark.parametrize("name", serving_runtimes())
def test_a_preset_of_a_runtime_is_one_that_ome_knows(name: str, tmp_path: Path) -> None:
    chosen = options_of({"renderer": "ome", "weights": "hf://a/b", "serving_runtime": {"preset": name}})
    launch = Launch(("serve",), {}, Health("/well"), ())
    made = ome.render(launch, request(tmp_path), chosen, "tune", {}, {})
    assert [unknown(one) for one in made.manifests] == [[], []]
    assert "HEALTH_PATH" not in str(made.manifests)


@pytest.mark.parametrize("name", base_models())
def test_a_preset_of_a_model_is_one_that_ome_knows(name: str, tmp_path: Path) -> None:
    chosen = options_of(
        {"renderer": "ome", "weights": "hf://a/b", "base_model": {"preset": name, "spec": {"vendor": "v"}}}
    )
    [made] = ome.render(Launch(("serve",), {}, Health(), ()), request(tmp_path), chosen, "tune", {}, {}).models
    assert unknown(made) == []
    assert (made["spec"]["vendor"], made["spec"]["storage"]["storageUri"]) == ("v", "hf://a/b")


def test_existing_objects_of_ome_are_only_named(tmp_path: Path) -> None:
    chosen = options_of(
        {"renderer": "ome", "base_model": "qwen3", "serving_runtime": {"name": "srt", "kind": "ServingRuntime"}}
    )
    found = {"base_model": "ClusterBaseModel", "serving_runtime": "ServingRuntime"}
    made = ome.render(Launch(("serve",), {}, Health(), ()), request(tmp_path), chosen, "tune", {}, found)
    assert [one["kind"] for one in made.manifests] == ["InferenceService"]
    assert made.models == ()
    assert made.existing == (("ClusterBaseModel", "qwen3"), ("ServingRuntime", "srt"))
    spec = made.manifests[0]["spec"]
    assert (spec["model"], spec["runtime"]["kind"]) == ({"name": "qwen3", "kind": "ClusterBaseModel"}, "ServingRuntime")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            {"spec": {"engine": {"runer": {}}}},
            "InferenceService.spec.engine.runer: no such field; did you mean runner?",
        ),
        ({"spec": {"predictor": {}}}, "InferenceService.spec.predictor: no such field"),
        ({"spec": {"engine": {"minReplicas": "1"}}}, "minReplicas: a whole number is wanted, not '1'"),
        ({"spec": {"engine": {"runner": {"args": "--a"}}}}, "runner.args: a list is wanted"),
        ({"spec": {"engine": {"tolerations": [{"operater": "Exists"}]}}}, "tolerations[0].operater: no such field"),
        ({"spec": {"engine": None}}, "InferenceService.spec.engine: is lacking"),
    ],
)
def test_a_server_would_drop_it_in_silence(change: dict[str, Any], told: str) -> None:
    good = {
        "apiVersion": "ome.io/v1beta1", "kind": "InferenceService", "metadata": {"name": "a"},
        "spec": {"engine": {"runner": {"name": "ome-container"}}},
    }  # fmt: skip
    assert unknown(good) == []
    assert any(told in line for line in unknown(merged(good, change)))


def a_pod(**status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p"}, "spec": {"nodeName": "n1"}, "status": status}


def own(**state: Any) -> dict[str, Any]:
    return a_pod(phase="Running", containerStatuses=[{"name": "engine", **state}])


@pytest.mark.parametrize(
    ("pod", "end"),
    [
        (own(state={"terminated": {"exitCode": 1, "reason": "Error"}}), Exit(1)),
        (own(state={"terminated": {"exitCode": 137, "reason": "OOMKilled"}}), Exit(None, "SIGKILL", oom_killed=True)),
        (own(state={"terminated": {"exitCode": 137, "reason": "Error"}}), Exit(None, "SIGKILL")),
        (own(state={"terminated": {"exitCode": 134, "reason": "Error"}}), Exit(None, "SIGABRT")),
        (own(state={"terminated": {"exitCode": 128, "reason": "StartError"}}), Exit(127)),
        (own(state={"running": {}}, lastState={"terminated": {"exitCode": 2, "reason": "Error"}}), Exit(2)),
        (a_pod(phase="Failed", reason="Evicted", message="low on disk"),
         Exit(None, host_fault="the cluster ended the pod: Evicted: low on disk")),
        (a_pod(phase="Failed", reason="OutOfnvidia.com/gpu", message="was 1"),
         Exit(None, host_fault="the cluster ended the pod: OutOfnvidia.com/gpu: was 1")),
        (a_pod(phase="Unknown"), Exit(None, host_fault="the node n1 does not answer any more")),
    ],
)  # fmt: skip
def test_how_an_engine_ended(pod: dict[str, Any], end: Exit) -> None:
    assert seen(pod, "engine").end == end


def test_somebody_else_ends_the_pod() -> None:
    pod = own(state={"running": {}})
    pod["metadata"]["deletionTimestamp"] = "now"
    pod["status"]["conditions"] = [{"type": "DisruptionTarget", "reason": "PreemptionByScheduler", "message": "for p2"}]
    end = seen(pod, "engine").end
    assert end is not None
    assert end.host_fault == "somebody else ended the pod: PreemptionByScheduler: for p2"


def test_a_probe_of_the_runtime_ends_it() -> None:
    killed = own(state={"terminated": {"exitCode": 137, "reason": "Error"}})
    event = {"reason": "Killing", "message": "Container ome-container failed startup probe, will be restarted"}
    end = seen(killed, "engine", [event]).end
    assert end is not None
    assert "failed startup probe" in end.host_fault


@pytest.mark.parametrize(
    ("reason", "message", "phase", "cause"),
    [
        ("ImagePullBackOff", "Back-off pulling image", Phase.PULL, Cause.IMAGE),
        ("InvalidImageName", "couldn't parse", Phase.PULL, Cause.IMAGE),
        ("CreateContainerConfigError", 'secret "hub" not found', Phase.START, Cause.INFRA),
        ("RunContainerError", 'exec: "serve": executable file not found in $PATH', Phase.START, Cause.BAD_FLAG),
    ],
)
def test_what_no_waiting_cures(reason: str, message: str, phase: Phase, cause: Cause) -> None:
    failure = seen(own(state={"waiting": {"reason": reason, "message": message}}), "engine").failure
    assert failure is not None
    assert (failure.phase, failure.cause) == (phase, cause)
    assert message in failure.evidence


def test_a_container_before_the_engine_that_fails_again_and_again() -> None:
    last = {"terminated": {"reason": "Error", "exitCode": 3}}
    before = {"name": "fetch", "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": last}
    failure = seen(a_pod(phase="Pending", initContainerStatuses=[before]), "engine").failure
    assert failure is not None
    assert (failure.rule, failure.cause) == ("init-container", Cause.INFRA)
    assert "init container fetch: Error, exit 3" in failure.evidence


def test_what_is_waited_for() -> None:
    pending = {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes"}]}
    assert (seen(a_pod(**pending), "engine").waits, seen(a_pod(**pending), "engine").unschedulable) == (
        "no node can hold it: 0/3 nodes", True,
    )  # fmt: skip
    mount = {"type": "Warning", "reason": "FailedMount", "message": "claim is lost", "involvedObject": {"name": "p"}}
    waiting = own(state={"waiting": {"reason": "ContainerCreating"}})
    assert seen(waiting, "engine", [mount]).waits == "ContainerCreating; FailedMount: claim is lost"
    pulled = own(state={"waiting": {"reason": "ErrImagePull", "message": "timeout"}})
    assert seen(pulled, "engine").failure is None, "one try that failed: the kubelet tries again"
    assert seen(None, "engine").waits


@pytest.mark.parametrize(
    ("message", "rule"),
    [("exceeded quota: none, requested: pods=1", "quota"), ("denied by a webhook", "failed-create")],
)
def test_no_pod_is_made(message: str, rule: str) -> None:
    failure = seen(None, "engine", [{"reason": "FailedCreate", "message": message}]).failure
    assert failure is not None
    assert (failure.rule, failure.cause) == (rule, Cause.INFRA)


def test_the_newest_pod_counts() -> None:
    pods = [{"metadata": {"name": n, "creationTimestamp": f"2026-01-0{n}T00:00:00Z"}} for n in "132"]
    found = newest(pods)
    assert found is not None
    assert found["metadata"]["name"] == "3"
    assert newest([]) is None
    assert pod.claim("hf://a/b") is None
