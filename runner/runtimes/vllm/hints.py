"""What to do when vLLM fails: it often says the number itself. Read in sources of 0.33.0 and logs of its users."""

from __future__ import annotations

import re

from runner.domain.failure import Cause, Change, Failure, Hint

_FITS = re.compile(r"estimated maximum model length is (\d+)")
_KV = re.compile(r"\(?([\d.]+) GiB KV cache is needed.*?\(([\d.]+) GiB\)")
_TRAINED = re.compile(r"User-specified max_model_len \((\d+)\) is greater than the derived max_model_len \(\w+=(\d+)")
_BATCH = re.compile(r"max_num_batched_tokens \((\d+)\) is smaller than max_model_len \((\d+)\)")
_FREE = re.compile(r"Free memory on device .*?\(([\d.]+)/([\d.]+) GiB\) on startup is less than")
_UNKNOWN = re.compile(r"error: unrecognized arguments: --([\w-]+)")


def hint(failure: Failure, log: str) -> Hint | None:
    """See runner.runtimes.Advisor."""
    match failure.cause, failure.rule:
        case Cause.KV_TOO_SMALL, "kv-cache-does-not-fit":
            return _context(log)
        case Cause.OOM_LOAD, "memory-not-free":
            return _share(log)
        case Cause.BAD_FLAG, _:
            return _flag(log)
    return None


def _context(log: str) -> Hint | None:
    """The longest request that fits, as vLLM computes it. It says nothing where no block at all fits."""
    fits = _FITS.search(log)
    if fits is None or int(fits[1]) <= 0:
        return None
    needed = _KV.search(log)
    told = f"one request needs a KV cache of {needed[1]} GiB, {needed[2]} are there: " if needed else ""
    text = f"{told}max-model-len at most {fits[1]}, as vLLM computes it, or a larger gpu-memory-utilization"
    return Hint(text, (Change("max-model-len", at_most=int(fits[1])),))


def _share(log: str) -> Hint | None:
    """Somebody else has the rest. Rounded down, so that the share is there."""
    found = _FREE.search(log)
    if found is None or float(found[2]) <= 0:
        return None
    share = int(float(found[1]) / float(found[2]) * 100) / 100
    text = (
        f"{found[1]} of {found[2]} GiB of the GPU are free: gpu-memory-utilization at most {share:g}, or free the GPU"
    )
    return Hint(text, (Change("gpu-memory-utilization", at_most=share),) if share > 0 else ())


def _flag(log: str) -> Hint | None:
    if found := _TRAINED.search(log):
        text = f"the model was made for {found[2]} tokens a request: max-model-len at most {found[2]}"
        return Hint(text, (Change("max-model-len", at_most=int(found[2])),))
    if found := _BATCH.search(log):
        text = f"without chunked prefill a step holds a whole request: max-num-batched-tokens at least {found[2]}"
        change = Change("max-num-batched-tokens", at_least=int(found[2]), when="enable-chunked-prefill == false")
        return Hint(text, (change,))
    if found := _UNKNOWN.search(log):
        return Hint(f"this vLLM has no flag {found[1]}: leave it out", (Change(found[1], remove=True),))
    return None
