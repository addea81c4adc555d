"""What to do about a failure: one table, cause -> advice, with a number wherever the facts of the attempt give one.

An engine's own hint (from its log, `Failure.hint`) goes before these. Where nothing can be computed, the advice says
what to look at: it never guesses a number. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from runner.domain.campaign import Campaign
from runner.domain.failure import Cause, Change, Failure, Hint, Phase
from runner.domain.load import load_words
from runner.domain.metrics import format_value, metric_ref
from runner.domain.trial import Attempt, LevelResult
from runner.domain.units import format_duration, format_size
from runner.scoring.guard import parting
from runner.scoring.rules import ATTAINED, Rules
from runner.scoring.slo import SloResult

ROOM = 1.1
"""A limit that was missed is proposed a tenth beyond what was measured: the next measurement will differ a little."""

TWICE = 2.0
"""A deadline that cut off something that may only be slow is doubled: nobody knows how much was left."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A failed attempt as the advice looks at it. `failure` is the judged one. `rules` and `slos` (the results that
    decide) are known to a judge, `campaign` (its timeouts) only where the attempt ran."""

    failure: Failure
    attempt: Attempt
    rules: Rules | None = None
    slos: Sequence[SloResult] = ()
    campaign: Campaign | None = None


def hint(scene: Scene) -> Hint:
    """The engine's own hint when it gave one and the failure is still that one, else the advice of the table."""
    sealed = scene.attempt.failure
    if sealed is not None and sealed.hint is not None and sealed.cause is scene.failure.cause:
        return sealed.hint
    return ADVICE[scene.failure.cause](scene)


def _memory(scene: Scene) -> Hint:
    host = scene.attempt.host
    placement = scene.attempt.placement
    used = placement.gpus if placement else ()  # others of the machine have nothing to do with it
    gpus = [gpu.memory_bytes for gpu in host.gpus if gpu.uuid in used]
    have = f"each GPU has {format_size(min(gpus))}" if gpus else f"the machine has {format_size(host.memory_bytes)}"
    when = {
        Cause.OOM_LOAD: "loading took more memory than there is",
        Cause.OOM_GRAPH: "capturing graphs took more memory than the load had left",
        Cause.OOM_SERVE: "serving took more memory than the load had left",
    }[scene.failure.cause]
    return Hint(f"{when} ({have}): less context, fewer sequences, smaller batches, or a smaller type of the KV cache")


def _kv(scene: Scene) -> Hint:
    return Hint("a request did not fit in its share of the KV cache: more context, fewer slots, or shorter requests")


def _bad_flag(scene: Scene) -> Hint:
    return Hint("the engine refuses its flags: the evidence names them; leave that combination out with `where:`")


def _crash(scene: Scene) -> Hint:
    failure = scene.failure
    how = failure.signal or (f"exit {failure.exit_code}" if failure.exit_code is not None else "no exit status")
    text = f"the engine died ({how}) at {failure.phase.value}; {_got_to(scene)}"
    if failure.signal == "SIGKILL":
        return Hint(f"{text}: somebody killed it; look at the kernel's log for want of memory")
    return Hint(f"{text}: the evidence is its last word, engine.log in the record has the rest")


def _hang(scene: Scene) -> Hint:
    """Which limit ended it, how far it had come, and whether more time can help."""
    failure, campaign = scene.failure, scene.campaign
    if campaign is None or failure.limit is None:
        spent = next((t.seconds for t in scene.attempt.phases if t.phase is failure.phase), None)
        after = f" after {format_duration(round(spent, 1))}" if spent is not None else ""
        return Hint(f"stopped at {failure.phase.value}{after}, by a time limit; {_got_to(scene)}")
    section, _, name = failure.limit.partition(".")
    limits = campaign.timeouts if section == "timeouts" else campaign.workload.each_level
    limit = float(getattr(limits, name))
    text = f"ended at {failure.phase.value} by {failure.limit} = {format_duration(limit)}; {_got_to(scene)}"
    if section != "timeouts":
        return Hint(f"{text}. Requests got no answer: fewer users at a time, or a longer {failure.limit}")
    if name == "no_progress":
        return _silent(failure, limit, text)
    more = _at_pace(scene, limit) if name == "level" else TWICE * limit
    silence = format_duration(campaign.timeouts.no_progress)
    return Hint(
        f"{text}. It had not stood still for timeouts.no_progress = {silence}, so it may only be slow: "
        f"at least {format_duration(more)}",
        (Change(failure.limit, at_least=more),),
    )


def _silent(failure: Failure, limit: float, text: str) -> Hint:
    if failure.phase in (Phase.START, Phase.LOAD):
        more = TWICE * limit
        what = f"Nothing moved; an engine that loads without a word needs at least {format_duration(more)}"
        return Hint(f"{text}. {what}", (Change(failure.limit or "", at_least=more),))
    return Hint(f"{text}. Nothing moved: more time will not help; leave this configuration out")


def _at_pace(scene: Scene, limit: float) -> float:
    """Seconds that the level needs at the pace it had; twice the limit where nothing was answered."""
    wanted = scene.campaign.workload.each_level.requests if scene.campaign else None
    last = _last_level(scene.attempt)
    if last is None or not last.ok or not wanted:
        return TWICE * limit
    return float(math.ceil(max(ROOM * limit, ROOM * limit * wanted / last.ok)))


def _error_rate(scene: Scene) -> Hint:
    last = _worst_level(scene.attempt)
    if last is None:
        return Hint("the engine is up and refuses requests: the evidence is its answer; check model name and API")
    share = 100 * last.ok / last.sent if last.sent else 0.0
    text = f"{last.ok} of {last.sent} requests ended well at {_load(last)} ({share:.3g} %)"
    if scene.rules is not None:
        text += f", {100 * scene.rules.min_success_rate:g} % are needed"
    if last.errors:
        most = max(last.errors, key=lambda error: error.count)
        text += f"; most often ({most.count}x) {most.kind}: {_WHAT_TO_DO.get(most.kind, 'see engine.log')}"
    return Hint(f"{text}; {_got_to(scene)}")


_WHAT_TO_DO = {
    "connect": "the engine was gone or took no more connections",
    "reset": "the engine cut the connection: see engine.log",
    "cut": "the engine cut the stream: see engine.log",
    "timeout": "no answer in each_level.request_timeout: fewer users, or a longer one",
    "empty": "the engine ended its answer without a token: see engine.log",
    "http_429": "the engine turns requests away: raise its queue, or load it less",
    "http_4xx": "the engine refuses the request itself: its answer says why",
    "http_5xx": "the engine sheds load or fails inside: raise its queue or its sequences, or load it less",
    "malformed": "what came is no valid stream: is it an OpenAI-compatible API?",
    "server_error": "the engine sent an error inside the stream: see engine.log",
}


def _short(scene: Scene) -> Hint:
    level = max(scene.attempt.levels, key=lambda one: one.short, default=None)
    if level is None or not level.short:
        return Hint("answers ended early although the engine was told to go on: its token rate would mean nothing")
    return Hint(
        f"{level.short} of {level.ok} answers at {_load(level)} were shorter than asked although ignore_eos was sent: "
        "look for a limit on output tokens or on context, or an engine that ignores ignore_eos (then set it to false)"
    )


def _slo(scene: Scene) -> Hint:
    """By how much, where it was still met, and what limit would have held."""
    missed = [one for one in scene.slos if one.ratio is not None and one.ratio > 1 and one.value is not None]
    if not missed or scene.rules is None:
        return Hint("a hard SLO was missed: the evidence has its value and its limit")
    worst = max(missed, key=lambda one: one.ratio or 0.0)
    assert worst.value is not None
    assert worst.ratio is not None
    slo = next(one for one in scene.rules.limits if one.name == worst.slo)
    metric = metric_ref(slo.metric).metric
    if slo.name == ATTAINED:
        level = next(one for one in scene.attempt.levels if one.position == worst.position)
        counted = level.attained
        good = f"{counted.good} of {counted.of}" if counted else format_value(worst.value, metric)
        return Hint(
            f"at {_load(level)} {good} requests met every limit, {format_value(worst.limit, metric)} are asked for: "
            "loosen the limits, ask for less attainment, or begin the search at a lighter load"
        )
    keys = {key.position: key for key in scene.rules.levels}
    at = load_words(keys[worst.position].load_kind.value, keys[worst.position].load_value)
    text = (
        f"{slo.name} is {format_value(worst.value, metric)} at {at}, the limit is {format_value(worst.limit, metric)}: "
        f"{worst.ratio:.3g} times {'the limit' if slo.maximum is not None else 'too low'}"
    )
    met = [one for one in scene.slos if one.slo == worst.slo and one.ratio is not None and one.ratio <= 1]
    if met:
        high = max(met, key=lambda one: keys[one.position].load_value)
        text += f"; met at {load_words(keys[high.position].load_kind.value, keys[high.position].load_value)}"
    if slo.maximum is not None:
        limit = _rounded(worst.value * ROOM, up=True)
        change, side = Change(f"slo.{slo.name}", at_least=limit), "from"
    else:
        limit = _rounded(worst.value / ROOM, up=False)
        change, side = Change(f"slo.{slo.name}", at_most=limit), "up to"
    return Hint(f"{text}. This configuration holds a limit {side} {format_value(limit, metric)}", (change,))


def _quality(scene: Scene) -> Hint:
    """Where it parts from the reference, and whether that may be harmless."""
    text = "the answers are not those of the reference: look at quantization and cache types first"
    facts = scene.attempt.quality
    if facts is None or facts.agreement is None:
        return Hint(text)
    return Hint(f"{text}; {parting(facts.agreement)}")


def _load(level: LevelResult) -> str:
    return load_words(level.load_kind, level.load_value)


def _rounded(value: float, *, up: bool) -> float:
    """Two digits, to the safe side. 0 stays 0."""
    if value <= 0:
        return 0.0
    step = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{(math.ceil if up else math.floor)(value / step) * step:.12g}")


def _got_to(scene: Scene) -> str:
    """How far it had come, by its levels."""
    levels = scene.attempt.levels
    done = [level for level in levels if level.state.value in ("complete", "degraded")]
    if not levels:
        return "no request was measured"
    return f"{len(done)} of {len(levels)} levels were done"


def _last_level(attempt: Attempt) -> LevelResult | None:
    reached = [level for level in attempt.levels if level.sent]
    return reached[-1] if reached else None


def _worst_level(attempt: Attempt) -> LevelResult | None:
    reached = [level for level in attempt.levels if level.sent]
    return min(reached, key=lambda level: level.ok / level.sent, default=None)


def _says(text: str) -> Callable[[Scene], Hint]:
    return lambda scene: Hint(text)


ADVICE: dict[Cause, Callable[[Scene], Hint]] = {
    Cause.BAD_FLAG: _bad_flag,
    Cause.OOM_LOAD: _memory,
    Cause.OOM_GRAPH: _memory,
    Cause.OOM_SERVE: _memory,
    Cause.KV_TOO_SMALL: _kv,
    Cause.MODEL_MISSING: _says(
        "the model is absent, cut short, or of another format: fetch it again; model.sha256 has it checked"
    ),
    Cause.GATED: _says("the hub wants a login: accept the licence there, pass the token with `env: [HF_TOKEN]`"),
    Cause.PORT: _says("another program has the port: it is tried again on another one; end that program if it stays"),
    Cause.DRIVER: _says("the driver does not serve this engine: compare its version with what the engine wants"),
    Cause.NCCL: _says("the GPUs can not talk to each other: fewer per engine, or look with NCCL_DEBUG=INFO"),
    Cause.DTYPE: _says("the number format does not run on this hardware or model: another dtype or quantization"),
    Cause.CRASH: _crash,
    Cause.HANG: _hang,
    Cause.ERROR_RATE: _error_rate,
    Cause.SHORT_OUTPUT: _short,
    Cause.SLO: _slo,
    Cause.QUALITY: _quality,
    Cause.IMAGE: _says("the container image could not be had: check its name, tag and the registry's login"),
    Cause.INFRA: _says("not the configuration's fault: the evidence names what failed; it is tried again"),
    Cause.INTERRUPTED: _says("stopped on request: run again to go on"),
    Cause.UNKNOWN: _says("no known line in its log: read engine.log in the record, from its first error on"),
}  # fmt: skip
"""Every cause has advice; a test looks for it."""
