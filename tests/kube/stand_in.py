"""What controllers, scheduler and kubelet of a cluster would write, for the objects of one namespace.

    register(api)                               # the server knows OME's resources
    with StandIn(api, namespace) as stand_in:   # the fixture `stand_in` does this
        stand_in.tell("t007", OOM_KILLED)       # what becomes of the object t007; READY where nothing is told

Of a Deployment, a Job or an InferenceService it makes the pod (labels of the template; owner: the object itself), and
it removes the pod when the object is gone. Nothing runs in a pod.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

from tests.kube.custom import register
from tests.kube.fates import (
    CRASH_LOOP,
    EVICTED,
    FAILED,
    IMAGE_PULL,
    NEVER,
    NODE,
    NOT_READY,
    OOM_KILLED,
    READY,
    SINCE,
    SUCCEEDED,
    UNSCHEDULABLE,
    Fate,
)
from tests.kube_server import KubeApi

__all__ = [
    "CRASH_LOOP", "EVICTED", "FAILED", "IMAGE_PULL", "NEVER", "NODE", "NOT_READY", "OOM_KILLED", "READY", "SUCCEEDED",
    "UNSCHEDULABLE", "Fate", "StandIn", "register",
]  # fmt: skip

Object = dict[str, Any]
OWNERS = {
    "Deployment": "/apis/apps/v1/namespaces/{}/deployments",
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
    "InferenceService": "/apis/ome.io/v1beta1/namespaces/{}/inferenceservices",
}
MODELS = "/apis/ome.io/v1beta1/namespaces/{}/basemodels"
CLUSTER_MODELS = "/apis/ome.io/v1beta1/clusterbasemodels"
PAUSE = 0.05


class StandIn:
    """A thread that looks at the namespace 20 times a second. `lets_go = False`: deleted pods stay, as on a node that
    no longer answers. What went wrong in the thread is raised when the context ends."""

    def __init__(self, api: KubeApi, namespace: str) -> None:
        self.lets_go = True
        self._api, self._namespace = api, namespace
        self._fates: dict[str, Fate] = {}
        self._over = threading.Event()
        self._thread = ThreadPoolExecutor(1, "stand-in")

    def __enter__(self) -> StandIn:
        self._work = self._thread.submit(self._works)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.shutdown()
        self._work.result()

    def tell(self, name: str, fate: Fate) -> None:
        """From now on, and also what is there already. Models of the cluster are left alone unless they are told."""
        self._fates[name] = fate

    def _works(self) -> None:
        while not self._over.wait(PAUSE):
            self._look()

    def _look(self) -> None:
        owners = {
            owner["metadata"]["uid"]: (kind, path, owner) for kind, path in OWNERS.items() for owner in self._list(path)
        }
        pods: dict[str, Object] = {}
        for pod in self._list("/api/v1/namespaces/{}/pods"):
            owned = pod["metadata"].get("ownerReferences", [{}])[0].get("uid")
            gone = owned not in owners or _deleted(owners[owned][2])
            if _deleted(pod) or (owned and gone):
                self._remove(pod)
            elif owned:
                pods[owned] = pod
        for uid, (kind, path, owner) in owners.items():
            if _deleted(owner):
                self._release(path, owner)
            else:
                self._fulfil(kind, path, owner, pods.get(uid))
        self._models()

    def _fulfil(self, kind: str, path: str, owner: Object, pod: Object | None) -> None:
        """A pod and the status of both, as the object's fate has it. What is right already is not written again."""
        fate = self._fates.get(owner["metadata"]["name"], READY)
        if owner["spec"].get("replicas") == 0:
            return
        if pod is not None and pod["spec"].get("nodeName") != fate.node:
            self._remove(pod)  # pods do not move
            pod = None
        if pod is None:
            made = self._api.ask("POST", f"/api/v1/namespaces/{self._namespace}/pods", _pod(kind, owner, fate))
            if made.status != 201:  # as quota and admission refuse pods: their controller says so in its status
                self._status(path, owner, _refused(str(made.body.get("message"))))
                return
            pod = made.body
        wanted = fate.status(pod["spec"]["containers"])
        if self._status("/api/v1/namespaces/{}/pods", pod, wanted) and fate.reason:
            self._event(pod, fate.reason, fate.message)
        self._status(path, owner, _owned(kind, owner, fate))

    def _models(self) -> None:
        for model in self._list(MODELS):
            fate = self._fates.get(model["metadata"]["name"], READY)
            self._status(MODELS, model, {"state": "Ready" if fate.ready else "In_Transit"})
        for name, fate in list(self._fates.items()):
            model = self._api.ask("GET", f"{CLUSTER_MODELS}/{name}").body
            if model.get("kind") == "ClusterBaseModel":
                self._status(CLUSTER_MODELS, model, {"state": "Ready" if fate.ready else "In_Transit"})

    def _list(self, path: str) -> Iterator[Object]:
        """All of the namespace; none of a resource that is not registered."""
        answer = self._api.ask("GET", path.format(self._namespace))
        yield from answer.body["items"] if answer.status == 200 else []

    def _status(self, path: str, there: Object, wanted: Object) -> bool:
        """Whether it was another one before. The object may be gone meanwhile."""
        if holds(there.get("status") or {}, wanted):
            return False
        place = f"{path.format(self._namespace)}/{there['metadata']['name']}/status"
        answer = self._api.ask("PATCH", place, {"status": wanted})
        assert answer.status in (200, 404), answer.body.get("message")
        return answer.status == 200

    def _remove(self, pod: Object) -> None:
        if self.lets_go:
            place = f"/api/v1/namespaces/{self._namespace}/pods/{pod['metadata']['name']}"
            self._api.ask("DELETE", place, {"gracePeriodSeconds": 0, "preconditions": {"uid": pod["metadata"]["uid"]}})

    def _release(self, path: str, owner: Object) -> None:
        """An object that was deleted with Foreground waits for its pods, then for this."""
        if self.lets_go and owner["metadata"].get("finalizers") == ["foregroundDeletion"]:
            place = f"{path.format(self._namespace)}/{owner['metadata']['name']}"
            self._api.ask("PATCH", place, {"metadata": {"finalizers": None}})

    def _event(self, pod: Object, reason: str, message: str) -> None:
        name = pod["metadata"]["name"]
        about = {"kind": "Pod", "apiVersion": "v1", "namespace": self._namespace, "name": name}
        self._api.do("POST", f"/api/v1/namespaces/{self._namespace}/events", {
            "metadata": {"name": f"{name}.{uuid4().hex[:8]}"}, "type": "Warning", "reason": reason, "message": message,
            "involvedObject": {**about, "uid": pod["metadata"]["uid"]}, "count": 1, "source": {"component": NODE},
            "firstTimestamp": SINCE, "lastTimestamp": SINCE,
        })  # fmt: skip


def _deleted(one: Object) -> bool:
    return "deletionTimestamp" in one["metadata"]


def holds(there: Any, wanted: Any) -> bool:
    """Whether all that is wanted is there; the server adds defaults of its own."""
    if isinstance(wanted, dict):
        return isinstance(there, dict) and all(holds(there.get(name), value) for name, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(there, list) and len(there) == len(wanted) and all(map(holds, there, wanted))
    return bool(there == wanted) or (there is None and wanted in ("", 0, False))


def _pod(kind: str, owner: Object, fate: Fate) -> Object:
    """Of the object's template; OME makes its pods of runtime and service, of which here the service alone does."""
    meta, name = owner["metadata"], owner["metadata"]["name"]
    template = owner["spec"].get("template") or {"spec": {"containers": [_engine(owner)]}}
    own = {
        "Deployment": {},
        "Job": {"job-name": name},
        "InferenceService": {"ome.io/inferenceservice": name, "component": "engine"},
    }
    reference = {"apiVersion": owner.get("apiVersion") or _VERSIONS[kind], "kind": kind, "name": name}
    labels = {**template.get("metadata", {}).get("labels", {}), **own[kind]}
    if kind == "InferenceService":
        labels = {**meta.get("labels", {}), **labels}
    spec = template["spec"] | ({"nodeName": fate.node} if fate.node else {})
    return {
        "metadata": {
            "name": f"{name}-{uuid4().hex[:5]}",
            "labels": labels,
            "ownerReferences": [reference | {"uid": meta["uid"], "controller": True}],
        },
        "spec": spec,
    }


_VERSIONS = {"Deployment": "apps/v1", "Job": "batch/v1", "InferenceService": "ome.io/v1beta1"}


def _engine(service: Object) -> Object:
    runner = service["spec"].get("engine", {}).get("runner", {})
    said = {key: runner[key] for key in ("command", "args", "env") if key in runner}
    return {"name": runner.get("name", "ome-container"), "image": runner.get("image", "of-the-runtime"), **said}


def _owned(kind: str, owner: Object, fate: Fate) -> Object:
    """`status` of the object."""
    met = "True" if fate.ready else "False"
    if kind == "Deployment":
        number = 1 if fate.ready else 0
        return {
            "observedGeneration": owner["metadata"]["generation"], "replicas": 1, "updatedReplicas": 1,
            "readyReplicas": number, "availableReplicas": number, "unavailableReplicas": 1 - number,
            "conditions": [{"type": "Available", "status": met, "reason": "MinimumReplicas" + "Un" * (not fate.ready) +
                            "available", "message": ""}],
        }  # fmt: skip
    if kind == "Job":
        if fate.phase == "Succeeded":
            done = {"conditions": [{"type": "Complete", "status": "True"}], "completionTime": SINCE}
            return {"startTime": SINCE, "active": 0, "succeeded": 1, **done}
        if fate.phase == "Failed":
            why = {"type": "Failed", "status": "True", "reason": fate.reason, "message": fate.message}
            return {"startTime": SINCE, "active": 0, "failed": 1, "conditions": [why]}
        return {"startTime": SINCE, "active": 1}
    found: Object = {"conditions": [{"type": "Ready", "status": met}]}
    if fate.ready:
        meta = owner["metadata"]
        found["url"] = fate.url or f"http://{meta['name']}.{meta['namespace']}.svc.cluster.local:8080"
    return found


def _refused(message: str) -> Object:
    """Of a Deployment whose pod was not created, in a quota for example."""
    failure = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": message}
    return {"conditions": [failure]}
