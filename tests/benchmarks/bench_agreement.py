"""Do both load generators say the same of one engine? `python -m tests.benchmarks.bench_agreement`; no test.

The real llama.cpp, one process for the whole run; the same scenario and levels, so many rounds, in each round both
clients in an order that a seed shuffles. A metric of a level is made of the rows by the same code for both. Its
interval is Student's over the rounds' differences of logarithms, since the two of one round met the same machine.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

from runner.deployers import Engine, PlaceRequest
from runner.deployers._readiness import wait_ready
from runner.deployers.local import Local
from runner.domain.campaign import Deploy, EachLevel, Entry, Scenario, Timeouts
from runner.domain.metrics import format_value, metric_ref
from runner.domain.trial import Configuration, LevelResult
from runner.loadgens import Job, loadgens
from runner.models.fetch import locate
from runner.runtimes.llama_cpp import RUNTIME
from runner.scoring.aggregate import aggregate
from runner.stats.intervals import t_quantile
from tests.benchmarks.published import publish, this_machine
from tests.runner.loadgens.driving import closed, run
from tests.runner.runtimes._real_engine import MODEL

CLIENTS = ("native", "genai-bench")
METRICS = (
    "ttft_p50",
    "ttft_p99",
    "tpot_p50",
    "e2e_p50",
    "output_throughput",
    "request_throughput",
    "prompt_tokens_mean",
)
SCENARIO = Scenario("D(100,32)", "D", 100, 32)
USERS = (1, 4)
FLAGS = {"threads": 1, "parallel": 4, "ctx-size": 2048}


@dataclass(frozen=True, slots=True)
class Difference:
    """Of one metric at one level: the median of each client, and the first over the second with its 95 % interval."""

    users: int
    metric: str
    values: tuple[float, float]
    ratio: float
    low: float
    high: float
    rounds: int

    def line(self) -> str:
        ours, theirs = (format_value(value, metric_ref(self.metric).metric) for value in self.values)
        change, low, high = (100 * (value - 1) for value in (self.ratio, self.low, self.high))
        verdict = "agree within 2 %" if low > -2 and high < 2 else "differ" if low * high > 0 else "not told apart"
        found = f"{change:+8.1f} %  [{low:+.1f}, {high:+.1f}]  {verdict}"
        return f"{self.users:5} {self.metric:20} {ours:>14} {theirs:>14} {found}"


@contextmanager
def serving(folder: Path) -> Iterator[Engine]:
    """The quickstart's model on llama.cpp, with one core, so that the other is the client's."""
    request = PlaceRequest(
        "bench-agreement", str(locate(MODEL, Path.cwd())), "smol", sys.executable, folder, folder / "engine.log"
    )
    placement = Local().place(request, Deploy())
    one = Configuration("llama", "llama_cpp", {}, dict(FLAGS), {}, "0" * 16)
    launch = RUNTIME.launch(one, Entry("llama", "llama_cpp"), placement)
    limits = Timeouts(load=120, ready=120, no_progress=120, stop=5)
    with Local().start(launch, placement, request) as engine:
        ready = wait_ready(engine, launch, engine.endpoint, request.log_path, limits, lambda: False, lambda phase: None)
        if ready.failure is not None:
            raise SystemExit(f"llama.cpp did not start: {ready.failure.evidence}")
        yield engine


def measured(engine: Engine, client: str, each: EachLevel, seed: int, folder: Path) -> list[LevelResult]:
    """All levels by one client, in a process of its own as in an attempt."""
    folder.mkdir()
    plans = closed(*USERS, scenario=SCENARIO)
    ran = run(Job(engine.endpoint, "chat", plans, each, seed, "poisson", True, 0.0), folder, loadgens.get(client))
    seconds = {event["position"]: float(event["seconds"]) for event in ran.named("level_ended")}
    return [
        aggregate(
            plan,
            [row for row in ran.rows if row.position == plan.position],
            seconds[plan.position],
            gpus=0,
            min_success_rate=0.99,
            client_cpu=0.0,
            load=None,
            counters={},
        )
        for plan in plans
    ]


def difference(users: int, metric: str, pairs: Sequence[tuple[float, float]]) -> Difference:
    logs = [math.log(ours / theirs) for ours, theirs in pairs]
    half = t_quantile(0.975, len(logs) - 1) * stdev(logs) / math.sqrt(len(logs))
    middle = fmean(logs)
    values = (median(ours for ours, _ in pairs), median(theirs for _, theirs in pairs))
    low, high = math.exp(middle - half), math.exp(middle + half)
    return Difference(users, metric, values, math.exp(middle), low, high, len(pairs))


def compared(rounds: int, seconds: float, seed: int = 7) -> list[Difference]:
    order, each = random.Random(seed), EachLevel(duration=seconds, warmup=2, request_timeout=60)
    seen: dict[tuple[int, str], dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as name, serving(Path(name)) as engine:
        for turn in range(rounds):
            for place, client in enumerate(order.sample(CLIENTS, len(CLIENTS))):
                # Prompts of its own: the engine's prompt cache would know those of the other client already.
                own = seed + turn * len(CLIENTS) + place
                results = measured(engine, client, each, own, Path(name) / f"{turn}-{client}")
                for users, result in zip(USERS, results, strict=True):
                    print(
                        f"round {turn + 1}, {users} users, {client}: {result.ok} of {result.sent} ok", file=sys.stderr
                    )
                    for metric in METRICS:
                        ref = metric_ref(metric)
                        value = result.metric(ref.metric.name, ref.stat)
                        if not value:
                            raise SystemExit(f"{client} gives no {metric} at {users} users")
                        seen.setdefault((users, metric), {}).setdefault(client, []).append(value)
    return [
        difference(users, metric, list(zip(*(values[client] for client in CLIENTS), strict=True)))
        for (users, metric), values in seen.items()
    ]


def as_plain(found: Sequence[Difference], seconds: float) -> dict[str, Any]:
    versions = {client: loadgens.get(client).version() for client in CLIENTS}
    return {
        "clients": [f"{client} {versions[client]}" for client in CLIENTS],
        "engine": f"llama.cpp, SmolLM2-135M, {', '.join(f'{k} {v}' for k, v in FLAGS.items())}",
        "scenario": SCENARIO.text,
        "seconds": seconds,
        "rows": [json.loads(json.dumps({name: getattr(one, name) for name in one.__slots__})) for one in found],
        **this_machine(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=20.0, help="of each level")
    parser.add_argument("--publish", action="store_true", help="write the result where the methodology page reads it")
    asked = parser.parse_args()
    found = compared(asked.rounds, asked.seconds)
    print(f"users metric                       {CLIENTS[0]}    {CLIENTS[1]}   native/genai-bench - 1, 95 % interval")
    for one in found:
        print(one.line())
    if asked.publish:
        publish("agreement", as_plain(found, asked.seconds))


if __name__ == "__main__":
    main()
