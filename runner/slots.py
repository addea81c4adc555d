"""How many attempts of a campaign this machine may run at a time without one disturbing the numbers of another."""

from __future__ import annotations

from runner.deployers import deployers
from runner.domain.campaign import Campaign
from runner.hardware.choice import matching
from runner.hardware.lease import usable


def slots_here(campaign: Campaign, wanted: int) -> tuple[int, str]:
    """At most `wanted`, at least one, and why they are fewer: a sentence, empty when they are not.

    An attempt with GPUs of its own leaves those of others alone; on CPU two engines would share the cores, and each
    would look slower than it is. Raises UsageError as `usable`."""
    most, why = _most(campaign, wanted)
    slots = max(1, min(wanted, most))
    return slots, f"{slots} of {wanted} slots: {why}" if slots < wanted else ""


def _most(campaign: Campaign, wanted: int) -> tuple[int, str]:
    hardware, kind = campaign.hardware, campaign.deploy.kind
    if kind == "attach":
        return 1, "one live server takes one load at a time"
    if not hardware.gpus:
        return 1, "without GPUs an attempt has the whole machine"
    if not deployers.get(kind).leases_gpus:
        return wanted, ""
    here = len(matching(usable(), hardware.gpu))
    return here // hardware.gpus, f"an attempt takes {hardware.label}, and {here} are here"
