"""What a cluster lacks for our engines: asked once before the first attempt, and by `tunebook preflight`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from runner.deployers.kubernetes.api import KINDS, OF_THE_CLUSTER, Cluster, Refused
from runner.deployers.kubernetes.manifests.ome import named, storage_path
from runner.deployers.kubernetes.options import FORWARD, Options
from runner.deployers.kubernetes.workload import OME, PLAIN
from runner.errors import NotReady, Problem

PRODUCT = "nvidia.com/gpu.product"
"""Label of a node that GPU feature discovery sets: what its GPUs are."""
ROLE = "see the Role in the guide: verbs create, get, list and delete"
FORWARDED = "pods/portforward"
AGENT = "app.kubernetes.io/component=ome-model-agent-daemonset"
OME_NAMESPACE = "ome"


def problems(cluster: Cluster, chosen: Options, gpus: int) -> list[Problem]:
    """All that can be asked. Raises Away and Refused for what `connected` explains."""
    return [Problem(NotReady.slug, what, hint=hint) for what, hint in _all(cluster, chosen, gpus)]


def kinds_of(cluster: Cluster, named: Mapping[str, tuple[str, tuple[str, ...]]]) -> dict[str, str]:
    """Option -> kind of the existing object that it names: the first of the kinds in which there is one. Others are
    left out; a kind of the whole cluster that we may not look at has none for us."""
    found = {}
    for option, (name, kinds) in named.items():
        for kind in kinds:
            try:
                there = cluster.get(kind, name) is not None
            except Refused as refused:
                if refused.status != 403 or kind not in OF_THE_CLUSTER:
                    raise
                there = False
            if there:
                found[option] = kind
                break
    return found


def _all(cluster: Cluster, chosen: Options, gpus: int) -> Iterator[tuple[str, str]]:
    kinds = (*PLAIN, *OME) if chosen.renderer == "ome" else PLAIN
    lacked = [line for kind in kinds for line in forbidden(cluster, kind)] + of_pods(cluster)
    if chosen.renderer == "ome":
        lacked += [f"{verb} basemodels" for verb in ("create", "get") if not cluster.may(verb, "ome.io", "basemodels")]
    if chosen.endpoint == FORWARD:  # a WebSocket is a GET; newer servers ask for `create` beside it
        lacked += [f"{verb} pods/portforward" for verb in ("get", "create") if not cluster.may(verb, "", FORWARDED)]
    if chosen.load_image is not None:
        lacked += [f"{verb} pods/exec" for verb in ("get", "create") if not cluster.may(verb, "", "pods/exec")]
    if lacked:
        yield f"in the namespace {cluster.namespace} we may not: {', '.join(lacked)}", ROLE
    if gpus:
        yield from products(cluster, chosen)
    if chosen.renderer == "ome":
        yield from _ome(cluster, chosen)


def forbidden(cluster: Cluster, kind: str) -> list[str]:
    """Verbs that we lack, `create jobs` and the like, as the server judges it. An old server's word on a kind that it
    does not know is as good as any: `_ome` asks whether it knows it."""
    version, plural = KINDS[kind]
    group = version.rpartition("/")[0]
    return [f"{verb} {plural}" for verb in ("create", "list", "delete") if not cluster.may(verb, group, plural)]


def of_pods(cluster: Cluster) -> list[str]:
    """Others make the pods; we see how they are, read their logs, and delete them."""
    asked = [("list", "pods"), ("delete", "pods"), ("get", "pods/log")]
    return [f"{verb} {what}" for verb, what in asked if not cluster.may(verb, "", what)]


def products(cluster: Cluster, chosen: Options) -> Iterator[tuple[str, str]]:
    """What is wrong with the GPUs of the nodes. Attempts on GPUs of two kinds are not comparable, and a scheduler takes
    what is free. No such node may be one that an autoscaler has yet to make."""
    if chosen.gpu_product is not None:
        return
    with suppress(Refused):  # who may not list nodes is told nothing of them: the record names the node
        selector = ",".join(f"{name}={value}" for name, value in chosen.node_selector.items())
        nodes = [one for one in cluster.find("Node", selector) if has(one, chosen.gpu_resource)]
        kinds = sorted({str((one["metadata"].get("labels") or {}).get(PRODUCT, "without a name")) for one in nodes})
        if len(kinds) > 1:
            hint = f"choose one: deploy: {{kind: kubernetes, gpu_product: {kinds[0]}}}"
            yield f"the cluster has GPUs of {len(kinds)} kinds ({', '.join(kinds)}): attempts would not compare", hint


def has(node: Mapping[str, Any], resource: str) -> bool:
    """Whether a pod could get some of the resource there."""
    there = ((node.get("status") or {}).get("allocatable") or {}).get(resource, "0")
    return str(there) not in ("0", "")


def _ome(cluster: Cluster, chosen: Options) -> Iterator[tuple[str, str]]:
    absent = [kind for kind in (*OME, "BaseModel") if not cluster.knows(kind)]
    if absent:
        yield f"the cluster does not know {', '.join(absent)}: OME is not installed", "helm install ome, 1.2 or newer"
        return
    wanted = named(chosen)
    there = kinds_of(cluster, wanted)
    for option, (name, kinds) in wanted.items():
        if option not in there:
            yield f"there is no {' and no '.join(kinds)} called {name}", f"kubectl get {KINDS[kinds[0]][1]}"
    yield from _paths(cluster, chosen)


def _paths(cluster: Cluster, chosen: Options) -> Iterator[tuple[str, str]]:
    """A model that is to lie where the model agent has nothing mounted is written into the agent's own container."""
    path = storage_path(chosen)
    if path is None:
        return
    with suppress(Refused):
        agents = replace(cluster, namespace=OME_NAMESPACE).find("DaemonSet", AGENT)
        mounted = [
            str(volume["hostPath"]["path"]).rstrip("/")
            for agent in agents
            for volume in agent["spec"]["template"]["spec"].get("volumes") or []
            if "hostPath" in volume
        ]
        if mounted and not any(path == one or path.startswith(f"{one}/") for one in mounted):
            hint = f"a path under {' or '.join(mounted)}, or none: the agent chooses one"
            yield f"storage.path {path} is under none of the model agent's mounts", hint
