"""What a campaign may say about its cluster: `deploy: {kind: kubernetes, ...}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from runner.domain.campaign import Deploy
from runner.domain.units import parse_duration, parse_size
from runner.errors import Problem
from runner.render.served import SHARED_MEMORY

RENDERERS = ("plain", "ome")
WORKLOADS = ("job", "deployment")
FORWARD, SERVICE = "port-forward", "service"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_ENV = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CLAIM = re.compile(r"pvc://(?:[a-z0-9][-a-z0-9]*:)?[a-z0-9][-a-z0-9.]*/\S+")
_URI = re.compile(r"[a-z][a-z0-9+.-]*://\S+")


@dataclass(frozen=True, slots=True)
class Options:
    """`memory` and `shm_size` are bytes, `cpus` cores, `deadline` and `unschedulable_after` seconds; None is no limit.
    `secrets`: variable -> (name of the Secret, its key). `base_model` and `serving_runtime` belong to OME: the name of
    one that exists, or a mapping (`ome.KEYS`). With a `load_image` the load generator has a pod of its own."""

    renderer: str = "plain"
    context: str | None = None
    namespace: str | None = None
    workload: str = "job"
    endpoint: str = FORWARD
    port: int = 8000
    weights: str | None = None
    gpu_resource: str = "nvidia.com/gpu"
    gpu_product: str | None = None
    node_selector: Mapping[str, str] = field(default_factory=dict)
    tolerations: tuple[Mapping[str, Any], ...] = ()
    shm_size: int = SHARED_MEMORY
    memory: int | None = None
    cpus: float | None = None
    image_pull_secrets: tuple[str, ...] = ()
    secrets: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    service_account: str | None = None
    priority_class: str | None = None
    runtime_class: str | None = None
    deadline: float = 6 * 3600.0
    unschedulable_after: float = 600.0
    load_image: str | None = None
    load_cpus: float | None = None
    base_model: Any = None
    serving_runtime: Any = None


NAMES = tuple(Options.__dataclass_fields__)
OF_OME = ("base_model", "serving_runtime")
OF_PLAIN = ("workload", "port", "deadline")
_AS_THEY_ARE = (
    "renderer", "context", "namespace", "workload", "endpoint", "port", "weights", "gpu_resource", "gpu_product",
    "service_account", "priority_class", "runtime_class", "base_model", "serving_runtime", "load_image",
)  # fmt: skip


def options_of(given: Mapping[str, Any]) -> Options:
    """Of options that `problems` found nothing wrong with; others in the mapping are somebody else's."""
    plain = {name: given[name] for name in _AS_THEY_ARE if name in given}
    sizes: dict[str, Any] = {name: parse_size(str(given[name])) for name in ("shm_size", "memory") if name in given}
    times: dict[str, Any] = {
        name: parse_duration(str(given[name])) for name in ("deadline", "unschedulable_after") if name in given
    }
    secrets = {str(name): _secret(str(text)) for name, text in given.get("secrets", {}).items()}
    return Options(
        **plain,
        **sizes,
        **times,
        cpus=float(given["cpus"]) if "cpus" in given else None,
        load_cpus=float(given["load_cpus"]) if "load_cpus" in given else None,
        node_selector={str(name): str(value) for name, value in given.get("node_selector", {}).items()},
        tolerations=tuple(dict(one) for one in given.get("tolerations", ())),
        image_pull_secrets=tuple(given.get("image_pull_secrets", ())),
        secrets=secrets,
    )


def problems(deploy: Deploy) -> list[Problem]:
    """One problem for each value that is none of its kind, and for options that belong to the other renderer; what is
    not known at all is somebody else's to say."""
    found = []
    timed = "deadline" in deploy.options and "load_image" not in deploy.options  # its Job has one in any case
    if deploy.options.get("workload") == "deployment" and timed:
        what = "deploy kubernetes: the option 'deadline' means nothing to a Deployment, which nobody ends by time"
        found.append(Problem("option-value", what, hint="write workload: job, or leave it out"))
    for name, value in deploy.options.items():
        if name in _WANTED and (hint := _WANTED[name](value)):
            what = f"deploy kubernetes: the value of {name!r} is wrong: {value!r}"
            found.append(Problem("option-value", what, hint=hint))
    renderer = deploy.options.get("renderer", "plain")
    for name in OF_OME if renderer == "plain" else OF_PLAIN if renderer == "ome" else ():
        if name in deploy.options and (name != "deadline" or timed):
            what = f"deploy kubernetes: {name!r} means nothing to the renderer {renderer}"
            hint = "write renderer: ome, or leave it out" if renderer == "plain" else "leave it out"
            found.append(Problem("option-value", what, hint=hint))
    if found:
        return found
    if renderer == "ome" and not {"base_model", "weights"} & set(deploy.options):
        what = "deploy kubernetes: the renderer ome needs to know the model in the cluster"
        hint = "base_model: NAME of one that exists, or weights: pvc://claim/folder, hf://org/name"
        return [Problem("missing-key", what, hint=hint)]
    weights = str(deploy.options.get("weights", ""))
    if weights and renderer == "plain" and not _CLAIM.fullmatch(weights):
        what = f"deploy kubernetes: the value of 'weights' is wrong: {weights!r}"
        return [Problem("option-value", what, hint="the renderer plain mounts a claim: pvc://claim/folder")]
    return []


def _secret(text: str) -> tuple[str, str]:
    name, _, key = text.partition("/")
    return name, key


def _a_size(value: Any) -> str:
    try:
        sound = parse_size(str(value)) > 0
    except ValueError:
        sound = False
    return "" if sound else "a size with its unit: 16GB"


def _a_duration(value: Any) -> str:
    try:
        sound = isinstance(value, str) and parse_duration(value) > 0
    except ValueError:
        sound = False
    return "" if sound else "a duration with its unit: 10m"


def _a_number(value: Any) -> str:
    return "" if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else "cores, such as 4"


def _a_port(value: Any) -> str:
    sound = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 65536
    return "" if sound else "a port of the pod, such as 8000"


def _one_of(*names: str) -> Any:
    return lambda value: "" if value in names else f"one of {', '.join(names)}"


def _a_text(value: Any) -> str:
    return "" if isinstance(value, str) and value.strip() else "write a text"


def _an_object(value: Any) -> str:
    return "" if isinstance(value, str) and _NAME.fullmatch(value) else "the name of an object in the cluster"


def _a_namespace(value: Any) -> str:
    return "" if isinstance(value, str) and _LABEL.fullmatch(value) else "small letters, digits and dashes, at most 63"


def _objects(value: Any) -> str:
    sound = isinstance(value, list | tuple) and all(not _an_object(name) for name in value)
    return "" if sound else "a list of names of objects in the cluster"


def _an_endpoint(value: Any) -> str:
    if value in (FORWARD, SERVICE):
        return ""
    if isinstance(value, str) and re.fullmatch(r"https?://\S+", value):
        with suppress(LookupError, ValueError):
            value.format(name="", namespace="", port=0)
            return ""
    return "port-forward, service (where tunebook runs in the cluster), or https://{name}.example.org"


def _weights(value: Any) -> str:
    if isinstance(value, str) and value.startswith("pvc://") and not _CLAIM.fullmatch(value):
        return "pvc://claim/folder: the part below the claim is needed"
    return "" if isinstance(value, str) and _URI.fullmatch(value) else "an address, such as pvc://claim/folder"


def _texts(value: Any) -> str:
    sound = isinstance(value, Mapping) and all(isinstance(text, str) for pair in value.items() for text in pair)
    return "" if sound else "texts by name: {nvidia.com/gpu.product: NVIDIA-L4}; quote numbers"


def _tolerations(value: Any) -> str:
    sound = isinstance(value, list | tuple) and all(isinstance(one, Mapping) for one in value)
    return "" if sound else "a list of mappings, as in a pod: [{key: nvidia.com/gpu, operator: Exists}]"


def _secrets(value: Any) -> str:
    hint = "the variable, and where its value lies: {HF_TOKEN: name-of-the-secret/key}; never the value itself"
    if not isinstance(value, Mapping):
        return hint
    sound = all(
        isinstance(name, str)
        and _ENV.fullmatch(name)
        and isinstance(text, str)
        and re.fullmatch(r"[^/\s]+/[^/\s]+", text)
        for name, text in value.items()
    )
    return "" if sound else hint


def _wanted_object(value: Any) -> str:
    """Its own keys are checked where it is made, with the line that is wrong."""
    if isinstance(value, Mapping):
        return "" if all(isinstance(name, str) for name in value) else "a mapping with names"
    return "" if isinstance(value, str) and _NAME.fullmatch(value) else "the name of one that exists, or a mapping"


_WANTED: dict[str, Any] = {
    "renderer": _one_of(*RENDERERS),
    "context": _a_text,
    "namespace": _a_namespace,
    "workload": _one_of(*WORKLOADS),
    "endpoint": _an_endpoint,
    "port": _a_port,
    "weights": _weights,
    "gpu_resource": _a_text,
    "gpu_product": _a_text,
    "node_selector": _texts,
    "tolerations": _tolerations,
    "shm_size": _a_size,
    "memory": _a_size,
    "cpus": _a_number,
    "image_pull_secrets": _objects,
    "secrets": _secrets,
    "service_account": _an_object,
    "priority_class": _an_object,
    "runtime_class": _an_object,
    "deadline": _a_duration,
    "unschedulable_after": _a_duration,
    "load_image": _a_text,
    "load_cpus": _a_number,
    "base_model": _wanted_object,
    "serving_runtime": _wanted_object,
}
