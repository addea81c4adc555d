"""Settings that engines share under other names: what a table makes of them, and what it refuses."""

from __future__ import annotations

import tomllib

import pytest

from runner.domain.campaign import Entry
from runner.domain.parameters import Choice, EntrySpace, Point, Scalar, Space
from runner.samplers._space_to_optuna import Teller, shared
from runner.space.abstract import FIELDS, Abstract, asked, refusal, table_of, translated
from runner.space.resolve import default_point, resolve

GEMM = """
[quantization.gemm_dtype]
auto = {dtype = "auto"}
float16 = {dtype = "float16"}
bfloat16 = {dtype = "bfloat16"}
float32 = {dtype = "float32"}
fp8 = {quantization = "fp8", dtype = "auto"}
int8 = "only models that were prepared for it"

[quantization.moe_dtype]
auto = {}
float16 = {}
bfloat16 = {}
fp8 = {moe-backend = "cutlass", unless = "quantization"}
w4afp8 = {quantization = "w4afp8", dtype = "auto"}
mxfp4 = {quantization = "mxfp4", dtype = "auto"}
int8 = "nothing"

[parallel]
tp = {flag = "tp-size", values = [1, 2, 4]}
dp = {flag = "dp-size", values = [1, 2]}
enable_expert_parallel = {flag = "expert-parallel"}
cp = "this engine has no context parallelism"

[presets.quantization]
fast = {gemm_dtype = "fp8", moe_dtype = "fp8"}

[presets.parallel]
wide = {tp = 4, dp = 2}

[shape]
gpus = ["tp", "dp"]
multiples = [["tp", "dp"]]
"""
TABLE = table_of(tomllib.loads(GEMM))


@pytest.mark.parametrize(
    ("values", "flags"),
    [
        ({}, {}),
        ({"threads": 4}, {}),
        ({"quantization.gemm_dtype": "bfloat16"}, {"dtype": "bfloat16"}),
        ({"quantization.gemm_dtype": "fp8"}, {"quantization": "fp8", "dtype": "auto"}),
        ({"quantization.gemm_dtype": "int8"}, {}),
        ({"quantization.moe_dtype": "fp8"}, {"moe-backend": "cutlass"}),
        ({"quantization.moe_dtype": "fp8", "quantization.gemm_dtype": "fp8"}, {"quantization": "fp8", "dtype": "auto"}),
        ({"quantization.moe_dtype": "w4afp8", "quantization.gemm_dtype": "fp8"},
         {"quantization": "w4afp8", "dtype": "auto"}),
        ({"parallel.tp": 1, "parallel.dp": 1, "parallel.enable_expert_parallel": False}, {}),
        ({"parallel.tp": 2, "parallel.enable_expert_parallel": True}, {"tp-size": 2, "expert-parallel": True}),
        ({"quantization.preset": "fast"}, {"quantization": "fp8", "dtype": "auto"}),
        ({"quantization.preset": "fast", "quantization.gemm_dtype": "bfloat16"},
         {"dtype": "bfloat16", "moe-backend": "cutlass"}),
        ({"parallel.preset": "wide"}, {"tp-size": 4, "dp-size": 2}),
    ],
)  # fmt: skip
def test_what_the_engine_is_told(values: dict[str, Scalar], flags: dict[str, Scalar]) -> None:
    assert translated(values, TABLE) == flags


@pytest.mark.parametrize(
    ("values", "rule", "reason"),
    [
        ({"quantization.gemm_dtype": "int8"}, "abstract-value", "only models that were prepared for it"),
        ({"parallel.cp": 2}, "abstract-field", "has no context parallelism"),
        ({"parallel.tp": 8}, "abstract-value", "8 is nothing that this engine has"),
        ({"parallel.dp": 2}, "parallel-shape", "parallel.tp 1 is no multiple of parallel.dp 2"),
        ({"parallel.preset": "wide"}, "too-many-gpus", "tp 4 x dp 2 needs 8 GPUs, an attempt has 4"),
        ({"parallel.tp": 4, "parallel.dp": 2}, "too-many-gpus", "tp 4 x dp 2 needs 8 GPUs, an attempt has 4"),
    ],
)
def test_what_can_not_be_is_refused_with_its_reason(values: dict[str, Scalar], rule: str, reason: str) -> None:
    found = refusal(values, TABLE, gpus=4)
    assert found is not None
    assert (found[0], reason in found[1]) == (rule, True), found


def test_a_model_that_is_quantized_already_is_not_quantized_again() -> None:
    wanted: dict[str, Scalar] = {"quantization.gemm_dtype": "fp8"}
    assert refusal(wanted, TABLE, "meta-llama/Llama-3.1-8B-Instruct") is None
    found = refusal(wanted, TABLE, "neuralmagic/Llama-3.1-8B-Instruct-FP8")
    assert found == (
        "quantized-already", "the model's name says fp8: its weights can not be made fp8 as well",
    )  # fmt: skip
    assert refusal({"quantization.gemm_dtype": "auto"}, TABLE, "some-AWQ") is None


def test_an_attempt_whose_gpus_nobody_counts_may_have_any() -> None:
    assert refusal({"parallel.preset": "wide"}, TABLE) is None


ENTRY = Entry("mine", "vllm", flags={"quantization.gemm_dtype": "fp8", "max-model-len": 8192})


def test_an_explicit_flag_goes_before_what_is_abstract() -> None:
    assert resolve(ENTRY, default_point(ENTRY), TABLE).flags == {
        "dtype": "auto", "quantization": "fp8", "max-model-len": 8192,
    }  # fmt: skip
    chosen = resolve(ENTRY, Point("mine", {"dtype": "bfloat16", "parallel.tp": 2}), TABLE)
    assert chosen.flags == {"dtype": "bfloat16", "quantization": "fp8", "max-model-len": 8192, "tp-size": 2}
    assert chosen.values == {"dtype": "bfloat16", "parallel.tp": 2}, "what was asked for stays to be seen"


def test_two_settings_with_one_launch_are_one_point() -> None:
    plain = Entry("mine", "vllm")
    one, other = (
        resolve(plain, Point("mine", {"quantization.gemm_dtype": "auto", "quantization.moe_dtype": moe}), TABLE)
        for moe in ("auto", "bfloat16")
    )
    assert one.fingerprint == other.fingerprint
    assert one.fingerprint != resolve(plain, default_point(plain), TABLE).fingerprint, "--dtype auto is said"


def test_every_preset_changes_the_command() -> None:
    for preset in TABLE.presets:
        group, _, name = preset.partition(".")
        assert translated({f"{group}.preset": name}, TABLE), preset
    assert asked({"parallel.preset": "wide"}, TABLE) == {"parallel.tp": 4, "parallel.dp": 2}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[parallel]\nxp = {flag = 'x'}", ValueError),
        ("[quantization.gemm_dtype]\nauto = {}", KeyError),
    ],
)
def test_a_table_with_a_hole_is_none(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        table_of(tomllib.loads(text))


def test_engines_that_mean_the_same_share_a_parameter() -> None:
    """What is learnt of fp8 with one is known for the other; where their lists differ each has its own."""

    def entry(name: str, *tp: int) -> EntrySpace:
        cache = Choice(("auto", "fp8"))
        return EntrySpace(name, {"quantization.kvcache_dtype": cache, "parallel.tp": Choice(tp), "max": Choice((1, 2))})

    space = Space((entry("a", 1, 2), entry("b", 1, 2, 4)))
    assert shared(space) == {"quantization.kvcache_dtype"}
    told, _ = Teller(space).told(Point("b", {"quantization.kvcache_dtype": "fp8", "parallel.tp": 4, "max": 1}))
    assert set(told) == {"entry", "quantization.kvcache_dtype", "b.parallel.tp", "b.max"}


def test_the_fields_are_those_of_the_vocabulary() -> None:
    cases = [(name, value) for name, values in FIELDS.items() if name.startswith("quantization.") for value in values]
    assert len(cases) == 28
    assert Abstract() == table_of({})
