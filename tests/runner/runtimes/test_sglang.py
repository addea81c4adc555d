"""The adapter of SGLang, without SGLang: tables, pre-checks, launch, and what its logs mean. The texts are quoted from
real logs (issue and version beside each) and from the raise statements of 0.5.23."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runner.domain.campaign import Entry
from runner.domain.failure import Cause
from runner.domain.parameters import Choice, EntrySpace, Scalar
from runner.domain.trial import Exit, Placement
from runner.runtimes.sglang import FLAGS, RUNTIME
from runner.runtimes.sglang.elsewhere import UNSUPPORTED
from tests.runner.runtimes._gpu_engine import campaign, configuration

ENTRY = Entry("s", "sglang")
PLACEMENT = Placement("127.0.0.1", 30000, "org/model", "model", "/opt/s/bin/python", "/work")


@pytest.mark.parametrize(
    ("flags", "rule", "numbers"),
    [
        ({}, None, ()),
        ({"tp-size": 2, "dp-size": 2}, None, ()),
        ({"tp-size": 4, "dp-size": 2}, "too-many-gpus", ("4", "2", "8")),
        ({"tp-size": 4, "dp-size": 2, "enable-dp-attention": True}, None, ()),  # within those of tp-size
        ({"tp-size": 4, "dp-size": 3, "enable-dp-attention": True}, "parallelism-does-not-divide", ("4", "3")),
        ({"tp-size": 4, "attn-dp-size": 3}, "parallelism-does-not-divide", ("4", "3")),
        ({"tp-size": 4, "attn-dp-size": 2}, None, ()),
        ({"pp-size": 8}, "too-many-gpus", ("pipeline parallel 8", "has 4")),
        ({"context-length": 1000}, None, ()),
        ({"context-length": 999}, "context-too-small", ("999", "1000")),
        ({"max-total-tokens": 512}, "pool-too-small", ("512", "1000")),
        ({"chunked-prefill-size": 1000, "page-size": 64}, "chunk-is-no-multiple-of-page", ("1000", "64")),
        ({"chunked-prefill-size": 1024, "page-size": 64}, None, ()),
        ({"chunked-prefill-size": -1, "page-size": 64}, None, ()),
    ],
)
def test_what_can_not_work_is_refused_with_numbers(
    flags: dict[str, Scalar], rule: str | None, numbers: tuple[str, ...]
) -> None:
    found = RUNTIME.reject(configuration("sglang", flags), campaign(gpus=4, tokens=1000))
    assert (found and found[0]) == rule
    for number in numbers:
        assert found is not None
        assert number in found[1]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ({}, ("--enable-metrics",)),
        ({"enable-metrics": True}, ("--enable-metrics",)),
        ({"enable-metrics": False}, ()),
        ({"enable-metrics": False, "disable-radix-cache": True}, ("--disable-radix-cache",)),
        ({"enable-metrics": False, "disable-radix-cache": False, "tp-size": 2}, ("--tp-size", "2")),
    ],
)
def test_switches_are_bare_and_metrics_are_served_unless_the_campaign_says_no(
    flags: dict[str, Scalar], words: tuple[str, ...]
) -> None:
    launch = RUNTIME.launch(configuration("sglang", flags), ENTRY, PLACEMENT)
    assert launch.argv[launch.argv.index("30000") + 1 :] == words
    assert launch.portable[launch.portable.index("$PORT") + 1 :] == words


@pytest.mark.parametrize(
    ("flag", "value", "words"),
    [
        ("mem-fraction-statik", 0.8, "did you mean 'mem-fraction-static'?"),
        ("tensor-parallel-size", 2, "SGLang calls it tp-size"),
        ("gpu-memory-utilization", 0.9, "SGLang calls it mem-fraction-static"),
        ("enable-prefix-caching", True, "write `disable-radix-cache: true`"),
        ("enable-chunked-prefill", True, "write `chunked-prefill-size: -1`"),
        ("enable-mixed-chunking", True, "SGLang calls it enable-mixed-chunk"),
        ("model-path", "x", "leave it out"),
    ],
)
def test_a_wrong_name_has_a_hint(flag: str, value: Scalar, words: str) -> None:
    [problem] = RUNTIME.check(replace(ENTRY, flags={flag: value}))
    assert problem.slug in ("unknown-flag", "reserved-flag")
    assert words in (problem.hint or "")


@pytest.mark.parametrize(
    ("flag", "value", "words"),
    [
        ("mem-fraction-static", 1.0, "above the largest value, 0.99"),
        ("schedule-policy", "lmp", "did you mean 'lpm'?"),
        ("kv-cache-dtype", "fp8", "is not one of"),
        ("disable-radix-cache", "true", "neither true nor false"),
    ],
)
def test_a_wrong_value_is_told(flag: str, value: Scalar, words: str) -> None:
    [problem] = RUNTIME.check(replace(ENTRY, space=EntrySpace("s", {flag: Choice((value,))})))
    assert problem.slug == "flag-value"
    assert words in problem.what


@pytest.mark.parametrize(
    ("image", "flag", "what"),
    [
        ("lmsysorg/sglang:v0.5.2-cu126", "cuda-graph-max-bs-decode", "it came with 0.5.11"),
        ("lmsysorg/sglang:v0.5.23-cu130", "cuda-graph-max-bs-decode", None),
        ("lmsysorg/sglang:v0.5.2-cu126", "cuda-graph-max-bs", None),
        ("lmsysorg/sglang:v0.5.23-cu130", "cuda-graph-max-bs", "it went with 0.5.20"),
    ],
)
def test_a_flag_of_another_version(image: str, flag: str, what: str | None) -> None:
    found = RUNTIME.check(replace(ENTRY, flags={flag: 64}, options={"image": image}))
    assert [problem.slug for problem in found] == (["unknown-flag"] if what else [])
    assert all(what is not None and what in problem.what for problem in found)


def test_no_flag_is_both_known_and_unsupported() -> None:
    assert FLAGS.keys().isdisjoint(UNSUPPORTED)


def test_a_python_without_it_is_told_what_to_install() -> None:
    [problem] = RUNTIME.needs(ENTRY)
    assert problem.slug == "engine-missing"
    assert "tunebook engine install sglang" in (problem.hint or "")


SAID = [
    ("launch_server.py: error: unrecognized arguments: --tp-sise 2", Cause.BAD_FLAG, "unknown-flag"),
    (
        "sglang serve: error: argument --kv-cache-dtype: invalid choice: 'fp8' (choose from 'auto', 'fp8_e5m2')",
        Cause.BAD_FLAG,
        "unknown-flag",
    ),
    (
        "/opt/s/bin/python: Error while finding module specification for 'sglang.launch_server' "
        "(ModuleNotFoundError: No module named 'sglang')",
        Cause.INFRA,
        "engine-missing",
    ),
    (
        "[2026-11-01 10:00:00] ERROR:    [Errno 98] error while attempting to bind on address ('127.0.0.1', 30000): "
        "address already in use",
        Cause.PORT,
        "port-taken",
    ),
    (
        # issue 4330, 0.4.3.post2
        "RuntimeError: Not enough memory. Please try to increase --mem-fraction-static.",
        Cause.KV_TOO_SMALL,
        "kv-cache-does-not-fit",
    ),
    (
        # issue 7691, 0.4.8.post1
        "[2025-07-02 07:41:59 DP0 TP0] max_total_tokens=131072 is larger than the profiled value -561981. Use the "
        "profiled value instead.",
        Cause.KV_TOO_SMALL,
        "kv-cache-does-not-fit",
    ),
    (
        "Exception: Capture cuda graph failed: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total",
        Cause.OOM_GRAPH,
        "out-of-memory-in-graph-capture",
    ),
    (
        # shader-slang/slang issue 6738, 0.4.4.post3
        "Exception: Capture cuda graph failed: RuntimeError: CUDA error: an illegal memory access was encountered",
        Cause.CRASH,
        "illegal-access",
    ),
    ("Exception: Capture cuda graph failed: Ninja build failed.", Cause.CRASH, "graph-capture"),  # issue 25487
    ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 448.00 MiB.", Cause.OOM_LOAD, "out-of-memory"),
    ("RuntimeError: Decode out of memory. Try to lower your batch size.", Cause.OOM_SERVE, "kv-pool-exhausted"),
    (
        "ValueError: The input (5031 tokens) is longer than the model's context length (2048 tokens).",
        Cause.KV_TOO_SMALL,
        "request-longer-than-context",
    ),
    (
        "RuntimeError: The memory capacity is unbalanced. Some GPUs may be occupied by other processes. "
        "pre_model_load_memory=10.1, local_gpu_memory=78.9",
        Cause.INFRA,
        "gpus-in-use",
    ),
    (
        "ValueError: Warning: User-specified context_length (65536) is greater than the derived context_length (8192). "
        "This may lead to incorrect model outputs or CUDA errors. To allow overriding this maximum, set the env var",
        Cause.BAD_FLAG,
        "context-longer-than-the-model",
    ),
    ("AssertionError: tp_size must be divisible by attn_cp_size", Cause.BAD_FLAG, "parallelism-does-not-divide"),
    (
        'File "validation_hook.py", line 244, in check_server_args\n'
        "AssertionError: chunked_prefill_size must be divisible by page_size",
        Cause.BAD_FLAG,
        "settings-refused",
    ),
    ("ValueError: torch.bfloat16 is not supported for quantization method gptq.", Cause.DTYPE, "dtype"),
    ("OSError: You are trying to access a gated repo.", Cause.GATED, "gated"),
    ("RuntimeError: NCCL error: unhandled cuda error (run with NCCL_DEBUG=INFO for details)", Cause.NCCL, "nccl"),
    ("Scheduler watchdog timeout (self.watchdog_timeout=300, self.soft=False)", Cause.HANG, "watchdog"),
    (
        "RuntimeError: Rank 0 scheduler died during initialization (exit code: -9). If exit code is -9 (SIGKILL), a "
        "common cause is the OS OOM killer.",
        Cause.CRASH,
        "scheduler-died",
    ),
    (
        "[2025-05-01 10:00:00] Received sigquit from a child process. It usually means the child failed.",
        Cause.CRASH,
        "scheduler-died",
    ),
]


@pytest.mark.parametrize(("text", "cause", "rule"), SAID, ids=lambda value: str(value)[:40])
def test_what_it_says_has_a_cause(text: str, cause: Cause, rule: str) -> None:
    found = RUNTIME.diagnose(f"{text}\nReceived sigquit from a child process.\n", Exit(None, "SIGKILL"), ENTRY)
    assert found is not None
    assert (found.cause, found.rule) == (cause, rule)


@pytest.mark.parametrize(
    "text",
    [
        "[2025-10-06 20:05:22] server_args=ServerArgs(model_path='m', watchdog_timeout=300, crash_dump_folder=None, "
        "nccl_port=None, mem_fraction_static=0.88, log_level='error')",
        "[2025-10-06 20:05:22 TP0] Load weight begin. avail mem=78.44 GB",
        "[2025-07-02 07:41:58 DP0 TP0] Load weight end. type=DeepseekV3ForCausalLM, dtype=torch.bfloat16, avail "
        "mem=21.73 GB, mem usage=166.59 GB.",
        "[2024-10-22 06:31:49 TP0] Memory pool end. avail mem=8.38 GB",
        "[2025-10-06 20:05:22 TP0] Capture cuda graph begin. This can take up to several minutes. avail mem=3.66 GB",
        "Capturing batches (bs=512 avail_mem=3.10 GB):   0%|          | 0/52 [00:00<?, ?it/s]",
        "[2025-10-06 20:05:30 TP0] max_total_num_tokens=131072, chunked_prefill_size=8192, max_prefill_tokens=16384, "
        "max_running_requests=2048, context_len=8192, available_gpu_mem=3.10 GB",
        "[2025-10-06 20:06:00 TP0] max_total_tokens=131072 is larger than the profiled value 98304. Use the profiled "
        "value instead.",
        "[2025-10-06 20:05:12] The memory capacity is unbalanced. Some GPUs may be occupied by other processes.",
        "[2025-10-06 20:06:00] The input (5031 tokens) is longer than the model's context length (2048 tokens). "
        "Truncating the input.",
        "[2025-10-06 20:05:01] Warning: User-specified context_length (65536) is greater than the derived "
        "context_length (8192). This may lead to incorrect model outputs or CUDA errors.",
        "[2025-10-06 20:07:00 TP0] KV cache pool is full. Retract requests. #retracted_reqs: 1, #new_token_ratio: 0.7",
        "[2025-10-06 20:07:00] Endpoint '/get_server_info' is deprecated and will be removed in a future version.",
    ],
    ids=lambda text: text[:60],
)
def test_what_only_sounds_like_a_failure(text: str) -> None:
    log = f"{text}\nThe server is fired up and ready to roll!\n{text}\n"
    assert RUNTIME.diagnose(log, None, ENTRY) is None
    assert RUNTIME.diagnose(log, Exit(0), ENTRY) is None


def test_memory_that_runs_out_while_it_serves_is_another_cause() -> None:
    oom = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 448.00 MiB."
    found = RUNTIME.diagnose(f"The server is fired up and ready to roll!\n{oom}\n", Exit(1), ENTRY)
    assert found is not None
    assert found.cause == Cause.OOM_SERVE
