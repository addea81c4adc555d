"""Flags of other engines that people write for SGLang: what it calls them, or why it has none."""

from __future__ import annotations

_NAMES = {
    "tp-size": ("tp", "tensor-parallel-size", "tp_size"),
    "pp-size": ("pp", "pipeline-parallel-size", "pp_size"),
    "dp-size": ("dp", "data-parallel-size"),
    "ep-size": ("ep", "expert-parallel-size", "ep_size"),
    "dcp-size": ("dcp", "decode-context-parallel-size"),
    "attn-cp-size": ("cp-size", "cp_size", "attention-context-parallel-size", "prefill-context-parallel-size"),
    "attn-dp-size": ("attention-data-parallel-size",),
    "context-length": ("max-model-len", "ctx-size", "max_seq_len"),
    "max-running-requests": ("max-num-seqs", "parallel", "max_batch_size"),
    "chunked-prefill-size": ("max-num-batched-tokens", "max_num_tokens", "batch-size"),
    "mem-fraction-static": ("gpu-memory-utilization", "kv_cache_free_gpu_memory_fraction", "mem-frac"),
    "schedule-policy": ("scheduling-policy",),
    "page-size": ("block-size",),
    "kv-cache-dtype": ("cache-type-k", "cache-type-v", "kv_cache_dtype"),
    "moe-runner-backend": ("moe-backend",),
    "fp8-gemm-backend": ("linear-backend", "fp8-gemm-runner-backend"),
    "moe-a2a-backend": ("all2all-backend",),
    "enable-mixed-chunk": ("enable-mixed-chunking",),
    "random-seed": ("seed",),
    "cpu-offload-gb": ("kv-offloading-size",),
    "attention-backend": ("flash-attn", "attn-implementation"),
    "json-model-override-args": ("hf-overrides",),
}

UNSUPPORTED = {other: f"SGLang calls it {ours}" for ours, others in _NAMES.items() for other in others} | {
    "enable-prefix-caching": "SGLang always does; write `disable-radix-cache: true` to turn it off",
    "cache-prompt": "SGLang always does; write `disable-radix-cache: true` to turn it off",
    "enable-chunked-prefill": "SGLang always does; write `chunked-prefill-size: -1` to turn it off",
    "enforce-eager": "write `disable-cuda-graph: true`",
    "cb-use-cuda-graph": "write `disable-cuda-graph: false`",
    "enable-expert-parallel": "write how many GPUs share the experts, as `ep-size`",
    "continuous-batching": "SGLang always batches so",
    "cont-batching": "SGLang always batches so",
    "async-scheduling": "SGLang always does; write `disable-overlap-schedule: true` to turn it off",
    "optimization-level": "write `enable-torch-compile: true`, or leave it out",
    "compilation-config": "write `enable-torch-compile: true`, or leave it out",
    "speculative-config": "SGLang has a flag for each part of it: `speculative-algorithm` and others",
    "n-gpu-layers": "SGLang keeps all layers on the GPU; `cpu-offload-gb` moves weights to the host",
    "kv-cache-memory-bytes": "SGLang counts tokens: write `max-total-tokens`",
}
