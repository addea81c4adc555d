"""What of a cluster, and of OME in it, is known to break a campaign: each with its remedy. For `tunebook preflight`;
the guide's page on troubleshooting has the same list, and more that only people can see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from runner.deployers.kubernetes.api import Cluster, Refused
from runner.deployers.kubernetes.connection import connected
from runner.deployers.kubernetes.needed import AGENT, OME_NAMESPACE, PRODUCT, forbidden, has, of_pods
from runner.deployers.kubernetes.options import Options
from runner.deployers.kubernetes.workload import OME, PLAIN

PATIENCE = 3.0
"""Seconds for an API server that does not answer: a look at the machine is no run."""
INSTANCE = "node.kubernetes.io/instance-type"
_CRD = "inferenceservices.ome.io"


def cluster_here() -> str:
    """The current context's server, version and namespace. Raises NotReady."""
    with connected(None, None, PATIENCE) as cluster:
        return f"{cluster.version()} at {cluster.server}, namespace {cluster.namespace}; {_gpus(cluster)}"


def of_cluster() -> list[tuple[str, str]]:
    """(what is wrong, what to do). Raises NotReady where there is no cluster."""
    with connected(None, None, PATIENCE) as cluster:
        found = [line for kind in PLAIN for line in forbidden(cluster, kind)] + of_pods(cluster)
        return [(f"we may not: {', '.join(found)}", "bind the Role of the guide to this user")] if found else []


def of_ome() -> list[tuple[str, str]]:
    """The same of OME. Raises NotReady where there is no cluster."""
    with connected(None, None, PATIENCE) as cluster:
        return list(_ome(cluster))


def _gpus(cluster: Cluster) -> str:
    """A cluster without GPUs is one too."""
    try:
        nodes = [one for one in cluster.find("Node") if has(one, Options().gpu_resource)]
    except Refused:
        return "its nodes may not be listed"
    kinds = sorted({str((one["metadata"].get("labels") or {}).get(PRODUCT, "GPUs without a name")) for one in nodes})
    return f"{', '.join(kinds)} on {len(nodes)} nodes" if nodes else f"no node has {Options().gpu_resource}"


def _ome(cluster: Cluster) -> Iterator[tuple[str, str]]:
    absent = [kind for kind in (*OME, "BaseModel") if not cluster.knows(kind)]
    if absent:
        yield f"the cluster does not know {', '.join(absent)}", "install OME, 1.2 or newer: its charts ome-crd and ome"
        return
    operator = replace(cluster, namespace=OME_NAMESPACE)
    with suppress(Refused):
        crd = operator.get("CustomResourceDefinition", _CRD)
        if crd is not None and _has_predictor(crd):
            yield (
                "OME is older than 1.2.0: its services still have spec.predictor",
                "upgrade OME: pvc:// needs 1.2.0 too",
            )
    with suppress(Refused):
        managers = operator.find("Deployment", "control-plane=ome-controller-manager")
        if managers and not any((one.get("status") or {}).get("availableReplicas") for one in managers):
            yield (
                "OME's controller does not run",
                f"kubectl -n {OME_NAMESPACE} describe deployment ome-controller-manager",
            )
    with suppress(Refused):
        nodes = [one for one in operator.find("Node") if has(one, Options().gpu_resource)]
        nameless = [
            str(one["metadata"]["name"]) for one in nodes if INSTANCE not in (one["metadata"].get("labels") or {})
        ]
        if nameless:
            fix = f"kubectl label node {nameless[0]} {INSTANCE}=gpu"
            yield f"the model agent crashes on nodes without the label {INSTANCE}: {', '.join(nameless)}", fix
    with suppress(Refused):
        agents = operator.find("DaemonSet", AGENT)
        if not agents:
            yield (
                "no model agent runs: from 1.3 on it is off by default",
                "set modelAgent.enabled, or use pvc:// models",
            )
        lacking = sum(int((one.get("status") or {}).get("numberUnavailable") or 0) for one in agents)
        if lacking:
            yield f"the model agent does not run on {lacking} nodes", f"kubectl -n {OME_NAMESPACE} get pods -l {AGENT}"


def _has_predictor(crd: Mapping[str, Any]) -> bool:
    versions = crd.get("spec", {}).get("versions", [])
    schemas = (one.get("schema", {}).get("openAPIV3Schema", {}).get("properties", {}) for one in versions)
    return any("predictor" in schema.get("spec", {}).get("properties", {}) for schema in schemas)
