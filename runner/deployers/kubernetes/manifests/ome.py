"""Renderer `ome`: an InferenceService of the Open Model Engine with a model and a runtime, OME 1.2 or newer.

`spec.predictor` of older versions is not written: 1.2.0 removed it. The command of the trial stands in the
InferenceService itself, as `command` and `args`, because OME replaces both lists of the runtime by those of the
service; so the trial's flags take effect whatever the runtime says, and are read back from the pod.
Fields: https://github.com/ome-projects/ome/tree/main/pkg/apis/ome/v1beta1
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from runner.deployers import PlaceRequest
from runner.deployers.kubernetes.manifests.load import load_job, load_of
from runner.deployers.kubernetes.manifests.pod import config_map, container, secret, volumes, where, words
from runner.deployers.kubernetes.manifests.presets import base_model, base_models, serving_runtime, serving_runtimes
from runner.deployers.kubernetes.manifests.rendered import OURS, SHARED, Rendered, merged, metadata, object_name
from runner.deployers.kubernetes.options import Options
from runner.domain.trial import Launch
from runner.errors import Problem

API = "ome.io/v1beta1"
CONTAINER = "ome-container"
"""By this name OME merges the containers of runtime and service; another name would be a second container."""
PORT = 8080
OF_POD = "ome.io/inferenceservice"
MODEL_KINDS = ("BaseModel", "ClusterBaseModel")
RUNTIME_KINDS = ("ServingRuntime", "ClusterServingRuntime")


KEYS = ("name", "kind", "preset", "spec")
READY, FAILED = "Ready", "Failed"
"""States of a model: https://github.com/ome-projects/ome/blob/main/pkg/apis/ome/v1beta1/model.go"""


def problems(options: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with `base_model` and `serving_runtime`, as far as the file shows it."""
    found: list[Problem] = []
    for option, kinds, known in (
        ("base_model", MODEL_KINDS, base_models()),
        ("serving_runtime", RUNTIME_KINDS, serving_runtimes()),
    ):
        given = options.get(option)
        if not isinstance(given, Mapping):
            continue
        told = [(f"no key {key!r}", f"known: {', '.join(KEYS)}") for key in given if key not in KEYS]
        if option == "serving_runtime" and {"name", "kind"} & set(given) and {"preset", "spec"} & set(given):
            told.append(
                ("a runtime that we make has a name of its own", "name one that exists, or write preset and spec")
            )
        if given.get("kind", kinds[0]) not in kinds:
            told.append((f"no kind {given['kind']!r}", f"one of {', '.join(kinds)}"))
        if "preset" in given and given["preset"] not in known:
            told.append((f"no preset {given['preset']!r}", f"one of {', '.join(known)}"))
        if not isinstance(given.get("spec", {}), Mapping):
            told.append(("spec is no mapping", "fields of the object's own spec"))
        found += [Problem("option-value", f"deploy kubernetes: {option!r}: {what}", hint=hint) for what, hint in told]
    model = options.get("base_model")
    exists = isinstance(model, str) or (
        isinstance(model, Mapping) and "name" in model and set(model) <= {"name", "kind"}
    )
    if "weights" in options and exists:
        what = "deploy kubernetes: 'weights' means nothing beside a 'base_model' that exists"
        found.append(Problem("option-value", what, hint="leave one of them out"))
    return found + _claims(options)


def _claims(options: Mapping[str, Any]) -> list[Problem]:
    """A model of the whole cluster has to say whose claim it is; one of a namespace may not."""
    weights, given = str(options.get("weights", "")), options.get("base_model")
    if options.get("renderer") != "ome" or not weights.startswith("pvc://"):
        return []
    whole = isinstance(given, Mapping) and given.get("kind") == "ClusterBaseModel"
    says = ":" in weights.removeprefix("pvc://").partition("/")[0]
    if whole is says:
        return []
    form = "pvc://namespace:claim/folder" if whole else "pvc://claim/folder"
    what = f"deploy kubernetes: the value of 'weights' is wrong for a {'ClusterBaseModel' if whole else 'BaseModel'}"
    return [Problem("option-value", what, hint=f"write {form}")]


def storage_path(chosen: Options) -> str | None:
    """Where on the nodes the campaign wants its model to be; None where that is left to OME."""
    given = chosen.base_model
    spec = (given.get("spec") or {}) if isinstance(given, Mapping) else {}
    path = (spec.get("storage") or {}).get("path")
    return None if path is None else str(path).rstrip("/")


def model_state(model: Mapping[str, Any] | None) -> str:
    """As OME wrote it: `In_Transit`, `Ready`, `Failed`...; empty before the first time. A model of a claim has
    conditions instead in some versions."""
    status = (model or {}).get("status") or {}
    ready = any(c.get("type") == READY and c.get("status") == "True" for c in status.get("conditions") or [])
    return READY if ready else str(status.get("state") or "")


def render(
    launch: Launch,
    request: PlaceRequest,
    chosen: Options,
    namespace: str,
    secrets: Mapping[str, str],
    found: Mapping[str, str],
) -> Rendered:
    """`found`: option -> kind of the existing object that it names, as the cluster has them."""
    name = object_name(request.attempt_id)
    about = metadata(name, namespace, request.labels)
    model, model_ref = _model(chosen, namespace, found)
    runtime, runtime_ref = _runtime(launch, request, chosen, namespace, found)
    service = {
        "apiVersion": API,
        "kind": "InferenceService",
        "metadata": about,
        "spec": {
            "model": model_ref,
            "runtime": runtime_ref,
            "engine": {
                "minReplicas": 1,  # OME's default is one to three, by load: the third would be measured with the first
                "maxReplicas": 1,
                "labels": dict(about["labels"]),
                **where(request, chosen),
                "volumes": volumes(launch, request, chosen),
                "runner": container(CONTAINER, launch, request, chosen, PORT),
            },
        },
    }
    load = load_job(request, chosen, namespace)
    first = (secret(secrets, request, namespace), config_map(launch, request, namespace), load, runtime)
    used = [ref for ref, made in ((model_ref, model), (runtime_ref, runtime)) if made is None]
    return Rendered(
        manifests=(*(one for one in first if one is not None), service),
        pods=f"{OF_POD}={name},component=engine",
        container=CONTAINER,
        port=PORT,
        service=f"{name}-engine",
        load=load_of(request) if load else None,
        models=() if model is None else (model,),
        existing=tuple((ref["kind"], ref["name"]) for ref in used),
    )


def named(chosen: Options) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Option -> (the existing object that it names, the kinds that it may be of, the nearer one first)."""
    found: dict[str, tuple[str, tuple[str, ...]]] = {}
    for option, kinds in (("base_model", MODEL_KINDS), ("serving_runtime", RUNTIME_KINDS)):
        wanted = getattr(chosen, option)
        if isinstance(wanted, str):
            found[option] = (wanted, kinds)
        elif isinstance(wanted, Mapping) and "name" in wanted and not {"preset", "spec"} & set(wanted):
            found[option] = (str(wanted["name"]), (str(wanted["kind"]),) if "kind" in wanted else kinds)
    return found


def model_name(spec: Mapping[str, Any]) -> str:
    """Of a model that we make: the same for the same spec, so that weights are fetched once, and anew with a key that
    was lacking."""
    told = json.dumps(spec, sort_keys=True)
    return f"tunebook-{hashlib.sha256(told.encode()).hexdigest()[:12]}"


def _model(chosen: Options, namespace: str, found: Mapping[str, str]) -> tuple[dict[str, Any] | None, dict[str, str]]:
    """(manifest, or None for one that exists; how the service names it)."""
    wanted = chosen.base_model
    if "base_model" in found:
        return None, {"name": named(chosen)["base_model"][0], "kind": found["base_model"]}
    given = dict(wanted) if isinstance(wanted, Mapping) else {}
    kind = str(given.get("kind", "BaseModel"))
    spec = merged(base_model(given.get("preset")), given.get("spec", {}))
    if chosen.weights is not None:
        spec = merged(spec, {"storage": {"storageUri": chosen.weights}})
    name = str(given.get("name") or model_name(spec))
    about: dict[str, Any] = {"name": name, "labels": {**OURS, SHARED: name}}
    if kind == "BaseModel":
        about["namespace"] = namespace
    return {"apiVersion": API, "kind": kind, "metadata": about, "spec": spec}, {"name": name, "kind": kind}


def _runtime(
    launch: Launch, request: PlaceRequest, chosen: Options, namespace: str, found: Mapping[str, str]
) -> tuple[dict[str, Any] | None, dict[str, str]]:
    """The same of the runtime. One of ours lives as long as its attempt: it has nothing that is worth keeping."""
    wanted = chosen.serving_runtime
    if "serving_runtime" in found:
        return None, {"name": named(chosen)["serving_runtime"][0], "kind": found["serving_runtime"]}
    given = dict(wanted) if isinstance(wanted, Mapping) else {}
    command, args = words(launch)
    runner = {
        "name": CONTAINER, "image": str(request.options["image"]), "command": command, "args": args,
        "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
    }  # fmt: skip
    preset = serving_runtime(given.get("preset"), launch.health.path)
    spec = merged(merged(preset, {"engineConfig": {"runner": runner}}), given.get("spec", {}))
    name = object_name(request.attempt_id)
    about = metadata(name, namespace, request.labels)
    manifest = {"apiVersion": API, "kind": "ServingRuntime", "metadata": about, "spec": spec}
    return manifest, {"name": name, "kind": "ServingRuntime"}
