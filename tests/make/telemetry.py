"""What the GPUs of an attempt did, look by look: idle, then loading, then at work."""

from __future__ import annotations

from typing import Any

from runner.domain.failure import Phase
from runner.domain.trial import Attempt


def samples(of: Attempt, every: float = 0.25) -> list[dict[str, Any]]:
    """Rows of gpu.parquet, one look every `every` seconds at each GPU of the attempt from when it began to measure."""
    spent = {time.phase: time.seconds for time in of.phases}
    begin = sum(seconds for phase, seconds in spent.items() if phase not in (Phase.MEASURE, Phase.SLO))
    gpus = of.placement.gpus if of.placement else ()
    rows = []
    for look in range(int(spent.get(Phase.MEASURE, 0.0) / every)):
        at = begin + every * look
        busy = 0.97 if look % 9 else 0.4
        for number, gpu in enumerate(gpus):
            rows.append({
                "seconds": round(at, 3), "gpu": gpu, "utilization": busy - 0.1 * number,
                "memory_bytes": 61_200_000_000 + 10_000_000 * look, "power_watts": 150.0 + 300.0 * busy,
                "temperature_celsius": 58.0, "clock_mhz": 1710.0,
            })  # fmt: skip
    return rows
