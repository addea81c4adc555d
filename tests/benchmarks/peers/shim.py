"""The program `vllm` of the benchmark: `vllm serve MODEL --flag value ...` and `vllm bench serve ...`.

`serve` becomes the simulated engine; `bench serve` is a closed loop of users that writes the result file which vLLM's
own benchmark writes, as far as the tools read it. Each deployment is a line in the file that PEERS_LOG names.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import sys
import time
from pathlib import Path
from statistics import fmean, median

from tests.benchmarks.peers.landscape import MEMORY_GB, OUTPUT, PROMPT, REQUESTS, SCALE, SPACE, USERS


def main() -> int:
    words = sys.argv[1:]
    if words[:1] == ["serve"]:
        return serve(words[2:])
    if words[:2] == ["bench", "serve"]:
        return bench(words[2:])
    sys.stderr.write(f"vllm: this program knows serve and bench serve, not {' '.join(words[:2])}\n")
    return 2


def serve(words: list[str]) -> int:
    """The engine runs in this very process, as its parent expects."""
    given = options(words)
    chosen = {name: value for name, value in given.items() if name in SPACE}
    with Path(os.environ["PEERS_LOG"]).open("a", encoding="utf-8") as log:
        log.write(json.dumps({"at": time.time(), "flags": chosen}) + "\n")
    flags = [f"--{name}={value}" for name, value in {**chosen, "memory-gb": MEMORY_GB, "time-scale": SCALE}.items()]
    flags.append("--fault=slow_load:0.25")  # seconds; twice that, as SCALE has it
    place = [f"--host={given.get('host', '127.0.0.1')}", f"--port={given.get('port', '8000')}"]
    from runner.simulated import engine, server

    ours = engine.SimulatedEngine.prometheus

    def theirs(self: engine.SimulatedEngine) -> str:
        """vllm-optimizer waits after each load until vLLM's own gauges say that nothing runs."""
        return ours(self).replace("simulated:requests_", "vllm:num_requests_")

    engine.SimulatedEngine.prometheus = theirs  # type: ignore[method-assign]
    return server.main([*place, *flags])


def bench(words: list[str]) -> int:
    given = options(words)
    url = f"http://{given['host']}:{given['port']}/v1/completions"
    rows, seconds = asyncio.run(load(url))
    result = summary(rows, seconds)
    folder = Path(given["result-dir"])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / given["result-filename"]).write_text(json.dumps(result), encoding="utf-8")
    return 0


def options(words: list[str]) -> dict[str, str]:
    """`--name value` and `--name=value`; a switch has no value."""
    found: dict[str, str] = {}
    for number, word in enumerate(words):
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            after = words[number + 1] if number + 1 < len(words) else "--"
            found[name] = value if equals else "" if after.startswith("--") else after
    return found


async def load(url: str) -> tuple[list[list[float]], float]:
    """USERS in a closed loop until REQUESTS were sent: per request when it was sent and when each token came (s)."""
    import aiohttp

    body = {"model": "simulated", "prompt": " ".join(["word"] * PROMPT), "max_tokens": OUTPUT, "stream": True}
    rows: list[list[float]] = []
    left = iter(range(REQUESTS))
    timeout = aiohttp.ClientTimeout(total=300)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:

        async def user() -> None:
            for _ in left:
                times = [time.monotonic()]
                async with session.post(url, json=body) as response:
                    response.raise_for_status()
                    async for line in response.content:
                        if line.startswith(b"data: {"):
                            times.append(time.monotonic())
                rows.append(times)

        began = time.monotonic()
        await asyncio.gather(*(user() for _ in range(USERS)))
        return rows, time.monotonic() - began


def summary(rows: list[list[float]], seconds: float) -> dict[str, object]:
    """The names of vLLM's benchmark: milliseconds, requests and tokens per second."""
    whole = sorted(1000 * (row[-1] - row[0]) for row in rows)
    first = sorted(1000 * (row[1] - row[0]) for row in rows)

    def latency(name: str, values: list[float]) -> dict[str, float]:
        return {
            f"mean_{name}_ms": fmean(values),
            f"median_{name}_ms": median(values),
            f"p95_{name}_ms": values[math.ceil(0.95 * len(values)) - 1],
            f"p99_{name}_ms": values[math.ceil(0.99 * len(values)) - 1],
        }

    tokens = OUTPUT * len(rows)
    return {
        "backend": "vllm",
        "model_id": "simulated",
        "num_prompts": REQUESTS,
        "completed": len(rows),
        "failed": REQUESTS - len(rows),
        "duration": seconds,
        "request_throughput": len(rows) / seconds,
        "output_throughput": tokens / seconds,
        "total_token_throughput": (tokens + PROMPT * len(rows)) / seconds,
        "input_lens": [PROMPT] * len(rows),
        "output_lens": [OUTPUT] * len(rows),
        "errors": [""] * len(rows),
        **latency("ttft", first),
        **latency("e2el", whole),
    }


if __name__ == "__main__":
    sys.exit(main())
