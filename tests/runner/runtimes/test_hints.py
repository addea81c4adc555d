"""Hints that engines give from their own logs: the logs of the contract suite, with the numbers that stand in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.domain.campaign import Entry
from runner.domain.failure import Cause, Change, Failure, Hint, Phase
from runner.domain.parameters import Scalar
from runner.domain.trial import Configuration, Exit
from runner.runtimes import Advisor, Room, runtimes
from tests import make

LOGS = Path(__file__).parents[2] / "contract" / "logs"
GB = 10**9
ROOM = Room(make.host(memory_bytes=24 * GB), 20 * GB)


def told(runtime: str, log: str, room: Room = ROOM, **flags: Scalar) -> Hint | None:
    """What the runtime says of a log of its own, diagnosed first as `run_trial` does."""
    [path] = (LOGS / runtime).glob(f"*--{log}.log")
    text = path.read_text(encoding="utf-8")
    one, member = path.stem.split("--")[1], runtimes.get(runtime)
    ended = None if one == "running" else Exit(None, one) if one.startswith("SIG") else Exit(1)
    found = member.diagnose(text, ended, Entry(runtime, runtime))
    assert found is not None
    assert isinstance(member, Advisor)
    failure = Failure(found.phase or Phase.LOAD, Cause(found.cause), found.evidence, found.rule)
    named = {name.replace("_", "-"): value for name, value in flags.items()}
    return member.hint(failure, Configuration(runtime, runtime, {}, named, {}, "0" * 16), text, room)


def test_a_cache_that_does_not_fit_gets_a_bound_from_what_is_free() -> None:
    hint = told("llama_cpp", "kv-cache-of-30-gb", ctx_size=1310720)
    assert hint is not None
    # 0.9 x 20 of 30.2 GB is 781,250 tokens: the power of two below; the model can use 8192 of them
    assert "ctx-size 1310720 needs a KV cache of 30.2 GB, 20.0 GB of 24.0 GB are free: at most 524288" in hint.text
    assert hint.changes == (Change("ctx-size", at_most=8192),)


def test_slots_share_the_context_and_a_small_machine_bounds_it() -> None:
    hint = told("llama_cpp", "kv-cache-of-30-gb", Room(ROOM.host, GB), ctx_size=1310720, parallel=8)
    assert hint is not None
    assert hint.changes == (Change("ctx-size", at_most=32768),), (
        "0.9 of 30.2 GB: 39,062 tokens; the slots could use 65,536"
    )


@pytest.mark.parametrize(
    ("room", "flags"),
    [(Room(ROOM.host, None), {"ctx_size": 1310720}), (Room(make.gpu_host(), GB), {"ctx_size": 1310720})],
)
def test_a_number_that_can_not_be_had_is_left_out(room: Room, flags: dict[str, Scalar]) -> None:
    assert told("llama_cpp", "kv-cache-of-30-gb", room=room, **flags) is None
    without = told("llama_cpp", "kv-cache-of-30-gb")
    assert without is not None
    assert without.changes == (), "the context is the engine's own choice: nobody knows what 30 GB belong to"


@pytest.mark.parametrize(
    ("runtime", "log", "flags", "change"),
    [
        ("llama_cpp", "quantized-v-without-flash-attention", {"cache_type_v": "q8_0", "flash_attn": "off"},
         Change("flash-attn", value="on", when="cache-type-v == 'q8_0'")),
        ("llama_cpp", "unknown-flag", {}, Change("no-such-flag", remove=True)),
        ("llama_cpp", "batch-size-0", {"batch_size": 0}, Change("batch-size", at_least=32)),
        ("llama_cpp", "request-longer-than-a-slot", {"parallel": 2}, Change("ctx-size", at_least=1536)),
        ("simulated", "q4-needs-large-blocks", {}, Change("block-size", at_least=16, when="cache-dtype == 'q4'")),
        ("simulated", "too-many-sequences", {"max_num_seqs": 4096}, Change("max-num-seqs", at_most=25)),
        ("simulated", "request-longer-than-context", {}, Change("ctx-size", at_least=768)),
    ],
)  # fmt: skip
def test_a_known_failure_has_a_change(runtime: str, log: str, flags: dict[str, Scalar], change: Change) -> None:
    hint = told(runtime, log, room=ROOM, **flags)
    assert hint is not None
    assert hint.changes == (change,)


def test_what_no_flag_can_mend_gets_no_hint_of_the_engine() -> None:
    assert told("llama_cpp", "truncated-file") is None
    assert told("llama_cpp", "port-taken") is None
    assert told("llama_cpp", "killed-by-someone", batch_size=64) is None


@pytest.mark.parametrize(
    ("log", "words", "change"),
    [
        (
            "one-request-does-not-fit",
            "needs a KV cache of 16.0 GiB, 5.43 are there",
            Change("max-model-len", at_most=44416),
        ),
        ("context-longer-than-the-model", "made for 8192 tokens", Change("max-model-len", at_most=8192)),
        ("memory-in-use", "31.44 of 47.38 GiB", Change("gpu-memory-utilization", at_most=0.66)),
    ],
)
def test_vllm_says_the_number_itself(log: str, words: str, change: Change) -> None:
    hint = told("vllm", log)
    assert hint is not None
    assert words in hint.text
    assert hint.changes == (change,)


@pytest.mark.parametrize("log", ["no-cache-blocks", "in-graph-capture"])
def test_where_vllm_says_no_number_neither_do_we(log: str) -> None:
    assert told("vllm", log) is None
