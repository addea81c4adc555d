"""How right and how cheap the load generators are: `python -m tests.benchmarks.bench_client [--markdown FILE]`.

Each client gets the same work from a server that knows to the microsecond when it sent each token: so many streams of
128 prompt tokens and 64 output tokens, the first after 200 ms, then one each 20 ms. The server says the truth, client
and server share one clock, so the difference is what a client adds. The clients take turns in short rounds, so that a
disturbance of the machine meets them all; what is told is over all rounds. One of them only reads: below its CPU is
nobody who wakes up for each token.

On a busy machine trust the ratios, which are of the same minutes, and not the sizes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

from runner.domain.campaign import EachLevel, Scenario
from runner.domain.trial import Endpoint
from runner.loadgens import Job, loadgens
from runner.scoring.aggregate import percentile
from tests.benchmarks.published import publish, this_machine
from tests.benchmarks.token_server import TokenServer, token_server
from tests.runner.loadgens.driving import closed, run

SCENARIO = Scenario("D(128,64)", "D", 128, 64)
USERS = (1, 8, 32, 128)
FLOOR = "45 lines of aiohttp"
READS = "reads alone"
GOALS = {8: 0.001, 128: 0.005}
"""Streams -> mean TTFT error (s) on a quiet machine with two cores."""
GOAL_CPU = 0.0005


@dataclass
class Seen:
    """Of one client at one number of streams: errors in seconds (client minus server), CPU seconds, by request."""

    ttft: list[float] = field(default_factory=list)
    tpot: list[float] = field(default_factory=list)
    cpu: float = 0.0
    requests: int = 0

    @property
    def cpu_each(self) -> float:
        return self.cpu / self.requests if self.requests else 0.0


Round = Callable[[TokenServer, int, float, Seen], None]


def add(seen: Seen, rows: Sequence[tuple[float, float, float, int]], server: TokenServer, cpu: float) -> None:
    """`rows` are (sent, first, last, tokens) by the client; the server's log says what was. The n-th to be sent is the
    n-th to be received: with users in step their truths are the same but for microseconds."""
    log = server.truth()
    asked = max(one["tokens"] for one in log)
    truth = sorted((one for one in log if one["tokens"] == asked), key=lambda one: one["received"])[-len(rows) :]
    for (sent, first, last, tokens), one in zip(sorted(rows), truth, strict=True):
        seen.ttft.append((first - sent) - (one["first"] - one["received"]))
        seen.tpot.append((last - first) / (tokens - 1) - (one["last"] - one["first"]) / (one["tokens"] - 1))
    seen.cpu += cpu
    seen.requests += len(rows)


def by_protocol(name: str) -> Round:
    """A load generator as a campaign runs it."""

    def measure(server: TokenServer, users: int, seconds: float, seen: Seen) -> None:
        each = EachLevel(duration=seconds, warmup=2)
        endpoint = Endpoint(server.base_url, "exact")
        work = Job(endpoint, "chat", closed(users, scenario=SCENARIO), each, 7, "poisson", True, 0.0)
        with tempfile.TemporaryDirectory() as folder:
            ran = run(work, Path(folder), loadgens.get(name))
        rows = [
            (row.sent, row.first, row.last or row.first, row.output_tokens)
            for row in ran.rows
            if row.error is None and row.first is not None
        ]
        add(seen, rows, server, ran.named("level_ended")[0]["cpu_seconds"])

    return measure


def said_by(program: str, server: TokenServer, users: int, seconds: float) -> dict[str, Any]:
    command = [sys.executable, "-m", f"tests.benchmarks.{program}", server.base_url, str(users), str(seconds)]
    said: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return said


def reads(server: TokenServer, users: int, seconds: float, seen: Seen) -> None:
    said = said_by("reads_client", server, users, seconds)
    seen.cpu += said["cpu_seconds"]
    seen.requests += said["requests"]


def floor(server: TokenServer, users: int, seconds: float, seen: Seen) -> None:
    said = said_by("floor_client", server, users, seconds)
    rows = [(times[0], times[1], times[-1], len(times) - 1) for times in said["rows"]]
    add(seen, rows, server, said["cpu_seconds"])


def clients() -> dict[str, Round | None]:
    """By name; None for one that is not installed."""
    there = loadgens.get("genai-bench").needs() is None
    return {
        READS: reads,
        "native": by_protocol("native"),
        FLOOR: floor,
        "genai-bench": by_protocol("genai-bench") if there else None,
    }


def measure(rounds: int, seconds: float, users: Sequence[int]) -> dict[tuple[str, int], Seen]:
    found: dict[tuple[str, int], Seen] = {}
    for count in users:
        for _ in range(rounds):
            for name, client in clients().items():
                if client is not None:
                    with token_server() as server:
                        client(server, count, seconds, found.setdefault((name, count), Seen()))
        sys.stderr.write(f"{streams(count)}: done\n")
    return found


COLUMNS = ("streams", "client", "requests", "TTFT error, mean", "p99", "TPOT error, mean", "p99", "CPU per request")


def ms(seconds: float) -> str:
    return f"{seconds * 1000:+.2f} ms"


def table(found: dict[tuple[str, int], Seen], users: Sequence[int]) -> list[tuple[str, ...]]:
    lines = []
    for count in users:
        for name in clients():
            seen = found.get((name, count))
            if seen is None or not seen.requests:
                lines.append((str(count), name, "not installed", *[""] * 5))
                continue
            ttft, tpot = sorted(seen.ttft), sorted(seen.tpot)
            errors = [ms(value) for part in (ttft, tpot) if part for value in (mean(part), percentile(part, 0.99))]
            errors += ["not measured"] * (4 - len(errors))
            lines.append((str(count), name, str(seen.requests), *errors, f"{seen.cpu_each * 1000:.2f} ms"))
    return lines


def streams(count: int) -> str:
    return f"{count} stream" + ("s" if count > 1 else "")


def ratios(found: dict[tuple[str, int], Seen], users: Sequence[int]) -> list[str]:
    """What the others cost and err, as multiples of the native client."""
    lines = []
    for count in users:
        native = found["native", count]
        for name in clients():
            other = found.get((name, count))
            if name == "native" or other is None or not other.requests:
                continue
            line = f"{streams(count)}: {name} needs {other.cpu_each / native.cpu_each:.1f} x the CPU of native"
            if other.ttft:
                line += f", errs {mean(other.ttft) / mean(native.ttft):.1f} x as much in TTFT"
            lines.append(line)
    return lines


def goals(found: dict[tuple[str, int], Seen], users: Sequence[int]) -> list[str]:
    lines = []
    for count in users:
        native = found["native", count]
        error, cpu = mean(native.ttft), native.cpu_each
        if count in GOALS:
            met = "met" if error <= GOALS[count] else "missed"
            lines.append(f"mean TTFT error at {streams(count)}: {ms(error)}, goal {ms(GOALS[count])}: {met}")
        met = "met" if cpu <= GOAL_CPU else "missed"
        lines.append(f"CPU per request at {streams(count)}: {cpu * 1000:.2f} ms, goal {GOAL_CPU * 1000:.1f} ms: {met}")
    return lines


def markdown(lines: Sequence[tuple[str, ...]], said: Sequence[str]) -> str:
    rows = [COLUMNS, ("--:", "---", *["--:"] * 6), *lines]
    text = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return text + "\n" + "".join(f"- {line}\n" for line in said)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=6.0, help="of one round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--users", type=int, nargs="+", default=USERS)
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there too")
    parser.add_argument("--publish", action="store_true", help="write the result where the methodology page reads it")
    options = parser.parse_args()
    found = measure(options.rounds, options.seconds, options.users)
    lines, said = table(found, options.users), ratios(found, options.users)
    widths = [max(len(row[place]) for row in (COLUMNS, *lines)) for place in range(len(COLUMNS))]
    for row in (COLUMNS, *lines):
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))
    print()
    print("\n".join([*said, *goals(found, options.users)]))
    if options.markdown:
        options.markdown.write_text(markdown(lines, said), encoding="utf-8")
    if options.publish:
        told = [*said, *goals(found, options.users)]
        publish("accuracy", {"columns": COLUMNS, "rows": lines, "said": told, **this_machine()})


if __name__ == "__main__":
    main()
