"""The spaces of the synthetic landscapes: parameters as serving engines have them, and engines' own defaults."""

from __future__ import annotations

from collections.abc import Mapping

from runner.domain.parameters import Choice, EntrySpace, Float, Int, Parameter, Scalar

Defaults = Mapping[str, Scalar]
Costs = Mapping[str, float]

EASY = EntrySpace(
    "engine",
    {
        "max-num-seqs": Int(8, 512, log=True),
        "max-num-batched-tokens": Int(512, 16384, log=True),
        "gpu-memory-utilization": Float(0.6, 0.95),
        "attention-backend": Choice(("flash", "flashinfer", "triton")),
        "enable-chunked-prefill": Choice((True, False)),
        "prefill-chunk": Int(128, 4096, log=True, when="enable-chunked-prefill == true"),
    },
)
EASY_DEFAULTS: Defaults = {
    "max-num-seqs": 256, "max-num-batched-tokens": 2048, "gpu-memory-utilization": 0.9, "attention-backend": "flash",
    "enable-chunked-prefill": True, "prefill-chunk": 1024,
}  # fmt: skip

TWELVE_PARAMETERS: Mapping[str, Parameter] = {
    "tensor-parallel-size": Choice((1, 2, 4)),
    "gpu-memory-utilization": Float(0.6, 0.97),
    "max-num-seqs": Int(8, 512, log=True),
    "max-num-batched-tokens": Int(512, 16384, log=True),
    "block-size": Choice((8, 16, 32, 64)),
    "kv-cache-dtype": Choice(("auto", "fp8")),
    "enable-chunked-prefill": Choice((True, False)),
    "prefill-chunk": Int(128, 4096, log=True, when="enable-chunked-prefill == true"),
    "enforce-eager": Choice((True, False)),
    "max-capture-size": Int(8, 512, log=True, when="enforce-eager == false"),
    "attention-backend": Choice(("flash", "flashinfer", "triton", "torch")),
    "async-scheduling": Choice((True, False)),
}
TWELVE = EntrySpace("engine", TWELVE_PARAMETERS)
TWELVE_DEFAULTS: Defaults = {
    "tensor-parallel-size": 1, "gpu-memory-utilization": 0.85, "max-num-seqs": 48, "max-num-batched-tokens": 2048,
    "block-size": 16, "kv-cache-dtype": "auto", "enable-chunked-prefill": True, "prefill-chunk": 1024,
    "enforce-eager": False, "max-capture-size": 64, "attention-backend": "flash", "async-scheduling": False,
}  # fmt: skip
MEMORY: Costs = {
    "tensor-parallel-size": -0.7, "gpu-memory-utilization": 0.7, "max-num-seqs": 1.0, "max-num-batched-tokens": 0.8,
    "kv-cache-dtype": -0.5, "max-capture-size": 0.4, "block-size": 0.1,
}  # fmt: skip
"""Which parameters take memory, and how much of it from one end of their range to the other."""

ENGINES: tuple[tuple[EntrySpace, Defaults, Costs], ...] = (
    (
        EntrySpace(
            "first",
            {
                "parallel.tp": Choice((1, 2, 4)),
                "max-num-seqs": Int(8, 512, log=True),
                "max-num-batched-tokens": Int(512, 16384, log=True),
                "gpu-memory-utilization": Float(0.6, 0.97),
                "enforce-eager": Choice((True, False)),
                "max-capture-size": Int(8, 512, log=True, when="enforce-eager == false"),
            },
        ),
        {"parallel.tp": 1, "max-num-seqs": 256, "max-num-batched-tokens": 2048, "gpu-memory-utilization": 0.9,
         "enforce-eager": False, "max-capture-size": 256},
        {"parallel.tp": -1.0, "max-num-seqs": 1.0, "gpu-memory-utilization": 0.7, "max-num-batched-tokens": 0.6},
    ),
    (
        EntrySpace(
            "second",
            {
                "parallel.tp": Choice((1, 2, 4)),
                "max-running-requests": Int(8, 512, log=True),
                "chunked-prefill-size": Int(256, 16384, log=True),
                "mem-fraction-static": Float(0.5, 0.95),
                "schedule-policy": Choice(("lpm", "fcfs", "dfs")),
            },
        ),
        {"parallel.tp": 1, "max-running-requests": 128, "chunked-prefill-size": 8192, "mem-fraction-static": 0.85,
         "schedule-policy": "fcfs"},
        {"parallel.tp": -1.0, "max-running-requests": 0.6, "mem-fraction-static": 1.2, "chunked-prefill-size": 0.6},
    ),
    (
        EntrySpace(
            "third",
            {
                "parallel": Int(1, 64, log=True),
                "ctx-size": Int(1024, 65536, log=True),
                "ubatch-size": Int(32, 2048, log=True),
                "flash-attn": Choice((True, False)),
                "cache-type": Choice(("f16", "q8_0", "q4_0"), when="flash-attn == true"),
            },
        ),
        {"parallel": 1, "ctx-size": 4096, "ubatch-size": 512, "flash-attn": False, "cache-type": "f16"},
        {"ctx-size": 1.4, "parallel": 0.5, "ubatch-size": 0.6},
    ),
)  # fmt: skip
