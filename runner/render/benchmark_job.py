"""A campaign's workload as a BenchmarkJob of OME, for a service that runs already. Pure. An export only: tunebook reads
no result of one, and measures nothing with it.

Fields: https://github.com/ome-projects/ome/blob/main/pkg/apis/ome/v1beta1/benchmark_job.go
"""

from __future__ import annotations

import math

from runner.domain.campaign import Campaign
from runner.domain.load import LoadKind
from runner.domain.trial import Attempt
from runner.render.served import served_name
from runner.render.yaml_text import yaml_text
from runner.util.visible import visible

ENGINES = {"vllm": "vLLM", "sglang": "SGLang"}
GPUS = ("H100", "A100", "MI300", "A10")
"""What the resource takes. Others are left out: an unknown one would refuse the whole job."""
LIMITS = (
    "Set the InferenceService, its namespace, and where results go. OME has no published image: one is named.",
    "Limits of a BenchmarkJob: a model on pvc:// can not be measured; an endpoint by URL always ends Failed; it",
    "is never tried again; additionalRequestParams and dataset have no effect; times are whole minutes.",
    "tunebook reads no result of it, and compares none with its own numbers.",
)


def lacking(campaign: Campaign) -> str | None:
    """Why the workload can not be said so; None when it can."""
    workload = campaign.workload
    if workload.load_kind is not LoadKind.CONCURRENCY:
        return f"a BenchmarkJob has numbers of concurrent requests, and the load is {workload.load_kind.value}"
    if workload.load_search is not None:
        return "a BenchmarkJob has listed loads, and this one is searched"
    foreign = next((one.text for one in workload.scenarios if one.kind in ("trace", "dataset")), None)
    if foreign is not None or workload.prefix is not None:
        return f"a BenchmarkJob makes its prompts itself: {foreign or 'a shared prefix'} can not be said"
    return None


def benchmark_job(campaign: Campaign, attempt: Attempt) -> str:
    """`lacking` must have said None. `attempt` is a measured one: which engine of which version it was."""
    workload, entry = campaign.workload, campaign.entry(attempt.configuration.entry)
    name = served_name(campaign.name)
    spec: dict[str, object] = {
        "endpoint": {"inferenceService": {"name": name, "namespace": "default"}},
        "task": "text-to-embeddings" if workload.task == "embeddings" else "text-to-text",
        "trafficScenarios": [scenario.text for scenario in workload.scenarios],
        "numConcurrency": [round(load) for load in workload.loads],
        "maxTimePerIteration": max(1, math.ceil(workload.each_level.duration / 60)),
        "maxRequestsPerIteration": workload.each_level.requests or 10**6,
        "outputLocation": {"storageUri": f"pvc://benchmark-results/{name}"},
        "podOverride": {"image": "ghcr.io/sgl-project/genai-bench:0.1.132"},
    }
    gpu = next((one for one in GPUS if one in (campaign.hardware.gpu or "").upper().replace("-", " ").split()), None)
    if entry.runtime in ENGINES and gpu is not None and attempt.engine is not None:
        spec["serviceMetadata"] = {
            "engine": ENGINES[entry.runtime], "version": attempt.engine.version, "gpuType": gpu,
            "gpuCount": campaign.hardware.gpus,
        }  # fmt: skip
    job = {"apiVersion": "ome.io/v1beta1", "kind": "BenchmarkJob", "metadata": {"name": name}, "spec": spec}
    about = f"{campaign.name}: its workload, for a service that runs trial {attempt.number}"
    return "".join(f"# {visible(line)}\n" for line in (about, *LIMITS)) + yaml_text(job, {})
