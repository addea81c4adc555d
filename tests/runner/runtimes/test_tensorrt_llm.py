"""The adapter of TensorRT-LLM, without TensorRT-LLM: tables, pre-checks, launch, and what its logs mean. The texts are
quoted from real logs (issue and version beside each) and from its command."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runner.domain.campaign import Entry
from runner.domain.failure import Cause
from runner.domain.parameters import Scalar
from runner.domain.trial import Exit, Placement
from runner.runtimes.tensorrt_llm import FLAGS, RUNTIME
from runner.runtimes.tensorrt_llm.elsewhere import UNSUPPORTED
from tests.runner.runtimes._gpu_engine import campaign, configuration

ENTRY = Entry("t", "tensorrt_llm")
PLACEMENT = Placement("0.0.0.0", 8000, "/model/llama", "llama", "python3", "/tmp")


def test_one_command_in_two_forms() -> None:
    flags: dict[str, Scalar] = {"tp_size": 2, "enable_chunked_prefill": True, "trust_remote_code": False}
    launch = RUNTIME.launch(configuration("tensorrt_llm", flags), ENTRY, PLACEMENT)
    told = ("--enable_chunked_prefill", "--tp_size", "2")
    here = ("/model/llama", "--host", "0.0.0.0", "--port", "8000")
    assert launch.argv == ("python3", "-m", "tensorrt_llm.commands.serve", *here, *told)
    assert launch.portable == ("trtllm-serve", "$MODEL", "--host", "127.0.0.1", "--port", "$PORT", *told)


@pytest.mark.parametrize(
    ("flags", "rule", "numbers"),
    [
        ({}, None, ()),
        ({"tp_size": 2, "pp_size": 2}, None, ()),
        ({"tp_size": 4, "cp_size": 2}, "too-many-gpus", ("4", "2", "8")),
        ({"tp_size": 4, "ep_size": 3}, "parallelism-does-not-divide", ("4", "3")),
        ({"tp_size": 4, "ep_size": 4}, None, ()),  # experts live on those of tp_size
        ({"max_seq_len": 999}, "context-too-small", ("999", "1000")),
        ({"max_num_tokens": 512}, "batch-below-prompt", ("512", "968")),
        ({"max_num_tokens": 968}, None, ()),
        ({"max_num_tokens": 512, "enable_chunked_prefill": True}, None, ()),
        ({"max_num_tokens": 512, "extra_llm_api_options": "/model/more.yaml"}, None, ()),  # it may stand there
    ],
)
def test_what_can_not_work_is_refused_with_numbers(
    flags: dict[str, Scalar], rule: str | None, numbers: tuple[str, ...]
) -> None:
    found = RUNTIME.reject(configuration("tensorrt_llm", flags), campaign(gpus=4, tokens=1000))
    assert (found and found[0]) == rule
    for number in numbers:
        assert found is not None
        assert number in found[1]


@pytest.mark.parametrize(
    ("flag", "value", "words"),
    [
        ("max-batch-size", 8, "did you mean 'max_batch_size'?"),
        ("tp-size", 2, "trtllm-serve calls it tp_size"),
        ("max-num-seqs", 8, "trtllm-serve calls it max_batch_size"),
        ("dp-size", 2, "one copy of a model"),
        ("kv-cache-dtype", "fp8", "`kv_cache_config.dtype` in the YAML file of `extra_llm_api_options`"),
        ("served_model_name", "x", "leave it out"),
    ],
)
def test_a_wrong_name_has_a_hint(flag: str, value: Scalar, words: str) -> None:
    [problem] = RUNTIME.check(replace(ENTRY, flags={flag: value}))
    assert problem.slug in ("unknown-flag", "reserved-flag")
    assert words in (problem.hint or "")


def test_a_wrong_value_is_told() -> None:
    [problem] = RUNTIME.check(replace(ENTRY, flags={"kv_cache_free_gpu_memory_fraction": 90}))
    assert "above the largest value, 1" in problem.what


def test_no_flag_is_both_known_and_unsupported() -> None:
    assert FLAGS.keys().isdisjoint(UNSUPPORTED)


def test_a_python_without_it_is_told_what_to_install() -> None:
    [problem] = RUNTIME.needs(ENTRY)
    assert problem.slug == "engine-missing"
    assert "deploy: docker" in (problem.hint or "")


SAID = [
    ("Error: No such option: --tp-size", Cause.BAD_FLAG, "unknown-flag"),
    ("Error: No such option '--tp-size'. Did you mean '--tp_size'?", Cause.BAD_FLAG, "unknown-flag"),
    ("Error: Invalid value for '--max_batch_size': 'many' is not a valid integer.", Cause.BAD_FLAG, "unknown-flag"),
    ("ValueError: No GPU devices found on the node", Cause.DRIVER, "no-gpu"),
    (
        "RuntimeError: Failed to bind socket to 127.0.0.1:8000: [Errno 98] Address already in use",
        Cause.PORT,
        "port-taken",
    ),
    (
        # issue 5872, 1.0.0rc1
        "[07/08/2025-19:47:15] [TRT-LLM] [RANK 1] [E] Failed to initialize executor on rank 1: Executor creation "
        "failed due to insufficient GPU memory.",
        Cause.OOM_LOAD,
        "out-of-memory",
    ),
    (
        # issue 260, 0.5
        "[TensorRT-LLM][ERROR] CUDA runtime error in ::cudaMallocAsync(ptr, n, mCudaStream->get()): out of memory "
        "(/app/tensorrt_llm/cpp/tensorrt_llm/runtime/tllmBuffers.h:112)",
        Cause.OOM_LOAD,
        "out-of-memory",
    ),
    (
        # issue 494, 0.5.0
        "[TensorRT-LLM][ERROR] maxTokensInPagedKvCache must be large enough to process at least 1 sequence to "
        "completion (i.e. must be larger than beam_width * tokensPerBlock * maxBlocksPerSeq)",
        Cause.KV_TOO_SMALL,
        "kv-cache-does-not-fit",
    ),
    (
        # issue 9277, 1.0
        "ValueError: The sum of prompt length (9351.0), query length (0) should not exceed max_num_tokens (8192)",
        Cause.KV_TOO_SMALL,
        "request-longer-than-a-step",
    ),
    ("RuntimeError: Executor worker returned error", Cause.CRASH, "worker-died"),  # issue 7706
    ("RuntimeError: Failed, NCCL error /src/tensorrt_llm/cpp/nccl.cpp:76 'unhandled cuda error'", Cause.NCCL, "nccl"),
    (
        "huggingface_hub.errors.RepositoryNotFoundError: 401 Client Error. (Request ID: Root=1-66f4b037)",
        Cause.MODEL_MISSING,
        "model-missing",
    ),
]


@pytest.mark.parametrize(("text", "cause", "rule"), SAID, ids=lambda value: str(value)[:40])
def test_what_it_says_has_a_cause(text: str, cause: Cause, rule: str) -> None:
    found = RUNTIME.diagnose(f"{text}\nRuntimeError: Executor worker returned error\n", Exit(1), ENTRY)
    assert found is not None
    assert (found.cause, found.rule) == (cause, rule)


@pytest.mark.parametrize(
    "text",
    [
        # triton-inference-server/tutorials pull 150 and TensorRT-LLM issues 2398, 3636: at ordinary starts
        "[TensorRT-LLM][INFO] [MemUsageChange] Allocated 78.30 GiB for max tokens in paged KV cache (3731744).",
        "[TensorRT-LLM][WARNING] Attention workspace size is not enough, increase the size from 0 bytes to 67462144",
        "[TensorRT-LLM][INFO] Memory usage when calculating max tokens in paged kv cache: total: 22.19 GiB, available: "
        "0.11 GiB",
        "[TensorRT-LLM][WARNING] [kv cache manager] storeContextBlocks: Can not find sequence for request 2049",
        "[TensorRT-LLM][INFO] Number of blocks in KV cache primary pool: 18",
        "[TensorRT-LLM][INFO] Inspecting the engine to identify potential runtime issues...",
    ],
    ids=lambda text: text[:60],
)
def test_what_only_sounds_like_a_failure(text: str) -> None:
    log = f"{text}\nINFO:     Application startup complete.\n{text}\n"
    assert RUNTIME.diagnose(log, None, ENTRY) is None
    assert RUNTIME.diagnose(log, Exit(0), ENTRY) is None


OOM = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 384.00 MiB."
FRAME = (
    '  File "/usr/local/lib/python3.12/dist-packages/tensorrt_llm/_torch/pyexecutor/model_engine.py", line 592, in '
    "_run_cuda_graph_warmup"
)


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        (f"{FRAME}\n{OOM}", Cause.OOM_GRAPH),  # issue 8802
        (OOM, Cause.OOM_LOAD),
        (f"INFO:     Application startup complete.\n{OOM}", Cause.OOM_SERVE),
    ],
)
def test_where_memory_ran_out_is_told_by_what_stands_above(log: str, cause: Cause) -> None:
    found = RUNTIME.diagnose(log, Exit(1), ENTRY)
    assert found is not None
    assert found.cause == cause
