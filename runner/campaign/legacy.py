"""STORY translate(): the JSON task of an older autotuner becomes a campaign, and a list of all that it lost on the way.

The older one is inference-autotuner: docker, local or OME deployments of SGLang, vLLM and TensorRT-LLM, measured with
genai-bench. Nothing of its file is passed over in silence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from runner.campaign import legacy_scoring as scoring
from runner.campaign.fields import bad_name
from runner.campaign.legacy_file import HINT, Note, Notes, Part, plain, task_of
from runner.campaign.legacy_settings import MOST_GPUS, Settings
from runner.campaign.load import parse
from runner.domain.units import format_duration, parse_duration
from runner.errors import CampaignError, Problem, Where
from runner.render.yaml_text import Comments, yaml_text
from runner.space.abstract import PARALLEL, QUANTIZATION

RUNTIMES = {"sglang": "sglang", "vllm": "vllm", "trt": "tensorrt_llm", "tensorrt": "tensorrt_llm"}
"""A part of `base_runtime` -> the runtime. OME names whole set-ups: `sglang-llama-small`."""

IMAGES = {
    "sglang": ("lmsysorg/sglang", "v0.5.2-cu126"),
    "vllm": ("vllm/vllm-openai", "latest"),
    "tensorrt_llm": ("nvcr.io/nvidia/tensorrt-llm/release", "1.2.1"),
}
"""Repository, and the tag of a task without one: what such tasks used, and of TensorRT-LLM the release we know."""

MODEL_BASE = "/models"


@dataclass(frozen=True, slots=True)
class Translated:
    """`text` is a campaign that `check` accepts; `notes` are all that was dropped, changed or added, in the file's
    order."""

    name: str
    text: str
    notes: tuple[Note, ...]


def translate(text: str, file: Path, model_base: str = MODEL_BASE) -> Translated:
    """Raises CampaignError for what is no task, or one that can not become a campaign. `model_base` is the folder of
    models that the task names without any."""
    task, notes = task_of(text, str(file))
    name = _name(task, file.stem)
    optimization = task.part("optimization")
    longest = scoring.longest_trial(optimization)
    kind = _deploy(task)
    entry = _entry(task, kind)
    data: dict[str, Any] = {"tunebook": 1, "name": name}
    if about := task.text("description"):
        data["description"] = plain(about)
    data["model"] = _model(task.part("model"), model_base)
    settings = Settings(entry, entry["runtime"])
    settings.parameters(task.part("parameters"))
    settings.shared(task.part("quant_config"), QUANTIZATION)
    settings.shared(task.part("parallel_config"), PARALLEL)
    gpus, several = settings.gpus()
    data["hardware"] = {"gpus": _gpus(task, gpus)}
    data |= {"deploy": kind, "runtimes": [entry]}
    data["workload"] = scoring.workload(task.part("benchmark"), longest)
    data["objective"] = scoring.objective(optimization, data["hardware"]["gpus"], several)
    if slos := scoring.slos(task.part("slo")):
        data["slo"] = slos
    data["search"] = scoring.search(optimization, settings.any_searched)
    data["timeouts"] = _timeouts(optimization, data["workload"], longest)
    optimization.rest()
    task.drop("it belongs to a deployment with OME, which is not supported yet", *_OME)
    task.rest()
    if notes.problems:
        raise CampaignError(notes.problems)
    return _checked(data, notes, file)


_OME = ("storage", "clusterbasemodel_config", "clusterservingruntime_config")


def _name(task: Part, stem: str) -> str:
    given = task.text("task_name")
    name = re.sub(r"[^a-z0-9._-]+", "-", (given or stem).lower()).strip("-._")[:80].strip("-._")
    if not name or bad_name(name):
        name = "imported"
    if name != given:
        task.notes.say("changed" if given else "added", ("task_name",), f"the campaign is called {name}")
    return name


def _deploy(task: Part) -> str:
    mode = task.text("deployment_mode")
    if mode in ("docker", "local"):
        return mode
    if mode is None:
        task.notes.say("added", (), "docker, as such tasks run without a deployment_mode", "deploy")
    else:
        task.notes.say("changed", ("deployment_mode",), f"{mode!r} is not supported yet: docker")
    return "docker"


def _entry(task: Part, kind: str) -> dict[str, Any]:
    base = task.text("base_runtime") or ""
    runtime = next((name for part, name in RUNTIMES.items() if part in base.lower()), None)
    if runtime is None:
        what = f"{base!r} is no engine that is known here" if base else "the task names no engine"
        task.notes.wrong(("base_runtime",), what, "known: sglang, vllm, tensorrt-llm")
        return {"runtime": "sglang"}
    if base != runtime:
        task.notes.say("changed", ("base_runtime",), f"{base} is the runtime {runtime}")
    entry: dict[str, Any] = {"runtime": runtime}
    if kind != "docker":
        task.drop("deploy: local uses the installed engine: `tunebook engine install`", "runtime_image_tag")
        return entry
    tag = task.text("runtime_image_tag")
    repository, usual = IMAGES[runtime]
    if tag is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/:@-]{0,250}", tag):
        task.notes.wrong(("runtime_image_tag",), "no tag and no name of an image")
        tag = None
    if not tag:
        task.notes.say("added", ("runtime_image_tag",), f"{repository}:{usual}: the task names none", "image")
    entry["image"] = tag if tag and ("/" in tag or ":" in tag) else f"{repository}:{tag or usual}"
    return entry


def _model(part: Part, base: str) -> dict[str, str]:
    given, older = part.text("id_or_path"), part.text("name")
    named = plain(given or older or "").strip()
    key = "id_or_path" if given or not older else "name"
    if not named and not part.notes.problems:
        part.notes.wrong(part.at(key), "the task names no model")
    if given and older and given != older:
        part.drop("id_or_path names the model", "name")
    part.drop("a namespace belongs to OME", "namespace")
    part.drop("it is read from the model itself", "quantization", "quantization_config")
    part.rest()
    if named.startswith("/"):
        return {"path": named}
    if re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", named, re.ASCII):
        return {"id": named}
    path = str(PurePosixPath(base) / (named or "model"))
    part.notes.say("changed", part.at(key), f"a folder below that of models: {path} (--model-base says where)")
    return {"path": path}


def _gpus(task: Part, needed: int) -> int:
    most = min(needed, MOST_GPUS)
    why = f"{most}, the most that one configuration asks for; say their name with gpu:"
    if needed > most:
        why = f"{most}, though some configurations ask for {needed}: a campaign can not have more"
    task.notes.say("added", ("parameters",) if "parameters" in task.data else (), why, "hardware.gpus")
    return most


def _timeouts(part: Part, workload: dict[str, Any], longest: float) -> dict[str, str]:
    """One deadline for a whole trial becomes two: until the engine answers, and for each level."""
    level = format_duration(parse_duration(workload["each_level"]["duration"]) + scoring.MARGIN)
    why = f"{format_duration(longest)} for a whole trial: now for loading alone, and {level} for each level"
    part.notes.say("changed", part.at("timeout_per_iteration"), why)
    return {"load": format_duration(longest), "level": level}


def _checked(data: dict[str, Any], notes: Notes, file: Path) -> Translated:
    """The campaign as text, with the notes above it, after `check` has read it."""
    ordered = tuple(sorted(notes.notes, key=lambda note: note.line or 0))
    head = [f"Translated from {plain(file.name)}, a task of inference-autotuner. What is not as it was there:"]
    comments: Comments = {("tunebook",): [*head, *(f"  {note.text}" for note in ordered)]}
    text = yaml_text(data, comments)
    try:
        parse(text, Path(f"{data['name']}.yaml"))
    except CampaignError as error:
        raise CampaignError(
            [
                Problem(
                    "legacy-task",
                    f"the campaign that it would become has an error: {one.what}",
                    Where(str(file)),
                    one.hint,
                )
                for one in error.problems()
            ]
        ) from None
    return Translated(data["name"], text, ordered)


__all__ = ["HINT", "MODEL_BASE", "Translated", "translate"]
