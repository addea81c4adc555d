"""Is this machine ready for the campaign? Asked once before the first attempt, so that a missing package is one clear
message and not forty failed trials."""

from __future__ import annotations

from pathlib import Path

from runner.deployers import deployers
from runner.domain.campaign import Campaign
from runner.engines.choice import remedied, with_engine
from runner.errors import EngineMissing, NotReady, OtherHardware, Problem
from runner.hardware.lease import lacking
from runner.models.fetch import locate
from runner.runtimes import runtimes


def refuse_unless_ready(campaign: Campaign, project: Path) -> None:
    """Raises OtherHardware, EngineMissing or ModelMissing with what to do, and UsageError for a bad TUNEBOOK_FAKE_GPUS;
    returns quietly when the campaign can start here. The hardware comes first: elsewhere the engine is no question."""
    if campaign.hardware.gpus and deployers.get(campaign.deploy.kind).leases_gpus:
        why = lacking(campaign.hardware)
        if why is not None:
            what = f"campaign {campaign.name!r} asks for {campaign.hardware.label} and {why}"
            hint = "run it where such GPUs are; `run --matching` skips it here"
            raise OtherHardware([Problem(OtherHardware.slug, what, None, hint)])
    for problem in deployers.get(campaign.deploy.kind).needs(campaign.deploy):
        raise NotReady(problem.what, hint=problem.hint)
    if campaign.deploy.kind == "local":
        for entry in campaign.entries:
            for problem in runtimes.get(entry.runtime).needs(with_engine(entry, campaign)):
                told = remedied(problem, entry, campaign)
                raise EngineMissing(told.what, hint=told.hint)
    if campaign.deploy.kind != "attach" and campaign.model.id is None:
        locate(campaign.model, project)
