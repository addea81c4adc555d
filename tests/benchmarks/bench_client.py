"""The native client against the server's own truth. `python -m tests.benchmarks.bench_client`; no test.

Client and server share one clock, so the difference is what the client (and the kernel between them) adds. On a busy
machine trust the order of the rows, not their size.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from statistics import mean

from runner.domain.campaign import EachLevel, Scenario
from runner.loadgens import Job
from runner.scoring.aggregate import percentile
from tests.runner.loadgens.driving import closed, run
from tests.runner.simulated.world import World, serving

SCENARIO = Scenario("D(128,64)", "D", 128, 64)
USERS = (1, 8, 32, 128)
FLAGS = ("--time-scale", "1", "--max-num-seqs", "128", "--threads", "6", "--memory-gb", "1000", "--ctx-size", "512")


def measure(world: World, folder: Path, seconds: float) -> list[str]:
    each = EachLevel(duration=seconds, warmup=2)
    ran = run(Job(world.endpoint, "chat", closed(*USERS, scenario=SCENARIO), each, 7, "poisson", True, 0.0), folder)
    truth = {seen["id"]: seen for seen in world.seen()}
    lines = []
    for position, users in enumerate(USERS):
        rows = [row for row in ran.rows if row.position == position and row.first is not None]
        seen = [truth[f"l{position}-m-{row.number}"] for row in rows]
        first = sorted(
            ((row.first or 0) - row.sent) - (one["first"] - one["received"])
            for row, one in zip(rows, seen, strict=True)
        )
        gap = [((row.last or 0) - (row.first or 0)) / (row.output_tokens - 1) for row in rows]
        true_gap = [(one["last"] - one["first"]) / (one["sent_tokens"] - 1) for one in seen]
        ended = next(event for event in ran.named("level_ended") if event["position"] == position)
        lines.append(
            f"{users:5} {len(rows):8} {mean(first) * 1000:10.2f} {percentile(first, 0.99) * 1000:9.2f} "
            f"{100 * (mean(gap) / mean(true_gap) - 1):8.2f} {ended['cpu_seconds'] / len(rows) * 1000:12.2f} "
            f"{100 * ended['cpu_seconds'] / ended['seconds']:8.1f}"
        )
    return lines


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 8.0
    print("users requests  ttft +ms  p99 +ms   tpot +%  CPU ms/req   CPU %   (client minus server)")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serving(folder, *FLAGS) as world:
            print("\n".join(measure(world, folder, seconds)))


if __name__ == "__main__":
    main()
