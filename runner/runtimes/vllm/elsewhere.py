"""Flags of other engines that people write for vLLM: what it calls them, or why it has none."""

from __future__ import annotations

_NAMES = {
    "tensor-parallel-size": ("tp", "tp-size", "tp_size"),
    "pipeline-parallel-size": ("pp", "pp-size", "pp_size"),
    "data-parallel-size": ("dp", "dp-size"),
    "decode-context-parallel-size": ("dcp", "dcp-size"),
    "max-model-len": ("context-length", "ctx-size", "max_seq_len"),
    "max-num-seqs": ("max-running-requests", "parallel", "max_batch_size"),
    "max-num-batched-tokens": ("chunked-prefill-size", "max-prefill-tokens", "max_num_tokens", "batch-size"),
    "gpu-memory-utilization": ("mem-fraction-static", "kv_cache_free_gpu_memory_fraction"),
    "scheduling-policy": ("schedule-policy",),
    "block-size": ("page-size",),
    "kv-cache-dtype": ("cache-type-k", "cache-type-v", "kv_cache_dtype"),
    "moe-backend": ("moe-runner-backend",),
    "attention-backend": ("flash-attn", "attn-implementation", "prefill-attention-backend", "decode-attention-backend"),
    "max-cudagraph-capture-size": ("cuda-graph-max-bs", "cuda-graph-max-bs-decode"),
}

UNSUPPORTED = {other: f"vLLM calls it {ours}" for ours, others in _NAMES.items() for other in others} | {
    "disable-radix-cache": "write `enable-prefix-caching: false`",
    "cache-prompt": "write `enable-prefix-caching`",
    "disable-cuda-graph": "write `enforce-eager: true`",
    "cb-use-cuda-graph": "write `enforce-eager: false`",
    "continuous-batching": "vLLM always batches so",
    "cont-batching": "vLLM always batches so",
    "enable-mixed-chunk": "vLLM mixes prefill and decode whenever `enable-chunked-prefill` is true",
    "enable-torch-compile": "vLLM compiles by itself; `optimization-level` says how much",
    "n-gpu-layers": "vLLM keeps all layers on the GPU; `cpu-offload-gb` moves weights to the host",
    "threads": "on a CPU it follows OMP_NUM_THREADS: write `env: {OMP_NUM_THREADS: 4}`",
    "cp-size": "vLLM has `decode-context-parallel-size` and `prefill-context-parallel-size`",
    "cp_size": "vLLM has `decode-context-parallel-size` and `prefill-context-parallel-size`",
    "ep-size": "vLLM takes the GPUs of tensor and data parallelism: write `enable-expert-parallel: true`",
    "moe-dense-tp-size": "vLLM has no separate size for dense layers",
}
"""The share of memory is not the same number everywhere: vLLM's is of the whole GPU, weights included."""
