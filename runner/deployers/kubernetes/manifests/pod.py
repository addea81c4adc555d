"""The pod of an engine, as far as both renderers need the same: its container, its volumes, where it may run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runner import __file__ as ours
from runner.deployers import PlaceRequest
from runner.deployers.kubernetes.manifests.rendered import metadata, object_name
from runner.deployers.kubernetes.options import Options
from runner.domain.trial import Launch
from runner.util.environment import passed_through

MODELS = "/model"
"""Where a claim is mounted in a pod of ours."""
MODEL_PATH = "$(MODEL_PATH)"
"""The variable in which OME tells where the model is. Kubernetes fills it in."""
_PACKAGE = Path(ours).resolve().parent


def claim(weights: str | None) -> tuple[str, str] | None:
    """(claim, folder or file in it) of `pvc://claim/folder`; None for anything else. The namespace that OME's form
    may have before the claim is left out: a pod mounts claims of its own only."""
    if weights is None or not weights.startswith("pvc://"):
        return None
    name, _, below = weights.removeprefix("pvc://").partition("/")
    return name.rpartition(":")[2], below.strip("/")


def words(launch: Launch) -> tuple[list[str], list[str]]:
    """(command, args): the launch to the word. Kubernetes fills in `$(NAME)`, halves `$$`; only OME's is meant."""
    told = [_literal(word).replace(f"${MODEL_PATH}", MODEL_PATH) for word in launch.argv]
    return told[:1], told[1:]


def environment(launch: Launch, request: PlaceRequest, chosen: Options) -> list[dict[str, Any]]:
    """What the entry sets, in the clear, and secrets by reference: of the cluster's, and of ours by `secret`. Our
    proxies mean nothing there."""
    plain = sorted(launch.env.items())
    found: list[dict[str, Any]] = [{"name": name, "value": _literal(value)} for name, value in plain]
    own = object_name(request.attempt_id)
    references = {name: (own, name) for name in environment_of(request)} | dict(chosen.secrets)
    found += [
        {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}
        for name, (secret, key) in sorted(references.items())
    ]
    return found


def environment_of(request: PlaceRequest) -> dict[str, str]:
    """The variables that the entry passes through, as far as they are set here. Hidden from then on."""
    return passed_through(request.options.get("pass_env", ()))


def secret(values: Mapping[str, str], request: PlaceRequest, namespace: str) -> dict[str, Any] | None:
    """The values of variables that are passed through, in an object of their own that goes with the attempt: no
    manifest of a pod shows them. None when there are none."""
    if not values:
        return None
    about = metadata(object_name(request.attempt_id), namespace, request.labels)
    return {"apiVersion": "v1", "kind": "Secret", "metadata": about, "type": "Opaque", "stringData": dict(values)}


def launcher_folder(launch: Launch) -> Path | None:
    """The folder of a launcher of ours that the command line names: no image has it."""
    for word in launch.argv:
        if word.startswith("/") and Path(word).is_file() and Path(word).resolve().is_relative_to(_PACKAGE):
            return Path(word).parent
    return None


def config_map(launch: Launch, request: PlaceRequest, namespace: str) -> dict[str, Any] | None:
    """The files of that folder, tables included; None when the command needs none."""
    folder = launcher_folder(launch)
    if folder is None:
        return None
    files = {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.iterdir()) if path.is_file()}
    about = metadata(object_name(request.attempt_id), namespace, request.labels)
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": about, "data": files}


def container(name: str, launch: Launch, request: PlaceRequest, chosen: Options, port: int) -> dict[str, Any]:
    """The engine. Limits and requests are the same: an attempt has what it was given, and no more when others sleep."""
    command, args = words(launch)
    found: dict[str, Any] = {
        "name": name,
        "image": str(request.options["image"]),
        "command": command,
        "args": args,
        "ports": [{"name": "http", "containerPort": port, "protocol": "TCP"}],
        "volumeMounts": mounts(launch, chosen),
        "securityContext": {"allowPrivilegeEscalation": False},
    }
    if env := environment(launch, request, chosen):
        found["env"] = env
    if wanted := resources(request, chosen):
        found["resources"] = {"requests": dict(wanted), "limits": dict(wanted)}
    return found


def resources(request: PlaceRequest, chosen: Options) -> dict[str, str]:
    """As quantities: bytes and cores are plain numbers."""
    found = {}
    if request.gpu_count:
        found[chosen.gpu_resource] = str(request.gpu_count)
    if chosen.memory is not None:
        found["memory"] = str(chosen.memory)
    if chosen.cpus is not None:
        found["cpu"] = f"{chosen.cpus:g}"
    return found


def mounts(launch: Launch, chosen: Options) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{"name": "shm", "mountPath": "/dev/shm"}]
    if chosen.renderer == "plain" and claim(chosen.weights) is not None:
        found.append({"name": "weights", "mountPath": MODELS, "readOnly": True})
    if (folder := launcher_folder(launch)) is not None:
        found.append({"name": "launcher", "mountPath": str(folder), "readOnly": True})
    return found


def volumes(launch: Launch, request: PlaceRequest, chosen: Options) -> list[dict[str, Any]]:
    """Shared memory is a limit and takes nothing until it is used; it counts as memory of the pod."""
    shm = {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": str(chosen.shm_size)}}
    found: list[dict[str, Any]] = [shm]
    named = claim(chosen.weights)
    if chosen.renderer == "plain" and named is not None:
        found.append({"name": "weights", "persistentVolumeClaim": {"claimName": named[0], "readOnly": True}})
    if launcher_folder(launch) is not None:
        found.append({"name": "launcher", "configMap": {"name": object_name(request.attempt_id)}})
    return found


def where(request: PlaceRequest, chosen: Options) -> dict[str, Any]:
    """Which nodes it may run on, and as whom; and how long it gets to end itself."""
    selector = dict(chosen.node_selector)
    if chosen.gpu_product is not None:
        selector["nvidia.com/gpu.product"] = chosen.gpu_product
    found: dict[str, Any] = {
        "terminationGracePeriodSeconds": max(1, round(request.grace)),  # not OME's 600 s, for which a GPU is blocked
        "nodeSelector": selector,
        "tolerations": [dict(one) for one in chosen.tolerations],
        "imagePullSecrets": [{"name": name} for name in chosen.image_pull_secrets],
        "serviceAccountName": chosen.service_account,
        "priorityClassName": chosen.priority_class,
        "runtimeClassName": chosen.runtime_class,
    }
    return {key: value for key, value in found.items() if value}


def _literal(value: str) -> str:
    return value.replace("$", "$$")
