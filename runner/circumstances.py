"""The circumstances of an attempt as words, and which of them keep two measurements from being compared. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runner.domain.trial import Attempt

LOAD = ("client", "client_version", "workload_key")
HARDWARE = ("gpu", "cpu_model", "cpu_count")
ENGINE = ("engine", "engine_version", "image_digest")
HOST = ("driver", "kernel", "os")
NAMES = {
    "client": "load generator", "client_version": "version of the load generator", "workload_key": "workload",
    "gpu": "GPU", "cpu_model": "CPU", "cpu_count": "CPU cores", "engine": "engine", "engine_version": "engine version",
    "image_digest": "image", "driver": "GPU driver", "kernel": "kernel", "os": "operating system",
}  # fmt: skip
"""For people. The name of a host is none of them: another machine of the same kind may measure again."""

Facts = Mapping[str, str | None]


def circumstances(attempt: Attempt) -> dict[str, str | None]:
    engine, placement, host = attempt.engine, attempt.placement, attempt.host
    used = placement.gpus if placement else ()
    gpus = [gpu for gpu in host.gpus if gpu.uuid in used]
    drivers = sorted({gpu.driver for gpu in gpus if gpu.driver})
    return {
        "client": attempt.client,
        "client_version": attempt.client_version,
        "workload_key": attempt.workload_key,
        "gpu": ", ".join(sorted(gpu.name for gpu in gpus)) or None,
        "cpu_model": host.cpu_model,
        "cpu_count": str(host.cpu_count),
        "engine": engine.name if engine else None,
        "engine_version": engine.version if engine else None,
        "image_digest": placement.image_digest if placement else None,
        "driver": ", ".join(drivers) or None,
        "kernel": host.kernel,
        "os": host.os,
    }


def differences(now: Facts, then: Facts, names: Sequence[str]) -> list[str]:
    """`engine version: 0.34.0 now, 0.33.0 then`, in the order of `names`. What neither side knows is no difference."""
    return [f"{NAMES[n]}: {_shown(n, now)} now, {_shown(n, then)} then" for n in names if now.get(n) != then.get(n)]


def _shown(name: str, facts: Facts) -> str:
    value = facts.get(name)
    return "unknown" if value is None else value[:19] if name == "image_digest" else value
