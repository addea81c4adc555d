"""How an old task was measured and judged: `benchmark`, `optimization` and `slo` become `workload`, `objective`, `slo`,
`search` and `timeouts`, each with its unit."""

from __future__ import annotations

from typing import Any

from runner.campaign.fields import spelled
from runner.campaign.legacy_file import Part
from runner.campaign.scenario import parse_scenario
from runner.domain.units import format_duration

OBJECTIVES = {
    "minimize_latency": "e2e_mean",
    "maximize_throughput": "total_throughput_per_gpu",
    "minimize_ttft": "ttft_mean",
    "minimize_tpot": "tpot_mean",
}
SAMPLERS = {"grid_search": "grid", "grid": "grid", "bayesian": "tpe", "random": "random"}
PERCENTILES = ("p50", "p90", "p95", "p99")

SCENARIO, CONCURRENCY, MINUTES, REQUESTS = "D(100,100)", 1, 10.0, 50
TRIALS, TIMEOUT = 100, 1800.0
"""What the old autotuner took where a task said nothing."""

MARGIN = 120.0
"""Seconds of a level beside its sending: warm-up and draining."""


def workload(part: Part, longest: float) -> dict[str, Any]:
    """`benchmark`. `longest` is what one trial could take (s): no level took more."""
    task = part.text("task")
    if task not in (None, "text-to-text"):
        part.notes.wrong(part.at("task"), f"{task!r} can not be measured: text-to-text can")
    made: dict[str, Any] = {"scenarios": _scenarios(part), "load": {"concurrency": _concurrency(part)}}
    minutes = _or(part, "max_time_per_iteration", MINUTES, "minutes")
    requests = _or(part, "max_requests_per_iteration", REQUESTS, "requests", whole=True)
    duration = min(minutes * 60, longest)
    cut = "" if minutes * 60 <= longest else f", cut to timeout_per_iteration, {format_duration(longest)}"
    why = f"{minutes:g} went to genai-bench, which reads minutes{cut}; if seconds were meant, shorten duration"
    if part.data.get("max_time_per_iteration") is not None:
        part.notes.say("changed", part.at("max_time_per_iteration"), why)
    made["each_level"] = {"duration": format_duration(duration), "requests": int(requests)}
    _request(part.part("additional_params"), made)
    part.drop("the name in requests follows from the model", "model_name")
    part.drop("the tokenizer is the model's own", "model_tokenizer")
    part.drop("prompts of a data set are not supported yet: the scenario's lengths are used", "dataset_url")
    part.drop("there is no data set", "dataset_deduplicate")
    part.rest()
    why = "tunebook's own client measures, not genai-bench; numbers of two clients are never ranked together"
    part.notes.say("changed", part.path, why)
    return made


def _of_text(text: str) -> str:
    """Raises ValueError for a scenario of another task than text, or one whose file the task does not name."""
    scenario = parse_scenario(text)
    if scenario.kind not in ("D", "N", "U"):
        raise ValueError(f"scenario {text!r} is not taken over: D, N and U are")
    return scenario.text


def _scenarios(part: Part) -> list[str]:
    kept: list[str] = []
    for n, text in enumerate(part.listed("traffic_scenarios")):
        try:
            scenario = _of_text(text) if isinstance(text, str) else ""
        except ValueError as error:
            part.notes.say("dropped", part.at("traffic_scenarios", n), str(error))
            continue
        if not scenario:
            part.notes.say("dropped", part.at("traffic_scenarios", n), f"{spelled(text)} is no scenario")
        elif scenario not in kept:
            kept.append(scenario)
    if not kept and part.data.get("traffic_scenarios"):
        part.notes.wrong(part.at("traffic_scenarios"), "none of these can be measured: D, N and U can")
    if not kept:
        part.notes.say("added", part.at("traffic_scenarios"), f"{SCENARIO}, as such tasks have without one")
    return kept or [SCENARIO]


def _concurrency(part: Part) -> list[int]:
    kept: list[int] = []
    for n, one in enumerate(part.listed("num_concurrency")):
        if isinstance(one, bool) or not isinstance(one, int) or not 1 <= one <= 1_000_000:
            part.notes.say("dropped", part.at("num_concurrency", n), f"{spelled(one)} is no number of users")
        elif one not in kept:
            kept.append(one)
    if not kept and part.data.get("num_concurrency"):
        part.notes.wrong(part.at("num_concurrency"), "none of these is a number of users")
    if not kept:
        part.notes.say("added", part.at("num_concurrency"), f"{CONCURRENCY}, as such tasks have without one")
    return sorted(kept) or [CONCURRENCY]


def _request(part: Part, made: dict[str, Any]) -> None:
    temperature = part.number("temperature")
    if temperature is not None and temperature > 2:
        part.notes.say("dropped", part.at("temperature"), f"{temperature:g} is above 2")
    elif temperature:
        made["temperature"] = temperature
    if part.data.get("ignore_eos") is not None and not part.flag("ignore_eos"):
        made["ignore_eos"] = False
    part.drop_rest("requests carry the temperature, ignore_eos and the number of tokens, nothing else")


def _seconds(seconds: float) -> str:
    """Exactly, also below a millisecond."""
    return f"{seconds * 1000:.6g}ms" if seconds < 1 else f"{seconds:.6g}s" if seconds < 60 else format_duration(seconds)


def _or(part: Part, key: str, default: float, unit: str, whole: bool = False) -> float:
    value = part.number(key, least=1 if whole else 0.001, whole=whole)
    if value is None and part.data.get(key) is None:
        part.notes.say("added", part.at(key), f"{default:g} {unit}, as such tasks have without it")
    return default if value is None else value


def longest_trial(part: Part) -> float:
    """`optimization.timeout_per_iteration` in seconds."""
    return _or(part, "timeout_per_iteration", TIMEOUT, "seconds")


def search(part: Part, searched: bool) -> dict[str, Any]:
    """`optimization`, without objective and timeout. `searched`: there is a space."""
    strategy = part.text("strategy") or "grid_search"
    if strategy not in SAMPLERS:
        part.notes.say("changed", part.at("strategy"), f"{strategy!r} is not known: tpe is used")
    sampler = SAMPLERS.get(strategy, "tpe")
    trials = int(_or(part, "max_iterations", TRIALS, "trials", whole=True))
    if trials >= 100_000:
        part.notes.wrong(part.at("max_iterations"), f"{trials} trials are more than a campaign can have")
    more = "one trial more: the engine's default is measured first" if searched else "one trial: nothing is searched"
    part.notes.say("changed", part.at("max_iterations"), more)
    made: dict[str, Any] = {"sampler": sampler, "trials": trials + 1 if searched else 1}
    if (seed := part.number("seed", whole=True)) is not None:
        made["seed"] = int(seed)
    startup = part.number("n_initial_random", least=1, whole=True)
    if startup is not None and sampler == "tpe":
        made["startup"] = int(startup)
    elif startup is not None:
        part.notes.say("dropped", part.at("n_initial_random"), f"{sampler} has no random start")
    part.drop("the store is the memory of a search: it resumes by itself", "study_name", "storage")
    part.drop("it was never read; tunebook runs one trial at a time", "max_parallel_experiments")
    return made


def objective(part: Part, gpus: int, several: bool) -> dict[str, Any]:
    """`optimization.objective`. `several`: configurations need different numbers of GPUs."""
    wanted = part.text("objective") or "minimize_latency"
    if wanted not in OBJECTIVES:
        known = ", ".join(OBJECTIVES)
        part.notes.wrong(part.at("objective"), f"{wanted!r} is no objective of such tasks", f"known: {known}")
        wanted = "minimize_latency"
    metric = OBJECTIVES[wanted]
    if metric.endswith("_per_gpu") and not gpus:
        metric = metric.removesuffix("_per_gpu")
    elif metric.endswith("_per_gpu") and several:
        why = f"per GPU of the campaign, which has {gpus}; it was per GPU of each trial: compare degrees with care"
        part.notes.say("changed", part.at("objective"), why)
    why = f"{metric}, the mean over all levels, each of which must succeed; failed levels were left out of it"
    part.notes.say("changed", part.at("objective"), why)
    return {"metric": metric, "at": "mean"}


def slos(part: Part) -> dict[str, Any]:
    """`slo`: thresholds are seconds."""
    steepness = part.number("steepness", least=0.001)
    latency = part.part("latency")
    found: dict[str, Any] = {}
    for source, key, metric in (
        *((latency, one, f"e2e_{one}") for one in PERCENTILES),
        (part, "ttft", "ttft_mean"),
        (part, "tpot", "tpot_mean"),
    ):
        limit = source.part(key)
        if limit.data and (made := _slo(limit, metric, steepness)):
            found[metric] = made
    latency.rest()
    part.rest()
    if found:
        why = "a soft miss costs weight x (exp(excess / steepness) - 1): nothing at the limit, where it cost weight"
        part.notes.say("changed", part.path, why)
    return found


def _slo(part: Part, metric: str, steepness: float | None) -> dict[str, Any] | None:
    threshold = part.number("threshold")
    hard, weight = part.flag("hard_fail"), part.number("weight", least=0.001)
    ratio = part.number("fail_ratio")
    part.rest()
    if not threshold:
        part.notes.say("dropped", part.path, "a limit needs a threshold above 0")
        return None
    if hard:
        ratio = 0.5 if ratio is None else ratio
        limit = _seconds(threshold * (1 + ratio))
        why = f"hard at {limit}, {ratio:.0%} above {threshold:g}s, where it failed; below that it costs nothing now"
        part.notes.say("changed", part.path, why)
        return {"max": limit, "hard": True}
    if ratio is not None:
        part.notes.say("dropped", part.at("fail_ratio"), "it counts for hard limits only, as before")
    made: dict[str, Any] = {"max": _seconds(threshold)}
    if weight is not None and weight != 1:
        made["weight"] = weight
    if steepness is not None and steepness != 0.1:
        made["steepness"] = steepness
    part.notes.say("changed", part.path, f"{threshold:g} seconds, on {metric}")
    return made
