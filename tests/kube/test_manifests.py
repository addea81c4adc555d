"""The manifests that `tunebook new --ci kubernetes` writes, given to a real API server, and what their account may do.

The server is older than CronJobs of batch/v1: it gets them as batch/v1beta1, which has the same fields.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from runner.deployers import deployers
from runner.domain.campaign import Deploy
from runner.util.environment import POD
from tests.docs.recipes import manifests
from tests.kube.stand_in import holds, register
from tests.kube.waiting import until
from tests.kube_server import KubeApi

pytestmark = pytest.mark.kube

PLACES = {
    "Namespace": "/api/v1/namespaces",
    "ServiceAccount": "/api/v1/namespaces/{}/serviceaccounts",
    "Role": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/roles",
    "RoleBinding": "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/rolebindings",
    "PersistentVolumeClaim": "/api/v1/namespaces/{}/persistentvolumeclaims",
    "CronJob": "/apis/batch/v1beta1/namespaces/{}/cronjobs",
}
NAMESPACE = "tunebook"


@pytest.fixture(scope="module")
def applied(kube_api: KubeApi) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """What was sent, and what the server made of it."""
    found = []
    for one in manifests():
        sent = one | {"apiVersion": "batch/v1beta1"} if one["kind"] == "CronJob" else one
        found.append((sent, kube_api.do("POST", PLACES[one["kind"]].format(NAMESPACE), sent)))
    return found


def test_the_server_takes_every_field(applied: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """It drops what it does not know without a word."""
    assert [sent["kind"] for sent, _ in applied] == list(PLACES)
    for sent, made in applied:
        assert holds(made, sent), sent["kind"]
    assert not holds({"spec": {"schedule": "x"}}, {"spec": {"schedule": "x", "timezone": "UTC"}})


def test_a_night_runs_as_nobody_and_writes_only_its_volumes() -> None:
    [night] = [one for one in manifests() if one["kind"] == "CronJob"]
    pod = night["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert [one["name"] for one in pod["volumes"] if {"hostPath", "secret"} & set(one)] == []
    for container in [*pod["initContainers"], *pod["containers"]]:
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_a_night_knows_which_pod_it_is() -> None:
    """A name that the kubelet puts in must stand before its use."""
    [night] = [one for one in manifests() if one["kind"] == "CronJob"]
    [container] = night["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    known: list[str] = []
    for one in container["env"]:
        assert set(re.findall(r"\$\((\w+)\)", one.get("value", ""))) <= set(known)
        known.append(one["name"])
    paths = [one["valueFrom"]["fieldRef"]["fieldPath"] for one in container["env"] if "valueFrom" in one]
    assert paths == ["metadata.namespace", "metadata.name", "metadata.uid"]
    assert container["env"][-1] == {"name": POD, "value": "$(POD_NAMESPACE)/$(POD_NAME)/$(POD_UID)"}


def test_the_account_may_do_what_a_deployer_does_and_nothing_else(
    kube_api: KubeApi,
    applied: list[tuple[dict[str, Any], dict[str, Any]]],
    namespace: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    register(kube_api)
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}}
    place = f"{PLACES['ServiceAccount'].format(NAMESPACE)}/tunebook/token"
    token = kube_api.do("POST", place, asked)["status"]["token"]

    def status(method: str, path: str, body: dict[str, Any] | None = None) -> int:
        return kube_api.ask(method, path, body, token).status

    def may(verb: str, group: str, resource: str, where: str = NAMESPACE) -> bool:
        name, _, part = resource.partition("/")
        about = {"namespace": where, "verb": verb, "group": group, "resource": name, "subresource": part}
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        answer = kube_api.ask("POST", path, review | {"spec": {"resourceAttributes": about}}, token)
        return bool(answer.body["status"]["allowed"])

    until(lambda: may("create", "apps", "deployments"))  # roles take effect a moment after they are made
    every = ("create", "get", "list", "watch", "delete")
    for group, resource in [
        ("", "services"), ("", "pods"), ("apps", "deployments"), ("batch", "jobs"), ("ome.io", "inferenceservices"),
        ("ome.io", "servingruntimes"), ("ome.io", "basemodels"), ("", "configmaps"),
    ]:  # fmt: skip
        assert [verb for verb in every if not may(verb, group, resource)] == [], resource
        assert not may("update", group, resource)
        assert not may("deletecollection", group, resource)
        assert not may("get", group, resource, where=namespace)
    assert may("get", "", "pods/log")
    assert not may("create", "", "pods/exec")
    assert [verb for verb in every if may(verb, "", "secrets")] == ["create", "delete"], "it makes some and reads none"

    service = {"metadata": {"name": "engine"}, "spec": {"ports": [{"port": 8000}], "selector": {"app": "engine"}}}
    assert status("POST", f"/api/v1/namespaces/{NAMESPACE}/services", service) == 201
    assert status("DELETE", f"/api/v1/namespaces/{NAMESPACE}/services/engine") == 200
    assert status("POST", f"/api/v1/namespaces/{namespace}/services", service) == 403
    assert status("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets") == 403
    assert status("POST", PLACES["RoleBinding"].format(NAMESPACE), {"metadata": {"name": "more"}}) == 403

    file = tmp_path / "kubeconfig"
    file.write_text(kube_api.kubeconfig.read_text().replace(kube_api.token, token), encoding="utf-8")
    monkeypatch.setenv("KUBECONFIG", str(file))
    for renderer in ({}, {"renderer": "ome", "weights": "pvc://models/qwen3"}):
        options = {"namespace": NAMESPACE, "endpoint": "service", **renderer}
        assert deployers.get("kubernetes").needs(Deploy("kubernetes", options)) == [], "a run there lacks nothing"
