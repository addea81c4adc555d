"""Small definitions of OME's resources: their names and scopes are those of OME, of their fields only the top ones."""

from __future__ import annotations

import time
from typing import Any

from tests.kube_server import KubeApi

GROUP, VERSION = "ome.io", "v1beta1"
KINDS = {
    "BaseModel": "Namespaced",
    "ServingRuntime": "Namespaced",
    "InferenceService": "Namespaced",
    "ClusterBaseModel": "Cluster",
    "ClusterServingRuntime": "Cluster",
}
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def register(api: KubeApi) -> None:
    """Make the server know OME's resources; those that it knows stay. Returns when requests for them are served."""
    for kind, scope in KINDS.items():
        made = api.ask("POST", DEFINITIONS, definition(kind, scope))
        assert made.status in (201, 409), made.body.get("message")
    end = time.monotonic() + 60
    for kind in KINDS:
        while api.ask("GET", f"/apis/{GROUP}/{VERSION}/{plural(kind)}").status != 200:
            assert time.monotonic() < end, f"{plural(kind)}.{GROUP} is registered and not served"
            time.sleep(0.1)


def definition(kind: str, scope: str) -> dict[str, Any]:
    """Of spec and status everything is kept: what a manifest may hold is checked elsewhere."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural(kind)}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": scope,
            "names": {"kind": kind, "listKind": f"{kind}List", "plural": plural(kind), "singular": kind.lower()},
            "versions": [{
                "name": VERSION, "served": True, "storage": True, "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": anything, "status": anything}}},
            }],
        },
    }  # fmt: skip


def plural(kind: str) -> str:
    return f"{kind.lower()}s"
