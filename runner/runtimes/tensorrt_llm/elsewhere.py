"""Flags of other engines that people write for trtllm-serve: what it calls them, or why it has none."""

from __future__ import annotations

_NAMES = {
    "tp_size": ("tp", "tp-size", "tensor-parallel-size", "tensor_parallel_size"),
    "pp_size": ("pp", "pp-size", "pipeline-parallel-size", "pipeline_parallel_size"),
    "cp_size": ("cp", "cp-size", "context_parallel_size", "prefill-context-parallel-size"),
    "ep_size": ("ep", "ep-size", "moe_expert_parallel_size", "expert-parallel-size"),
    "cluster_size": ("moe_cluster_parallel_size",),
    "max_seq_len": ("max-model-len", "context-length", "ctx-size"),
    "max_batch_size": ("max-num-seqs", "max-running-requests", "parallel"),
    "max_num_tokens": ("max-num-batched-tokens", "max-prefill-tokens", "batch-size"),
    "kv_cache_free_gpu_memory_fraction": (
        "free_gpu_memory_fraction",
        "gpu-memory-utilization",
        "mem-fraction-static",
    ),
    "enable_chunked_prefill": ("enable-chunked-prefill", "chunked-prefill-size"),
    "trust_remote_code": ("trust-remote-code",),
    "extra_llm_api_options": ("config",),
}

_BY_FILE = {
    "dtype": "dtype",
    "quant-algo": "quant_config",
    "quantization": "quant_config",
    "kv-cache-dtype": "kv_cache_config.dtype",
    "kv-cache-quant-algo": "kv_cache_config.dtype",
    "kv_cache_dtype": "kv_cache_config.dtype",
    "fmha-quant-algo": "quant_config",
    "enable-prefix-caching": "kv_cache_config.enable_block_reuse",
    "disable-radix-cache": "kv_cache_config.enable_block_reuse",
    "disable_kv_cache_reuse": "kv_cache_config.enable_block_reuse",
    "attention-backend": "attn_backend",
    "moe-backend": "moe_config.backend",
    "moe-runner-backend": "moe_config.backend",
    "disable-cuda-graph": "cuda_graph_config",
    "enforce-eager": "cuda_graph_config",
    "cuda-graph-max-bs": "cuda_graph_config.max_batch_size",
    "speculative-config": "speculative_config",
    "speculative-algorithm": "speculative_config",
    "scheduling-policy": "scheduler_config",
    "schedule-policy": "scheduler_config",
    "disable-overlap-schedule": "disable_overlap_scheduler",
    "async-scheduling": "disable_overlap_scheduler",
    "moe_tp_size": "moe_tensor_parallel_size",
    "enable-dp-attention": "enable_attention_dp",
    "attn-dp-size": "enable_attention_dp",
}

_NO_COPIES = "trtllm-serve runs one copy of a model; several are several servers behind a router"

UNSUPPORTED = (
    {other: f"trtllm-serve calls it {ours}" for ours, others in _NAMES.items() for other in others}
    | {
        other: f"trtllm-serve has no flag for it: `{ours}` in the YAML file of `extra_llm_api_options`"
        for other, ours in _BY_FILE.items()
    }
    | {
        "dp": _NO_COPIES,
        "dp-size": _NO_COPIES,
        "data-parallel-size": _NO_COPIES,
        "enable-expert-parallel": "write how many GPUs share the experts, as `ep_size`",
        "decode-context-parallel-size": "trtllm-serve splits a context as a whole: `cp_size`",
        "dcp-size": "trtllm-serve splits a context as a whole: `cp_size`",
        "n-gpu-layers": "TensorRT-LLM keeps all layers on the GPU",
        "cont-batching": "TensorRT-LLM always batches so",
        "continuous-batching": "TensorRT-LLM always batches so",
    }
)
