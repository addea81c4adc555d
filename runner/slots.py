"""How many attempts of a campaign this machine may run at a time without one disturbing the numbers of another."""

from __future__ import annotations

from runner.deployers import deployers
from runner.domain.campaign import Campaign
from runner.hardware.choice import matching
from runner.hardware.cores import cores_here
from runner.hardware.lease import usable


def slots_here(campaign: Campaign, wanted: int) -> tuple[int, str]:
    """At most `wanted`, at least one, and why they are fewer: a sentence, empty when they are not.

    An attempt with GPUs and CPUs of its own leaves those of others alone; two engines on the same cores would each look
    slower than they are. Raises UsageError as `usable`."""
    most, why = _most(campaign, wanted)
    slots = max(1, min(wanted, most))
    return slots, f"{slots} of {wanted} slots: {why}" if slots < wanted else ""


def _most(campaign: Campaign, wanted: int) -> tuple[int, str]:
    hardware, kind = campaign.hardware, campaign.deploy.kind
    if kind == "attach":
        return 1, "one live server takes one load at a time"
    if not hardware.gpus and not hardware.cpus:
        return 1, "without GPUs an attempt has the whole machine; hardware.cpus gives each CPUs of its own"
    if not deployers.get(kind).leases:
        return wanted, ""
    limits = []
    if hardware.gpus:
        here = len(matching(usable(), hardware.gpu))
        limits.append((here // hardware.gpus, f"an attempt takes {hardware.gpu_label}, and {here} are here"))
    if hardware.cpus:
        cores = cores_here()
        takes = f"{hardware.cpu_label} and {hardware.client_cpus} for its load generator, in whole cores"
        limits.append((cores.sets(hardware), f"an attempt takes {takes}, of {cores.at_most}"))
    return min(limits)
