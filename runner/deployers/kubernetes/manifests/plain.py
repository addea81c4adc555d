"""Renderer `plain`: a Job, or a Deployment, and a Service. Nothing else is needed in the cluster.

A Job is the better form of a trial: what ends stays ended, with its exit code, and the cluster itself ends what
outlives its driver.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from runner.deployers import PlaceRequest
from runner.deployers.kubernetes.manifests.load import load_job, load_of
from runner.deployers.kubernetes.manifests.pod import config_map, container, secret, volumes, where
from runner.deployers.kubernetes.manifests.rendered import ATTEMPT, OURS, Rendered, metadata, object_name
from runner.deployers.kubernetes.options import Options
from runner.domain.trial import Launch

CONTAINER = "engine"
KEPT = 3600
"""Seconds that a Job stands after its end, where nobody is left who removes it."""


def render(
    launch: Launch, request: PlaceRequest, chosen: Options, namespace: str, secrets: Mapping[str, str]
) -> Rendered:
    """`secrets`: the values of what the entry passes through."""
    name = object_name(request.attempt_id)
    about = metadata(name, namespace, request.labels)
    selector = {ATTEMPT: request.attempt_id}
    template = {
        "metadata": {"labels": {**OURS, **selector}},
        "spec": {
            "restartPolicy": "Never" if chosen.workload == "job" else "Always",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,  # a Service called vllm would set VLLM_PORT, which vLLM reads
            "containers": [container(CONTAINER, launch, request, chosen, chosen.port)],
            "volumes": volumes(launch, request, chosen),
            **where(request, chosen),
        },
    }
    own: dict[str, Any] = (
        {
            "apiVersion": "batch/v1", "kind": "Job", "metadata": about,
            "spec": {
                "backoffLimit": 0, "completions": 1, "parallelism": 1,
                "activeDeadlineSeconds": math.ceil(chosen.deadline), "ttlSecondsAfterFinished": KEPT,
                "template": template,
            },
        }
        if chosen.workload == "job"
        else {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": about,
            "spec": {
                "replicas": 1, "selector": {"matchLabels": selector}, "strategy": {"type": "Recreate"},
                "progressDeadlineSeconds": math.ceil(chosen.deadline), "template": template,
            },
        }
    )  # fmt: skip
    service = {
        "apiVersion": "v1", "kind": "Service", "metadata": about,
        "spec": {"selector": selector, "ports": [{"name": "http", "port": chosen.port, "targetPort": "http"}]},
    }  # fmt: skip
    load = load_job(request, chosen, namespace)
    first = (secret(secrets, request, namespace), config_map(launch, request, namespace), load)
    manifests = (*(one for one in first if one is not None), service, own)
    of_load = load_of(request) if load else None
    return Rendered(manifests, f"{ATTEMPT}={request.attempt_id}", CONTAINER, chosen.port, name, load=of_load)
