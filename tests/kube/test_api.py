"""The API server of the tests is a real one: it validates, it refuses, and it has what the stand-in writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.kube.stand_in import IMAGE_PULL, OOM_KILLED, READY, SUCCEEDED, UNSCHEDULABLE, Fate, StandIn, register
from tests.kube.waiting import until
from tests.kube_server import KubeApi
from tests.ray_install import ROOT

pytestmark = pytest.mark.kube

LABELS = {"app": "engine"}
TEMPLATE: dict[str, Any] = {
    "metadata": {"labels": LABELS},
    "spec": {"containers": [{"name": "engine", "image": "engine:1"}]},
}
DEPLOYMENT: dict[str, Any] = {
    "metadata": {"name": "t007", "labels": LABELS},
    "spec": {"selector": {"matchLabels": LABELS}, "template": TEMPLATE},
}


def pods(api: KubeApi, namespace: str) -> list[dict[str, Any]]:
    return list(api.do("GET", f"/api/v1/namespaces/{namespace}/pods?labelSelector=app=engine")["items"])


def test_what_is_created_is_there_once_and_for_who_may_see_it(kube_api: KubeApi, namespace: str) -> None:
    place = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    made = kube_api.do("POST", place, DEPLOYMENT)
    assert made["spec"]["replicas"] == 1, "the server fills in defaults"
    again = kube_api.ask("POST", place, DEPLOYMENT)
    assert (again.status, again.body["reason"]) == (409, "AlreadyExists")
    assert kube_api.ask("GET", place, token="somebody").status == 401
    wrong = kube_api.ask("POST", place, DEPLOYMENT | {"metadata": {"name": "T007_"}})
    assert (wrong.status, wrong.body["reason"]) == (422, "Invalid")
    kube_api.do("DELETE", f"{place}/t007?propagationPolicy=Background")
    assert kube_api.ask("GET", f"{place}/t007").status == 404


@pytest.mark.parametrize(
    ("fate", "said"),
    [
        (READY, "True"),
        (UNSCHEDULABLE, "2 Insufficient nvidia.com/gpu"),
        (IMAGE_PULL, "ImagePullBackOff"),
        (OOM_KILLED, "OOMKilled"),
    ],
    ids=["ready", "unschedulable", "image", "oom"],
)
def test_a_pod_is_what_it_was_told_to_become(
    kube_api: KubeApi, namespace: str, stand_in: StandIn, fate: Fate, said: str
) -> None:
    stand_in.tell("t007", fate)
    place = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    kube_api.do("POST", place, DEPLOYMENT)
    status = until(lambda: kube_api.do("GET", f"{place}/t007").get("status", {}).get("conditions"))
    assert status[0]["status"] == str(fate.ready)
    [pod] = pods(kube_api, namespace)
    assert said in str(pod["status"])
    events = kube_api.do("GET", f"/api/v1/namespaces/{namespace}/events")["items"]
    assert [one["message"] for one in events] == ([fate.message] if fate.reason else [])
    kube_api.do("DELETE", f"{place}/t007?propagationPolicy=Background")
    until(lambda: not pods(kube_api, namespace))


def test_a_pod_of_a_node_that_does_not_answer_stays(kube_api: KubeApi, namespace: str, stand_in: StandIn) -> None:
    place = f"/apis/apps/v1/namespaces/{namespace}/deployments"
    kube_api.do("POST", place, DEPLOYMENT)
    [pod] = until(lambda: pods(kube_api, namespace))
    stand_in.lets_go = False
    kube_api.do("DELETE", f"{place}/t007?propagationPolicy=Foreground")
    kube_api.do("DELETE", f"/api/v1/namespaces/{namespace}/pods/{pod['metadata']['name']}")
    assert "deletionTimestamp" in kube_api.do("GET", f"{place}/t007")["metadata"]
    assert "deletionTimestamp" in pods(kube_api, namespace)[0]["metadata"]
    stand_in.lets_go = True
    until(lambda: kube_api.ask("GET", f"{place}/t007").status == 404 and not pods(kube_api, namespace))


def test_a_job_ends(kube_api: KubeApi, namespace: str, stand_in: StandIn) -> None:
    stand_in.tell("client", SUCCEEDED)
    template = {"spec": TEMPLATE["spec"] | {"restartPolicy": "Never"}}
    place = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    kube_api.do("POST", place, {"metadata": {"name": "client"}, "spec": {"template": template}})
    done = until(lambda: kube_api.do("GET", f"{place}/client")["status"].get("conditions"))
    assert done[0]["type"] == "Complete"


def test_a_service_of_ome_becomes_ready_at_its_address(kube_api: KubeApi, namespace: str, stand_in: StandIn) -> None:
    register(kube_api)
    register(kube_api)  # what the server knows is left
    stand_in.tell("t007", READY.at("http://127.0.0.1:8000"))
    place = f"/apis/ome.io/v1beta1/namespaces/{namespace}"
    model = {"apiVersion": "ome.io/v1beta1", "kind": "BaseModel", "metadata": {"name": "qwen3"}, "spec": {}}
    kube_api.do("POST", f"{place}/basemodels", model)
    service = {
        "apiVersion": "ome.io/v1beta1", "kind": "InferenceService", "metadata": {"name": "t007", "labels": LABELS},
        "spec": {"model": {"name": "qwen3"}, "engine": {"runner": {"name": "ome-container", "args": ["--port=1"]}}},
    }  # fmt: skip
    kube_api.do("POST", f"{place}/inferenceservices", service)
    status = until(lambda: kube_api.do("GET", f"{place}/inferenceservices/t007").get("status"))
    assert status["url"] == "http://127.0.0.1:8000"
    [pod] = pods(kube_api, namespace)
    assert pod["metadata"]["labels"]["ome.io/inferenceservice"] == "t007"
    assert until(lambda: kube_api.do("GET", f"{place}/basemodels/qwen3").get("status"))["state"] == "Ready"


KILLED = """
import os, signal, sys
from tests.kube.waiting import until
from tests.kube_server import server
with server() as api:
    print(api.kubeconfig.parent, api.url, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_nothing_is_left_when_the_tests_are_killed() -> None:
    done = subprocess.run([sys.executable, "-c", KILLED], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode == -9
    home = Path(done.stdout.split()[0])
    until(lambda: not home.exists())
    until(lambda: not _of(home))


def _of(home: Path) -> list[str]:
    """Command lines that name the folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_text(errors="replace")
        except OSError:  # it ended
            continue
        if str(home) in line:
            found.append(line)
    return found
