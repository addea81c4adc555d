"""One attempt before anything has happened: the order, the facts it begins with, and what it asks of a place."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from runner.campaign.identity import workload_identity
from runner.campaign.load import from_resolved
from runner.deployers import PlaceRequest
from runner.domain.answers import Answers
from runner.domain.campaign import Campaign, Entry
from runner.domain.failure import Cause, Failure, Outcome, Phase, Role
from runner.domain.ids import content_hash
from runner.domain.trial import Attempt, Configuration
from runner.engines.choice import with_engine
from runner.hardware.facts import boot_id, host_facts
from runner.inputs.prepared import prepared
from runner.loadgens import loadgens
from runner.models import hub_cache
from runner.models.convert import converted, is_gguf
from runner.models.fetch import locate
from runner.runtimes import needs_folder
from runner.util.clock import utc_now
from runner.util.codec import to_plain
from runner.util.environment import POD

_HUB_ID = re.compile(r"(?<![\w./-])[A-Za-z0-9][\w.-]*/[\w.-]+(?![\w/])")


@dataclass(frozen=True, slots=True)
class Order:
    """One attempt to make. `campaign` is the resolved file as plain JSON. `reference` holds the answers that its own
    are compared with, where the campaign has a quality guard and they are known."""

    attempt_id: str
    run_id: str
    trial_id: str
    series: int
    number: int
    role: Role
    configuration: Configuration
    campaign: dict[str, Any]
    results: str
    project: str
    repeat: int = 0
    reference: Answers | None = None

    @property
    def labels(self) -> dict[str, str]:
        """What marks everything that this process starts for the attempt."""
        pod = {"tunebook.pod": os.environ[POD]} if os.environ.get(POD) else {}
        return {
            "tunebook.run": self.run_id,
            "tunebook.attempt": self.attempt_id,
            "tunebook.driver": f"{os.uname().nodename}/{boot_id()}/{os.getpid()}",
            **pod,
        }


def campaign_of(order: Order) -> Campaign:
    """The campaign with the client that this attempt uses: a confirmation may have an independent one."""
    campaign = from_resolved(order.campaign)
    client = campaign.confirm.client
    if order.role is not Role.CONFIRM or client is None:
        return campaign
    return replace(campaign, workload=replace(campaign.workload, client=client))


def first_facts(order: Order, campaign: Campaign) -> Attempt:
    """Good enough to be sealed as they are, if nothing more is ever known of the attempt."""
    loadgen = loadgens.get(campaign.workload.client)
    return Attempt(
        attempt_id=order.attempt_id,
        run_id=order.run_id,
        trial_id=order.trial_id,
        search_key=campaign.search_key,
        series=order.series,
        number=order.number,
        role=order.role,
        configuration=order.configuration,
        outcome=Outcome.INTERRUPTED,
        failure=Failure(Phase.PRECHECK, Cause.INTERRUPTED, "the runner ended before the attempt did"),
        phases=(),
        levels=(),
        started_utc=utc_now(),
        ended_utc=utc_now(),
        seconds=0.0,
        host=host_facts(),
        client=loadgen.name,
        client_version=loadgen.version(),
        repeat=order.repeat,
        workload_key=workload_key(campaign),
    )


def running_facts(order: Order, campaign: Campaign, attempt: Attempt, phase: Phase, phase_utc: str) -> dict[str, Any]:
    """What the running file of the attempt says: to `status`, and to whoever finds its runner dead."""
    return {
        "run_id": order.run_id,
        "campaign": campaign.name,
        "deployer": campaign.deploy.kind,
        "deploy": to_plain(campaign.deploy)["options"],
        "phase": phase.value,
        "phase_utc": phase_utc,
        "trials": campaign.search.trials,
        "repeats": campaign.confirm.repeats,
        "levels": campaign.workload.most_levels,
        "labels": order.labels,
        "secrets": secrets(campaign, campaign.entry(order.configuration.entry)),
        "attempt": to_plain(attempt),
    }


def workload_key(campaign: Campaign) -> str:
    """Attempts whose keys differ were not measured under the same load and are not comparable."""
    return content_hash([workload_identity(campaign.workload), to_plain(campaign.model)])[:16]


def secrets(campaign: Campaign, entry: Entry) -> list[str]:
    """Names of environment variables whose values must stand nowhere."""
    key = campaign.deploy.options.get("api_key_env")
    names = [*entry.pass_env, *([str(key)] if key else [])]
    return [name for name in names if name in os.environ]


def place_request(order: Order, campaign: Campaign, scratch: Path, gpus: tuple[str, ...]) -> PlaceRequest:
    """Raises ModelMissing when the model's file is not here, or not yet in the form that the engine loads; a hub id is
    the engine's business. EngineMissing: the version of the entry is not installed, or no longer."""
    entry = with_engine(campaign.entry(order.configuration.entry), campaign)
    return PlaceRequest(
        attempt_id=order.attempt_id,
        model_path=_model_path(campaign, entry, Path(order.project)),
        served_model=campaign.model.label,
        revision=campaign.model.revision,
        python=str(entry.options.get("python", "")),
        work_dir=scratch,
        log_path=scratch / "engine.log",
        labels=order.labels,
        gpus=gpus,
        gpu_count=campaign.hardware.gpus,
        hub_model=_hub_model(campaign, order.configuration),
        grace=campaign.timeouts.stop,
        pull_timeout=campaign.timeouts.pull,
        options={**campaign.deploy.options, **entry.options, "pass_env": list(entry.pass_env)},
    )


def requests_of(campaign: Campaign, project: Path) -> Path | None:
    """The lines of the trace or dataset, checked anew: an attempt measures what the campaign says, or nothing. Raises
    RequestFileError, HashMismatch, NoSpace, Unwritable."""
    file = campaign.workload.trace or campaign.workload.dataset
    return prepared(file, project) if file is not None else None


def _hub_model(campaign: Campaign, configuration: Configuration) -> Path | None:
    """The hub model's folder, when an engine finds all of it here; also the other models that its flags name, such as
    a draft model: with one of them to fetch it must ask."""
    model = campaign.model
    if model.id is None or not hub_cache.is_whole(model.id, model.revision):
        return None
    others = {name for value in configuration.flags.values() for name in _HUB_ID.findall(str(value))}
    return hub_cache.folder_of(model.id) if all(name == model.id for name in others) else None


def _model_path(campaign: Campaign, entry: Entry, project: Path) -> str:
    if campaign.model.id is not None:
        return campaign.model.id
    found = locate(campaign.model, project)
    started_by_us = campaign.deploy.kind != "attach"
    return str(converted(found) if started_by_us and is_gguf(found) and needs_folder(entry.runtime) else found)
