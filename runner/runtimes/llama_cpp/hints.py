"""What to do when llama.cpp fails: the numbers stand in its log. Tried on the real engine."""

from __future__ import annotations

import re
from collections.abc import Mapping

from runner.domain.failure import Cause, Change, Failure, Hint
from runner.domain.parameters import Scalar
from runner.domain.units import format_size
from runner.runtimes import Room

SLOT = 256
"""llama.cpp rounds the context of a slot up to a multiple of this."""

SHARE = 0.9
"""Of the free memory that a KV cache may take: the weights are mapped files and count as free, compute buffers and
the rest of the machine need the other tenth."""

SMALLEST_BATCH = 32
"""llama.cpp aborts with a batch of 1 or 0 tokens; this is the smallest one that was tried and serves."""

_BUFFER = re.compile(r"failed to allocate (?:\w+ )?buffer of size (\d+)")
_FOR_CACHE = re.compile(r"failed to allocate buffer for kv cache")
_TRAINED = re.compile(r"n_ctx_seq \(\d+\) > n_ctx_train \((\d+)\)")
_TOO_LONG = re.compile(r"request \((\d+) tokens\) exceeds the available context size \((\d+) tokens\)")
_UNKNOWN = re.compile(r"error: (?:unrecognized arguments|invalid argument): --([\w-]+)")
_WRONG = re.compile(
    r"error: argument --([\w-]+): (.+)$|error while handling argument \"--([\w-]+)\": (.+)$", re.MULTILINE
)


def hint(failure: Failure, flags: Mapping[str, Scalar], log: str, room: Room) -> Hint | None:
    """See runner.runtimes.Advisor."""
    match failure.cause, failure.rule:
        case Cause.OOM_LOAD, "out-of-memory":
            return _memory(flags, log, room)
        case Cause.KV_TOO_SMALL, _:
            return _slot(flags, log)
        case Cause.BAD_FLAG, "quantized-v-needs-flash-attention":
            return _flash_attention(flags)
        case Cause.BAD_FLAG, "unknown-flag":
            return _flag(log)
        case Cause.CRASH, _ if failure.signal == "SIGILL":
            return Hint("this build has instructions that the processor does not know: use one that was made for it")
        case Cause.CRASH, _:
            return _batch(flags)
    return None


def _memory(flags: Mapping[str, Scalar], log: str, room: Room) -> Hint | None:
    """The KV cache grows linearly with ctx-size: what fits follows from what did not."""
    asked = _BUFFER.search(log)
    if asked is None or room.memory_free is None or room.host.gpus:
        return None  # on a GPU the free memory of the machine says nothing
    needed, free = int(asked[1]), room.memory_free
    have = f"{format_size(free)} of {format_size(room.host.memory_bytes)} are free"
    context = flags.get("ctx-size")
    if not _FOR_CACHE.search(log):
        return Hint(f"a buffer of {format_size(needed)} could not be had, {have}: smaller batches or a smaller model")
    if not isinstance(context, int) or context <= 0:
        return Hint(f"the KV cache needs {format_size(needed)}, {have}: set ctx-size, or a smaller cache-type-k and -v")
    slots = _slots(flags)
    fits = _power_of_two(SHARE * free / needed * context)
    text = f"ctx-size {context} needs a KV cache of {format_size(needed)}, {have}"
    if fits < SLOT * slots:
        return Hint(f"{text}: not even {SLOT} tokens for each of {slots} slots fit; a smaller cache type or model")
    text += f": at most {fits}"
    trained = _TRAINED.search(log)
    most = int(trained[1]) * slots if trained else fits
    if trained and most < fits:
        text += f"; the model was trained for {trained[1]} tokens a request, so {most} is all it can use"
    return Hint(text, (Change("ctx-size", at_most=min(fits, most)),))


def _slot(flags: Mapping[str, Scalar], log: str) -> Hint | None:
    found = _TOO_LONG.search(log)
    if found is None:
        return None
    wanted, slots = int(found[1]), _slots(flags)
    least = -(-wanted // SLOT) * SLOT * slots
    text = f"a request of {wanted} tokens met a slot of {found[2]}: ctx-size at least {least}"
    if slots > 1:
        text += f" for {slots} slots"
    return Hint(text, (Change("ctx-size", at_least=least),))


def _flash_attention(flags: Mapping[str, Scalar]) -> Hint:
    kind, was = flags.get("cache-type-v"), flags.get("flash-attn")
    text = f"cache-type-v {kind} works only with flash attention: flash-attn on (it was {was}), or cache-type-v f16"
    return Hint(text, (Change("flash-attn", value="on", when=f"cache-type-v == '{kind}'" if kind else ""),))


def _flag(log: str) -> Hint | None:
    if unknown := _UNKNOWN.search(log):
        text = f"this llama.cpp has no flag {unknown[1]}: leave it out"
        return Hint(text, (Change(unknown[1], remove=True),))
    wrong = _WRONG.search(log)
    return Hint(f"flag {wrong[1] or wrong[3]}: {(wrong[2] or wrong[4]).strip()}") if wrong else None


def _batch(flags: Mapping[str, Scalar]) -> Hint | None:
    batch = flags.get("batch-size")
    if not isinstance(batch, int) or batch > 1:
        return None
    text = f"llama.cpp aborts with batch-size {batch}: at least {SMALLEST_BATCH}"
    return Hint(text, (Change("batch-size", at_least=SMALLEST_BATCH),))


def _slots(flags: Mapping[str, Scalar]) -> int:
    """Slots that share ctx-size."""
    parallel = flags.get("parallel", 1)
    return parallel if isinstance(parallel, int) and parallel > 0 and flags.get("kv-unified") is not True else 1


def _power_of_two(value: float) -> int:
    """The largest one that is not above `value`; 0 below 1."""
    return 1 << (int(value).bit_length() - 1) if value >= 1 else 0
