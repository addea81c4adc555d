"""Is this machine ready for the campaign? Asked once before the first attempt, so that a missing package is one clear
message and not forty failed trials."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from runner.deployers import deployers
from runner.domain.campaign import Campaign
from runner.engines import environments
from runner.engines.choice import remedied, with_engine
from runner.errors import EngineMissing, NotReady, OtherHardware, Problem
from runner.hardware.cores import cores_here
from runner.hardware.lease import lacking
from runner.inputs.places import fetch, is_here
from runner.loadgens import loadgens
from runner.models import convert, hub_offline
from runner.models.facts import model_facts
from runner.models.fetch import locate
from runner.runtimes import loads_hub, needs_folder, runtimes


def refuse_unless_ready(campaign: Campaign, project: Path, ask_network: bool = True) -> None:
    """Raises OtherHardware, EngineMissing, ModelMissing or ModelDamaged with what to do, and UsageError for a bad
    TUNEBOOK_FAKE_GPUS; returns quietly when the campaign can start here. The hardware comes first: elsewhere the engine
    is no question. A hub is asked only for a model that is not complete here, and not at all without `ask_network`."""
    if deployers.get(campaign.deploy.kind).leases:
        _refuse_other_hardware(campaign)
    for problem in deployers.get(campaign.deploy.kind).needs(campaign.deploy, campaign.hardware.gpus):
        raise NotReady(problem.what, hint=problem.hint)
    if campaign.deploy.kind == "local":
        for entry in campaign.entries:
            for problem in runtimes.get(entry.runtime).needs(with_engine(entry, campaign)):
                told = remedied(problem, entry, campaign)
                raise EngineMissing(told.what, hint=told.hint)
    for client in dict.fromkeys((campaign.workload.client, campaign.confirm.client or campaign.workload.client)):
        absent_client = loadgens.get(client).needs()
        if absent_client is not None:
            raise EngineMissing(absent_client.what, hint=absent_client.hint)
    if campaign.deploy.kind == "local" and any(loads_hub(entry.runtime) for entry in campaign.entries):
        hub_offline.refuse_unless_whole(campaign.model, ask_network)
    if campaign.deploy.kind != "attach" and campaign.model.id is None:
        locate(campaign.model, project)
        for gguf, python in _conversions(campaign, project):
            if absent := convert.lacking(python):
                what = (
                    f"{gguf.name} is not converted to a Hugging Face folder yet: {python} has no {', no '.join(absent)}"
                )
                own = f"{python} -m pip install {' '.join(absent)}"
                raise NotReady(what, hint=f"run `tunebook engine install transformers`, which can convert it; or {own}")
    if campaign.deploy.kind != "attach":
        model_facts(campaign.model, project)  # half a file is found now, and not by each engine in its own words


def _refuse_other_hardware(campaign: Campaign) -> None:
    wanted = campaign.hardware
    for label, kind, why in (
        (wanted.gpu_label, "GPUs", lacking(wanted) if wanted.gpus else None),
        (wanted.cpu_label, "CPUs", cores_here().missing(wanted) if wanted.cpus else None),
    ):
        if why is not None:
            what = f"campaign {campaign.name!r} asks for {label} and {why}"
            hint = f"run it where such {kind} are; `run --matching` skips it here"
            raise OtherHardware([Problem(OtherHardware.slug, what, None, hint)])


def convert_models(
    campaign: Campaign,
    project: Path,
    say: Callable[[str], None],
    should_stop: Callable[[], bool],
) -> None:
    """Bring the model into the form that the engines load, where that is not in the cache. Called once, before the
    first attempt, so that no attempt pays for it. Raises as `runner.models.convert.convert`."""
    for gguf, python in _conversions(campaign, project):
        convert.convert(gguf, python, say, should_stop)


def fetch_requests(campaign: Campaign, say: Callable[[str], None], should_stop: Callable[[], bool]) -> bool:
    """Get the trace or dataset of a `url` into the cache, once. True when it came just now.

    Raises NetworkError, RequestFileError, HashMismatch, NoSpace, Unwritable."""
    file = campaign.workload.trace or campaign.workload.dataset
    if file is None or file.url is None or is_here(file):
        return False
    say(f"fetching {file.label}")
    fetch(file, should_stop)
    return True


def _conversions(campaign: Campaign, project: Path) -> list[tuple[Path, str]]:
    """The file that is still to be converted, with the interpreter that can; none or one, however many entries."""
    if campaign.deploy.kind == "attach" or campaign.model.id is not None:
        return []
    local = campaign.deploy.kind == "local"  # elsewhere the entry's interpreter is in its image
    folders = [entry for entry in campaign.entries if needs_folder(entry.runtime)]
    entries = [with_engine(entry, campaign) if local else entry for entry in folders]
    gguf = locate(campaign.model, project)
    if not entries or not convert.is_gguf(gguf) or convert.is_whole(convert.folder_of(gguf)):
        return []
    ours = sys.executable
    named = [str(entry.options["python"]) for entry in entries if local and entry.options.get("python")]
    installed = (str(engine.python) for engine in environments.installed() if engine.works)
    able = (python for python in dict.fromkeys((*named, ours, *installed)) if not convert.lacking(python))
    return [(gguf, next(able, (*named, ours)[0]))]
