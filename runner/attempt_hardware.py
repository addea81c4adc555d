"""GPUs and CPUs of one attempt: leased where it runs, held until its engine is gone; GPU time and samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from runner.deployers import Deployer, deployers
from runner.domain.campaign import Campaign
from runner.domain.failure import Phase
from runner.domain.trial import PhaseTime
from runner.hardware.cores import NO_CPUS, CpuSet
from runner.hardware.cpu_lease import leased_cpus
from runner.hardware.lease import leased
from runner.hardware.telemetry import Sample
from runner.running_file import identity
from runner.store._parquet import write_gpu_samples

BEFORE = (Phase.PRECHECK, Phase.LEASE)
"""Phases in which an attempt has no GPU yet: what it waits there is nobody's GPU time."""


@dataclass(frozen=True, slots=True)
class Held:
    """What is an attempt's own: UUIDs of GPUs, and CPUs."""

    gpus: tuple[str, ...] = ()
    cpus: CpuSet = NO_CPUS


NOTHING = Held()


@contextmanager
def hardware_of(
    campaign: Campaign,
    deployer: Deployer,
    attempt_id: str,
    should_stop: Callable[[], bool],
    reached: Callable[[Phase], None],
    on_wait: Callable[[str], None],
) -> Iterator[Held]:
    """What the placement gets, ours while the block runs; nothing for a campaign that asks for none, and for a deployer
    whose engines get theirs elsewhere. Raises NoGpu, NoCpu with who holds what, Unwritable for the lease folder."""
    wanted = campaign.hardware
    if not (deployer.leases and (wanted.gpus or wanted.cpus)):
        yield NOTHING
        return
    reached(Phase.LEASE)
    owner = {**identity(), "campaign": campaign.name, "attempt_id": attempt_id}
    with ExitStack() as stack:  # CPUs first, in every attempt: so no two wait for each other, and no GPU waits for CPUs
        cpus = stack.enter_context(leased_cpus(wanted, owner, should_stop, on_wait)) if wanted.cpus else NO_CPUS
        gpus = stack.enter_context(leased(wanted, owner, should_stop, on_wait)) if wanted.gpus else ()
        yield Held(tuple(gpu.uuid for gpu in gpus), cpus)


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
    leases = deployers.get(campaign.deploy.kind).leases
    before = BEFORE if leases else (*BEFORE, Phase.PULL)
    return round(sum(time.seconds for time in phases if time.phase not in before) * campaign.hardware.gpus, 6)
