"""The deployer on a real API server: what every deployer must keep (tests/contract/test_deployers.py), asked of pods.

Pods run as processes of this machine (`tests.kube.kubelet`); for what only a cluster does to a pod its status is told.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from runner.deployers import Deployer, Engine, PlaceRequest, deployers
from runner.deployers._readiness import Ready, wait_ready
from runner.deployers.kubernetes.connection import connected
from runner.deployers.kubernetes.workload import swept
from runner.domain.campaign import Deploy, Timeouts
from runner.domain.failure import Cause, Failure, Phase
from runner.domain.trial import Health, Launch, Placement
from runner.errors import NotReady
from runner.util import net, process, procfs
from tests.kube.kubelet import Kubelet
from tests.kube.stand_in import (
    CRASH_LOOP,
    EVICTED,
    IMAGE_PULL,
    NEVER,
    OOM_KILLED,
    READY,
    UNSCHEDULABLE,
    Fate,
    register,
)
from tests.kube.waiting import until
from tests.kube_server import KubeApi

pytestmark = pytest.mark.kube
TIMEOUTS = Timeouts(load=60, ready=60, no_progress=60, stop=1.0)
DEPLOYER: Deployer = deployers.get("kubernetes")
IMAGE = "vllm/vllm-openai:v0.33.0"
OURS = {
    "/api/v1": ("pods", "services", "secrets", "configmaps"),
    "/apis/batch/v1": ("jobs",),
    "/apis/apps/v1": ("deployments",),
    "/apis/ome.io/v1beta1": ("inferenceservices", "servingruntimes"),
}


@dataclass
class Bench:
    api: KubeApi
    node: Kubelet
    namespace: str
    request: PlaceRequest
    deploy: Deploy

    @property
    def name(self) -> str:
        return f"tb-{self.request.attempt_id}"

    def launch(self, placement: Placement, *faults: str) -> Launch:
        server = (sys.executable, "-m", "runner.simulated.server", "--time-scale", "0.02")
        where = ("--host", placement.host, "--port", str(placement.port), "--model", placement.served_model)
        return Launch((*server, *where, *(f"--fault={f}" for f in faults)), {"A": "$(B)"}, Health("/health"), ())

    def start(self, *faults: str) -> Engine | Failure:
        placement = DEPLOYER.place(self.request, self.deploy)
        assert not isinstance(placement, Failure), placement
        return DEPLOYER.start(self.launch(placement, *faults), placement, self.request)

    def started(self, *faults: str) -> Engine:
        engine = self.start(*faults)
        assert not isinstance(engine, Failure), engine
        return engine

    def failed(self, *faults: str) -> Failure:
        failure = self.start(*faults)
        assert isinstance(failure, Failure)
        assert self.left() == []
        return failure

    def wait(self, engine: Engine) -> Ready:
        launch = Launch((), {}, Health("/health"), ())
        return wait_ready(
            engine, launch, engine.endpoint, self.request.log_path, TIMEOUTS, lambda: False, lambda phase: None
        )

    def left(self) -> list[str]:
        """Objects and pods of the attempt, and living processes of the node."""
        found = [f"process {pid}" for pid, one in self.node.running.items() if one.poll() is None]
        for group, plurals in OURS.items():
            for plural in plurals:
                answer = self.api.ask("GET", f"{group}/namespaces/{self.namespace}/{plural}")
                found += [f"{plural} {one['metadata']['name']}" for one in answer.body.get("items", [])]
        return [one for one in found if "of-somebody-else" not in one]

    def with_options(self, **options: Any) -> Bench:
        given = {**self.deploy.options, **options}
        request = replace(self.request, options={**given, "image": IMAGE, "pass_env": ["TEST_TOKEN"]})
        return replace(self, request=request, deploy=Deploy("kubernetes", given))


@pytest.fixture
def bench(kube_api: KubeApi, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setenv("KUBECONFIG", str(kube_api.kubeconfig))
    monkeypatch.setenv("TEST_TOKEN", "a-secret-of-somebody")
    port = net.free_port("127.0.0.1")
    options: dict[str, Any] = {"namespace": namespace, "port": port, "endpoint": f"http://127.0.0.1:{port}"}
    attempt = str(uuid4())
    request = PlaceRequest(
        attempt_id=attempt, model_path="org/simulated", served_model="simulated", python=sys.executable,
        work_dir=tmp_path, log_path=tmp_path / "engine.log", grace=1.0, pull_timeout=30.0,
        labels={"tunebook.attempt": attempt, "tunebook.run": "r", "tunebook.driver": "host/boot/1"},
        options={**options, "image": IMAGE, "pass_env": ["TEST_TOKEN"]},
    )  # fmt: skip
    with Kubelet(kube_api, namespace, tmp_path) as node:
        place = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        sleeper = {"name": "c", "image": "x", "command": ["sleep", "600"]}
        template = {"spec": {"restartPolicy": "Never", "containers": [sleeper]}}
        foreign = {"metadata": {"name": "of-somebody-else", "labels": {"tunebook.attempt": "another"}}}
        node.tell("of-somebody-else", READY)
        kube_api.do("POST", place, {**foreign, "spec": {"template": template}})
        yield Bench(kube_api, node, namespace, request, Deploy("kubernetes", options))
        assert kube_api.ask("GET", f"{place}/of-somebody-else").status == 200, "what is not ours was touched"


def test_success_leaves_nothing(bench: Bench) -> None:
    assert DEPLOYER.needs(bench.deploy) == []
    phases: list[Phase] = []
    bench.request = replace(bench.request, on_phase=phases.append)
    engine = bench.started()
    assert phases == [Phase.PULL, Phase.START]
    with engine:
        assert bench.wait(engine).failure is None
        assert engine.poll() is None
        assert (engine.pids(), engine.listens_itself, engine.starved()) == (None, False, False)
        placement = DEPLOYER.place(bench.request, bench.deploy)
        assert not isinstance(placement, Failure)
        landed = engine.landed(placement)
        assert landed.node.startswith("stand-in-")
        assert landed.image_digest == f"sha256:{'1f' * 32}"
        until(lambda: b"I ready" in bench.request.log_path.read_bytes())
    assert bench.left() == []
    assert b"I ready" in bench.request.log_path.read_bytes()
    first = engine.stop(1.0)
    assert engine.stop(1.0) == first == engine.poll()


def test_a_secret_stands_in_no_manifest_of_a_pod_and_reaches_the_engine(bench: Bench) -> None:
    with bench.started():
        [pod] = [
            one for one in bench.api.do("GET", f"/api/v1/namespaces/{bench.namespace}/pods")["items"]
            if one["metadata"]["name"].startswith("tb-")
        ]  # fmt: skip
        assert "a-secret-of-somebody" not in str(pod)
        process = next(iter(bench.node.running.values()))
        told = Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
        assert b"TEST_TOKEN=a-secret-of-somebody" in told
    assert bench.left() == []


def test_a_tunnel_leads_into_the_pod(bench: Bench) -> None:
    """Through the API server and what stands for a kubelet; each connection by itself, and none is left."""
    bench = bench.with_options(endpoint="port-forward")
    with bench.started() as engine:
        assert not engine.endpoint.base_url.endswith(f":{bench.deploy.options['port']}")
        assert bench.wait(engine).failure is None
        address = engine.endpoint.base_url
        with ThreadPoolExecutor(8) as several:
            answers = list(several.map(lambda _: net.get(f"{address}/health", 30)[0], range(40)))
        assert answers == [200] * 40
        [tunnel] = procfs.labelled(process.LABEL, bench.request.attempt_id)
        os.kill(tunnel.pid, signal.SIGKILL)
        until(lambda: engine.poll() is None and _answers(address))
    assert bench.left() == []
    assert procfs.labelled(process.LABEL, bench.request.attempt_id) == []


def test_a_way_that_is_broken_is_the_clusters_fault(bench: Bench) -> None:
    """The pod runs, and no connection gets to it: nothing of that is told of the engine."""
    bench = bench.with_options(endpoint="port-forward")
    with bench.started() as engine:
        assert bench.wait(engine).failure is None
        bench.node.closes_tunnels = True
        until(lambda: not _answers(engine.endpoint.base_url) and engine.poll() is not None)
        ended = engine.poll()
        assert ended is not None
        assert "the way to the pod is broken" in ended.host_fault
    assert bench.left() == []


def _answers(address: str) -> bool:
    try:
        return net.get(f"{address}/health", 5)[0] == 200
    except net.NoAnswer:
        return False


def test_a_deployment_is_as_good(bench: Bench) -> None:
    bench = bench.with_options(workload="deployment")
    with bench.started() as engine:
        assert bench.wait(engine).failure is None
    assert bench.left() == []


def test_an_exception_leaves_nothing(bench: Bench) -> None:
    engine = bench.started()
    with pytest.raises(ZeroDivisionError), engine:
        raise ZeroDivisionError
    assert bench.left() == []


def test_a_stubborn_engine_is_gone(bench: Bench) -> None:
    with bench.started("ignore_sigterm") as engine:
        assert bench.wait(engine).failure is None
    assert bench.left() == []


@pytest.mark.parametrize(
    ("fault", "cause", "code", "name"),
    [
        ("crash_load", Cause.CRASH, None, "SIGABRT"),
        ("oom_load", Cause.UNKNOWN, 1, None),
        ("bad_flag", Cause.BAD_FLAG, 2, None),
    ],
)
def test_an_engine_that_ends_by_itself_is_a_failure_with_its_log(
    bench: Bench, fault: str, cause: Cause, code: int | None, name: str | None
) -> None:
    with bench.started(fault) as engine:
        failure = bench.wait(engine).failure
        assert failure is not None
        assert (failure.cause, failure.exit_code, failure.signal) == (cause, code, name)
    assert bench.left() == []
    assert bench.request.log_path.stat().st_size > 0


@pytest.mark.parametrize(
    ("fate", "cause", "rule", "told"),
    [
        (IMAGE_PULL, Cause.IMAGE, "kubernetes-image", "no-such-image"),
        (UNSCHEDULABLE, Cause.INFRA, "unschedulable", "Insufficient nvidia.com/gpu"),
        (EVICTED, Cause.INFRA, "host", "ephemeral-storage"),
        (NEVER, Cause.INFRA, "not-running", "ContainerCreating"),
    ],
)
def test_what_the_cluster_does_not_let_run(bench: Bench, fate: Fate, cause: Cause, rule: str, told: str) -> None:
    bench = bench.with_options(unschedulable_after="1s")
    bench.request = replace(bench.request, pull_timeout=3.0)
    bench.node.tell(bench.name, fate)
    failure = bench.failed()
    assert (failure.cause, failure.rule) == (cause, rule)
    assert told in failure.evidence


@pytest.mark.parametrize(
    ("fate", "oom", "told"),
    [(CRASH_LOOP, False, ""), (OOM_KILLED, True, ""), (EVICTED, False, "ephemeral-storage")],
)
def test_what_the_cluster_does_to_an_engine_that_runs(bench: Bench, fate: Fate, oom: bool, told: str) -> None:
    bench.node.tell(bench.name, READY)
    with bench.started() as engine:
        bench.node.tell(bench.name, fate)
        until(lambda: engine.poll() is not None)
        ended = engine.poll()
        assert ended is not None
        assert ended.oom_killed is oom is engine.starved()
        assert told in ended.host_fault
        assert bool(told) is bool(ended.host_fault)
    assert bench.left() == []


def test_a_quota_is_told_and_nothing_is_left(bench: Bench) -> None:
    quota = {"metadata": {"name": "none"}, "spec": {"hard": {"count/jobs.batch": "0"}}}
    place = f"/api/v1/namespaces/{bench.namespace}/resourcequotas"
    bench.api.do("POST", place, quota)
    bench.api.do(
        "PATCH",
        f"{place}/none/status",
        {"status": {"hard": {"count/jobs.batch": "0"}, "used": {"count/jobs.batch": "0"}}},
    )
    failure = bench.failed()
    assert (failure.cause, failure.rule) == (Cause.INFRA, "quota")
    assert "exceeded quota" in failure.evidence


def test_a_pod_that_does_not_go_is_named(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.deployers.kubernetes.workload.PATIENCE", 1.0)
    engine = bench.started()
    bench.node.lets_go = False
    with pytest.raises(NotReady, match=r"may be left in the cluster: .*pod tb-"):
        engine.stop(0.5)
    bench.node.lets_go = True
    assert f"service {bench.name}" in DEPLOYER.reap(bench.request.labels, None, bench.deploy), "it waited for the pod"
    assert bench.left() == []


def test_reap_and_sweep_end_what_is_ours_and_nothing_else(bench: Bench) -> None:
    engine = bench.started()
    with engine:
        assert DEPLOYER.reap({"tunebook.attempt": "of-nobody"}, None, bench.deploy) == []
        assert engine.poll() is None
        ended = DEPLOYER.reap(bench.request.labels, bench.request.log_path, bench.deploy)
        assert f"job {bench.name}" in ended
    assert bench.left() == []


def test_a_sweep_tells_what_went_though_another_does_not_go(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.deployers.kubernetes.workload.PATIENCE", 1.0)
    place = f"/apis/batch/v1/namespaces/{bench.namespace}/jobs"
    template = {
        "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x", "command": ["sleep", "9"]}]}
    }
    for name, held in (("tb-held", ["example.org/wait"]), ("tb-free", [])):
        labels = {"app.kubernetes.io/managed-by": "tunebook", "tunebook.attempt": name.removeprefix("tb-")}
        about = {"name": name, "labels": labels, "annotations": {"tunebook.driver": "h/b/1"}, "finalizers": held}
        bench.node.tell(name, READY)
        bench.api.do("POST", place, {"metadata": about, "spec": {"template": template}})
    with connected(None, bench.namespace) as cluster:
        assert "job tb-free" in swept(cluster, lambda label: False if label == "h/b/1" else None)
    assert bench.api.ask("GET", f"{place}/tb-held").status == 200
    bench.api.do("PATCH", f"{place}/tb-held", {"metadata": {"finalizers": None}})
    until(lambda: bench.left() == [])


def test_a_sweep_asks_the_cluster_for_drivers_in_other_pods(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    pods = f"/api/v1/namespaces/{bench.namespace}/pods"
    ours = bench.api.do(
        "POST", pods, {"metadata": {"name": "us"}, "spec": {"containers": [{"name": "c", "image": "x"}]}}
    )
    monkeypatch.setenv("TUNEBOOK_POD", f"{bench.namespace}/us/{ours['metadata']['uid']}")
    theirs = f"{bench.namespace}/gone/1"
    bench.request = replace(bench.request, labels={**bench.request.labels, "tunebook.pod": theirs})
    with bench.started(), connected(None, bench.namespace) as cluster:
        assert swept(cluster, lambda label: True) == []
        assert f"job {bench.name}" in swept(cluster, lambda label: None)
    bench.api.do("DELETE", f"{pods}/us", {"gracePeriodSeconds": 0})
    until(lambda: bench.left() == [])


def test_a_wrong_field_is_refused_before_anything_is_made(bench: Bench) -> None:
    bench = bench.with_options(tolerations=[{"key": "gpu", "operater": "Exists"}])
    failure = bench.failed()
    assert failure.rule == "manifest"
    assert "operater: no such field; did you mean operator?" in failure.evidence


def test_the_cluster_that_does_not_know_us(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "other"
    file.write_text(bench.api.kubeconfig.read_text().replace(bench.api.token, "nobody"), encoding="utf-8")
    monkeypatch.setenv("KUBECONFIG", str(file))
    [problem] = DEPLOYER.needs(bench.deploy)
    assert "does not know us" in problem.what


def test_what_a_role_does_not_allow_is_listed(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service account with a role of its own, as a CronJob has it."""
    place = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{bench.namespace}"
    rules = [{"apiGroups": ["", "batch"], "resources": ["*", "*/*"], "verbs": ["create", "list", "get", "delete"]}]
    bench.api.do("POST", f"{place}/roles", {"metadata": {"name": "some"}, "rules": rules})
    core = f"/api/v1/namespaces/{bench.namespace}/serviceaccounts"
    bench.api.do("POST", core, {"metadata": {"name": "tunebook"}})
    subject = {"kind": "ServiceAccount", "name": "tunebook", "namespace": bench.namespace}
    role = {"kind": "Role", "name": "some", "apiGroup": "rbac.authorization.k8s.io"}
    bench.api.do("POST", f"{place}/rolebindings", {"metadata": {"name": "b"}, "subjects": [subject], "roleRef": role})
    token = bench.api.do("POST", f"{core}/tunebook/token", {"spec": {"audiences": []}})["status"]["token"]
    file = tmp_path / "other"
    file.write_text(bench.api.kubeconfig.read_text().replace(bench.api.token, token), encoding="utf-8")
    monkeypatch.setenv("KUBECONFIG", str(file))
    [problem] = DEPLOYER.needs(bench.deploy)
    assert problem.what.endswith("we may not: create deployments, list deployments, delete deployments")
    [problem] = DEPLOYER.needs(bench.with_options(endpoint="port-forward").deploy)
    assert problem.what.endswith("delete deployments"), "the role has all of pods"


def test_gpus_of_two_kinds_are_not_mixed(bench: Bench) -> None:
    for name, product in (("a", "NVIDIA-L4"), ("b", "NVIDIA-H100")):
        node = f"{name}-{bench.namespace}"
        bench.api.do(
            "POST", "/api/v1/nodes", {"metadata": {"name": node, "labels": {"nvidia.com/gpu.product": product}}}
        )
        there = {"capacity": {"nvidia.com/gpu": "1"}, "allocatable": {"nvidia.com/gpu": "1"}}
        bench.api.do("PATCH", f"/api/v1/nodes/{node}/status", {"status": there})
    [problem] = DEPLOYER.needs(bench.deploy, 1)
    assert "GPUs of 2 kinds (NVIDIA-H100, NVIDIA-L4)" in problem.what
    assert "gpu_product" in (problem.hint or "")
    assert DEPLOYER.needs(bench.with_options(gpu_product="NVIDIA-L4").deploy, 1) == []
    assert DEPLOYER.needs(bench.deploy, 0) == []
    for name in "ab":
        bench.api.do("DELETE", f"/api/v1/nodes/{name}-{bench.namespace}")


def test_ome_runs_the_words_of_the_trial(bench: Bench) -> None:
    bench = bench.with_options(renderer="ome", weights="pvc://models/qwen3")
    register(bench.api)
    assert DEPLOYER.needs(bench.deploy) == []
    with bench.started():
        place = f"/apis/ome.io/v1beta1/namespaces/{bench.namespace}"
        service = bench.api.do("GET", f"{place}/inferenceservices/{bench.name}")
        assert service["spec"]["engine"]["maxReplicas"] == 1
        assert "--time-scale" in service["spec"]["engine"]["runner"]["args"]
    assert bench.left() == []
    models = bench.api.do("GET", f"{place}/basemodels")["items"]
    assert [one["spec"] for one in models] == [{"storage": {"storageUri": "pvc://models/qwen3"}}], (
        "it outlives attempts"
    )
    with bench.started():
        assert len(bench.api.do("GET", f"{place}/basemodels")["items"]) == 1, "made once"


def test_a_model_of_ome_that_does_not_come(bench: Bench) -> None:
    register(bench.api)
    place = f"/apis/ome.io/v1beta1/namespaces/{bench.namespace}/basemodels"
    spec = {"storage": {"storageUri": "hf://org/name"}}
    made = {"apiVersion": "ome.io/v1beta1", "kind": "BaseModel", "metadata": {"name": "qwen3"}, "spec": spec}
    bench.api.do("POST", place, made)
    bench.node.tell("qwen3", NEVER)
    bench = bench.with_options(renderer="ome", base_model="qwen3")
    bench.request = replace(bench.request, pull_timeout=1.5)
    failure = bench.failed()
    assert (failure.rule, failure.limit) == ("model-not-ready", "timeouts.pull")
    assert "qwen3 is In_Transit" in failure.evidence
    assert bench.api.do("GET", f"{place}/qwen3")["spec"] == spec, "an existing object is never changed"
    [problem] = DEPLOYER.needs(bench.with_options(base_model="qwen4").deploy)
    assert "no BaseModel and no ClusterBaseModel called qwen4" in problem.what
