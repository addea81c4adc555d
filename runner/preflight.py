"""Is this machine ready for the campaign? Asked once before the first attempt, so that a missing package is one clear
message and not forty failed trials."""

from __future__ import annotations

from pathlib import Path

from runner.domain.campaign import Campaign
from runner.errors import EngineMissing, OtherHardware, Problem
from runner.models.fetch import locate
from runner.runtimes import runtimes


def refuse_unless_ready(campaign: Campaign, project: Path) -> None:
    """Raises OtherHardware, EngineMissing or ModelMissing with what to do; returns quietly when the campaign can start
    here. The hardware comes first: on another machine the engine is no question."""
    if campaign.hardware.gpus and campaign.deploy.kind == "local":
        what = f"campaign {campaign.name!r} asks for {campaign.hardware.label} and this version leases no GPUs"
        hint = "leave out `hardware.gpus`, or use `deploy: attach` with a live server"
        raise OtherHardware([Problem(OtherHardware.slug, what, None, hint)])
    if campaign.deploy.kind == "local":
        for entry in campaign.entries:
            for problem in runtimes.get(entry.runtime).needs(entry):
                raise EngineMissing(problem.what, hint=problem.hint)
        if campaign.model.id is None:
            locate(campaign.model, project)
