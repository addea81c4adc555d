"""The GPUs of one attempt: leased where it runs, held until its engine is gone; their time and their samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from runner.deployers import Deployer, deployers
from runner.domain.campaign import Campaign
from runner.domain.failure import Phase
from runner.domain.trial import PhaseTime
from runner.hardware.lease import leased
from runner.hardware.telemetry import Sample
from runner.running_file import identity
from runner.store._parquet import write_gpu_samples

BEFORE = (Phase.PRECHECK, Phase.LEASE)
"""Phases in which an attempt has no GPU yet: what it waits there is nobody's GPU time."""


@contextmanager
def gpus_of(
    campaign: Campaign,
    deployer: Deployer,
    attempt_id: str,
    should_stop: Callable[[], bool],
    reached: Callable[[Phase], None],
    on_wait: Callable[[str], None],
) -> Iterator[tuple[str, ...]]:
    """The UUIDs for the placement, ours while the block runs; none for a campaign without GPUs, and for a deployer
    whose engines get their GPUs elsewhere. Raises NoGpu with who holds what, Unwritable for the lease folder."""
    if not (campaign.hardware.gpus and deployer.leases_gpus):
        yield ()
        return
    reached(Phase.LEASE)
    owner = {**identity(), "campaign": campaign.name, "attempt_id": attempt_id}
    with leased(campaign.hardware, owner, should_stop, on_wait) as gpus:
        yield tuple(gpu.uuid for gpu in gpus)


def gpu_file(samples: Sequence[Sample], start: float, scratch: Path) -> dict[str, Path]:
    """What the record of an attempt keeps of its telemetry: gpu.parquet, written into `scratch`; nothing without
    samples. `start`: when the attempt began, on the monotonic clock."""
    if not samples:
        return {}
    rows = [
        {
            "seconds": round(one.at - start, 3),
            "gpu": one.gpu,
            "utilization": one.state.utilization,
            "memory_bytes": one.state.memory_used_bytes,
            "power_watts": one.state.power_watts,
            "temperature_celsius": one.state.temperature_celsius,
            "clock_mhz": one.state.sm_mhz,
        }
        for one in samples
    ]
    write_gpu_samples(rows, scratch / "gpu.parquet")
    return {"gpu.parquet": scratch / "gpu.parquet"}


def gpu_seconds(campaign: Campaign, phases: list[PhaseTime]) -> float:
    """Wall time of an attempt with its GPUs, times their number. A scheduler gives them out while it is in `pull`, and
    tells nobody when: there that phase does not count, which is less than the truth by the fetch of an image."""
    leases = deployers.get(campaign.deploy.kind).leases_gpus
    before = BEFORE if leases else (*BEFORE, Phase.PULL)
    return round(sum(time.seconds for time in phases if time.phase not in before) * campaign.hardware.gpus, 6)
