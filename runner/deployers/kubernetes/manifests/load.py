"""The load generator's own pod, beside the engine: an image that has this tunebook, asleep until it is told what to do.

It tolerates no taint and asks for no GPU, so it goes where the engine's node is left to the engine.
"""

from __future__ import annotations

import math
from typing import Any

from runner.deployers import PlaceRequest
from runner.deployers.kubernetes.beside import CONTAINER
from runner.deployers.kubernetes.manifests.rendered import LOAD, OURS, metadata, object_name
from runner.deployers.kubernetes.options import Options


def load_job(request: PlaceRequest, chosen: Options, namespace: str) -> dict[str, Any] | None:
    """The Job; None without a `load_image`."""
    if chosen.load_image is None:
        return None
    seconds = math.ceil(chosen.deadline)
    container: dict[str, Any] = {
        "name": CONTAINER, "image": chosen.load_image, "command": ["sleep"], "args": [str(seconds)],
        "securityContext": {"allowPrivilegeEscalation": False},
    }  # fmt: skip
    if chosen.load_cpus is not None:
        wanted = {"cpu": f"{chosen.load_cpus:g}"}
        container["resources"] = {"requests": dict(wanted), "limits": dict(wanted)}
    spec: dict[str, Any] = {
        "restartPolicy": "Never", "automountServiceAccountToken": False, "terminationGracePeriodSeconds": 1,
        "containers": [container],
    }  # fmt: skip
    if chosen.image_pull_secrets:
        spec["imagePullSecrets"] = [{"name": name} for name in chosen.image_pull_secrets]
    labels = {**OURS, LOAD: request.attempt_id}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata(f"{object_name(request.attempt_id)}-load", namespace, request.labels),
        "spec": {
            "backoffLimit": 0, "activeDeadlineSeconds": seconds, "ttlSecondsAfterFinished": 60,
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }  # fmt: skip


def load_of(request: PlaceRequest) -> str:
    """Selector of its pod."""
    return f"{LOAD}={request.attempt_id}"
